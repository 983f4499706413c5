// Sorting that Ctrl-C can stop.
#ifndef FLICKER_PROTO_SORT_H
#define FLICKER_PROTO_SORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

typedef int sort_compare_fn(const void *left, const void *right, void *arg);

// As qsort_r. False, and the items in any order, soon after *cancel (may be NULL) was set.
bool sort_unless(const atomic_bool *cancel, void *items, size_t count, size_t size,
                 sort_compare_fn *compare, void *arg);

#endif
