// The executable mappings of a process: read from /proc/PID/maps, or record by record.
//
// Maps are shared between a process and those it forked, and copied when one of them changes.
#ifndef FLICKER_COLLECTORS_ADDRESS_MAP_H
#define FLICKER_COLLECTORS_ADDRESS_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct address_range {
    uint64_t start, end;
    uint64_t file_offset;
    uint64_t device, inode; // device: major << 32 | minor; inode 0: no file behind it
    char *path;             // "/usr/bin/x", "[vdso]", "" (anonymous); " (deleted)" stripped
};

// Sorted by address.
struct address_map {
    struct address_range *ranges; // paths are owned
    size_t count, capacity;
    uint32_t users;
};

struct address_map *address_map_new(void);
// A map of what the text (the whole of /proc/PID/maps) says; lines not understood are skipped.
struct address_map *address_map_parse(const char *text, size_t len);
struct address_map *address_map_share(struct address_map *map);
bool address_map_equal(const struct address_map *a, const struct address_map *b);
void address_map_release(struct address_map *map); // NULL is fine
// Adds a range (its path is copied) over whatever was there. Returns the map to go on with: the
// same, or a copy when it was shared.
struct address_map *address_map_add(struct address_map *map, const struct address_range *range);
// The range that holds the address, NULL when none does. Borrowed until the map changes.
const struct address_range *address_map_find(const struct address_map *map, uint64_t address);

#endif
