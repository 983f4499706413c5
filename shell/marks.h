// Selections under a name: what `mark` keeps and `diff` compares.
#ifndef FLICKER_SHELL_MARKS_H
#define FLICKER_SHELL_MARKS_H

#include "analysis/query.h"

struct mark {
    char *name;
    struct range *ranges;
    size_t range_count;
    struct filter *filter; // NULL: none
    char *event;           // NULL: that of the newest source
    uint32_t source;
    bool idle;
};

// Starts as {0}; sorted by name.
struct marks {
    struct mark *items;
    size_t count, capacity;
};

void marks_dispose(struct marks *marks);
// Keeps a copy of what the query selects, in the place of an older mark of that name.
void marks_set(struct marks *marks, const char *name, const struct query *query);
// NULL when there is none; valid until the next change.
const struct mark *marks_find(const struct marks *marks, const char *name);
// False when there is none.
bool marks_drop(struct marks *marks, const char *name);
// The query that a mark stands for; borrowed from it.
void mark_query(const struct mark *mark, struct query *out);

#endif
