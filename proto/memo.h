// A memory of what was parsed before: keys of 96 bits (of a hash128.h) to numbers, bounded.
//
// An entry has 16 bytes and a line of the cache holds four, so that most look-ups cost one miss. Of
// n texts that were ever asked for, the chance that one is taken for another of the m remembered
// ones is about n * m / 2^96. Grows up to a limit; when full there, it forgets
// everything and starts again.
#ifndef FLICKER_PROTO_MEMO_H
#define FLICKER_PROTO_MEMO_H

#include "proto/hash128.h"

#include <stdbool.h>

struct memo_entry {
    uint64_t high;
    uint32_t low;
    uint32_t value; // plus 1; 0: the slot is free
};

#define MEMO_EMPTY UINT32_MAX // no value

enum { MEMO_LINE_SLOTS = 4 }; // of one line of the cache

struct memo {
    struct memo_entry *slots; // in `memory`, from the start of a line of the cache
    void *memory;
    uint64_t mask;
    size_t used, limit; // limit: slots at most
};

// max_slots is a power of two; 3/4 of them can be in use.
void memo_init(struct memo *memo, size_t max_slots);
void memo_dispose(struct memo *memo);
void memo_clear(struct memo *memo);
// Adds a key that is not in there. The value must not be MEMO_EMPTY.
void memo_put(struct memo *memo, struct hash128 key, uint32_t value);

// Where the search for a key begins: at the start of a line.
static inline uint64_t memo_first(const struct memo *memo, uint64_t high)
{
    return high & memo->mask & ~(uint64_t)(MEMO_LINE_SLOTS - 1);
}

static inline void memo_prefetch(const struct memo *memo, struct hash128 key)
{
    __builtin_prefetch(&memo->slots[memo_first(memo, key.high)]);
}

// The entry's value (plus 1) when it is the key's, else 0.
static inline uint32_t memo_match(const struct memo_entry *entry, struct hash128 key)
{
    uint64_t differ = (entry->high ^ key.high) | (entry->low ^ (uint32_t)key.low);
    uint32_t same = (uint32_t)((differ | -differ) >> 63) - 1; // all ones or none
    return entry->value & same;
}

// The value of a key, MEMO_EMPTY when it is not known. Which slot of a line it is in cannot be
// foretold, so that all of them are compared, without a branch. Slots are taken from the first on.
static inline uint32_t memo_get(const struct memo *memo, struct hash128 key)
{
    for (uint64_t slot = memo_first(memo, key.high);;
         slot = (slot + MEMO_LINE_SLOTS) & memo->mask) {
        const struct memo_entry *line = &memo->slots[slot];
        uint32_t value = memo_match(&line[0], key) | memo_match(&line[1], key) |
                         memo_match(&line[2], key) | memo_match(&line[3], key);
        if (value || !line[MEMO_LINE_SLOTS - 1].value)
            return value - 1; // 0 wraps round to MEMO_EMPTY
    }
}

#endif
