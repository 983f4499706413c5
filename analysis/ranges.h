// Sets of time: sorted, disjoint, half-open ranges.
#ifndef FLICKER_ANALYSIS_RANGES_H
#define FLICKER_ANALYSIS_RANGES_H

#include "analysis/query.h"

// Starts as {0}.
struct ranges {
    struct range *items;
    size_t count, capacity;
};

void ranges_dispose(struct ranges *ranges);
// Adds [from, to); what it touches grows together. Empty ranges are ignored.
void ranges_add(struct ranges *ranges, int64_t from_ns, int64_t to_ns);
// Any list (unsorted, overlapping, with empty ranges) as a set. Replaces what was there.
void ranges_set(struct ranges *ranges, const struct range *list, size_t count);
// All that the set leaves out of INT64_MIN .. INT64_MAX. Replaces what was in *out.
void ranges_complement(struct ranges *out, const struct range *set, size_t count);
// Joins neighbours, those with the smallest gap first, until at most `most` are left.
void ranges_coarsen(struct ranges *ranges, size_t most);

// Index of the first range that ends after time_ns; count when there is none.
size_t ranges_find(const struct range *set, size_t count, int64_t time_ns);
// Whether some of [from, to) is in the set.
bool ranges_overlap(const struct range *set, size_t count, int64_t from_ns, int64_t to_ns);
// How many ns of [from, to) are in the set.
uint64_t ranges_overlap_ns(const struct range *set, size_t count, int64_t from_ns, int64_t to_ns);

#endif
