// One side of a comparison: a word that names samples, and the fold that it stands for.
#ifndef FLICKER_SHELL_SIDE_H
#define FLICKER_SHELL_SIDE_H

#include "shell/invocation.h"
#include "shell/session.h"

struct side {
    struct query query;
    struct filter *filter; // the side's own and the run's terms
    struct range *ranges;  // of time words
    struct buffer *buffer; // of a file; NULL: the session's
};

// Finds out what the word means; a file is read. The side is to be disposed also after a failure.
int side_init(struct side *out, struct session *session, const struct invocation *run,
              const char *word, struct err *err) MUST_CHECK;
void side_dispose(struct side *side);
// As stacks_fold. The fold's names are valid while the side is.
int side_fold(const struct side *side, struct session *session, const struct invocation *run,
              struct fold *out, struct err *err) MUST_CHECK;

// How much time two sides share that count the same samples in it; 0 also where that is not known.
int64_t side_common_ns(const struct side *a, const struct side *b, struct session *session);

#endif
