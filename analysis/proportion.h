// Two shares of two groups of samples: how far apart they are, and whether that can be chance.
#ifndef FLICKER_ANALYSIS_PROPORTION_H
#define FLICKER_ANALYSIS_PROPORTION_H

#include <stddef.h>
#include <stdint.h>

// hits of samples, hits <= samples.
struct proportion {
    uint64_t hits, samples;
};

static inline double proportion_share(struct proportion of)
{
    return of.samples ? (double)of.hits / (double)of.samples : 0;
}

// The 95 % interval of share(a) - share(b), after Newcombe 1998 ("Interval estimation for the
// difference between independent proportions", method 10: the square-and-add of two Wilson
// intervals). A side without samples leaves its share unknown: its Wilson interval is 0..1.
void proportion_difference(double *low, double *high, struct proportion a, struct proportion b);

// The probability that two samples of one and the same share differ at least as much: Fisher's
// exact test, two-sided as twice the smaller tail; of large counts, which that tends to, the normal
// distribution with a correction for whole numbers. 1 when a side has no samples.
double proportion_chance(struct proportion a, struct proportion b);

// Adjusts `count` probabilities, in place and in any order, for having asked `count` questions at
// once (Holm 1979): calling all those <= 0.05 is wrong anywhere at all in at most 5 % of cases.
void proportion_adjust(double *chances, size_t count);

#endif
