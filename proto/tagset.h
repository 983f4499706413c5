// A set of dense ids by content, as idset.h, whose slots hold some bits of the hash as well.
//
// A table of 2^k slots holds numbers of k bits at most; the other 32 - k bits of a slot tell most
// entries of another content apart without a look at the entry, which would be a cache miss each.
// Ids count up from 0 or 1 in the order in which they are put in.
#ifndef FLICKER_PROTO_TAGSET_H
#define FLICKER_PROTO_TAGSET_H

#include "proto/idset.h"

// Starts as {0}.
struct tagset {
    uint32_t *slots; // tag and id + 1; 0 is empty
    uint32_t mask;   // slots - 1: the bits of the id
    uint32_t used;
    uint32_t first; // the least id
};

void tagset_dispose(struct tagset *set);
// Forgets every id, keeps the memory.
void tagset_clear(struct tagset *set);
// Forgets every id and has this many slots, a power of two, then.
void tagset_restart(struct tagset *set, size_t slots);
// Doubles the slots. What tagset_reserve does when they are nearly full.
void tagset_grow(struct tagset *set, idset_hash_fn *hash, const void *owner);
enum { TAGSET_LOT = 32 };
// Puts in up to a lot of ids that are not in there. There must be room.
void tagset_put_lot(struct tagset *set, const uint32_t *ids, size_t count, idset_hash_fn *hash,
                    const void *owner);
// Bytes on the heap.
size_t tagset_bytes(const struct tagset *set);

// Makes room for one more id; call before the insertion's probe.
static inline void tagset_reserve(struct tagset *set, idset_hash_fn *hash, const void *owner)
{
    if (!set->slots || set->used + 1 > (set->mask + 1) / 4 * 3)
        tagset_grow(set, hash, owner);
}

// The same, a little sooner: of two sets that fill alike, as those of nodes and of their paths do,
// the large ones then do not both grow in one moment, in which nothing can be stopped.
static inline void tagset_reserve_early(struct tagset *set, idset_hash_fn *hash, const void *owner)
{
    if (!set->slots || set->used + 1 > (set->mask + 1) / 16 * 11)
        tagset_grow(set, hash, owner);
}

static inline uint32_t tagset_first(const struct tagset *set, uint64_t hash)
{
    return (uint32_t)(hash >> 32) & set->mask;
}

static inline uint32_t tagset_next(const struct tagset *set, uint32_t slot)
{
    return (slot + 1) & set->mask;
}

// The next id from *slot on that may be of this hash, and where it is; IDSET_NONE: there is none,
// and *slot is free.
static inline uint32_t tagset_find(const struct tagset *set, uint32_t *slot, uint64_t hash)
{
    for (uint32_t value; (value = set->slots[*slot]); *slot = tagset_next(set, *slot)) {
        if ((value ^ (uint32_t)hash) <= set->mask) // the tags, the bits above the mask, are equal
            return (value & set->mask) - 1;
    }
    return IDSET_NONE;
}

// The first slot for this hash in which nothing is yet.
static inline uint32_t tagset_free(const struct tagset *set, uint64_t hash)
{
    uint32_t slot = tagset_first(set, hash);
    while (set->slots[slot])
        slot = tagset_next(set, slot);
    return slot;
}

static inline void tagset_put(struct tagset *set, uint32_t slot, uint32_t id, uint64_t hash)
{
    set->slots[slot] = ((uint32_t)hash & ~set->mask) | (id + 1);
    if (!set->used)
        set->first = id;
    set->used++;
}

#endif
