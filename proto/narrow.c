// Columns of numbers in blocks of one width.
#include "proto/narrow.h"

#include "proto/alloc.h"

#include <math.h>
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

void narrow_dispose(struct narrow *narrow)
{
    while (narrow->first)
        drop_chunk(narrow);
    free(narrow->head); // and the tail
    *narrow = (struct narrow){0};
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

void narrow_make_room(struct narrow *narrow)
{
    if (!narrow->head) {
        narrow->head = xmalloc(2 * NARROW_BLOCK * sizeof *narrow->head);
        narrow->tail = narrow->head + NARROW_BLOCK;
        narrow->tail_room = NARROW_BLOCK;
    } else {
        pack(narrow, narrow->tail);
        narrow->tail_count = 0;
    }
}

void narrow_add_many(struct narrow *narrow, const uint64_t *values, size_t count)
{
    narrow->count += count;
    while (count) {
        if (narrow->tail_count == narrow->tail_room)
            narrow_make_room(narrow);
        for (; !narrow->tail_count && count > NARROW_BLOCK; count -= NARROW_BLOCK) {
            pack(narrow, values);
            values += NARROW_BLOCK;
        }
        size_t room = narrow->tail_room - narrow->tail_count, some = count < room ? count : room;
        memcpy(narrow->tail + narrow->tail_count, values, some * sizeof *values);
        narrow->tail_count += (uint32_t)some;
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
        if (some)
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
    narrow_dispose(from);
}

// --- doubles -------------------------------------------------------------------------------------

// The lowest bit tells a whole number; else five bits tell how many decimals it was multiplied by,
// or that the bits of the double follow.
enum { DECIMALS_MOST = 9, AS_IT_IS = 31 };

static const double POWERS[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
#define WHOLE_MOST 0x1p53

void narrow_add_double(struct narrow *narrow, double value)
{
    if (fabs(value) < WHOLE_MOST && (double)(int64_t)value == value) {
        narrow_add_whole(narrow, (int64_t)value);
        return;
    }
    for (unsigned decimals = 1; decimals <= DECIMALS_MOST; decimals++) {
        double whole = rint(value * POWERS[decimals]);
        if (!(fabs(whole) < WHOLE_MOST))
            break;
        if (whole / POWERS[decimals] != value)
            continue;
        narrow_add(narrow, zigzag((int64_t)whole) << 6 | decimals << 1 | 1);
        return;
    }
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    narrow_add(narrow, AS_IT_IS << 1 | 1);
    narrow_add(narrow, bits);
}

double narrow_take_decimal(struct narrow *narrow, uint64_t number)
{
    unsigned decimals = number >> 1 & 31;
    if (decimals <= DECIMALS_MOST)
        return (double)unzigzag(number >> 6) / POWERS[decimals];
    double value;
    uint64_t bits = narrow_take(narrow);
    memcpy(&value, &bits, sizeof value);
    return value;
}
