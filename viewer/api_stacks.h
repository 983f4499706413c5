// The stacks that the page asks about: made readable as the session shows them, here and, where a
// baseline is asked for, compared with it.
#ifndef FLICKER_VIEWER_API_STACKS_H
#define FLICKER_VIEWER_API_STACKS_H

#include "analysis/diff.h"
#include "viewer/api.h"

struct api_stacks {
    struct fold here, base;
    struct diff diff;  // of both, where `compared`
    struct fold gone;  // the elided view, where asked for
    bool has_base;     // was asked for; it may have no samples
    bool compared;     // node i of diff.a is node i of diff.b
    bool elided;       // `gone` is to be shown
    bool too_few;      // samples on a side for saying what moved
    struct err reason; // why there is no comparison, or nothing elided; code 0: there is none
};

// ranges= and base= say when (see api_flame); transform=, invert=on and group= how stacks are
// shown, on top of what the session's settings say; elided=on asks for what the baseline did and
// this does no more. `upright` for answers by function: what a leaf is must not change then. *out
// is to be disposed also after a failure.
int api_stacks_ask(struct api_stacks *out, const struct server_host *host,
                   const struct api_params *params, bool upright, struct err *err) MUST_CHECK;
void api_stacks_dispose(struct api_stacks *stacks);

// The fold to be drawn.
const struct fold *api_stacks_shown(const struct api_stacks *stacks);

#endif
