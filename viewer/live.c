// Live windows of the heatmap.
#include "viewer/live.h"

#include "proto/alloc.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

// Samples come late by less than this (pipes are drained every 50 ms, blocked intervals arrive in
// pieces of a second); what comes later is seen at the next full look.
#define TAIL_NS 3000000000
#define LOOK_NS 1000000000

struct live *live_new(const struct live_shape *shape)
{
    struct live *live = xcalloc(1, sizeof *live);
    size_t cells = (size_t)shape->columns * shape->rows;

    live->asked = *shape;
    live->cells = xcalloc(cells, sizeof *live->cells);
    live->paint = xcalloc(cells, sizeof *live->paint);
    live->changed = xcalloc(shape->columns, sizeof *live->changed);
    live->from_ns = LIVE_FOLLOW; // nothing yet
    return live;
}

void live_free(struct live *live)
{
    if (!live)
        return;
    spikes_dispose(&live->spikes);
    free(live->cells);
    free(live->paint);
    free(live->changed);
    free(live);
}

static int64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

// Moves the window so that it starts at from_ns; columns that stay keep what they have.
static void move_window(struct live *live, int64_t from_ns)
{
    uint32_t columns = live->asked.columns, rows = live->asked.rows;
    int64_t by =
        live->from_ns == LIVE_FOLLOW ? columns : (from_ns - live->from_ns) / live->asked.column_ns;
    size_t keep = by >= 0 && by < columns ? columns - (size_t)by : 0;
    size_t drop = columns - keep;

    if (by == 0)
        return;
    memmove(live->cells, live->cells + drop * rows, keep * rows * sizeof *live->cells);
    memmove(live->paint, live->paint + drop * rows, keep * rows);
    memmove(live->changed, live->changed + drop, keep * sizeof *live->changed);
    memset(live->cells + keep * rows, 0, drop * rows * sizeof *live->cells);
    memset(live->paint + keep * rows, 0, drop * rows);
    live->version++;
    for (size_t column = keep; column < columns; column++)
        live->changed[column] = live->version;
    live->from_ns = from_ns;
}

// Takes over the columns of `fresh`, which start at column `at` of the window.
static void take(struct live *live, const struct heatmap *fresh, uint32_t at)
{
    uint32_t rows = live->asked.rows;
    bool any = false;

    for (uint32_t i = 0; i < fresh->shape.columns; i++) {
        size_t to = (size_t)(at + i) * rows, from = (size_t)i * rows;
        bool same =
            memcmp(live->cells + to, fresh->cells + from, rows * sizeof *live->cells) == 0 &&
            memcmp(live->paint + to, fresh->paint + from, rows) == 0;
        if (same)
            continue;
        memcpy(live->cells + to, fresh->cells + from, rows * sizeof *live->cells);
        memcpy(live->paint + to, fresh->paint + from, rows);
        live->changed[at + i] = live->version + 1;
        any = true;
    }
    if (any)
        live->version++;
}

// The rate is seen where rows are times.
static void take_spikes(struct live *live, const struct heatmap *fresh)
{
    struct spikes spikes = {0};

    if (!fresh->shape.value_most)
        (void)spikes_find(&spikes, fresh, NULL);
    bool same = spikes.count == live->spikes.count &&
                (spikes.count == 0 || memcmp(spikes.items, live->spikes.items,
                                             spikes.count * sizeof *spikes.items) == 0);
    if (same) {
        spikes_dispose(&spikes);
        return;
    }
    spikes_dispose(&live->spikes);
    live->spikes = spikes;
    live->spikes_version = ++live->version;
}

// Computes columns [at, columns) anew.
static void look(struct live *live, struct store *store, const struct query *query, uint32_t at)
{
    struct heatmap fresh = {0};
    struct heatmap_shape shape = {.from_ns = live->from_ns + at * live->asked.column_ns,
                                  .column_ns = live->asked.column_ns,
                                  .columns = live->asked.columns - at,
                                  .rows = live->asked.rows,
                                  .value_least = live->asked.value_least,
                                  .value_most = live->asked.value_most};

    live->err = (struct err){0};
    if (store_heatmap(store, query, &shape, &fresh, &live->err) == 0) {
        take(live, &fresh, at);
        live->full = fresh.full;
        live->value_least = fresh.shape.value_least;
        live->value_most = fresh.shape.value_most;
        if (at == 0) {
            live->totals = fresh.totals;
            live->max = fresh.max;
            take_spikes(live, &fresh);
        } else if (fresh.max > live->max) {
            live->max = fresh.max;
        }
    }
    heatmap_dispose(&fresh);
}

void live_refresh(struct live *live, struct store *store, const struct selection *selection,
                  int64_t edge_ns, int64_t now_ns)
{
    int64_t column_ns = live->asked.column_ns, columns = live->asked.columns;
    struct query query;
    struct axis axis;

    store_axis(store, &axis);
    if (!axis.has_time)
        return;
    selection_query(selection, &query);
    query.ranges = NULL;
    query.range_count = 0;
    query.outside = false;

    int64_t from_ns = live->asked.from_ns == LIVE_FOLLOW
                          ? axis_floor(&axis, edge_ns, column_ns) - (columns - 1) * column_ns
                          : axis_floor(&axis, live->asked.from_ns, column_ns);
    // Another time axis (an older file was opened beside): nothing of the old window lines up.
    bool realigned = live->from_ns != LIVE_FOLLOW && (from_ns - live->from_ns) % column_ns != 0;
    if (realigned)
        live->from_ns = LIVE_FOLLOW;
    bool all = live->from_ns == LIVE_FOLLOW ||
               live->generation != selection_generation(selection) ||
               now_ns - live->looked_ns >= LOOK_NS + 20 * live->look_cost_ns;
    move_window(live, from_ns);

    int64_t tail = live->asked.value_most ? columns : (edge_ns - TAIL_NS - from_ns) / column_ns;
    uint32_t at = all || tail < 0 ? 0 : (uint32_t)(tail < columns ? tail : columns);
    if (at == (uint32_t)columns)
        return;
    int64_t started_ns = clock_ns();
    struct filter *any_value = NULL;
    if (live->asked.value_most && query.filter)
        query.filter = any_value = filter_any_value(query.filter, SIZE_MAX);
    look(live, store, &query, at);
    filter_free(any_value);
    if (at == 0) {
        live->look_cost_ns = clock_ns() - started_ns;
        live->looked_ns = now_ns;
        live->generation = selection_generation(selection);
    }
}
