// The children of every node of a fold, widest first: the order in which pictures draw them.
#ifndef FLICKER_VIEWER_CHILDREN_H
#define FLICKER_VIEWER_CHILDREN_H

#include "analysis/fold.h"

#include <stdint.h>

// The children of node n are list[at[n]] .. list[at[n + 1] - 1].
struct children {
    uint32_t *at;
    uint32_t *list;
};

// Ties keep the fold's order: by name. Canceled, the order is any.
void children_of_fold(struct children *out, const struct fold *fold);
void children_dispose(struct children *children);

#endif
