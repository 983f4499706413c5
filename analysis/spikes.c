// Spikes: sliding windows of many lengths against their own medians.
#include "analysis/spikes.h"

#include "proto/alloc.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SCORE_LEAST      4.0
#define MAD_TO_DEVIATION 1.4826
#define ALIKE_FACTOR     2.5

enum {
    SPIKES_MOST = 64,
    WINDOWS_MOST = 32,
    BRIDGE_CELLS = 2,
    ROUNDS = 4,
    HEATMAP_NO_DATA = HEATMAP_PENDING | HEATMAP_NOT_RECORDING | HEATMAP_EVICTED,
};

struct series {
    const struct heatmap *heatmap;
    size_t count;
    double *sum;     // of the cells before each, in samples
    uint32_t *holes; // cells without data before each
    bool *taken;     // by a spike that was found
    uint32_t *spiky; // cells taken before each, as of the last round
};

// The usual band of windows of one length, after the square root.
struct band {
    size_t length;
    double median, deviation;
};

struct window {
    size_t from, to;
    double score;
    const struct band *band; // that it was measured against
};

static double steady(double count)
{
    return 2 * sqrt(count + 0.375);
}

static double window_sum(const struct series *series, size_t from, size_t to)
{
    return series->sum[to] - series->sum[from];
}

static bool window_is_whole(const struct series *series, size_t from, size_t to)
{
    return series->holes[to] == series->holes[from];
}

static bool touches_spike(const struct series *series, size_t from, size_t to)
{
    return series->spiky[to] != series->spiky[from];
}

static void swap(double *a, double *b)
{
    double held = *a;
    *a = *b;
    *b = held;
}

// Puts the value that sorting would put at `nth` there, smaller ones before it, larger ones behind.
// Equal ones, which counts are full of, fall into the middle of three parts.
static void select_nth(double *values, size_t count, size_t nth)
{
    uint64_t random = 1; // so that no order of values is the worst
    for (size_t low = 0, high = count; high - low > 1;) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        double pivot = values[low + (size_t)(random >> 33) % (high - low)];
        size_t less = low, more = high;
        for (size_t at = low; at < more;) {
            if (values[at] < pivot)
                swap(&values[at++], &values[less++]);
            else if (values[at] > pivot)
                swap(&values[at], &values[--more]);
            else
                at++;
        }
        if (nth >= less && nth < more)
            return;
        low = nth < less ? low : more;
        high = nth < less ? less : high;
    }
}

// Leaves the smaller half in front.
static double median(double *values, size_t count)
{
    size_t middle = count / 2;
    select_nth(values, count, middle);
    if (count % 2)
        return values[middle];
    double before = values[0];
    for (size_t i = 1; i < middle; i++)
        before = fmax(before, values[i]);
    return (before + values[middle]) / 2;
}

static bool is_canceled(const atomic_bool *cancel)
{
    return cancel && atomic_load_explicit(cancel, memory_order_relaxed);
}

// False when too few windows of this length are whole to know what is usual. How far windows stray
// is measured below the median too: spikes lie above it, and may be a third of the time. Windows
// that touch a spike found before say nothing about what is usual.
static bool band_of(const struct series *series, size_t length, double *scratch, struct band *out)
{
    size_t count = 0;
    for (size_t i = 0; i + length <= series->count; i++) {
        if (window_is_whole(series, i, i + length) && !touches_spike(series, i, i + length))
            scratch[count++] = steady(window_sum(series, i, i + length));
    }
    if (count < 3 * length || count < 8)
        return false;
    *out = (struct band){.length = length};
    out->median = median(scratch, count);
    size_t below = (count + 1) / 2;
    for (size_t i = 0; i < count; i++)
        scratch[i] = fabs(scratch[i] - out->median);
    double spread_below = median(scratch, below);
    double spread = median(scratch, count);
    out->deviation = fmax(1, MAD_TO_DEVIATION * fmin(spread, spread_below));
    return true;
}

static bool is_free(const struct series *series, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (series->taken[i])
            return false;
    }
    return true;
}

// For every start, the window that stands out most, when it stands out enough.
static size_t find_candidates(const struct series *series, const struct band *bands,
                              size_t band_count, struct window *out, const atomic_bool *cancel)
{
    enum { STARTS = 4096 }; // between two looks
    size_t count = 0;
    for (size_t from = 0; from < series->count; from++) {
        if (from % STARTS == 0 && is_canceled(cancel))
            break;
        struct window best = {.score = SCORE_LEAST};
        for (size_t i = 0; i < band_count && from + bands[i].length <= series->count; i++) {
            size_t to = from + bands[i].length;
            double height = steady(window_sum(series, from, to)) - bands[i].median;
            if (height <= best.score * bands[i].deviation || !window_is_whole(series, from, to) ||
                touches_spike(series, from, to))
                continue;
            best = (struct window){from, to, height / bands[i].deviation, &bands[i]};
        }
        if (best.band)
            out[count++] = best;
    }
    return count;
}

static int strongest_first(const void *left, const void *right)
{
    const struct window *a = left, *b = right;
    if (a->score != b->score)
        return a->score < b->score ? 1 : -1;
    return (a->from > b->from) - (a->from < b->from);
}

// The stretch near a window whose excess over half the window's height is largest: its edges are
// where the rate falls below that.
static struct window cut(const struct series *series, const struct window *window)
{
    const struct band *band = window->band;
    size_t length = window->to - window->from;
    double usual = (band->median * band->median / 4 - 0.375) / (double)band->length;
    double high = window_sum(series, window->from, window->to) / (double)length;
    double half = (usual + high) / 2;
    size_t from = window->from > length ? window->from - length : 0;
    size_t to = window->to + length < series->count ? window->to + length : series->count;
    struct window best = *window;
    double most = 0;
    double excess = 0;
    size_t start = from;
    for (size_t i = from; i < to; i++) {
        if (excess <= 0 || !window_is_whole(series, i, i + 1) || series->taken[i]) {
            excess = 0;
            start = i;
        }
        if (!window_is_whole(series, i, i + 1) || series->taken[i])
            continue;
        excess += window_sum(series, i, i + 1) - half;
        if (excess > most) {
            most = excess;
            best = (struct window){start, i + 1, window->score, band};
        }
    }
    return best;
}

static void series_init(struct series *series, const struct heatmap *heatmap)
{
    const struct totals *totals = &heatmap->totals;
    size_t count = (size_t)heatmap->shape.columns * heatmap->shape.rows;
    double unit = 1; // values count as so many samples of the average value
    if (totals->by_value && totals->samples && totals->value)
        unit = (double)totals->samples / (double)totals->value;
    *series = (struct series){.heatmap = heatmap, .count = count};
    series->sum = xcalloc(count + 1, sizeof *series->sum);
    series->holes = xcalloc(count + 1, sizeof *series->holes);
    series->taken = xcalloc(count + 1, sizeof *series->taken);
    series->spiky = xcalloc(count + 1, sizeof *series->spiky);
    for (size_t i = 0; i < count; i++) {
        bool hole = heatmap->paint[i] & HEATMAP_NO_DATA;
        series->sum[i + 1] = series->sum[i] + (hole ? 0 : (double)heatmap->cells[i] * unit);
        series->holes[i + 1] = series->holes[i] + hole;
    }
}

static void series_dispose(struct series *series)
{
    free(series->sum);
    free(series->holes);
    free(series->taken);
    free(series->spiky);
}

static size_t find_bands(const struct series *series, struct band *bands, const atomic_bool *cancel)
{
    size_t whole = series->count - series->holes[series->count];
    double *scratch = xreallocarray(NULL, series->count, sizeof *scratch);
    size_t count = 0;
    for (size_t length = 1; length <= whole / 4 && count < WINDOWS_MOST && !is_canceled(cancel);
         length *= 2)
        count += band_of(series, length, scratch, &bands[count]);
    free(scratch);
    return count;
}

static int compare_windows(const void *left, const void *right)
{
    const struct window *a = left;
    const struct window *b = right;
    return (a->from > b->from) - (a->from < b->from);
}

// A gap that is small beside what lies around it is noise inside one spike.
static bool is_bridged(const struct series *series, const struct window *before,
                       const struct window *after)
{
    size_t around = (before->to - before->from) + (after->to - after->from);
    size_t most = around / 4 > BRIDGE_CELLS ? around / 4 : BRIDGE_CELLS;
    return after->from <= before->to + most && window_is_whole(series, before->to, after->from);
}

// Bridges small gaps and turns cells into times.
static void report(struct spikes *out, const struct series *series, struct window *found,
                   size_t count)
{
    if (!count)
        return;
    qsort(found, count, sizeof *found, compare_windows);
    size_t kept = 0;
    for (size_t i = 1; i < count; i++) {
        struct window *last = &found[kept];
        if (is_bridged(series, last, &found[i])) {
            last->to = found[i].to;
            last->score = fmax(last->score, found[i].score);
        } else {
            found[++kept] = found[i];
        }
    }
    out->count = kept + 1;
    out->items = xcalloc(out->count, sizeof *out->items);
    for (size_t i = 0; i < out->count; i++) {
        const struct heatmap_shape *shape = &series->heatmap->shape;
        out->items[i].range = (struct range){heatmap_cell_start(shape, found[i].from),
                                             heatmap_cell_start(shape, found[i].to)};
        out->items[i].score = found[i].score;
        out->items[i].samples = (uint64_t)(window_sum(series, found[i].from, found[i].to) + 0.5);
    }
}

// Takes the strongest windows that do not touch each other. Returns how many spikes there are now.
static size_t take_spikes(struct series *series, struct window *candidates, size_t candidate_count,
                          struct window *found, size_t count)
{
    qsort(candidates, candidate_count, sizeof *candidates, strongest_first);
    for (size_t i = 0; i < candidate_count && count < SPIKES_MOST; i++) {
        const struct window *window = &candidates[i];
        if (!is_free(series, window->from, window->to))
            continue;
        found[count] = cut(series, window);
        memset(series->taken + window->from, true, window->to - window->from);
        memset(series->taken + found[count].from, true, found[count].to - found[count].from);
        count++;
    }
    for (size_t i = 0; i < series->count; i++)
        series->spiky[i + 1] = series->spiky[i] + series->taken[i];
    return count;
}

bool spikes_find(struct spikes *out, const struct heatmap *heatmap, const atomic_bool *cancel)
{
    struct series series;
    struct band bands[WINDOWS_MOST];
    struct window found[SPIKES_MOST];
    *out = (struct spikes){0};
    series_init(&series, heatmap);
    struct window *candidates = xreallocarray(NULL, series.count + 1, sizeof *candidates);
    size_t count = 0;
    for (int round = 0; round < ROUNDS; round++) { // what is usual gets clearer without the spikes
        size_t before = count;
        size_t band_count = find_bands(&series, bands, cancel);
        size_t candidate_count = find_candidates(&series, bands, band_count, candidates, cancel);
        count = take_spikes(&series, candidates, candidate_count, found, count);
        if (count == before || is_canceled(cancel))
            break;
    }
    bool whole = !is_canceled(cancel);
    if (whole)
        report(out, &series, found, count);
    free(candidates);
    series_dispose(&series);
    return whole;
}

const struct spike *spikes_strongest(const struct spikes *spikes)
{
    const struct spike *best = NULL;
    for (size_t i = 0; i < spikes->count; i++) {
        if (!best || spikes->items[i].score > best->score)
            best = &spikes->items[i];
    }
    return best;
}

static bool within_factor(double a, double b, double factor)
{
    return a <= b * factor && b <= a * factor;
}

bool spikes_alike(const struct spike *a, const struct spike *b)
{
    double a_length = (double)(a->range.to_ns - a->range.from_ns);
    double b_length = (double)(b->range.to_ns - b->range.from_ns);
    return within_factor(a_length, b_length, ALIKE_FACTOR) &&
           within_factor((double)a->samples / a_length, (double)b->samples / b_length,
                         ALIKE_FACTOR);
}

void spikes_dispose(struct spikes *spikes)
{
    free(spikes->items);
    *spikes = (struct spikes){0};
}
