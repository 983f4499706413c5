// Numbering depth first without a walk: a path's number is its parent's, one, and the sizes of the
// subtrees of the siblings before it. Sizes are one backward sweep; taking all paths in the order
// of names adds up what each parent's earlier children take; numbers are one forward sweep.
#include "analysis/path_order.h"

#include <string.h>

// The paths, without the root, by ascending rank.
static const uint32_t *sort_by_rank(const struct callpath *paths, size_t count,
                                    const uint32_t *rank, size_t ranks, struct scratch *scratch)
{
    uint32_t *sorted = scratch_take(&scratch[PATH_ORDER_SORTED], count * sizeof *sorted);
    uint32_t *starts =
        scratch_take_zeroed(&scratch[PATH_ORDER_STARTS], (ranks + 1) * sizeof *starts);
    for (size_t i = 1; i < count; i++)
        starts[rank[paths[i].function] + 1]++;
    for (size_t i = 0; i < ranks; i++)
        starts[i + 1] += starts[i];
    for (uint32_t i = 1; i < count; i++)
        sorted[starts[rank[paths[i].function]]++] = i;
    return sorted;
}

// How many paths are in the subtree of each.
static const uint32_t *measure(const struct callpath *paths, size_t count, struct scratch *scratch)
{
    uint32_t *sizes = scratch_take(&scratch[PATH_ORDER_SIZES], count * sizeof *sizes);
    for (size_t i = 0; i < count; i++)
        sizes[i] = 1;
    for (size_t i = count; i-- > 1;)
        sizes[paths[i].parent] += sizes[i];
    return sizes;
}

uint32_t *path_order_number(const struct callpath *paths, size_t count, const uint32_t *rank,
                            size_t ranks, struct scratch scratch[PATH_ORDER_SCRATCH])
{
    const uint32_t *sizes = measure(paths, count, scratch);
    const uint32_t *sorted = sort_by_rank(paths, count, rank, ranks, scratch);
    uint32_t *taken = scratch_take_zeroed(&scratch[PATH_ORDER_TAKEN], count * sizeof *taken);
    uint32_t *numbers = scratch_take(&scratch[PATH_ORDER_NUMBERS], count * sizeof *numbers);
    for (size_t i = 0; i + 1 < count; i++) {
        uint32_t at = sorted[i];
        uint32_t *before = &taken[paths[at].parent];
        numbers[at] = *before + 1;
        *before += sizes[at];
    }
    numbers[0] = 0;
    for (size_t i = 1; i < count; i++)
        numbers[i] += numbers[paths[i].parent];
    return numbers;
}

void path_order_make(struct path_order *order, const struct callpath *paths, size_t count,
                     const uint32_t *rank, size_t ranks, struct scratch scratch[PATH_ORDER_SCRATCH])
{
    const uint32_t *numbers = path_order_number(paths, count, rank, ranks, scratch);
    order->place_of = scratch_take(&order->places, count * sizeof *order->place_of);
    order->paths = scratch_take(&order->ordered, count * sizeof *order->paths);
    memcpy(order->place_of, numbers, count * sizeof *numbers);
    for (size_t i = 0; i < count; i++)
        order->paths[numbers[i]] = (struct callpath){numbers[paths[i].parent], paths[i].function};
    order->count = count;
}

void path_order_dispose(struct path_order *order)
{
    scratch_dispose(&order->places);
    scratch_dispose(&order->ordered);
    *order = (struct path_order){0};
}

size_t path_order_bytes(const struct path_order *order)
{
    return order->places.bytes + order->ordered.bytes;
}
