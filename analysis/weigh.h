// Counting a view's samples by node.
#ifndef FLICKER_ANALYSIS_WEIGH_H
#define FLICKER_ANALYSIS_WEIGH_H

#include "analysis/fold_build.h"
#include "analysis/view.h"

// One entry for each node that has samples in the view, in order of nodes. By thread, CPU and time
// only: what the filter says of nodes, and idle ones, are left to the caller (see view->marks),
// who asks once a node.
struct node_weights {
    struct weight *items;
    size_t count;
    struct scratch *scratch; // of the buffer: what the items lie in
};

// Whether all samples in the view have one value; intervals are cut at ranges, so theirs differ.
bool weigh_has_one_value(const struct view *view, uint64_t *value);

int weigh_nodes(struct node_weights *out, const struct view *view, struct err *err) MUST_CHECK;
void node_weights_dispose(struct node_weights *weights);

#endif
