// A memory of what was parsed before: 128-bit keys (hash128.h) to 64-bit values, bounded.
//
// Grows by doubling up to a limit; when full there, it forgets everything and starts again.
#ifndef FLICKER_PROTO_MEMO_H
#define FLICKER_PROTO_MEMO_H

#include "proto/hash128.h"

#include <stdbool.h>

struct memo_entry {
    struct hash128 key;
    uint64_t value; // plus 1; 0: the slot is free
};

#define MEMO_EMPTY UINT64_MAX // no value

struct memo {
    struct memo_entry *slots;
    uint64_t mask;
    size_t used, limit; // limit: slots at most
};

// max_slots is a power of two; 3/4 of them can be in use.
void memo_init(struct memo *memo, size_t max_slots);
void memo_dispose(struct memo *memo);
void memo_clear(struct memo *memo);
// Adds a key that is not in there. The value must not be MEMO_EMPTY.
void memo_put(struct memo *memo, struct hash128 key, uint64_t value);

static inline void memo_prefetch(const struct memo *memo, struct hash128 key)
{
    __builtin_prefetch(&memo->slots[key.low & memo->mask]);
}

// The value of a key, MEMO_EMPTY when it is not known.
static inline uint64_t memo_get(const struct memo *memo, struct hash128 key)
{
    for (uint64_t slot = key.low & memo->mask;; slot = (slot + 1) & memo->mask) {
        const struct memo_entry *entry = &memo->slots[slot];
        if (!entry->value || (entry->key.low == key.low && entry->key.high == key.high))
            return entry->value - 1; // a free slot wraps round to MEMO_EMPTY
    }
}

#endif
