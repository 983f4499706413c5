// Statistics of shares.
//
// The interval is what people read; the exact test is what "this moved" rests on, because Wilson's
// interval is too short far out in the tails, where comparing hundreds of functions at once leads.
#include "analysis/proportion.h"

#include "proto/alloc.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

static const double Z95 = 1.959963984540054;

static void wilson(double *low, double *high, struct proportion of)
{
    if (!of.samples) {
        *low = 0;
        *high = 1;
        return;
    }
    double n = (double)of.samples, share = proportion_share(of), z2 = Z95 * Z95;
    double center = (share + z2 / (2 * n)) / (1 + z2 / n);
    double half = Z95 * sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n);
    *low = fmax(0, center - half);
    *high = fmin(1, center + half);
}

void proportion_difference(double *low, double *high, struct proportion a, struct proportion b)
{
    double low_a, high_a, low_b, high_b;
    wilson(&low_a, &high_a, a);
    wilson(&low_b, &high_b, b);
    double share_a = proportion_share(a), share_b = proportion_share(b);
    if (!a.samples || !b.samples) { // nothing to square and add around
        *low = low_a - high_b;
        *high = high_a - low_b;
        return;
    }
    double difference = share_a - share_b;
    *low = difference - hypot(share_a - low_a, high_b - share_b);
    *high = difference + hypot(high_a - share_a, share_b - low_b);
}

static double log_choose(double n, double k)
{
    int sign;
    return lgamma_r(n + 1, &sign) - lgamma_r(k + 1, &sign) - lgamma_r(n - k + 1, &sign);
}

// Given all hits, a's are hypergeometric: sums the tail from a's outward, away from the mean.
double proportion_chance(struct proportion a, struct proportion b)
{
    double in_a = (double)a.samples, in_b = (double)b.samples, x = (double)a.hits;
    double hits = (double)a.hits + (double)b.hits;
    if (in_a == 0 || in_b == 0)
        return 1;
    bool up = x * (in_a + in_b) >= in_a * hits;
    double term =
        exp(log_choose(in_a, x) + log_choose(in_b, hits - x) - log_choose(in_a + in_b, hits));
    double sum = 0;
    while (term > 0 && term > sum * 1e-16) {
        sum += term;
        if (up) {
            term *= (in_a - x) * (hits - x) / ((x + 1) * (in_b - hits + x + 1));
            x++;
        } else {
            term *= x * (in_b - hits + x) / ((in_a - x + 1) * (hits - x + 1));
            x--;
        }
    }
    return fmin(1, 2 * sum);
}

static int compare_chances(const void *left, const void *right, void *arg)
{
    const double *chances = arg;
    double a = chances[*(const size_t *)left], b = chances[*(const size_t *)right];
    return (a > b) - (a < b);
}

void proportion_adjust(double *chances, size_t count)
{
    if (!count)
        return;
    size_t *order = xreallocarray(NULL, count, sizeof *order);
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    qsort_r(order, count, sizeof *order, compare_chances, chances);
    double highest = 0;
    for (size_t i = 0; i < count; i++) {
        highest = fmax(highest, fmin(1, chances[order[i]] * (double)(count - i)));
        chances[order[i]] = highest;
    }
    free(order);
}
