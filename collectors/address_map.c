// The executable mappings of a process.
#include "collectors/address_map.h"

#include "proto/alloc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct address_map *address_map_new(void)
{
    struct address_map *map = xcalloc(1, sizeof *map);
    map->users = 1;
    return map;
}

struct address_map *address_map_share(struct address_map *map)
{
    map->users++;
    return map;
}

void address_map_release(struct address_map *map)
{
    if (!map || --map->users)
        return;
    for (size_t i = 0; i < map->count; i++)
        free(map->ranges[i].path);
    free(map->ranges);
    free(map);
}

bool address_map_equal(const struct address_map *a, const struct address_map *b)
{
    bool equal = a->count == b->count;
    for (size_t i = 0; equal && i < a->count; i++) {
        const struct address_range *one = &a->ranges[i], *other = &b->ranges[i];
        equal = one->start == other->start && one->end == other->end &&
                one->file_offset == other->file_offset && one->device == other->device &&
                one->inode == other->inode && !strcmp(one->path, other->path);
    }
    return equal;
}

// Takes the path over.
static void append(struct address_map *map, struct address_range range)
{
    array_reserve(&map->ranges, &map->capacity, map->count + 1);
    map->ranges[map->count++] = range;
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
    append(map, range);
}

static int by_start(const void *left, const void *right)
{
    const struct address_range *a = left, *b = right;
    return a->start < b->start ? -1 : a->start > b->start;
}

struct address_map *address_map_parse(const char *text, size_t len)
{
    struct address_map *map = address_map_new();
    const char *end = text + len;
    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *line_end = newline ? newline : end;
        parse_line(map, text, (size_t)(line_end - text));
        text = line_end + 1;
    }
    if (map->count)
        qsort(map->ranges, map->count, sizeof *map->ranges, by_start);
    return map;
}

// A piece of a range, with a path of its own.
static void append_piece(struct address_map *map, const struct address_range *range, uint64_t start,
                         uint64_t end)
{
    if (start >= end)
        return;
    struct address_range piece = *range;
    piece.start = start;
    piece.end = end;
    piece.file_offset += start - range->start;
    piece.path = xstrdup(range->path);
    append(map, piece);
}

// The common case, a range that lies apart from all others in a map that nobody shares: in place.
// False: it is another case.
static bool insert(struct address_map *map, const struct address_range *range)
{
    size_t at = map->count;
    while (at && map->ranges[at - 1].start >= range->end)
        at--;
    if (map->users > 1 || range->end <= range->start ||
        (at && map->ranges[at - 1].end > range->start))
        return false;
    array_reserve(&map->ranges, &map->capacity, map->count + 1);
    memmove(map->ranges + at + 1, map->ranges + at, (map->count - at) * sizeof *map->ranges);
    map->ranges[at] = *range;
    map->ranges[at].path = xstrdup(range->path);
    map->count++;
    return true;
}

// What is under the new range makes room for it; in the order of addresses throughout.
struct address_map *address_map_add(struct address_map *map, const struct address_range *range)
{
    if (insert(map, range))
        return map;
    struct address_map *next = address_map_new();
    bool added = range->end <= range->start;
    array_reserve(&next->ranges, &next->capacity, map->count + 2);
    for (size_t i = 0; i < map->count; i++) {
        const struct address_range *old = &map->ranges[i];
        append_piece(next, old, old->start, old->end < range->start ? old->end : range->start);
        if (!added && old->end > range->start) {
            append_piece(next, range, range->start, range->end);
            added = true;
        }
        append_piece(next, old, old->start > range->end ? old->start : range->end, old->end);
    }
    if (!added)
        append_piece(next, range, range->start, range->end);
    address_map_release(map);
    return next;
}

const struct address_range *address_map_find(const struct address_map *map, uint64_t address)
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
