// Numbers that wait, first in, first out: varints in chunks, which are given back one by one as
// they are read. So a file's numbers take less memory than their text did, and what they become can
// take the place of what they were.
#ifndef FLICKER_PROTO_PACKED_H
#define FLICKER_PROTO_PACKED_H

#include "proto/varint.h"

#include <stdbool.h>

struct packed_chunk {
    struct packed_chunk *next;
    size_t len, capacity; // of bytes
    size_t count;         // of numbers that were not given back yet
    uint8_t bytes[];
};

// Starts as {0}.
struct packed {
    struct packed_chunk *first, *last;
    size_t read; // in the first chunk
    uint64_t count;
};

void packed_dispose(struct packed *packed); // and it is {0} again
void packed_add_chunk(struct packed *packed);
void packed_drop_chunk(struct packed *packed);

static inline void packed_add(struct packed *packed, uint64_t value)
{
    if (!packed->last || packed->last->capacity - packed->last->len < VARINT_MAX_BYTES)
        packed_add_chunk(packed);
    packed->last->len += varint_write_flat(packed->last->bytes + packed->last->len, value);
    packed->last->count++;
    packed->count++;
}

// The oldest number; 0 when there is none.
static inline uint64_t packed_take(struct packed *packed)
{
    uint64_t value = 0;
    if (!packed->count)
        return 0;
    if (packed->read == packed->first->len)
        packed_drop_chunk(packed);
    struct packed_chunk *chunk = packed->first;
    const uint8_t *at = chunk->bytes + packed->read;
    packed->read = (size_t)(varint_read(at, chunk->bytes + chunk->len, &value) - chunk->bytes);
    chunk->count--;
    packed->count--;
    return value;
}

// Times, which are whole microseconds nearly always: the lowest bit tells. Beyond 2^61 ns, 73
// years, they are rounded to that.
static inline uint64_t packed_us(int64_t us)
{
    return zigzag(us) << 1;
}

static inline uint64_t packed_ns(int64_t ns)
{
    const int64_t MOST_NS = (int64_t)1 << 61;
    bool whole = ns % 1000 == 0 || ns >= MOST_NS || ns <= -MOST_NS;
    return whole ? packed_us(ns / 1000) : zigzag(ns) << 1 | 1;
}

static inline void packed_add_ns(struct packed *packed, int64_t ns)
{
    packed_add(packed, packed_ns(ns));
}

static inline int64_t packed_to_ns(uint64_t time)
{
    return unzigzag(time >> 1) * (time & 1 ? 1 : 1000);
}

static inline int64_t packed_take_ns(struct packed *packed)
{
    return packed_to_ns(packed_take(packed));
}

#endif
