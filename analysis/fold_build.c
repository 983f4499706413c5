// From weights on call paths to a tree in order.
//
// A fold that touches much of the index goes through all of it in the order that the index keeps,
// which is the fold's own: sums from the back, then nodes from the front. Of a small one the
// touched paths are marked in a bitmap, so that their ranks in it are a dense numbering, and put in
// order.
#include "analysis/fold_build.h"

#include "proto/alloc.h"

#include <stdlib.h>
#include <string.h>

enum {
    // To put all paths in order is not more work than to do it for so many of them.
    ORDER_FROM_SHARE = 4,
    // Going through all paths is not more work than to order so many of them.
    USE_FROM_SHARE = 16,
};

// --- a large fold --------------------------------------------------------------------------------

// What each path of an index has, by place in its order.
struct sums {
    uint64_t *self, *total;
};

static void sums_take(struct sums *sums, struct scratch *scratch, size_t count)
{
    sums->self = scratch_take_zeroed(scratch, 2 * count * sizeof *sums->self);
    sums->total = sums->self + count;
}

// Children into parents; returns how many paths have something.
static size_t add_up_places(const struct sums *sums, const struct path_order *order)
{
    size_t some = 0;
    for (size_t i = order->count; i-- > 1;) {
        uint64_t total = sums->total[i] += sums->self[i];
        sums->total[order->paths[i].parent] += total;
        some += total != 0;
    }
    sums->total[0] += sums->self[0];
    return some + 1; // the root is always there
}

// Spreads weights over the places. Values are usually samples times one constant: then only that is
// found out, in *each; false when they are not.
static bool spread(const struct fold *out, const struct sums *samples,
                   const struct path_order *order, const struct weight *weights, size_t count,
                   uint64_t *each)
{
    bool constant = true;
    *each = count && weights[0].samples ? weights[0].value / weights[0].samples : 0;
    for (size_t i = 0; i < count && (i % FOLD_STEPS || !fold_is_canceled(out)); i++) {
        samples->self[order->place_of[weights[i].of]] += weights[i].samples;
        constant &= weights[i].value == weights[i].samples * *each;
    }
    return constant;
}

static void emit(struct fold *out, const struct callpaths *callpaths, const struct sums *samples,
                 const struct sums *values, uint64_t each)
{
    const struct path_order *order = &callpaths->order;
    uint64_t *number = samples->self; // in the place of what has been used
    struct fold_node *node = out->nodes;
    for (size_t i = 0; i < order->count; i++) {
        if (i % FOLD_STEPS == 0 && fold_is_canceled(out)) {
            free(out->nodes);
            out->nodes = NULL;
            return;
        }
        uint64_t self = samples->self[i], total = samples->total[i];
        if (!total && i)
            continue;
        number[i] = (uint64_t)(node - out->nodes);
        *node++ = (struct fold_node){
            .parent = (uint32_t)number[order->paths[i].parent],
            .frame = i ? callpaths->frame_of[order->paths[i].function] : IDSET_NONE,
            .self_samples = self,
            .total_samples = total,
            .self_value = values->self ? values->self[i] : self * each,
            .total_value = values->self ? values->total[i] : total * each,
        };
    }
}

static void build_in_order(struct fold *out, struct callpaths *callpaths,
                           const struct weight *weights, size_t count)
{
    const struct path_order *order = &callpaths->order;
    struct sums samples, values = {0};
    uint64_t each;
    sums_take(&samples, &callpaths->scratch[CALLPATHS_SAMPLES], order->count);
    if (!spread(out, &samples, order, weights, count, &each)) {
        sums_take(&values, &callpaths->scratch[CALLPATHS_VALUES], order->count);
        for (size_t i = 0; i < count; i++)
            values.self[order->place_of[weights[i].of]] += weights[i].value;
        add_up_places(&values, order);
    }
    if (fold_is_canceled(out))
        return;
    out->count = out->capacity = add_up_places(&samples, order);
    out->nodes = xreallocarray(NULL, out->count, sizeof *out->nodes);
    emit(out, callpaths, &samples, &values, each);
}

// --- a small fold --------------------------------------------------------------------------------

struct touched {
    uint64_t *bits;
    uint32_t *before; // how many paths are marked before each word
    size_t words, count;
};

static uint32_t touched_rank(const struct touched *touched, uint32_t path)
{
    uint64_t below = touched->bits[path / 64] & ((UINT64_C(1) << path % 64) - 1);
    return touched->before[path / 64] + (uint32_t)__builtin_popcountll(below);
}

static void mark(struct touched *touched, struct callpaths *callpaths, const struct weight *weights,
                 size_t count)
{
    touched->words = callpaths->path_count / 64 + 1;
    touched->bits = scratch_take_zeroed(&callpaths->scratch[CALLPATHS_BITS],
                                        touched->words * sizeof *touched->bits);
    touched->before = scratch_take(&callpaths->scratch[CALLPATHS_BEFORE],
                                   touched->words * sizeof *touched->before);
    touched->bits[0] = 1; // the root is always there
    for (size_t i = 0; i < count; i++) {
        for (uint32_t path = weights[i].samples ? weights[i].of : 0;
             !(touched->bits[path / 64] >> path % 64 & 1); path = callpaths->paths[path].parent)
            touched->bits[path / 64] |= UINT64_C(1) << path % 64;
    }
    for (size_t i = 0; i < touched->words; i++) {
        touched->before[i] = (uint32_t)touched->count;
        touched->count += (size_t)__builtin_popcountll(touched->bits[i]);
    }
}

// The touched paths by rank; their parents are ranks, too.
static struct callpath *take_branches(const struct touched *touched, struct callpaths *callpaths)
{
    struct callpath *branches =
        scratch_take(&callpaths->scratch[CALLPATHS_BRANCHES], touched->count * sizeof *branches);
    uint32_t at = 0;
    for (size_t word = 0; word < touched->words; word++) {
        for (uint64_t bits = touched->bits[word]; bits; bits &= bits - 1) {
            const struct callpath *path =
                &callpaths->paths[word * 64 + (size_t)__builtin_ctzll(bits)];
            branches[at++] = (struct callpath){touched_rank(touched, path->parent), path->function};
        }
    }
    return branches;
}

// Totals in one backward sweep.
static void add_up_nodes(struct fold *out)
{
    for (size_t i = out->count; i-- > 0;) {
        struct fold_node *node = &out->nodes[i];
        node->total_samples += node->self_samples;
        node->total_value += node->self_value;
        if (i) {
            out->nodes[node->parent].total_samples += node->total_samples;
            out->nodes[node->parent].total_value += node->total_value;
        }
    }
}

static void build_touched(struct fold *out, struct callpaths *callpaths,
                          const struct weight *weights, size_t count)
{
    struct touched touched = {0};
    mark(&touched, callpaths, weights, count);
    if (fold_is_canceled(out))
        return;
    const struct callpath *branches = take_branches(&touched, callpaths);
    const uint32_t *number = path_order_number(branches, touched.count, callpaths->rank,
                                               callpaths->function_count, callpaths->order_scratch);
    if (fold_is_canceled(out))
        return;
    out->nodes = xreallocarray(NULL, touched.count, sizeof *out->nodes);
    out->count = out->capacity = touched.count;
    for (size_t i = 0; i < touched.count; i++) {
        out->nodes[number[i]] = (struct fold_node){
            .parent = number[branches[i].parent],
            .frame = i ? callpaths->frame_of[branches[i].function] : IDSET_NONE,
        };
    }
    for (size_t i = 0; i < count; i++) {
        if (!weights[i].samples)
            continue;
        struct fold_node *node = &out->nodes[number[touched_rank(&touched, weights[i].of)]];
        node->self_samples += weights[i].samples;
        node->self_value += weights[i].value;
    }
    add_up_nodes(out);
}

static void build(struct fold *out, struct callpaths *callpaths, const struct weight *weights,
                  size_t count)
{
    if (!callpaths_rank_unless(callpaths, out->cancel))
        return;
    if (count >= callpaths->path_count / ORDER_FROM_SHARE && !fold_is_canceled(out))
        callpaths_order(callpaths);
    bool in_order = callpaths->order.count == callpaths->path_count &&
                    count >= callpaths->path_count / USE_FROM_SHARE;
    if (fold_is_canceled(out))
        return;
    if (in_order)
        build_in_order(out, callpaths, weights, count);
    else
        build_touched(out, callpaths, weights, count);
}

void fold_build(struct fold *out, struct callpaths *callpaths, const struct weight *weights,
                size_t count)
{
    out->dict = callpaths->dict;
    out->nodes = NULL;
    if (!fold_is_canceled(out))
        build(out, callpaths, weights, count);
    if (!out->nodes) { // canceled
        out->nodes = xcalloc(1, sizeof *out->nodes);
        out->nodes[0].frame = IDSET_NONE;
        out->count = out->capacity = 1;
    }
    for (size_t i = 0; i < CALLPATHS_SCRATCH; i++)
        scratch_put(&callpaths->scratch[i]);
    for (size_t i = 0; i < PATH_ORDER_SCRATCH; i++)
        scratch_put(&callpaths->order_scratch[i]);
}
