// Call paths depth first, children by name: the order that folds have.
#ifndef FLICKER_ANALYSIS_PATH_ORDER_H
#define FLICKER_ANALYSIS_PATH_ORDER_H

#include "analysis/scratch.h"

#include <stddef.h>
#include <stdint.h>

struct callpath {
    uint32_t parent;   // 0 is the root, its own parent
    uint32_t function; // IDSET_NONE for the root
};

// What path_order_number works in.
enum {
    PATH_ORDER_NUMBERS,
    PATH_ORDER_SIZES,
    PATH_ORDER_TAKEN,
    PATH_ORDER_SORTED,
    PATH_ORDER_STARTS,
    PATH_ORDER_SCRATCH
};

// The number that each path has depth first, where children come in the order of their functions'
// ranks (below `ranks`). Parents come before children in `paths`; paths[0] is the root. The result
// lies in `scratch`: it is the caller's until it puts that back.
uint32_t *path_order_number(const struct callpath *paths, size_t count, const uint32_t *rank,
                            size_t ranks, struct scratch scratch[PATH_ORDER_SCRATCH]);

// All paths of an index in that order. Starts as {0}.
struct path_order {
    struct scratch places, ordered;
    uint32_t *place_of;     // of each path
    struct callpath *paths; // by place; the parent is a place, too
    size_t count;           // of paths that are in order; 0: none is
};

void path_order_make(struct path_order *order, const struct callpath *paths, size_t count,
                     const uint32_t *rank, size_t ranks,
                     struct scratch scratch[PATH_ORDER_SCRATCH]);
void path_order_dispose(struct path_order *order);
size_t path_order_bytes(const struct path_order *order);

#endif
