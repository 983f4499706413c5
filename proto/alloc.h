// Allocation on the control path: out of memory aborts, with one line on stderr.
//
// The sample path works in bounded memory instead: full means evict and count.
#ifndef FLICKER_PROTO_ALLOC_H
#define FLICKER_PROTO_ALLOC_H

#include <stddef.h>

// libiberty, which demangles names, has functions of these names too; the linker must see two sets.
#define xmalloc   flicker_xmalloc
#define xcalloc   flicker_xcalloc
#define xstrdup   flicker_xstrdup
#define xstrndup  flicker_xstrndup
#define xasprintf flicker_xasprintf

void *xmalloc(size_t bytes) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t bytes) __attribute__((malloc, returns_nonnull));
void *xreallocarray(void *old, size_t count, size_t bytes) __attribute__((returns_nonnull));
// Zeroed, and all of it will be written to soon, at places that nobody can foretell: where that is
// much, its pages are made at once, which takes half the time of a fault for each.
void *xcalloc_filled(size_t count, size_t bytes) __attribute__((malloc, returns_nonnull));
char *xstrdup(const char *text) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *text, size_t len) __attribute__((malloc, returns_nonnull));
// A formatted string on the heap; the caller frees it.
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

// Grows *array (elements of element_bytes) so that it holds at least `needed`; *capacity is in
// elements. Doubles, so that appending is amortised O(1).
void array_reserve_bytes(void **array, size_t *capacity, size_t needed, size_t element_bytes);
#define array_reserve(array, capacity, needed)                                                     \
    array_reserve_bytes((void **)(array), capacity, needed, sizeof **(array))

#endif
