// Intervals that were told in pieces: a collector tells of a thread that stays blocked about once a
// second. Their pieces touch, and have one thread and one stack.
#ifndef FLICKER_ANALYSIS_PIECES_H
#define FLICKER_ANALYSIS_PIECES_H

#include "analysis/segment.h"
#include "proto/idmap.h"

#include <stdatomic.h>
#include <stdbool.h>

// What is told in pieces are pieces at least this long, but for the last.
enum { PIECE_LEAST_NS = 800000000 };

// The last piece of a thread.
struct piece {
    int64_t end_ns;
    uint64_t value;
    uint32_t node;
};

// Whether an interval of that length, which ends there, goes on with it.
bool piece_goes_on(const struct piece *last, uint32_t node, int64_t end_ns, uint64_t value);

// The lengths of whole intervals, by their pieces. Starts as {0}.
struct pieces {
    struct piece_row {
        int64_t end_ns;
        uint32_t thread, whole; // whole: of `wholes`
    } * rows;
    uint64_t *wholes;
    size_t row_count, row_capacity, whole_count, whole_capacity;
    struct idmap by_end;
};

void pieces_dispose(struct pieces *pieces);
// Finds those of several pieces among the samples of one event of one source: its segments, each
// sorted, in the order of time. thread_count: of the dictionary. Stops soon after *cancel (may be
// NULL) was set, which whoever asks finds out himself.
void pieces_find(struct pieces *pieces, struct segment *const *segments, size_t count,
                 size_t thread_count, const atomic_bool *cancel);
// How long the interval is that this sample is of, all of its pieces together.
uint64_t pieces_whole(const struct pieces *pieces, uint32_t thread, int64_t end_ns, uint64_t value);

#endif
