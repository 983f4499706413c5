// The latency heatmap: x is time in columns, y the logarithm of a sample's value (a length, a
// size), a cell the number of samples. After Gregg, "Visualizing System Latency" (2010).
#ifndef FLICKER_ANALYSIS_LATENCY_H
#define FLICKER_ANALYSIS_LATENCY_H

#include "analysis/store.h"

// Answers store_heatmap for a shape whose rows are values; *out then has the scale that was chosen.
// A sample stands where its interval ends. What a collector tells of a blocked thread in pieces of
// about a second is one interval again: its pieces touch, and have one thread and one stack.
// -ENODATA also when every sample is worth just 1.
int latency_heatmap(struct store *store, const struct query *query,
                    const struct heatmap_shape *shape, struct heatmap *out,
                    struct err *err) MUST_CHECK;

// Where rows begin and the last one ends: shape->rows + 1 values, rising.
void latency_edges(const struct heatmap_shape *shape, uint64_t *edges);

#endif
