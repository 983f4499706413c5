// Numbers that wait, first in, first out, as packed.h has them, for columns of millions of about
// one size: each 64 take one, two, four or eight bytes each, so that packing and unpacking are
// loops without a branch. What was read is given back.
#ifndef FLICKER_PROTO_NARROW_H
#define FLICKER_PROTO_NARROW_H

#include "proto/varint.h"

enum { NARROW_BLOCK = 64 };

// Starts as {0}.
struct narrow {
    uint64_t count; // of all numbers that wait
    // From the oldest to the newest: those that were unpacked, blocks in chunks, and those that are
    // no block yet.
    uint64_t *head, *tail; // a block each; NULL: nothing was added so far
    uint32_t head_at, head_count, tail_count, tail_room;
    struct narrow_chunk *first, *last;
    size_t read; // in the first chunk
};

void narrow_dispose(struct narrow *narrow);   // and it is {0} again
void narrow_make_room(struct narrow *narrow); // in the tail, which is full
void narrow_add_many(struct narrow *narrow, const uint64_t *values, size_t count);
// The oldest `count` numbers; there must be as many.
void narrow_take_many(struct narrow *narrow, uint64_t *out, size_t count);
// Moves the numbers of `from` behind those of narrow; from is empty then.
void narrow_append(struct narrow *narrow, struct narrow *from);
// As one number or two. Whole ones and those of few decimals, as nearly all are, take no more than
// they need.
void narrow_add_double(struct narrow *narrow, double value);
// The double that begins with this number.
double narrow_take_decimal(struct narrow *narrow, uint64_t number);

static inline void narrow_add(struct narrow *narrow, uint64_t value)
{
    if (narrow->tail_count == narrow->tail_room)
        narrow_make_room(narrow);
    narrow->tail[narrow->tail_count++] = value;
    narrow->count++;
}

// The same as narrow_add_double, of less than 2^53.
static inline void narrow_add_whole(struct narrow *narrow, int64_t value)
{
    narrow_add(narrow, zigzag(value) << 1);
}

// The oldest number; 0 when there is none.
static inline uint64_t narrow_take(struct narrow *narrow)
{
    uint64_t value = 0;
    if (narrow->head_at < narrow->head_count) {
        narrow->count--;
        return narrow->head[narrow->head_at++];
    }
    if (narrow->count)
        narrow_take_many(narrow, &value, 1);
    return value;
}

static inline double narrow_take_double(struct narrow *narrow) // 0 when there is none
{
    uint64_t number = narrow_take(narrow);
    return number & 1 ? narrow_take_decimal(narrow, number) : (double)unzigzag(number >> 1);
}

#endif
