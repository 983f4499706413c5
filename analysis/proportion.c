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

// How many hits `a` has of those of both sides, where a table with the same margins has any number:
// they are hypergeometric. `a` is the smaller side, and a hit the rarer outcome, so that counts
// near the mean are small wherever their spread is.
struct table {
    double in_a, in_b, hits, x;
};

static struct table table_of(struct proportion a, struct proportion b)
{
    if (a.samples > b.samples) {
        struct proportion swapped = a;
        a = b;
        b = swapped;
    }
    struct table table = {.in_a = (double)a.samples, .in_b = (double)b.samples};
    table.hits = (double)a.hits + (double)b.hits;
    table.x = (double)a.hits;
    if (table.hits > (table.in_a + table.in_b) / 2) {
        table.hits = (double)(a.samples - a.hits) + (double)(b.samples - b.hits);
        table.x = (double)(a.samples - a.hits);
    }
    return table;
}

// How much less likely x + 1 is than x; and x - 1 than x.
static double step_up(const struct table *of, double x)
{
    return (of->in_a - x) * (of->hits - x) / ((x + 1) * (of->in_b - of->hits + x + 1));
}

static double step_down(const struct table *of, double x)
{
    return x * (of->in_b - of->hits + x) / ((of->in_a - x + 1) * (of->hits - x + 1));
}

// The likelihoods of all counts beyond x, in the one direction or the other, relative to that of x.
// They rise up to the mean, if it lies there, and fall off behind it.
static double sum_beyond(const struct table *of, bool up)
{
    const double none = 1e-17, most = 1e300;
    double sum = 0, term = 1, step;
    for (double x = of->x; term > 0 && sum < most; x += up ? 1 : -1) {
        step = up ? step_up(of, x) : step_down(of, x);
        term *= step;
        sum += term;
        if (step < 1 && term < none * (1 + sum))
            break;
    }
    return sum;
}

double proportion_chance(struct proportion a, struct proportion b)
{
    const double large = 1e6; // from there on a normal distribution is right to some percent
    if (!a.samples || !b.samples)
        return 1;
    const struct table table = table_of(a, b);
    double all = table.in_a + table.in_b, share = table.hits / all, mean = table.in_a * share;
    double variance = mean * (1 - share) * (table.in_b / all) * (all / fmax(all - 1, 1));
    if (variance > large)
        return erfc(fmax(0, fabs(table.x - mean) - 0.5) / sqrt(2 * variance));
    bool up = table.x >= mean;
    double tail = 1 + sum_beyond(&table, up);
    return fmin(1, 2 * tail / (tail + sum_beyond(&table, !up)));
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
