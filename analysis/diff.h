// Two folds compared: A, which is looked at, against B.
//
// Normalised: B is scaled to A's total, so that a longer recording has not "more of everything".
#ifndef FLICKER_ANALYSIS_DIFF_H
#define FLICKER_ANALYSIS_DIFF_H

#include "analysis/fold.h"
#include "analysis/top.h"

enum { DIFF_MIN_SAMPLES = 20 }; // on either side; below, nothing is said to have moved

// What makes a frame of A and a frame of B the same.
enum diff_match {
    DIFF_BY_FUNCTION, // name, module and kind: two ranges of one session
    DIFF_BY_TEXT      // what people read: files that different tools wrote
};

// One tree of the call paths of both sides, with the weights of each: node i of `a` is node i of
// `b`. A path that one side lacks has no samples there. they share their names.
struct diff {
    struct fold a, b;
    double scale; // A's total / B's total, by the weight that people are shown
};

// Both folds are read only, and need not be of one dictionary. -ENODATA: a side has no samples;
// -EINVAL: they measure different things. *out is then empty.
int diff_folds(struct diff *out, const struct fold *a, const struct fold *b, enum diff_match match,
               struct err *err) MUST_CHECK;
void diff_dispose(struct diff *diff);

// How much more of the weight a node has in A than in B scaled to A: of its own, and in total.
double diff_self(const struct diff *diff, size_t node);
double diff_total(const struct diff *diff, size_t node);
// A path that A has and B does not; and the other way round.
bool diff_is_new(const struct diff *diff, size_t node);
bool diff_is_gone(const struct diff *diff, size_t node);

// The elided view: what B did and A does no more. B's paths that A lacks, with B's weights scaled
// to A; paths that both have weigh nothing of their own, however much they shrank (FlameScope's
// meaning). Fills *out, which the caller disposes.
void diff_elided(struct fold *out, const struct diff *diff);

// How many samples a side rests on; those that the lines of a folded file stand for.
uint64_t diff_samples(const struct fold *fold);

// One function on both sides; recursion counts once in total.
struct diff_row {
    struct top_row a, b;           // frames of diff->a.dict
    uint64_t samples_a, samples_b; // self or total, as asked
    double share_a, share_b;       // 0..1 of the weight that people are shown, self or total
    double low, high;              // 95 % interval of the difference of the shares of samples
    double chance;                 // that equal profiles differ so, all rows considered (0..1)
    bool moved;                    // chance <= 0.05
};

struct diff_rows {
    struct diff_row *rows; // moved ones first, the surest large ones at the top
    size_t count, moved;
    uint64_t samples_a, samples_b;
    bool too_few; // a side has fewer than DIFF_MIN_SAMPLES: nothing is said to have moved
};

// By function. Samples are what chance acts upon, so interval and chance are of samples also where
// people are shown values (`a` and `b` have both). Once a side is canceled the rows may be any.
void diff_functions(struct diff_rows *out, const struct diff *diff, enum top_order order);
void diff_rows_dispose(struct diff_rows *rows);

#endif
