// A set of ids by content.
#include "proto/idset.h"

#include "proto/alloc.h"

#include <stdlib.h>
#include <string.h>

enum { IDSET_FIRST_SLOTS = 64 };

void idset_dispose(struct idset *set)
{
    free(set->slots);
    *set = (struct idset){0};
}

void idset_clear(struct idset *set)
{
    if (set->slots)
        memset(set->slots, 0, ((size_t)set->mask + 1) * sizeof *set->slots);
    set->used = 0;
}

void idset_expect(struct idset *set, size_t count)
{
    size_t slots = IDSET_FIRST_SLOTS;
    while (slots / 4 * 3 < count + 1)
        slots *= 2;
    free(set->slots);
    *set = (struct idset){.slots = xcalloc(slots, sizeof *set->slots), .mask = (uint32_t)slots - 1};
}

void idset_grow(struct idset *set, idset_hash_fn *hash, const void *owner)
{
    size_t slots = set->slots ? (size_t)set->mask + 1 : 0;
    struct idset grown = {0};
    size_t wanted = slots ? slots * 2 : IDSET_FIRST_SLOTS;
    grown.slots = xcalloc(wanted, sizeof *grown.slots);
    grown.mask = (uint32_t)(wanted - 1);
    for (size_t i = 0; i < slots; i++) {
        if (!set->slots[i])
            continue;
        uint32_t slot = idset_first(&grown, hash(owner, set->slots[i] - 1));
        while (grown.slots[slot])
            slot = idset_next(&grown, slot);
        idset_put(&grown, slot, set->slots[i] - 1);
    }
    free(set->slots);
    *set = grown;
}
