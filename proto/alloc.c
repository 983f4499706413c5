// Allocation that aborts when memory is out, and the growing of plain arrays.
#include "proto/alloc.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { FILL_FROM_BYTES = 128 << 10, FILL_PAGE = 4096 };

static void *or_abort(void *memory, size_t bytes)
{
    if (memory)
        return memory;
    fprintf(stderr, "flicker: out of memory (%zu bytes)\n", bytes);
    abort();
}

void *xmalloc(size_t bytes)
{
    return or_abort(malloc(bytes ? bytes : 1), bytes);
}

void *xcalloc(size_t count, size_t bytes)
{
    return or_abort(calloc(count ? count : 1, bytes ? bytes : 1), count * bytes);
}

void *xcalloc_filled(size_t count, size_t bytes)
{
    void *memory = xcalloc(count, bytes);
#ifdef MADV_POPULATE_WRITE
    uintptr_t page = FILL_PAGE, start = ((uintptr_t)memory + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)memory + count * bytes) / page * page;
    if (count * bytes >= FILL_FROM_BYTES) // a kernel that does not know it, or page, faults later
        (void)madvise((void *)start, end - start, MADV_POPULATE_WRITE);
#endif
    return memory;
}

void *xreallocarray(void *old, size_t count, size_t bytes)
{
    return or_abort(reallocarray(old, count ? count : 1, bytes ? bytes : 1), count * bytes);
}

char *xstrdup(const char *text)
{
    return or_abort(strdup(text), strlen(text));
}

char *xstrndup(const char *text, size_t len)
{
    return or_abort(strndup(text, len), len);
}

char *xasprintf(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    return or_abort(len < 0 ? NULL : text, 0);
}

void array_reserve_bytes(void **array, size_t *capacity, size_t needed, size_t element_bytes)
{
    if (needed <= *capacity)
        return;
    size_t wanted = *capacity ? *capacity : 16;
    while (wanted < needed)
        wanted = wanted > SIZE_MAX / 2 ? needed : wanted * 2;
    *array = xreallocarray(*array, wanted, element_bytes);
    *capacity = wanted;
}
