// One line of a stack as bpftrace prints it.
//
//     \t55b88a14e250 leaf_warm+48 (/opt/demo/spin)      ustack(perf)
//     \tffffffff816b846a vfs_read+570                   kstack(perf)
//     \t559571fcd250 0x559571fcd250 ([unknown])         no symbol
//             leaf_warm+48                              kstack, ustack (four spaces within a map)
//             0x559571fcd250
//
// Names may hold spaces; the offset is decimal and is dropped.
#ifndef FLICKER_PROTO_BPFTRACE_FRAME_H
#define FLICKER_PROTO_BPFTRACE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bpftrace_frame {
    const char *name; // NULL: none was printed
    size_t name_len;
    const char *module; // NULL: none, or "[unknown]"
    size_t module_len;
    uint64_t address;
    bool has_address;
    bool has_offset; // "+48" was printed
};

// False: the line is not one of the forms above. Text is borrowed from the line.
bool bpftrace_frame_parse(struct bpftrace_frame *out, const char *line, size_t len);

#endif
