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

// In the order of ids, since the entries are read in the order in which they lie then.
void tagset_grow(struct tagset *set, idset_hash_fn *hash, const void *owner)
{
    size_t slots = set->slots ? (size_t)set->mask + 1 : 0;
    struct tagset grown = {0};
    size_t wanted = slots ? slots * 2 : TAGSET_FIRST_SLOTS;
    grown.slots = xcalloc_filled(wanted, sizeof *grown.slots);
    grown.mask = (uint32_t)(wanted - 1);
    for (uint32_t i = 0; i < set->used; i++) {
        uint32_t id = set->first + i;
        uint64_t id_hash = hash(owner, id);
        uint32_t slot = tagset_first(&grown, id_hash);
        while (grown.slots[slot])
            slot = tagset_next(&grown, slot);
        tagset_put(&grown, slot, id, id_hash);
    }
    free(set->slots);
    *set = grown;
}

size_t tagset_bytes(const struct tagset *set)
{
    return set->slots ? ((size_t)set->mask + 1) * sizeof *set->slots : 0;
}
