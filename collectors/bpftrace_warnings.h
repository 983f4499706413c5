// Warnings of bpftrace that it repeats: once for every place in the program, with the source line
// and an underline. Here the first of each text is kept, and of the others only the lines are told.
//
// As 0.22 and later print them (up to 0.21 without the end of a range):
//     stdin:3:5-24: WARNING: Return value discarded.     "stdin:3-5: ..." for several lines
//         delete(@x[tid]);                               as many source lines
//         ~~~~~~~~~~~~~~~                                only below a single one
//     HINT: ...                                          sometimes
// A warning about what happens while it runs has a line "Additional Info - ..." before the source.
#ifndef FLICKER_COLLECTORS_BPFTRACE_WARNINGS_H
#define FLICKER_COLLECTORS_BPFTRACE_WARNINGS_H

#include "proto/bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum { BPFTRACE_WARNINGS_MAX = 16, BPFTRACE_WARNING_ROWS_MAX = 8 };

// Starts as {0}.
struct bpftrace_warnings {
    struct bpftrace_warning {
        char *text;
        uint32_t first_row;
        uint32_t rows[BPFTRACE_WARNING_ROWS_MAX]; // others that it was said of
        size_t row_count, told;                   // how many of them bpftrace_warnings_rest() gave
        bool more_rows, more_told;
    } said[BPFTRACE_WARNINGS_MAX];
    size_t count;
    bool dropping;    // what comes belongs to a warning that was dropped
    unsigned sources; // source lines of it to come
};

void bpftrace_warnings_dispose(struct bpftrace_warnings *warnings);
// Whether a line, put back to the author's text, need not be shown. `ours`: the program is one of
// flicker's, which knows what it does.
bool bpftrace_warnings_drop(struct bpftrace_warnings *warnings, const char *line, bool ours);
// Takes one line about what was dropped; false: there is none.
bool bpftrace_warnings_rest(struct bpftrace_warnings *warnings, struct bytes *out);

#endif
