// A set of dense ids by content, with tags.
#include "proto/tagset.h"

#include "proto/alloc.h"

#include <stdlib.h>
#include <string.h>

enum { TAGSET_FIRST_SLOTS = 64, LOT = 32 };

void tagset_dispose(struct tagset *set)
{
    free(set->slots);
    *set = (struct tagset){0};
}

void tagset_clear(struct tagset *set)
{
    if (set->slots)
        memset(set->slots, 0, ((size_t)set->mask + 1) * sizeof *set->slots);
    set->used = 0;
}

// A lot at a time: where they go is memory in no order, which is fetched while the next are hashed.
static void put_lot(struct tagset *grown, uint32_t from, uint32_t count, idset_hash_fn *hash,
                    const void *owner)
{
    uint64_t hashes[LOT];
    for (uint32_t i = 0; i < count; i++) {
        hashes[i] = hash(owner, from + i);
        __builtin_prefetch(&grown->slots[tagset_first(grown, hashes[i])], 1);
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = tagset_first(grown, hashes[i]);
        while (grown->slots[slot])
            slot = tagset_next(grown, slot);
        tagset_put(grown, slot, from + i, hashes[i]);
    }
}

// In the order of ids, since the entries are read in the order in which they lie then.
void tagset_grow(struct tagset *set, idset_hash_fn *hash, const void *owner)
{
    size_t slots = set->slots ? (size_t)set->mask + 1 : 0;
    struct tagset grown = {0};
    size_t wanted = slots ? slots * 2 : TAGSET_FIRST_SLOTS;
    grown.slots = xcalloc_filled(wanted, sizeof *grown.slots);
    grown.mask = (uint32_t)(wanted - 1);
    for (uint32_t i = 0; i < set->used; i += LOT)
        put_lot(&grown, set->first + i, set->used - i < LOT ? set->used - i : LOT, hash, owner);
    free(set->slots);
    *set = grown;
}

size_t tagset_bytes(const struct tagset *set)
{
    return set->slots ? ((size_t)set->mask + 1) * sizeof *set->slots : 0;
}
