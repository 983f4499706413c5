// From weights on call paths to a tree in order.
//
// Touched paths are marked in a bitmap, so that their ranks in it are a dense numbering in which
// parents come first; one backward sweep adds children into parents. Pushing the paths onto their
// parents' lists in descending order of names leaves every list in ascending order.
#include "analysis/fold_build.h"

#include "proto/alloc.h"

#include <stdlib.h>
#include <string.h>

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

static void mark(struct touched *touched, const struct callpaths *callpaths,
                 const struct path_weight *weights, size_t count)
{
    touched->words = callpaths->path_count / 64 + 1;
    touched->bits = xcalloc(touched->words, sizeof *touched->bits);
    touched->before = xmalloc(touched->words * sizeof *touched->before);
    touched->bits[0] = 1; // the root is always there
    for (size_t i = 0; i < count; i++) {
        for (uint32_t path = weights[i].path; !(touched->bits[path / 64] >> path % 64 & 1);
             path = callpaths->paths[path].parent)
            touched->bits[path / 64] |= UINT64_C(1) << path % 64;
    }
    for (size_t i = 0; i < touched->words; i++) {
        touched->before[i] = (uint32_t)touched->count;
        touched->count += (size_t)__builtin_popcountll(touched->bits[i]);
    }
}

// The touched paths as nodes, numbered by rank: self, then totals in one backward sweep.
static struct fold_node *weigh(const struct touched *touched, const struct callpaths *callpaths,
                               const struct path_weight *weights, size_t count)
{
    struct fold_node *nodes = xcalloc(touched->count, sizeof *nodes);
    uint32_t at = 0;
    for (size_t word = 0; word < touched->words; word++) {
        for (uint64_t bits = touched->bits[word]; bits; bits &= bits - 1) {
            uint32_t path = (uint32_t)(word * 64 + (size_t)__builtin_ctzll(bits));
            nodes[at].parent = touched_rank(touched, callpaths->paths[path].parent);
            nodes[at++].frame = callpaths->paths[path].function; // as yet
        }
    }
    for (size_t i = 0; i < count; i++) {
        struct fold_node *node = &nodes[touched_rank(touched, weights[i].path)];
        node->self_samples += weights[i].samples;
        node->self_value += weights[i].value;
    }
    for (size_t i = touched->count; i-- > 0;) {
        nodes[i].total_samples += nodes[i].self_samples;
        nodes[i].total_value += nodes[i].self_value;
        if (i) {
            nodes[nodes[i].parent].total_samples += nodes[i].total_samples;
            nodes[nodes[i].parent].total_value += nodes[i].total_value;
        }
    }
    return nodes;
}

// Indices of all nodes but the root by ascending rank of their functions' names: a radix sort.
static uint32_t *order_by_name(const struct fold_node *nodes, size_t count,
                               const struct callpaths *callpaths)
{
    enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };
    uint32_t *order = xreallocarray(NULL, count, sizeof *order);
    uint32_t *other = xreallocarray(NULL, count, sizeof *other);
    for (uint32_t i = 1; i < count; i++)
        order[i - 1] = i;
    for (unsigned shift = 0; callpaths->function_count >> shift; shift += DIGIT_BITS) {
        uint32_t starts[DIGITS + 1] = {0};
        for (size_t i = 1; i < count; i++)
            starts[(callpaths->rank[nodes[i].frame] >> shift) % DIGITS + 1]++;
        for (size_t digit = 1; digit < DIGITS; digit++)
            starts[digit] += starts[digit - 1];
        for (size_t i = 0; i + 1 < count; i++) {
            uint32_t digit = (callpaths->rank[nodes[order[i]].frame] >> shift) % DIGITS;
            other[starts[digit]++] = order[i];
        }
        uint32_t *swap = order;
        order = other;
        other = swap;
    }
    free(other);
    return order;
}

// Renumbers depth first, children by name.
static struct fold_node *arrange(const struct fold_node *nodes, size_t count,
                                 const struct callpaths *callpaths)
{
    uint32_t *order = order_by_name(nodes, count, callpaths);
    uint32_t *child = xcalloc(count, sizeof *child); // 0: none
    uint32_t *sibling = xcalloc(count, sizeof *sibling);
    for (size_t i = count - 1; i-- > 0;) {
        uint32_t parent = nodes[order[i]].parent;
        sibling[order[i]] = child[parent];
        child[parent] = order[i];
    }
    struct fold_node *out = xreallocarray(NULL, count, sizeof *out);
    uint32_t *number = order; // of each node in the new order; `order` has been used up
    uint32_t next = 0;
    for (uint32_t at = 0;;) {
        number[at] = next;
        out[next] = nodes[at];
        out[next].parent = number[nodes[at].parent];
        out[next].frame = at ? callpaths->frame_of[nodes[at].frame] : IDSET_NONE;
        next++;
        if (child[at]) {
            at = child[at];
            continue;
        }
        while (at && !sibling[at])
            at = nodes[at].parent;
        if (!at)
            break;
        at = sibling[at];
    }
    free(order);
    free(child);
    free(sibling);
    return out;
}

void fold_build(struct fold *out, struct callpaths *callpaths, const struct path_weight *weights,
                size_t count)
{
    callpaths_rank(callpaths);
    struct touched touched = {0};
    mark(&touched, callpaths, weights, count);
    struct fold_node *nodes = weigh(&touched, callpaths, weights, count);
    out->dict = callpaths->dict;
    out->nodes = arrange(nodes, touched.count, callpaths);
    out->count = out->capacity = touched.count;
    free(nodes);
    free(touched.bits);
    free(touched.before);
}
