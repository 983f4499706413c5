// Makes a fold out of weights on call paths.
#ifndef FLICKER_ANALYSIS_FOLD_BUILD_H
#define FLICKER_ANALYSIS_FOLD_BUILD_H

#include "analysis/callpaths.h"
#include "analysis/fold.h"

// What one call path, or one node, itself has (not its callees).
struct weight {
    uint32_t of;
    uint64_t samples, value;
};

// Fills out->nodes and out->dict, with a root alone soon after *out->cancel was set; the totals are
// the caller's. A path may come more than once; one without samples, its callees' included, gets no
// node. The work is proportional to the paths that have weight and their callers (and a bit for
// every path).
void fold_build(struct fold *out, struct callpaths *callpaths, const struct weight *weights,
                size_t count);

#endif
