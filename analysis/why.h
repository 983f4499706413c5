// Why is this slice special: frames that are over-represented in it, against the rest.
#ifndef FLICKER_ANALYSIS_WHY_H
#define FLICKER_ANALYSIS_WHY_H

#include "analysis/fold.h"

enum { WHY_MIN_SAMPLES = 20 }; // on either side; below, shares mean little

struct why_row {
    uint32_t frame;             // one of the function's frames
    double share_in, share_out; // 0..1 of the total weight (a function counts once in a stack)
    double low, high;           // 95 % interval of share_in - share_out (Newcombe 1998, method 10)
    uint64_t samples_in, samples_out;
};

struct why {
    struct why_row *rows; // most over-represented first, ranked by the interval's lower bound
    size_t count;
    uint64_t samples_in, samples_out;
    bool too_few; // one side has fewer than WHY_MIN_SAMPLES
};

// Compares two folds over one dictionary; rows are the functions whose share is higher inside. A
// function that only wraps another (main, start_thread) is left to it: one of its callees has at
// least 98 % of its weight inside, and their totals differ by at most 2 % on both sides. Once the
// folds are canceled the rows may be any.
void why_of_folds(struct why *out, const struct fold *in, const struct fold *rest);
void why_dispose(struct why *why);

#endif
