// Two sides compared: what `diff A B`, `top vs=B` and `flame vs=B` have in common.
#ifndef FLICKER_SHELL_COMPARE_H
#define FLICKER_SHELL_COMPARE_H

#include "analysis/diff.h"
#include "shell/session.h"

// A side is a word: sel (the selection), rest (all but it), all, a mark, a file, or time words.
struct compare {
    struct diff diff;
    char *label[2];    // as typed
    int64_t common_ns; // time whose samples are on both sides
};

// Folds both sides, as this run's settings show stacks, with its filter terms on top. On failure
// the word at fault is pointed at; *out is to be disposed all the same.
int compare_init(struct compare *out, struct session *session, struct invocation *run,
                 const char *a, size_t a_at, const char *b, size_t b_at,
                 struct err *err) MUST_CHECK;
void compare_dispose(struct compare *compare);

// What it rests on, on stderr: both sides with their numbers of samples; and what makes the
// comparison a poor one: time that both have, or no call path that both have.
void compare_say(struct session *session, const struct invocation *run,
                 const struct compare *compare);
// The functions that moved, at most `rows`; says what did not, and why nothing can be said.
// -ECANCELED, and nothing put, after Ctrl-C.
int compare_put_table(struct session *session, struct invocation *run,
                      const struct compare *compare, enum top_order order, size_t rows,
                      struct err *err) MUST_CHECK;
int compare_put_json(struct session *session, struct invocation *run, const struct compare *compare,
                     enum top_order order, size_t rows, struct err *err) MUST_CHECK;

// Draws A, coloured by the difference (unless there are too few samples, which is said), or,
// elided, what B did and A does no more.
int compare_put_picture(struct session *session, struct invocation *run,
                        const struct compare *compare, bool svg, bool elided, unsigned lines,
                        struct err *err) MUST_CHECK;

#endif
