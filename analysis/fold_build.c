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

// A touched path while it is worked on; `function` orders it.
struct branch {
    uint32_t parent, function;
    uint64_t self_samples, total_samples, self_value, total_value;
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
        for (uint32_t path = weights[i].of; !(touched->bits[path / 64] >> path % 64 & 1);
             path = callpaths->paths[path].parent)
            touched->bits[path / 64] |= UINT64_C(1) << path % 64;
    }
    for (size_t i = 0; i < touched->words; i++) {
        touched->before[i] = (uint32_t)touched->count;
        touched->count += (size_t)__builtin_popcountll(touched->bits[i]);
    }
}

// The touched paths, numbered by rank: self, then totals in one backward sweep.
static struct branch *weigh(const struct touched *touched, struct callpaths *callpaths,
                            const struct weight *weights, size_t count)
{
    struct branch *branches =
        scratch_take(&callpaths->scratch[CALLPATHS_BRANCHES], touched->count * sizeof *branches);
    uint32_t at = 0;
    for (size_t word = 0; word < touched->words; word++) {
        for (uint64_t bits = touched->bits[word]; bits; bits &= bits - 1) {
            size_t path = word * 64 + (size_t)__builtin_ctzll(bits);
            branches[at++] =
                (struct branch){.parent = touched_rank(touched, callpaths->paths[path].parent),
                                .function = callpaths->paths[path].function};
        }
    }
    for (size_t i = 0; i < count; i++) {
        struct branch *branch = &branches[touched_rank(touched, weights[i].of)];
        branch->self_samples += weights[i].samples;
        branch->self_value += weights[i].value;
    }
    for (size_t i = touched->count; i-- > 0;) {
        struct branch *branch = &branches[i];
        branch->total_samples += branch->self_samples;
        branch->total_value += branch->self_value;
        if (i) {
            branches[branch->parent].total_samples += branch->total_samples;
            branches[branch->parent].total_value += branch->total_value;
        }
    }
    return branches;
}

// Children as linked lists in ascending order of names; 0 ends a list.
struct links {
    uint32_t *child, *sibling;
};

// The touched paths, without the root, by ascending rank of their functions' names.
static const uint32_t *order_by_name(struct callpaths *callpaths, const struct branch *branches,
                                     size_t count)
{
    struct scratch *scratch = callpaths->scratch;
    size_t functions = callpaths->function_count;
    uint32_t *order = scratch_take(&scratch[CALLPATHS_ORDER], count * sizeof *order);
    uint32_t *starts =
        scratch_take_zeroed(&scratch[CALLPATHS_STARTS], (functions + 1) * sizeof *starts);
    for (size_t i = 1; i < count; i++)
        starts[callpaths->rank[branches[i].function] + 1]++;
    for (size_t i = 0; i < functions; i++)
        starts[i + 1] += starts[i];
    for (uint32_t i = 1; i < count; i++)
        order[starts[callpaths->rank[branches[i].function]]++] = i;
    return order;
}

static void link_children(struct links *links, struct callpaths *callpaths,
                          const struct branch *branches, size_t count)
{
    const uint32_t *order = order_by_name(callpaths, branches, count);
    links->child =
        scratch_take_zeroed(&callpaths->scratch[CALLPATHS_LINKS], 2 * count * sizeof *links->child);
    links->sibling = links->child + count;
    for (size_t i = count - 1; i-- > 0;) {
        uint32_t at = order[i];
        links->sibling[at] = links->child[branches[at].parent];
        links->child[branches[at].parent] = at;
    }
}

// Numbers depth first.
static void emit(struct fold *out, struct callpaths *callpaths, const struct links *links,
                 const struct branch *branches, size_t count)
{
    // The order has been used up: its place is taken by the new numbers.
    uint32_t *number = scratch_take(&callpaths->scratch[CALLPATHS_ORDER], count * sizeof *number);
    out->nodes = xreallocarray(NULL, count, sizeof *out->nodes);
    out->count = out->capacity = count;
    uint32_t next = 0;
    for (uint32_t at = 0;;) {
        const struct branch *branch = &branches[at];
        number[at] = next;
        out->nodes[next++] =
            (struct fold_node){.parent = number[branch->parent],
                               .frame = at ? callpaths->frame_of[branch->function] : IDSET_NONE,
                               .self_samples = branch->self_samples,
                               .total_samples = branch->total_samples,
                               .self_value = branch->self_value,
                               .total_value = branch->total_value};
        if (links->child[at]) {
            at = links->child[at];
            continue;
        }
        while (at && !links->sibling[at])
            at = branches[at].parent;
        if (!at)
            return;
        at = links->sibling[at];
    }
}

void fold_build(struct fold *out, struct callpaths *callpaths, const struct weight *weights,
                size_t count)
{
    struct touched touched = {0};
    struct links links;
    callpaths_rank(callpaths);
    mark(&touched, callpaths, weights, count);
    struct branch *branches = weigh(&touched, callpaths, weights, count);
    link_children(&links, callpaths, branches, touched.count);
    out->dict = callpaths->dict;
    emit(out, callpaths, &links, branches, touched.count);
    for (size_t i = 0; i < CALLPATHS_SCRATCH; i++)
        scratch_put(&callpaths->scratch[i]);
}
