// The executable mappings of a process, as /proc/PID/maps tells them.
#include "collectors/address_map.h"

#include "proto/alloc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void clear(struct address_map *map)
{
    for (size_t i = 0; i < map->count; i++)
        free(map->ranges[i].path);
    map->count = 0;
}

void address_map_dispose(struct address_map *map)
{
    clear(map);
    free(map->ranges);
    *map = (struct address_map){0};
}

static void parse_line(struct address_map *map, const char *line, size_t len)
{
    char head[128];
    size_t head_len = len < sizeof head - 1 ? len : sizeof head - 1;
    memcpy(head, line, head_len);
    head[head_len] = '\0';
    struct address_range range = {0};
    char permissions[5];
    unsigned major = 0, minor = 0;
    int path_at = 0;
    if (sscanf(head, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n", &range.start,
               &range.end, permissions, &range.file_offset, &major, &minor, &range.inode,
               &path_at) != 7 ||
        permissions[2] != 'x' || range.end <= range.start)
        return;
    static const char deleted[] = " (deleted)";
    const size_t deleted_len = sizeof deleted - 1;
    size_t path_len = len - (size_t)path_at;
    if (path_len > deleted_len && !memcmp(line + len - deleted_len, deleted, deleted_len))
        path_len -= deleted_len;
    range.device = (uint64_t)major << 32 | minor;
    range.path = xstrndup(line + path_at, path_len);
    array_reserve(&map->ranges, &map->capacity, map->count + 1);
    map->ranges[map->count++] = range;
}

static int by_start(const void *left, const void *right)
{
    const struct address_range *a = left, *b = right;
    return a->start < b->start ? -1 : a->start > b->start;
}

void address_map_parse(struct address_map *map, const char *text, size_t len)
{
    clear(map);
    const char *end = text + len;
    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *line_end = newline ? newline : end;
        parse_line(map, text, (size_t)(line_end - text));
        text = line_end + 1;
    }
    if (map->count)
        qsort(map->ranges, map->count, sizeof *map->ranges, by_start);
}

struct address_range *address_map_find(const struct address_map *map, uint64_t address)
{
    size_t low = 0, high = map->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (map->ranges[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low && address < map->ranges[low - 1].end ? &map->ranges[low - 1] : NULL;
}
