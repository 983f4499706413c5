// Chunks of packed numbers.
#include "proto/packed.h"

#include "proto/alloc.h"

#include <stdlib.h>

enum { FIRST_BYTES = 256, MOST_BYTES = 64 << 10 };

void packed_dispose(struct packed *packed)
{
    while (packed->first)
        packed_drop_chunk(packed);
    *packed = (struct packed){0};
}

void packed_add_chunk(struct packed *packed)
{
    size_t bytes = packed->last ? packed->last->capacity * 4 : FIRST_BYTES;
    bytes = bytes < MOST_BYTES ? bytes : MOST_BYTES;
    struct packed_chunk *chunk = xmalloc(sizeof *chunk + bytes);
    chunk->next = NULL;
    chunk->len = chunk->count = 0;
    chunk->capacity = bytes;
    if (packed->last)
        packed->last->next = chunk;
    else
        packed->first = chunk;
    packed->last = chunk;
}

void packed_drop_chunk(struct packed *packed)
{
    struct packed_chunk *chunk = packed->first;
    packed->first = chunk->next;
    if (!packed->first)
        packed->last = NULL;
    packed->read = 0;
    free(chunk);
}
