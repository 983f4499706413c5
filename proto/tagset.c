// A set of dense ids by content, with tags.
#include "proto/tagset.h"

#include "proto/alloc.h"

#include <stdlib.h>
#include <string.h>

enum { TAGSET_FIRST_SLOTS = 64 };

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

void tagset_restart(struct tagset *set, size_t slots)
{
    free(set->slots);
    *set = (struct tagset){.slots = xcalloc_filled(slots, sizeof *set->slots),
                           .mask = (uint32_t)(slots - 1)};
}

// Where they go is memory in no order, which is fetched while the next are hashed.
void tagset_put_lot(struct tagset *set, const uint32_t *ids, size_t count, idset_hash_fn *hash,
                    const void *owner)
{
    uint64_t hashes[TAGSET_LOT];
    for (size_t i = 0; i < count; i++) {
        hashes[i] = hash(owner, ids[i]);
        __builtin_prefetch(&set->slots[tagset_first(set, hashes[i])], 1);
    }
    for (size_t i = 0; i < count; i++)
        tagset_put(set, tagset_free(set, hashes[i]), ids[i], hashes[i]);
}

// In the order of ids, since the entries are read in the order in which they lie then.
void tagset_grow(struct tagset *set, idset_hash_fn *hash, const void *owner)
{
    size_t slots = set->slots ? (size_t)set->mask + 1 : 0;
    struct tagset grown = {0};
    tagset_restart(&grown, slots ? slots * 2 : TAGSET_FIRST_SLOTS);
    uint32_t lot[TAGSET_LOT];
    for (uint32_t i = 0; i < set->used;) {
        size_t count = 0;
        while (count < TAGSET_LOT && i < set->used)
            lot[count++] = set->first + i++;
        tagset_put_lot(&grown, lot, count, hash, owner);
    }
    free(set->slots);
    *set = grown;
}

size_t tagset_bytes(const struct tagset *set)
{
    return set->slots ? ((size_t)set->mask + 1) * sizeof *set->slots : 0;
}
