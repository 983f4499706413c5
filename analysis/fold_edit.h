// Rewriting a fold in place: the tools that every transform is made of.
//
// An edit grows a new tree beside the old one, whose nodes stay readable until the commit.
#ifndef FLICKER_ANALYSIS_FOLD_EDIT_H
#define FLICKER_ANALYSIS_FOLD_EDIT_H

#include "analysis/fold.h"

struct fold_edit {
    struct fold *fold; // borrowed
    struct fold_node *nodes;
    size_t count, capacity;
    struct idset children; // by parent and function
    size_t asked;          // for children so far
    bool canceled;
};

// The tree starts with its root. Frames are of fold->dict, which may change by additions only.
void fold_edit_init(struct fold_edit *edit, struct fold *fold);
// Says how many nodes it may come to, where that is known: growing step by step costs more, and
// cannot be stopped.
void fold_edit_expect(struct fold_edit *edit, size_t nodes);
// The callee of `parent` that is the same function (name, module and kind) as `frame`; new when
// there is none. Soon after *fold->cancel was set it is the root, at once.
uint32_t fold_edit_child(struct fold_edit *edit, uint32_t parent, uint32_t frame);
// Gives a node the weight that an old node has of its own.
void fold_edit_add(struct fold_edit *edit, uint32_t node, const struct fold_node *old);
// Says that the weight of an old node is left out of the new tree: takes it off the totals' counts
// of samples without a stack or a name.
void fold_edit_drop(struct fold_edit *edit, const struct fold_node *old);
// Puts the new tree, in order and summed up, in the fold's place; the totals become the tree's.
// Ends the edit. Canceled, it puts a root alone there.
void fold_edit_commit(struct fold_edit *edit);

// Whether two frames of one dictionary are one function: name, module and kind (and line, where the
// dictionary says so).
bool fold_same_function(const struct dict *dict, uint32_t a, uint32_t b);

// Brings a fold's frames and its event into these names, which it then holds as its own.
void fold_use_names(struct fold *fold, struct names *names);

#endif
