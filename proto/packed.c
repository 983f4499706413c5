// Chunks of packed numbers.
#include "proto/packed.h"

#include "proto/alloc.h"
#include "proto/varint_column.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// The lowest bit tells a whole number; else five bits tell how many decimals it was multiplied by,
// or that the bits of the double follow.
enum { DECIMALS_MOST = 9, AS_IT_IS = 31 };

static const double POWERS[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
#define WHOLE_MOST 0x1p53

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

void packed_add_many(struct packed *packed, const uint64_t *values, size_t count)
{
    packed->count += count;
    for (size_t done = 0; done < count;) {
        struct packed_chunk *chunk = packed->last;
        size_t room = chunk ? (chunk->capacity - chunk->len) / VARINT_MAX_BYTES : 0;
        if (!room) {
            packed_add_chunk(packed);
            continue;
        }
        size_t some = count - done < room ? count - done : room;
        uint8_t *at = chunk->bytes + chunk->len;
        for (size_t i = 0; i < some; i++)
            at += varint_write_flat(at, values[done + i]);
        chunk->len = (size_t)(at - chunk->bytes);
        chunk->count += some;
        done += some;
    }
}

void packed_take_many(struct packed *packed, uint64_t *out, size_t count)
{
    packed->count -= count;
    while (count) {
        if (packed->read == packed->first->len)
            packed_drop_chunk(packed);
        struct packed_chunk *chunk = packed->first;
        size_t some = count < chunk->count ? count : chunk->count;
        const uint8_t *at =
            varint_column_read(out, some, chunk->bytes + packed->read, chunk->bytes + chunk->len);
        packed->read = (size_t)(at - chunk->bytes);
        chunk->count -= some;
        count -= some;
        out += some;
    }
}

void packed_append(struct packed *packed, struct packed *from)
{
    while (from->count)
        packed_add(packed, packed_take(from));
    packed_dispose(from);
}

void packed_add_double(struct packed *packed, double value)
{
    if (fabs(value) < WHOLE_MOST && (double)(int64_t)value == value) {
        packed_add_whole(packed, (int64_t)value);
        return;
    }
    for (unsigned decimals = 1; decimals <= DECIMALS_MOST; decimals++) {
        double whole = rint(value * POWERS[decimals]);
        if (!(fabs(whole) < WHOLE_MOST))
            break;
        if (whole / POWERS[decimals] != value)
            continue;
        uint64_t number = zigzag((int64_t)whole);
        packed_add(packed, number << 6 | decimals << 1 | 1);
        return;
    }
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    packed_add(packed, AS_IT_IS << 1 | 1);
    packed_add(packed, bits);
}

double packed_take_double(struct packed *packed)
{
    uint64_t number = packed_take(packed);
    unsigned decimals = number >> 1 & 31;
    if (!(number & 1))
        return (double)unzigzag(number >> 1);
    if (decimals <= DECIMALS_MOST)
        return (double)unzigzag(number >> 6) / POWERS[decimals];
    double value;
    uint64_t bits = packed_take(packed);
    memcpy(&value, &bits, sizeof value);
    return value;
}
