// The selection: a list of states, of which the newest is in force.
#include "analysis/selection.h"

#include "analysis/ranges.h"
#include "proto/alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { UNDO_STATES = 64 };

struct state {
    struct ranges ranges;
    struct filter *filter; // NULL: none
    char *event;           // NULL: the default
    uint32_t source;
    bool idle;
};

struct selection {
    struct state states[UNDO_STATES + 1]; // oldest first; the last is in force
    size_t count;                         // at least 1
    uint64_t generation;
};

static void state_dispose(struct state *state)
{
    ranges_dispose(&state->ranges);
    filter_free(state->filter);
    free(state->event);
    *state = (struct state){0};
}

struct selection *selection_new(void)
{
    struct selection *selection = xcalloc(1, sizeof *selection);
    selection->count = 1;
    selection->generation = 1;
    return selection;
}

void selection_free(struct selection *selection)
{
    if (!selection)
        return;
    for (size_t i = 0; i < selection->count; i++)
        state_dispose(&selection->states[i]);
    free(selection);
}

static struct state *state_now(struct selection *selection)
{
    return &selection->states[selection->count - 1];
}

// Opens a copy of the state in force, to be changed by the caller.
static struct state *change(struct selection *selection)
{
    if (selection->count == UNDO_STATES + 1) {
        state_dispose(&selection->states[0]);
        memmove(selection->states, selection->states + 1, UNDO_STATES * sizeof(struct state));
        selection->count--;
    }
    const struct state *old = state_now(selection);
    struct state *new = &selection->states[selection->count++];
    *new = (struct state){.source = old->source, .idle = old->idle};
    ranges_set(&new->ranges, old->ranges.items, old->ranges.count);
    new->filter = old->filter ? filter_copy(old->filter) : NULL;
    new->event = old->event ? xstrdup(old->event) : NULL;
    selection->generation++;
    return new;
}

void selection_set_ranges(struct selection *selection, const struct range *ranges, size_t count)
{
    ranges_set(&change(selection)->ranges, ranges, count);
}

void selection_set_filter(struct selection *selection, struct filter *filter)
{
    struct state *state = change(selection);
    filter_free(state->filter);
    state->filter = filter;
}

int selection_set_values(struct selection *selection, const char *values, struct err *err)
{
    struct filter *filter = filter_with_values(state_now(selection)->filter, values, err);
    if (!filter)
        return -EINVAL;
    if (filter_is_empty(filter)) {
        filter_free(filter);
        filter = NULL;
    }
    selection_set_filter(selection, filter);
    return 0;
}

void selection_set_event(struct selection *selection, const char *event)
{
    char *copy = event ? xstrdup(event) : NULL; // it may be the text that is replaced
    struct state *state = change(selection);
    free(state->event);
    state->event = copy;
}

void selection_set_source(struct selection *selection, uint32_t source)
{
    change(selection)->source = source;
}

void selection_set_idle(struct selection *selection, bool idle)
{
    change(selection)->idle = idle;
}

const struct range *selection_ranges(const struct selection *selection, size_t *count)
{
    const struct state *state = &selection->states[selection->count - 1];
    *count = state->ranges.count;
    return state->ranges.items;
}

const struct filter *selection_filter(const struct selection *selection)
{
    return selection->states[selection->count - 1].filter;
}

bool selection_undo(struct selection *selection)
{
    if (selection->count == 1)
        return false;
    state_dispose(state_now(selection));
    selection->count--;
    selection->generation++;
    return true;
}

void selection_join(struct selection *selection)
{
    if (selection->count < 3)
        return;
    size_t before = selection->count - 2;
    state_dispose(&selection->states[before]);
    selection->states[before] = selection->states[before + 1];
    selection->count--;
}

uint64_t selection_generation(const struct selection *selection)
{
    return selection->generation;
}

void selection_query(const struct selection *selection, struct query *out)
{
    const struct state *state = &selection->states[selection->count - 1];
    *out = (struct query){.ranges = state->ranges.items,
                          .range_count = state->ranges.count,
                          .filter = state->filter,
                          .event = state->event,
                          .source = state->source,
                          .idle = state->idle};
}
