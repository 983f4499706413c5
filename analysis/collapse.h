// Folded stacks in the manner of stackcollapse-perf.pl (the FlameGraph project), option by option:
// for scripts and graphs that were made with it.
//
// Against analysis/fold.h: names are tidied (no argument lists, no quotes), spaces of a comm become
// '_', unresolved frames are named by their module, and values are always summed.
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

// Writes "comm;caller;callee 12" lines, sorted. stackcollapse-perf.pl knows no idle: set
// query->idle for its numbers. Returns what the store or the output returned.
int collapse_write(struct store *store, const struct query *query, enum collapse_style style,
                   struct output *output, struct err *err) MUST_CHECK;

#endif
