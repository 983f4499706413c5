// A map from ids that a file chose to rows that we number.
#ifndef FLICKER_PROTO_IDMAP_H
#define FLICKER_PROTO_IDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IDMAP_NONE UINT32_MAX

// Starts as {0}.
struct idmap {
    struct idmap_slot {
        uint64_t id;
        uint32_t row;
        bool used;
    } * slots;
    size_t capacity, count;
    uint64_t seed; // ids are chosen by whoever wrote the file
};

void idmap_dispose(struct idmap *map);
void idmap_clear(struct idmap *map);
// False when the id is there already: it keeps its row.
bool idmap_add(struct idmap *map, uint64_t id, uint32_t row);
// IDMAP_NONE when it is not there.
uint32_t idmap_find(const struct idmap *map, uint64_t id);

#endif
