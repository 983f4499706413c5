// A radix sort from the lowest digit: as many passes as the largest key has digits.
#include "analysis/radix.h"

#include <string.h>

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS, INSERTION_MOST = 24 };

static void insertion_sort(struct radix_item *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct radix_item item = items[i];
        size_t at = i;
        for (; at && items[at - 1].key > item.key; at--)
            items[at] = items[at - 1];
        items[at] = item;
    }
}

void radix_sort(struct radix_item *items, struct radix_item *other, size_t count, uint64_t most)
{
    if (count <= INSERTION_MOST) {
        insertion_sort(items, count);
        return;
    }
    struct radix_item *from = items;
    struct radix_item *to = other;
    for (unsigned shift = 0; shift < 64 && most >> shift; shift += DIGIT_BITS) {
        size_t starts[DIGITS + 1] = {0};
        for (size_t i = 0; i < count; i++)
            starts[(from[i].key >> shift) % DIGITS + 1]++;
        for (size_t digit = 1; digit < DIGITS; digit++)
            starts[digit] += starts[digit - 1];
        for (size_t i = 0; i < count; i++)
            to[starts[(from[i].key >> shift) % DIGITS]++] = from[i];
        struct radix_item *swap = from;
        from = to;
        to = swap;
    }
    if (from != items)
        memcpy(items, from, count * sizeof *items);
}
