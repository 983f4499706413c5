// Numbers that wait, first in, first out, as packed.h has them, for columns of millions of about
// one size: each 64 take one, two, four or eight bytes each, so that packing and unpacking are
// loops without a branch. What was read is given back.
#ifndef FLICKER_PROTO_NARROW_H
#define FLICKER_PROTO_NARROW_H

#include <stddef.h>
#include <stdint.h>

enum { NARROW_BLOCK = 64 };

// Starts as {0}.
struct narrow {
    uint64_t count; // of all numbers that wait
    // From the oldest to the newest: those that were unpacked, blocks in chunks, and those that are
    // no whole block yet.
    uint32_t head_at, head_count, tail_count;
    uint64_t head[NARROW_BLOCK];
    struct narrow_chunk *first, *last;
    size_t read; // in the first chunk
    uint64_t tail[NARROW_BLOCK];
};

void narrow_clear(struct narrow *narrow); // and gives all memory back
void narrow_pack(struct narrow *narrow);  // a whole tail
void narrow_add_many(struct narrow *narrow, const uint64_t *values, size_t count);
// The oldest `count` numbers; there must be as many.
void narrow_take_many(struct narrow *narrow, uint64_t *out, size_t count);
// Moves the numbers of `from` behind those of narrow; from is empty then.
void narrow_append(struct narrow *narrow, struct narrow *from);

static inline void narrow_add(struct narrow *narrow, uint64_t value)
{
    narrow->count++;
    narrow->tail[narrow->tail_count++] = value;
    if (narrow->tail_count == NARROW_BLOCK)
        narrow_pack(narrow);
}

// The oldest number; 0 when there is none.
static inline uint64_t narrow_take(struct narrow *narrow)
{
    uint64_t value = 0;
    if (narrow->count)
        narrow_take_many(narrow, &value, 1);
    return value;
}

#endif
