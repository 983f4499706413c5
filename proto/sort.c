// Pieces are sorted at once, then merged two by two; the flag is looked at every few thousand
// items.
#include "proto/sort.h"

#include "proto/alloc.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE = 1 << 12 };

struct order {
    const atomic_bool *cancel;
    size_t count, size;
    sort_compare_fn *compare;
    void *arg;
};

static bool is_canceled(const atomic_bool *cancel)
{
    return cancel && atomic_load_explicit(cancel, memory_order_relaxed);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

// Of two neighbours, each in order: items[from, middle) and items[middle, end).
static bool merge(const struct order *order, char *to, const char *items, size_t from,
                  size_t middle, size_t end)
{
    size_t left = from, right = middle, size = order->size;
    for (size_t at = from; at < end; at++) {
        if (at % PIECE == 0 && is_canceled(order->cancel))
            return false;
        bool takes_left = left < middle &&
                          (right == end || order->compare(items + left * size, items + right * size,
                                                          order->arg) <= 0);
        memcpy(to + at * size, items + (takes_left ? left++ : right++) * size, size);
    }
    return true;
}

// Runs of `length` become runs of twice that.
static bool merge_all(const struct order *order, char *to, const char *items, size_t length)
{
    bool whole = true;
    for (size_t from = 0; from < order->count && whole; from += 2 * length)
        whole = merge(order, to, items, from, least(from + length, order->count),
                      least(from + 2 * length, order->count));
    return whole;
}

bool sort_unless(const atomic_bool *cancel, void *items, size_t count, size_t size,
                 sort_compare_fn *compare, void *arg)
{
    const struct order order = {cancel, count, size, compare, arg};
    bool whole = !is_canceled(cancel);
    for (size_t from = 0; from < count && whole; from += PIECE) {
        qsort_r((char *)items + from * size, least(PIECE, count - from), size, compare, arg);
        whole = !is_canceled(cancel);
    }
    if (!whole || count <= PIECE)
        return whole;
    char *other = xreallocarray(NULL, count, size), *from = items, *to = other;
    for (size_t length = PIECE; length < count && whole; length *= 2) {
        whole = merge_all(&order, to, from, length);
        char *swap = from;
        from = to;
        to = swap;
    }
    if (from != (char *)items)
        memcpy(items, from, count * size);
    free(other);
    return whole;
}
