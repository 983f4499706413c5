// Open addressing with linear probes, at most three quarters full.
#include "proto/idmap.h"

#include "proto/alloc.h"
#include "proto/hash.h"

#include <stdlib.h>
#include <string.h>

void idmap_dispose(struct idmap *map)
{
    free(map->slots);
}

void idmap_clear(struct idmap *map)
{
    if (map->capacity)
        memset(map->slots, 0, map->capacity * sizeof *map->slots);
    map->count = 0;
}

// The slot of an id, or the empty one where it belongs.
static struct idmap_slot *slot_of(const struct idmap *map, uint64_t id)
{
    size_t mask = map->capacity - 1;
    size_t at = (size_t)(hash_pair(map->seed, id, map->seed) >> 20) & mask;
    while (map->slots[at].used && map->slots[at].id != id)
        at = (at + 1) & mask;
    return map->slots + at;
}

static void grow(struct idmap *map)
{
    struct idmap old = *map;
    map->capacity = old.capacity ? old.capacity * 2 : 64;
    map->slots = xcalloc(map->capacity, sizeof *map->slots);
    if (!old.capacity)
        map->seed = hash_seed();
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.slots[i].used)
            *slot_of(map, old.slots[i].id) = old.slots[i];
    }
    free(old.slots);
}

bool idmap_add(struct idmap *map, uint64_t id, uint32_t row)
{
    if ((map->count + 1) * 4 > map->capacity * 3)
        grow(map);
    struct idmap_slot *slot = slot_of(map, id);
    if (slot->used)
        return false;
    *slot = (struct idmap_slot){.id = id, .row = row, .used = true};
    map->count++;
    return true;
}

uint32_t idmap_find(const struct idmap *map, uint64_t id)
{
    if (!map->count)
        return IDMAP_NONE;
    const struct idmap_slot *slot = slot_of(map, id);
    return slot->used ? slot->row : IDMAP_NONE;
}
