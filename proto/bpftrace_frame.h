// One line of a stack as bpftrace prints it.
//
//     \t55b88a14e250 leaf_warm+48 (/opt/demo/spin)      ustack(perf)
//     \tffffffff816b846a vfs_read+570                   kstack(perf)
//     \t559571fcd250 0x559571fcd250 ([unknown])         no symbol
//             leaf_warm+48                              kstack, ustack (four spaces within a map)
//             0x559571fcd250
//             0                                         the address 0, since 0.24; "\t0 0
//             ([unknown])" leaf_warm+48@/src/spin.c:12               since 0.24, with debug
//             information [inlined] leaf@/src/spin.c:9
//     \t55b88a14e250 leaf (inlined)                     the same, ustack(perf)
//             <unwind failure>                          dw_ustack, since 0.26
//
// Names may hold spaces; the offset is decimal and is dropped.
//
//     55b88a14e250                                      ustack(raw), since 0.18
//     5d9a0c3f...2b 0x1139                              ustack(build_id), since 0.25: 40 digits
//
// These do not begin with blanks; only where stacks are they can be told from other lines.
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
    const char *file; // NULL: none
    size_t file_len;
    uint32_t line;
    uint64_t address;
    bool has_address;
    bool has_offset; // "+48" was printed
};

// False: the line is not one of the forms above. Text is borrowed from the line.
bool bpftrace_frame_parse(struct bpftrace_frame *out, const char *line, size_t len);
// The same for the forms without names.
bool bpftrace_frame_parse_bare(struct bpftrace_frame *out, const char *line, size_t len);

#endif
