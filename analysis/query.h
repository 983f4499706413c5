// A question as a value: which samples, whatever is then asked of them.
#ifndef FLICKER_ANALYSIS_QUERY_H
#define FLICKER_ANALYSIS_QUERY_H

#include "analysis/filter.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Half open: from_ns <= time < to_ns, on the store's axis.
struct range {
    int64_t from_ns;
    int64_t to_ns;
};

enum { QUERY_ANY_SOURCE = 0 }; // sources are numbered from 1

// What the stacks of a fold begin with: the thread's name; the process, "java-4711"; the thread,
// "java-4711/4712"; the CPU, "cpu 3".
enum query_first {
    QUERY_FIRST_COMM,
    QUERY_FIRST_PID,
    QUERY_FIRST_TID,
    QUERY_FIRST_CPU,
    QUERY_FIRST_CGROUP,
};

// One event is in view at a time, and two sources of it are never added up silently. With
// QUERY_ANY_SOURCE the newest source that has the event is in view, together with every other one
// of the same host and clock whose recording time does not overlap with those in view already (a
// recording that was stopped and started again). The answer's totals say how many were added and
// how many were left out.
//
// Everything is borrowed for the call.
struct query {
    const struct range *ranges;  // sorted, disjoint
    size_t range_count;          // 0: all time, and samples that have none
    bool outside;                // the complement: all that the ranges leave out
    const struct filter *filter; // NULL: everything
    const char *event;           // NULL: the first event of the newest source
    uint32_t source;             // QUERY_ANY_SOURCE: all that have the event
    bool idle;                   // idle CPUs count too (kernel idle stacks, hidden by default)
    enum query_first first;      // of folds only
    bool by_line;                // of folds: a function is another one at each of its lines
    bool sums;                   // who asks adds up values, also where samples are counted
    bool weighs;                 // of replay: of an interval, only what lies in the ranges is told
    unsigned threads;            // workers that may be used; 0: as many as pay
    const atomic_bool *cancel; // set by Ctrl-C: the answer is -ECANCELED within 100 ms; may be NULL
};

#endif
