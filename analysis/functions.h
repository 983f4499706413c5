// A fold by function instead of by call path: what `top` and `why` count.
#ifndef FLICKER_ANALYSIS_FUNCTIONS_H
#define FLICKER_ANALYSIS_FUNCTIONS_H

#include "analysis/fold.h"
#include "analysis/top.h"

// Index of the row of each node, IDSET_NONE for the root and comm levels. *rows gets one row per
// function (name, module and kind), in order of first appearance; recursion counts once in total.
// Both are the caller's to free. Once the fold is canceled, the nodes that are left have no row.
uint32_t *functions_of_fold(const struct fold *fold, struct top_row **rows, size_t *count);

// Orders two functions of one dictionary by name, then module, then kind.
int functions_compare(const struct dict *dict, uint32_t frame_a, uint32_t frame_b);

#endif
