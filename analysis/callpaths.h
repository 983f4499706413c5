// What a dictionary's nodes come to when people look: frames with one name, module and kind are one
// function (by_line: one at each line of it), nodes with one chain of functions are one call path.
//
// Folds speak of call paths. The index follows the dictionary as it grows, so that a query merges
// nothing by name; numbers rise from parent to child as in the dictionary.
#ifndef FLICKER_ANALYSIS_CALLPATHS_H
#define FLICKER_ANALYSIS_CALLPATHS_H

#include "analysis/path_order.h"
#include "proto/dict.h"
#include "proto/tagset.h"

#include <stdatomic.h>

enum callpath_flag {
    CALLPATH_IDLE = 1,       // an idle CPU's kernel stack, with no interrupt's work on it
    CALLPATH_NO_STACK = 2,   // no frame below the thread's name
    CALLPATH_UNRESOLVED = 4, // the leaf has no name
    CALLPATH_ONE_USER = 8,   // a single user frame: compiled without frame pointers
    CALLPATH_FLAGS = 15,
};

// What fold_build works in.
enum {
    CALLPATHS_BITS,
    CALLPATHS_BEFORE,
    CALLPATHS_BRANCHES,
    CALLPATHS_SAMPLES,
    CALLPATHS_VALUES,
    CALLPATHS_SCRATCH
};

struct callpaths {
    const struct dict *dict; // borrowed
    uint64_t generation;     // of the dictionary, when last followed
    bool by_line;            // set before it follows anything

    uint32_t *function_of; // of each frame
    size_t frame_count, frame_capacity;
    uint32_t *frame_of; // of each function: the first frame seen
    size_t function_count, function_capacity;
    struct tagset function_set;
    uint32_t *rank; // of each function, in the order of names; see callpaths_rank
    uint32_t *ranked;
    size_t ranked_count, rank_capacity, ranked_capacity;

    uint32_t *path_of; // of each node
    uint8_t *marks;    // of each node: enum callpath_flag of its path
    size_t node_count, node_capacity, mark_capacity;
    struct callpath *paths;
    uint8_t *flags; // of each path: enum callpath_flag, and states of the index's own
    size_t path_count, path_capacity, flag_capacity;
    struct tagset path_set;
    struct scratch scratch[CALLPATHS_SCRATCH], order_scratch[PATH_ORDER_SCRATCH];
    struct path_order order; // see callpaths_order
};

void callpaths_init(struct callpaths *callpaths, const struct dict *dict);
void callpaths_dispose(struct callpaths *callpaths);
// Gives back what is kept from one fold to the next.
void callpaths_release(struct callpaths *callpaths);
// Takes in what is new in the dictionary; all of it when the dictionary was renumbered.
void callpaths_follow(struct callpaths *callpaths);
// False, and some of it left for the next time, soon after *cancel (may be NULL) was set.
bool callpaths_follow_unless(struct callpaths *callpaths, const atomic_bool *cancel);
// Brings `rank` up to date: order by name, then module, then kind.
// False, and no ranks, soon after *cancel (may be NULL) was set.
bool callpaths_rank_unless(struct callpaths *callpaths, const atomic_bool *cancel);
// Brings `order` up to date: all paths depth first, children by rank. Takes as long as a fold of
// everything, once; it holds until a path is added.
void callpaths_order(struct callpaths *callpaths);
size_t callpaths_bytes(const struct callpaths *callpaths);

#endif
