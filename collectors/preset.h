// The table of presets: bpftrace programs that come with flicker, `record bt:NAME`.
//
// Adding one: a file collectors/bpftrace/NAME.bt, a line in PRESET_LIST, a row in the live test
// (tests/live/test_presets.c). The file's first line is "// what it measures, in one line".
//
// Any program, a preset or not, may say what its values are in its leading comment:
//     // event: offcpu ns        name and unit of what its samples are worth
//     // needs: pid              it must be given a process
#ifndef FLICKER_COLLECTORS_PRESET_H
#define FLICKER_COLLECTORS_PRESET_H

#include "proto/bytes.h"

#include <stdbool.h>
#include <stddef.h>

struct preset {
    const char *name;
    const char *text; // the program, with its comments
};

// clang-format off
#define PRESET_LIST(X) \
    X(offcpu) X(wakeup) X(runq) X(futex) \
    X(syscalls) X(opens) X(fsync) X(block) X(retransmits) \
    X(malloc) X(mmap) X(faults) X(reclaim) \
    X(signals) X(fork) X(exec) X(migrations) X(softirq) \
    /* end */
// clang-format on

extern const struct preset preset_table[]; // the last has no name

const struct preset *preset_by_name(const char *name); // NULL: there is none
// The first line of its comment.
void preset_put_summary(struct bytes *out, const struct preset *preset);

enum { PROGRAM_NOTE_BYTES = 64 };

// What a program says of itself in its leading comment: the text after "// KEY:". False: nothing.
bool program_note(const char *text, const char *key, char note[PROGRAM_NOTE_BYTES]);

#endif
