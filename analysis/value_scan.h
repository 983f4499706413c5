// What values a view's samples have, and how many have which when: for heatmaps whose rows are
// values.
#ifndef FLICKER_ANALYSIS_VALUE_SCAN_H
#define FLICKER_ANALYSIS_VALUE_SCAN_H

#include "analysis/view.h"

// The least and the largest; *least > *most when no sample counts.
int value_scan_extent(const struct view *view, uint64_t *least, uint64_t *most,
                      struct err *err) MUST_CHECK;
// Adds the samples to out->cells, which is 0. `edges` is where rows begin and the last one ends;
// values beyond are in the first and last row.
int value_scan_count(const struct view *view, const uint64_t *edges, struct heatmap *out,
                     struct err *err) MUST_CHECK;

#endif
