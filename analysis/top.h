// The heaviest frames of a fold.
#ifndef FLICKER_ANALYSIS_TOP_H
#define FLICKER_ANALYSIS_TOP_H

#include "analysis/fold.h"

// One function: all frames of one name, module and kind. Recursion counts once in total.
struct top_row {
    uint32_t frame; // one of its frames
    uint64_t self_samples, total_samples;
    uint64_t self_value, total_value;
};

struct top {
    struct top_row *rows;
    size_t count;
};

enum top_order { TOP_BY_SELF, TOP_BY_TOTAL };

// All functions of the fold, heaviest first (ties by name); comm levels are left out. Once the fold
// is canceled they may be some in any order: see fold_canceled.
void top_of_fold(struct top *out, const struct fold *fold, enum top_order order);
void top_dispose(struct top *top);

#endif
