// The tree of a fold by owner: call paths that owners share, once below each of them.
#ifndef FLICKER_ANALYSIS_OWNER_TREE_H
#define FLICKER_ANALYSIS_OWNER_TREE_H

#include "analysis/callpaths.h"
#include "analysis/fold.h"
#include "analysis/owner_counts.h"

struct owner_tree {
    const struct callpaths *callpaths; // of the fold's dictionary, with ranks and order
    // In the order of keys; each has a place in callpaths->order for its node. Those without
    // samples are left out.
    const struct owner_rows *rows;
    const uint32_t *frame_of; // of each key, no two alike
    unsigned threads;         // as in a query
};

// Fills out->nodes; with a root alone soon after *out->cancel was set. The work is proportional to
// the nodes that come out, and to the rows.
void owner_tree_build(struct fold *out, const struct owner_tree *tree);

#endif
