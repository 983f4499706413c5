// What a report counts of the stacks of samples, kept by node: a node tells the whole stack.
#ifndef FLICKER_PROTO_PERF_TALLY_H
#define FLICKER_PROTO_PERF_TALLY_H

#include "proto/format.h"

// Of one stack, without the level of the comm.
struct perf_stack_counts {
    uint16_t frames, unresolved;
};

// Starts as {0}.
struct perf_tally {
    struct perf_stack_counts *counts; // of the nodes 0..known-1
    size_t known, capacity;
    uint64_t generation; // of the dictionary whose nodes these are
};

// Adds what the stacks of these samples have to the report's frames, unresolved and no_stack.
void perf_tally_samples(struct perf_tally *tally, struct decode_report *report,
                        const struct dict *dict, const struct sample *samples, size_t count);
void perf_tally_dispose(struct perf_tally *tally);

#endif
