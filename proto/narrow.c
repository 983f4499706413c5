// Columns of numbers in blocks of one width.
#include "proto/narrow.h"

#include "proto/alloc.h"

#include <stdlib.h>
#include <string.h>

// A block is a byte that tells the width, then the numbers.
struct narrow_chunk {
    struct narrow_chunk *next;
    size_t len, capacity;
    uint8_t bytes[];
};

enum {
    BLOCK_BYTES = 1 + NARROW_BLOCK * sizeof(uint64_t),
    FIRST_BYTES = BLOCK_BYTES,
    MOST_BYTES = 64 << 10,
};

static void drop_chunk(struct narrow *narrow)
{
    struct narrow_chunk *chunk = narrow->first;
    narrow->first = chunk->next;
    if (!narrow->first)
        narrow->last = NULL;
    narrow->read = 0;
    free(chunk);
}

void narrow_clear(struct narrow *narrow)
{
    while (narrow->first)
        drop_chunk(narrow);
    narrow->count = 0;
    narrow->head_at = narrow->head_count = narrow->tail_count = 0;
}

static struct narrow_chunk *chunk_with_room(struct narrow *narrow)
{
    struct narrow_chunk *last = narrow->last;
    if (last && last->capacity - last->len >= BLOCK_BYTES)
        return last;
    size_t bytes = last ? last->capacity * 4 : FIRST_BYTES;
    bytes = bytes < MOST_BYTES ? bytes : MOST_BYTES;
    struct narrow_chunk *chunk = xmalloc(sizeof *chunk + bytes);
    *chunk = (struct narrow_chunk){.capacity = bytes};
    if (last)
        last->next = chunk;
    else
        narrow->first = chunk;
    return narrow->last = chunk;
}

#define PACK(type)                                                                                 \
    do {                                                                                           \
        type narrowed[NARROW_BLOCK];                                                               \
        for (unsigned i = 0; i < NARROW_BLOCK; i++)                                                \
            narrowed[i] = (type)values[i];                                                         \
        memcpy(out + 1, narrowed, sizeof narrowed);                                                \
        out[0] = sizeof(type);                                                                     \
    } while (0)

static void pack(struct narrow *narrow, const uint64_t *values)
{
    struct narrow_chunk *chunk = chunk_with_room(narrow);
    uint8_t *out = chunk->bytes + chunk->len;
    uint64_t any = 0;
    for (unsigned i = 0; i < NARROW_BLOCK; i++)
        any |= values[i];
    if (any <= UINT8_MAX)
        PACK(uint8_t);
    else if (any <= UINT16_MAX)
        PACK(uint16_t);
    else if (any <= UINT32_MAX)
        PACK(uint32_t);
    else
        PACK(uint64_t);
    chunk->len += 1 + (size_t)out[0] * NARROW_BLOCK;
}

#define UNPACK(type)                                                                               \
    do {                                                                                           \
        type narrowed[NARROW_BLOCK];                                                               \
        memcpy(narrowed, in + 1, sizeof narrowed);                                                 \
        for (unsigned i = 0; i < NARROW_BLOCK; i++)                                                \
            out[i] = narrowed[i];                                                                  \
    } while (0)

// The oldest block of the chunks.
static void unpack(struct narrow *narrow, uint64_t *out)
{
    const uint8_t *in = narrow->first->bytes + narrow->read;
    if (in[0] == sizeof(uint8_t))
        UNPACK(uint8_t);
    else if (in[0] == sizeof(uint16_t))
        UNPACK(uint16_t);
    else if (in[0] == sizeof(uint32_t))
        UNPACK(uint32_t);
    else
        UNPACK(uint64_t);
    narrow->read += 1 + (size_t)in[0] * NARROW_BLOCK;
    if (narrow->read == narrow->first->len)
        drop_chunk(narrow);
}

void narrow_pack(struct narrow *narrow)
{
    pack(narrow, narrow->tail);
    narrow->tail_count = 0;
}

void narrow_add_many(struct narrow *narrow, const uint64_t *values, size_t count)
{
    narrow->count += count;
    while (count) {
        size_t room = NARROW_BLOCK - narrow->tail_count, some = count < room ? count : room;
        if (some == NARROW_BLOCK) {
            pack(narrow, values);
        } else {
            memcpy(narrow->tail + narrow->tail_count, values, some * sizeof *values);
            narrow->tail_count += (uint32_t)some;
            if (narrow->tail_count == NARROW_BLOCK)
                narrow_pack(narrow);
        }
        values += some;
        count -= some;
    }
}

// Unpacks what comes next, once the head is used up.
static void fill_head(struct narrow *narrow)
{
    narrow->head_at = 0;
    if (narrow->first) {
        unpack(narrow, narrow->head);
        narrow->head_count = NARROW_BLOCK;
        return;
    }
    memcpy(narrow->head, narrow->tail, narrow->tail_count * sizeof *narrow->tail);
    narrow->head_count = narrow->tail_count;
    narrow->tail_count = 0;
}

void narrow_take_many(struct narrow *narrow, uint64_t *out, size_t count)
{
    narrow->count -= count;
    while (count) {
        size_t left = narrow->head_count - narrow->head_at, some = count < left ? count : left;
        memcpy(out, narrow->head + narrow->head_at, some * sizeof *out);
        narrow->head_at += (uint32_t)some;
        out += some;
        count -= some;
        for (; count >= NARROW_BLOCK && narrow->first; count -= NARROW_BLOCK, out += NARROW_BLOCK)
            unpack(narrow, out);
        if (count)
            fill_head(narrow);
    }
}

void narrow_append(struct narrow *narrow, struct narrow *from)
{
    uint64_t some[NARROW_BLOCK];
    while (from->count) {
        size_t count = from->count < NARROW_BLOCK ? (size_t)from->count : NARROW_BLOCK;
        narrow_take_many(from, some, count);
        narrow_add_many(narrow, some, count);
    }
    narrow_clear(from);
}
