// Sets of time.
#include "analysis/ranges.h"

#include "proto/alloc.h"

#include <stdlib.h>
#include <string.h>

void ranges_dispose(struct ranges *ranges)
{
    free(ranges->items);
    *ranges = (struct ranges){0};
}

size_t ranges_find(const struct range *set, size_t count, int64_t time_ns)
{
    size_t low = 0;
    for (size_t high = count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (set[middle].to_ns <= time_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool ranges_overlap(const struct range *set, size_t count, int64_t from_ns, int64_t to_ns)
{
    size_t at = ranges_find(set, count, from_ns);
    return from_ns < to_ns && at < count && set[at].from_ns < to_ns;
}

uint64_t ranges_overlap_ns(const struct range *set, size_t count, int64_t from_ns, int64_t to_ns)
{
    uint64_t sum = 0;
    for (size_t at = ranges_find(set, count, from_ns); at < count && set[at].from_ns < to_ns;
         at++) {
        int64_t low = set[at].from_ns > from_ns ? set[at].from_ns : from_ns;
        int64_t high = set[at].to_ns < to_ns ? set[at].to_ns : to_ns;
        if (low < high)
            sum += (uint64_t)high - (uint64_t)low;
    }
    return sum;
}

void ranges_add(struct ranges *ranges, int64_t from_ns, int64_t to_ns)
{
    if (from_ns >= to_ns)
        return;
    // The first that ends at or after from: touching ranges grow together.
    size_t at = from_ns == INT64_MIN ? 0 : ranges_find(ranges->items, ranges->count, from_ns - 1);
    size_t end = at;
    for (; end < ranges->count && ranges->items[end].from_ns <= to_ns; end++) {
        if (ranges->items[end].from_ns < from_ns)
            from_ns = ranges->items[end].from_ns;
        if (ranges->items[end].to_ns > to_ns)
            to_ns = ranges->items[end].to_ns;
    }
    if (end == at) {
        array_reserve(&ranges->items, &ranges->capacity, ranges->count + 1);
        memmove(ranges->items + at + 1, ranges->items + at,
                (ranges->count - at) * sizeof *ranges->items);
        ranges->count++;
    } else if (end > at + 1) {
        memmove(ranges->items + at + 1, ranges->items + end,
                (ranges->count - end) * sizeof *ranges->items);
        ranges->count -= end - at - 1;
    }
    ranges->items[at] = (struct range){from_ns, to_ns};
}

void ranges_set(struct ranges *ranges, const struct range *list, size_t count)
{
    ranges->count = 0;
    for (size_t i = 0; i < count; i++)
        ranges_add(ranges, list[i].from_ns, list[i].to_ns);
}

void ranges_complement(struct ranges *out, const struct range *set, size_t count)
{
    out->count = 0;
    int64_t from_ns = INT64_MIN;
    for (size_t i = 0; i < count; i++) {
        ranges_add(out, from_ns, set[i].from_ns);
        from_ns = set[i].to_ns;
    }
    ranges_add(out, from_ns, INT64_MAX);
}

void ranges_coarsen(struct ranges *ranges, size_t most)
{
    if (ranges->count <= most || most == 0)
        return;
    // Widening the tolerated gap by doubling keeps this linear for each step; exact order among
    // gaps of one size does not matter.
    for (uint64_t gap = 1; ranges->count > most && gap; gap *= 2) {
        size_t kept = 0;
        size_t left = ranges->count;
        for (size_t i = 1; i < ranges->count; i++) {
            struct range *last = &ranges->items[kept];
            uint64_t between = (uint64_t)ranges->items[i].from_ns - (uint64_t)last->to_ns;
            if (between <= gap && left > most) {
                last->to_ns = ranges->items[i].to_ns;
                left--;
            } else {
                ranges->items[++kept] = ranges->items[i];
            }
        }
        ranges->count = kept + 1;
    }
}
