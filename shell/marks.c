// Selections under a name.
#include "shell/marks.h"

#include "proto/alloc.h"

#include <stdlib.h>
#include <string.h>

static void mark_dispose(struct mark *mark)
{
    free(mark->name);
    free(mark->ranges);
    free(mark->event);
    filter_free(mark->filter);
}

void marks_dispose(struct marks *marks)
{
    for (size_t i = 0; i < marks->count; i++)
        mark_dispose(&marks->items[i]);
    free(marks->items);
    *marks = (struct marks){0};
}

// The first mark that is not before this name.
static size_t place_of(const struct marks *marks, const char *name)
{
    size_t at = 0;
    while (at < marks->count && strcmp(marks->items[at].name, name) < 0)
        at++;
    return at;
}

const struct mark *marks_find(const struct marks *marks, const char *name)
{
    size_t at = place_of(marks, name);
    return at < marks->count && !strcmp(marks->items[at].name, name) ? &marks->items[at] : NULL;
}

bool marks_drop(struct marks *marks, const char *name)
{
    if (!marks_find(marks, name))
        return false;
    size_t at = place_of(marks, name);
    mark_dispose(&marks->items[at]);
    marks->count--;
    memmove(&marks->items[at], &marks->items[at + 1], (marks->count - at) * sizeof *marks->items);
    return true;
}

void marks_set(struct marks *marks, const char *name, const struct query *query)
{
    struct mark mark = {
        .name = xstrdup(name),
        .ranges = xreallocarray(NULL, query->range_count + 1, sizeof *mark.ranges),
        .range_count = query->range_count,
        .filter = query->filter ? filter_copy(query->filter) : NULL,
        .event = query->event ? xstrdup(query->event) : NULL,
        .source = query->source,
        .idle = query->idle,
    };
    if (mark.range_count)
        memcpy(mark.ranges, query->ranges, mark.range_count * sizeof *mark.ranges);
    marks_drop(marks, name);
    size_t at = place_of(marks, name);
    array_reserve(&marks->items, &marks->capacity, marks->count + 1);
    memmove(&marks->items[at + 1], &marks->items[at], (marks->count - at) * sizeof *marks->items);
    marks->items[at] = mark;
    marks->count++;
}

void mark_query(const struct mark *mark, struct query *out)
{
    *out = (struct query){
        .ranges = mark->ranges,
        .range_count = mark->range_count,
        .filter = mark->filter,
        .event = mark->event,
        .source = mark->source,
        .idle = mark->idle,
    };
}
