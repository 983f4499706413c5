// A bpftrace program made ready to be run by a recording: it says READY and END.
//
// bpftrace up to 0.24 allows one BEGIN and one END. Where the program has none, ours goes on a line
// before it (after it, where it begins with #include, struct or config); where it has its own, a
// printf is put first into that block. What bpftrace then says about the text is put back to what
// its author wrote.
#ifndef FLICKER_COLLECTORS_BPFTRACE_PROGRAM_H
#define FLICKER_COLLECTORS_BPFTRACE_PROGRAM_H

#include "collectors/bpftrace_warnings.h"
#include "proto/bytes.h"

#include <stdbool.h>
#include <stdint.h>

// A printf that was put into the author's text. Lines and columns count from 1, as bpftrace does.
struct bpftrace_marker {
    uint32_t line, column, len;
    const char *text;
};

struct bpftrace_program {
    char *text; // to be run; owned
    struct bpftrace_marker markers[2];
    size_t marker_count;
    uint32_t lines_before; // of ours, before the author's first
    uint32_t error_line;   // of the message whose source line comes next; 0: none
    uint32_t error_shift;  // by which its underline must move
    bool no_kprobes;       // bpftrace found that this kernel has none
    bool in_warning;       // what it says now belongs to a warning, not to an error
    bool ours;             // not the user's
    struct bpftrace_warnings warnings;
};

void bpftrace_program_init(struct bpftrace_program *program, const char *text);
void bpftrace_program_dispose(struct bpftrace_program *program);
// Puts a line of bpftrace's stderr back to the author's text; call with every line, in order.
void bpftrace_program_unmark(struct bpftrace_program *program, struct bytes *line);
// Whether it asks for names of user functions other than in stacks: those only bpftrace can give.
bool bpftrace_program_wants_names(const char *text);
// Whether stacks are keys of its maps.
bool bpftrace_program_has_stack_keys(const char *text);
// A copy of a program of ours whose user stacks are addresses only, for versions that cannot be
// told by a variable not to look for names.
char *bpftrace_program_bare_stacks(const char *text);

#endif
