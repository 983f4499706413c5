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
};

// The tree starts with its root. Frames are of fold->dict, which may change by additions only.
void fold_edit_init(struct fold_edit *edit, struct fold *fold);
// The callee of `parent` that is the same function (name, module and kind) as `frame`; new when
// there is none.
uint32_t fold_edit_child(struct fold_edit *edit, uint32_t parent, uint32_t frame);
// Gives a node the weight that an old node has of its own.
void fold_edit_add(struct fold_edit *edit, uint32_t node, const struct fold_node *old);
// Says that the weight of an old node is left out of the new tree: takes it off the totals' counts
// of samples without a stack or a name.
void fold_edit_drop(struct fold_edit *edit, const struct fold_node *old);
// Puts the new tree, in order and summed up, in the fold's place; the totals become the tree's.
// Ends the edit.
void fold_edit_commit(struct fold_edit *edit);

// Whether two frames of one dictionary are one function: name, module and kind.
bool fold_same_function(const struct dict *dict, uint32_t a, uint32_t b);

// The frames of a fold's nodes, each once, in order of first appearance; the caller frees them.
uint32_t *fold_frames(const struct fold *fold, size_t *count);

// The fold's own dictionary; made, with the names that the fold uses, when it has none. Frames and
// the totals' event have other numbers then.
struct dict *fold_own(struct fold *fold);
// A frame of one dictionary in another.
uint32_t fold_copy_frame(struct dict *to, const struct dict *from, uint32_t frame);

enum { FOLD_REWRITE_MAX = 64 };
// What stands for a frame: writes up to FOLD_REWRITE_MAX frames, callers first, and returns how
// many. None: the frame goes, its weight stays with its caller.
typedef size_t fold_rewrite_fn(void *arg, struct dict *own, uint32_t frame, uint32_t *out);

enum fold_join {
    FOLD_JOIN_NONE,
    FOLD_JOIN_ALL,       // a function that calls itself is one with its caller
    FOLD_JOIN_UNRESOLVED // only where it has no name
};

// Rewrites every frame (asked once for each frame in use); NULL: keeps them all.
void fold_rewrite(struct fold *fold, fold_rewrite_fn *rewrite, void *arg, enum fold_join join);

// The simple case: appends the new name of a frame to *name and returns true; false: it stays.
typedef bool fold_rename_fn(const struct dict *dict, const struct frame *frame, struct bytes *name);
void fold_rename(struct fold *fold, fold_rename_fn *rename);
// A frame with another name.
uint32_t fold_named_frame(struct dict *own, const struct frame *frame, const struct bytes *name);

#endif
