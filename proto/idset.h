// A set of ids by content: the open-addressing half of every intern table.
//
// The entries themselves lie in the owner's array, numbered from 0; the set holds only numbers
// (4 bytes a slot, load at most 3/4) and asks the owner for hashes when it grows.
#ifndef FLICKER_PROTO_IDSET_H
#define FLICKER_PROTO_IDSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IDSET_NONE UINT32_MAX

// Starts as {0}.
struct idset {
    uint32_t *slots; // id + 1; 0 is empty
    uint32_t mask;   // slots - 1
    uint32_t used;
};

typedef uint64_t idset_hash_fn(const void *owner, uint32_t id);

void idset_dispose(struct idset *set);
// Forgets every id, keeps the memory.
void idset_clear(struct idset *set);
// Of an empty set: makes room for so many ids at once, so that it does not grow until there are
// more.
void idset_expect(struct idset *set, size_t count);
// Doubles the slots. What idset_reserve does when they are nearly full.
void idset_grow(struct idset *set, idset_hash_fn *hash, const void *owner);

// Makes room for one more id; call before the insertion's probe.
static inline void idset_reserve(struct idset *set, idset_hash_fn *hash, const void *owner)
{
    if (!set->slots || set->used + 1 > (set->mask + 1) / 4 * 3)
        idset_grow(set, hash, owner);
}

// Walks the slots of a hash: for (slot = idset_first(); (id = idset_at()) != IDSET_NONE; next).
static inline uint32_t idset_first(const struct idset *set, uint64_t hash)
{
    return (uint32_t)(hash >> 32) & set->mask;
}

static inline uint32_t idset_next(const struct idset *set, uint32_t slot)
{
    return (slot + 1) & set->mask;
}

static inline uint32_t idset_at(const struct idset *set, uint32_t slot)
{
    return set->slots[slot] - 1; // an empty slot wraps round to IDSET_NONE
}

static inline void idset_put(struct idset *set, uint32_t slot, uint32_t id)
{
    set->slots[slot] = id + 1;
    set->used++;
}

#endif
