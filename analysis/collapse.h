// Folded stacks in the manner of stackcollapse-perf.pl (the FlameGraph project), option by option:
// for scripts and graphs that were made with it.
//
// Against fold_write_text: names are tidied (no argument lists, no quotes), spaces of a comm become
// '_', a module that stands for a name keeps its own brackets ("[[vdso]]"), and values are summed
// whatever the event.
#ifndef FLICKER_ANALYSIS_COLLAPSE_H
#define FLICKER_ANALYSIS_COLLAPSE_H

#include "analysis/store.h"
#include "proto/output.h"

enum collapse_style {
    COLLAPSE_PLAIN,
    COLLAPSE_PID,    // --pid: "comm-pid"; '?' where the pid is not known
    COLLAPSE_TID,    // --tid: "comm-pid/tid"
    COLLAPSE_KERNEL, // --kernel: kernel frames end in _[k]
    COLLAPSE_JIT,    // --jit: frames of JIT compilers end in _[j]
    COLLAPSE_ALL,    // --all: both
    COLLAPSE_ADDRS,  // --addrs: "[module <address>]" for unresolved frames
    COLLAPSE_STYLES
};

// "plain", "pid", "tid", "kernel", "jit", "all", "addrs".
extern const char *const collapse_style_names[COLLAPSE_STYLES];
// COLLAPSE_STYLES when there is none of this name.
enum collapse_style collapse_style_by_name(const char *name);

// Whether a fold is enough for this style. A fold merges threads and addresses, so that pid, tid
// and addrs need the samples.
bool collapse_style_folds(enum collapse_style style);

// What a line's number is: the sum of the values, as the script has it, or of the samples.
enum collapse_weight { COLLAPSE_VALUES, COLLAPSE_SAMPLES };

// Writes "comm;caller;callee 12" lines, sorted. Returns what the output returned.
// The style must be one that folds.
int collapse_fold(const struct fold *fold, enum collapse_style style, enum collapse_weight weight,
                  struct output *output, struct err *err) MUST_CHECK;
// The same of what a store holds, in any style. stackcollapse-perf.pl knows no idle: set
// query->idle for its numbers. Returns what the store or the output returned.
int collapse_write(struct store *store, const struct query *query, enum collapse_style style,
                   enum collapse_weight weight, struct output *output, struct err *err) MUST_CHECK;

#endif
