// Why: shares of functions in a slice against the rest, with an interval for the difference.
#include "analysis/why.h"

#include "analysis/functions.h"
#include "analysis/proportion.h"
#include "proto/alloc.h"
#include "proto/sort.h"

#include <math.h>
#include <stdlib.h>

#define SAME 0.98 // a callee with this much of its caller's weight makes it a wrapper

// One function on both sides.
struct both {
    uint32_t frame;
    uint64_t weight_in, weight_out;
    uint64_t samples_in, samples_out;
    uint32_t inner; // the callee that it only wraps; IDSET_NONE: none
};

// A caller and a callee, and the weight that goes from one to the other, inside.
struct call {
    uint32_t caller, callee; // rows of the slice's fold
    uint64_t weight;
};

// Shares of values count as so many of the samples.
static struct proportion proportion_of(double share, uint64_t samples)
{
    return (struct proportion){(uint64_t)(share * (double)samples + 0.5), samples};
}

struct side {
    const struct fold *fold;
    struct top_row *rows;
    uint32_t *row_of;
    size_t count;
    uint64_t total;
};

static uint64_t row_weight(const struct side *side, const struct top_row *row)
{
    return side->fold->totals.by_value ? row->total_value : row->total_samples;
}

static void side_init(struct side *side, const struct fold *fold)
{
    *side = (struct side){.fold = fold};
    side->row_of = functions_of_fold(fold, &side->rows, &side->count);
    side->total = fold->count ? fold_total(fold, &fold->nodes[0]) : 0;
}

static void side_dispose(struct side *side)
{
    free(side->rows);
    free(side->row_of);
}

static int compare_by_function(const void *left, const void *right, void *side)
{
    const struct side *of = side;
    return functions_compare(of->fold->dict, of->rows[*(const uint32_t *)left].frame,
                             of->rows[*(const uint32_t *)right].frame);
}

static uint32_t *order_by_function(struct side *side)
{
    uint32_t *order = xreallocarray(NULL, side->count, sizeof *order);
    for (uint32_t i = 0; i < side->count; i++)
        order[i] = i;
    (void)sort_unless(side->fold->cancel, order, side->count, sizeof *order, compare_by_function,
                      side);
    return order;
}

// One entry for each function of the slice, as numbered there, with what the rest has of it.
static struct both *join(struct side *in, struct side *rest)
{
    struct both *both = xcalloc(in->count, sizeof *both);
    uint32_t *order_in = order_by_function(in);
    uint32_t *order_rest = order_by_function(rest);
    size_t at = 0;
    for (size_t i = 0; i < in->count; i++) {
        const struct top_row *row = &in->rows[order_in[i]];
        struct both *entry = &both[order_in[i]];
        *entry = (struct both){.frame = row->frame,
                               .inner = IDSET_NONE,
                               .weight_in = row_weight(in, row),
                               .samples_in = row->total_samples};
        int order = -1;
        while (at < rest->count &&
               (order = functions_compare(in->fold->dict, rest->rows[order_rest[at]].frame,
                                          row->frame)) < 0)
            at++;
        if (at < rest->count && order == 0) {
            entry->weight_out = row_weight(rest, &rest->rows[order_rest[at]]);
            entry->samples_out = rest->rows[order_rest[at]].total_samples;
        }
    }
    free(order_in);
    free(order_rest);
    return both;
}

static int compare_calls(const void *left, const void *right, void *arg)
{
    (void)arg;
    const struct call *a = left;
    const struct call *b = right;
    if (a->caller != b->caller)
        return a->caller < b->caller ? -1 : 1;
    return (a->callee > b->callee) - (a->callee < b->callee);
}

static bool is_nearly(uint64_t a, uint64_t b)
{
    uint64_t less = a < b ? a : b;
    uint64_t more = a < b ? b : a;
    return (double)less >= SAME * (double)more;
}

// Whether wrappers lead from one function to another: two that call each other in turn must not
// both be left to the other.
static bool leads_to(const struct both *both, uint32_t from, uint32_t to)
{
    while (from != to && both[from].inner != IDSET_NONE)
        from = both[from].inner;
    return from == to;
}

// Marks the functions that only wrap one callee.
static void mark_wrappers(struct both *both, const struct side *in)
{
    struct call *calls = xreallocarray(NULL, in->fold->count, sizeof *calls);
    size_t count = 0;
    for (uint32_t i = 1; i < in->fold->count && (i % FOLD_STEPS || !fold_is_canceled(in->fold));
         i++) {
        uint32_t caller = in->row_of[in->fold->nodes[i].parent];
        uint32_t callee = in->row_of[i];
        if (caller != IDSET_NONE && callee != IDSET_NONE && caller != callee)
            calls[count++] =
                (struct call){caller, callee, fold_total(in->fold, &in->fold->nodes[i])};
    }
    if (!sort_unless(in->fold->cancel, calls, count, sizeof *calls, compare_calls, NULL))
        count = 0;
    for (size_t i = 0; i < count;) {
        struct call call = calls[i];
        for (i++; i < count && !compare_calls(&calls[i], &call, NULL); i++)
            call.weight += calls[i].weight;
        struct both *caller = &both[call.caller];
        const struct both *callee = &both[call.callee];
        if ((double)call.weight >= SAME * (double)caller->weight_in &&
            is_nearly(caller->weight_in, callee->weight_in) &&
            is_nearly(caller->weight_out, callee->weight_out) &&
            !leads_to(both, call.callee, call.caller))
            caller->inner = call.callee;
    }
    free(calls);
}

static int compare_rows(const void *left, const void *right, void *dict)
{
    const struct why_row *a = left;
    const struct why_row *b = right;
    if (a->low != b->low)
        return a->low < b->low ? 1 : -1;
    return functions_compare(dict, a->frame, b->frame);
}

static double share(uint64_t weight, uint64_t total)
{
    return total ? fmin(1, (double)weight / (double)total) : 0;
}

void why_of_folds(struct why *out, const struct fold *in, const struct fold *rest)
{
    *out = (struct why){.samples_in = in->totals.samples, .samples_out = rest->totals.samples};
    out->too_few = out->samples_in < WHY_MIN_SAMPLES || out->samples_out < WHY_MIN_SAMPLES;
    if (!out->samples_in)
        return;
    struct side side_in;
    struct side side_rest;
    side_init(&side_in, in);
    side_init(&side_rest, rest);
    struct both *both = join(&side_in, &side_rest);
    mark_wrappers(both, &side_in);
    out->rows = xreallocarray(NULL, side_in.count, sizeof *out->rows);
    for (size_t i = 0; i < side_in.count; i++) {
        struct why_row row = {.frame = both[i].frame,
                              .share_in = share(both[i].weight_in, side_in.total),
                              .share_out = share(both[i].weight_out, side_rest.total),
                              .samples_in = both[i].samples_in,
                              .samples_out = both[i].samples_out};
        if (both[i].inner != IDSET_NONE || row.share_in <= row.share_out)
            continue;
        proportion_difference(&row.low, &row.high, proportion_of(row.share_in, out->samples_in),
                              proportion_of(row.share_out, out->samples_out));
        out->rows[out->count++] = row;
    }
    (void)sort_unless(in->cancel, out->rows, out->count, sizeof *out->rows, compare_rows,
                      (void *)in->dict);
    free(both);
    side_dispose(&side_in);
    side_dispose(&side_rest);
}

void why_dispose(struct why *why)
{
    free(why->rows);
    *why = (struct why){0};
}
