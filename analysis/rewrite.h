// Rewriting the frames of a fold: any number of rewritings, one new tree.
//
// Each rewriting maps every frame by itself, so that a chain of them is a map of frames, too; only
// joining frames with their callers looks at paths, and ends a chain.
#ifndef FLICKER_ANALYSIS_REWRITE_H
#define FLICKER_ANALYSIS_REWRITE_H

#include "analysis/names.h"

enum rewrite_join {
    REWRITE_JOIN_NONE,
    REWRITE_JOIN_ALL,       // a function that calls itself is one with its caller
    REWRITE_JOIN_UNRESOLVED // only where it has no name
};

struct rewrite {
    struct fold *fold;   // borrowed
    struct names *names; // borrowed
    uint32_t *index_of;  // of each frame of the fold's dictionary: + 1, 0: not in use
    size_t count;        // frames in use
    struct names_image *images;
    uint32_t *list;
    size_t list_count;
    bool changed;
};

// Frames will be of `names`, or of the fold's own names where it has some.
void rewrite_init(struct rewrite *rewrite, struct fold *fold, struct names *names);
// Whether a frame, as it is by now, shows something; threads' names are not asked about.
bool rewrite_detects(const struct rewrite *rewrite, struct names_memo *memo,
                     names_detect_fn *detect);
// Adds a rewriting to the chain.
void rewrite_add(struct rewrite *rewrite, struct names_memo *memo, names_rewrite_fn *by);
// Puts the new tree in the fold's place, where there is anything to do. Ends the rewriting.
void rewrite_commit(struct rewrite *rewrite, enum rewrite_join join);

#endif
