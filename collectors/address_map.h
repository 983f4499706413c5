// The executable mappings of a process, as /proc/PID/maps tells them.
#ifndef FLICKER_COLLECTORS_ADDRESS_MAP_H
#define FLICKER_COLLECTORS_ADDRESS_MAP_H

#include <stddef.h>
#include <stdint.h>

struct address_range {
    uint64_t start, end;
    uint64_t file_offset;
    uint64_t device, inode; // 0: no file behind it
    char *path;             // "/usr/bin/x", "[vdso]", "" (anonymous); " (deleted)" stripped; owned
};

// Sorted by address. Starts as {0}.
struct address_map {
    struct address_range *ranges;
    size_t count, capacity;
};

// Replaces the map by what the text (the whole of /proc/PID/maps) says; lines not understood are
// skipped.
void address_map_parse(struct address_map *map, const char *text, size_t len);
struct address_range *address_map_find(const struct address_map *map, uint64_t address);
void address_map_dispose(struct address_map *map);

#endif
