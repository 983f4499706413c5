// Sorting by integer keys.
#ifndef FLICKER_ANALYSIS_RADIX_H
#define FLICKER_ANALYSIS_RADIX_H

#include <stddef.h>
#include <stdint.h>

struct radix_item {
    uint64_t key;
    uint32_t value;
};

// Sorts by key, stable; no key is above `most`. `other` is room for as many items.
void radix_sort(struct radix_item *items, struct radix_item *other, size_t count, uint64_t most);

#endif
