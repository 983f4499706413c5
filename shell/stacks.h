// Stacks as the session shows them: folds with the transforms that the settings ask for.
#ifndef FLICKER_SHELL_STACKS_H
#define FLICKER_SHELL_STACKS_H

#include "analysis/transform.h"
#include "shell/session.h"

// Of a command that shows stacks, for its row.
#define STACKS_SETTINGS "transform focus ignore from prune hide group root invert"

// What the settings mean; the caller disposes it.
void stacks_transforms(struct transforms *out, const struct settings *settings);

// What stacks begin with: as root= says, or as group=pid, tid and cpu need it.
enum query_first stacks_first(const struct settings *settings);
// Whether these settings change what stacks are: their shape, or names by a rule chosen by hand.
bool stacks_are_rewritten(const struct settings *settings);

// For answers by function, whose leaves must be functions: forgets invert=on for this run.
void stacks_stand_upright(struct invocation *run);

// Asks a store for a fold, as store_fold does, and rewrites it as this run's settings say.
int stacks_fold(struct session *session, const struct invocation *run, struct store *store,
                const struct query *query, struct fold *out, struct err *err) MUST_CHECK;

// Says on stderr what was asked for by hand and done to the last fold: it changes the numbers, or
// what the tree means. What detected itself is in `status`.
void stacks_say(struct session *session, const struct invocation *run);

// Brings two folds over one dictionary, where each has its own: nodes then are numbered alike, too.
int stacks_align(struct fold *a, struct fold *b, struct err *err) MUST_CHECK;

#endif
