// The latency heatmap: the selected samples are looked at twice, for the scale and for the cells.
//
// Intervals are replayed in order of time, to join their pieces. Others are scanned, and where all
// have one value the map of columns has told how many there are.
#include "analysis/latency.h"

#include "analysis/pieces.h"
#include "analysis/value_scan.h"
#include "analysis/weigh.h"
#include "proto/alloc.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// The last interval of a thread.
struct last {
    struct piece piece; // the last one of it
    uint64_t value;     // of all
    size_t cell;        // SIZE_MAX: in none
};

struct latency {
    struct sink sink;
    bool scaled; // the second time
    struct heatmap *out;
    struct heatmap columns; // what each column has in all
    uint64_t *edges;
    uint64_t least, most; // seen
    struct last *lasts;   // of each thread
};

void latency_edges(const struct heatmap_shape *shape, uint64_t *edges)
{
    double least = (double)shape->value_least;
    double ratio = (double)shape->value_most / least;
    for (uint32_t row = 0; row <= shape->rows; row++)
        edges[row] = (uint64_t)(least * pow(ratio, (double)row / shape->rows) + 0.5);
}

// The row of a value; values beyond the scale are in its first and last row.
static uint32_t row_of(const struct latency *latency, uint64_t value)
{
    uint32_t low = 0, high = latency->out->shape.rows; // edges[low] <= value < edges[high]
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (value >= latency->edges[middle])
            low = middle;
        else
            high = middle;
    }
    return low;
}

static size_t cell_of(const struct latency *latency, int64_t time_ns, uint64_t value)
{
    struct heatmap_shape columns = latency->out->shape;
    columns.rows = 1;
    size_t column = heatmap_cell_at(&columns, time_ns);
    if (column == SIZE_MAX)
        return SIZE_MAX;
    return column * latency->out->shape.rows + row_of(latency, value);
}

// The interval that the sample ends or goes on with, which is taken out of the cell where it was.
static uint64_t join(struct latency *latency, const struct sample *sample, struct last **last)
{
    uint64_t value = sample->value;
    *last = &latency->lasts[sample->thread];
    if (piece_goes_on(&(*last)->piece, sample->node, sample->time_ns, value)) {
        value += (*last)->value;
        if (latency->scaled && (*last)->cell != SIZE_MAX)
            latency->out->cells[(*last)->cell]--;
    }
    **last = (struct last){{sample->time_ns, sample->value, sample->node}, value, SIZE_MAX};
    return value;
}

static void take(struct latency *latency, const struct sample *sample)
{
    struct last *last;
    uint64_t value = join(latency, sample, &last);
    if (!latency->scaled) {
        latency->least = value < latency->least ? value : latency->least;
        latency->most = value > latency->most ? value : latency->most;
        return;
    }
    size_t cell = cell_of(latency, sample->time_ns, value);
    if (cell != SIZE_MAX)
        latency->out->cells[cell]++;
    last->cell = cell;
}

static int on_samples(struct sink *sink, const struct sample *samples, size_t count,
                      struct err *err)
{
    (void)err;
    for (size_t i = 0; i < count; i++) {
        if (samples[i].time_ns != SAMPLE_NO_TIME)
            take((struct latency *)sink, &samples[i]);
    }
    return 0;
}

static int on_hello(struct sink *sink, const struct hello *hello, struct err *err)
{
    (void)sink, (void)hello, (void)err;
    return 0;
}

static int on_loss(struct sink *sink, const struct loss *loss, struct err *err)
{
    (void)sink, (void)loss, (void)err;
    return 0;
}

// The largest 1, 2 or 5 times a power of ten that is no larger.
static uint64_t round_down(uint64_t value)
{
    uint64_t power = 1;
    while (value / power >= 10)
        power *= 10;
    uint64_t digit = value / power;
    return power * (digit >= 5 ? 5 : digit >= 2 ? 2 : 1);
}

// The least 1, 2 or 5 times a power of ten that is larger.
static uint64_t round_up(uint64_t value)
{
    static const unsigned steps[] = {1, 2, 5};
    for (uint64_t power = 1;; power *= 10) {
        for (size_t i = 0; i < 3; i++) {
            if (power > UINT64_MAX / 10 || power * steps[i] > value)
                return power * steps[i];
        }
    }
}

static void choose_scale(struct latency *latency)
{
    struct heatmap_shape *shape = &latency->out->shape;
    if (shape->value_most != HEATMAP_VALUES_ALL)
        return;
    shape->value_least = round_down(latency->least > latency->most ? 1
                                    : latency->least               ? latency->least
                                                                   : 1);
    shape->value_most =
        round_up(latency->most > shape->value_least ? latency->most : shape->value_least);
}

// What was recorded, evicted, lost is known of columns only; so are the totals.
static int ask_columns(struct latency *latency, struct store *store, const struct query *query,
                       struct err *err)
{
    struct heatmap *columns = &latency->columns, *out = latency->out;
    struct heatmap_shape shape = out->shape;
    shape.rows = 1;
    shape.value_least = shape.value_most = 0;
    heatmap_take(out, &((struct buffer *)store)->map_scratch);
    int rc = store_heatmap(store, query, &shape, columns, err);
    if (!rc) {
        out->dict = columns->dict;
        out->totals = columns->totals;
        memset(out->cells, 0, (size_t)shape.columns * out->shape.rows * sizeof *out->cells);
        for (size_t i = 0; i < shape.columns; i++)
            memset(out->paint + i * out->shape.rows, columns->paint[i], out->shape.rows);
    }
    return rc;
}

// The samples that are asked for: without ranges those of the map.
static struct query inside(const struct query *query, const struct heatmap_shape *shape,
                           struct range *all)
{
    struct query asked = *query;
    *all = (struct range){shape->from_ns, shape->from_ns + shape->column_ns * shape->columns};
    if (!query->range_count) {
        asked.ranges = all;
        asked.range_count = 1;
    }
    return asked;
}

static int replay(struct latency *latency, struct store *store, const struct query *query,
                  struct err *err)
{
    struct range all;
    struct query asked = inside(query, &latency->out->shape, &all);
    memset(latency->lasts, 0, latency->sink.dict->thread_count * sizeof *latency->lasts);
    return store_replay(store, &asked, &latency->sink, err);
}

// The scale is known: where its rows begin.
static int start_cells(struct latency *latency, struct err *err)
{
    const struct totals *totals = &latency->out->totals;
    const struct dict *dict = latency->out->dict;
    if (!totals->by_value && latency->least == 1 && latency->most == 1)
        return err_set(err, -ENODATA,
                       "every sample of '%s' is worth 1, so there is nothing to see by value",
                       dict_text(dict, dict->events[totals->event].name));
    choose_scale(latency);
    latency->edges = xreallocarray(NULL, latency->out->shape.rows + 1, sizeof *latency->edges);
    latency_edges(&latency->out->shape, latency->edges);
    latency->scaled = true;
    return 0;
}

static int count_intervals(struct latency *latency, struct store *store, const struct query *query,
                           struct err *err)
{
    latency->lasts = xcalloc(latency->sink.dict->thread_count, sizeof *latency->lasts);
    int rc = replay(latency, store, query, err);
    if (rc == 0)
        rc = start_cells(latency, err);
    if (rc == 0)
        rc = replay(latency, store, query, err);
    return rc;
}

// All samples have one value: each column's are in one row.
static void lay_columns(const struct latency *latency, uint64_t value)
{
    const struct heatmap_shape *shape = &latency->out->shape;
    const uint64_t worth = latency->out->totals.by_value ? value : 1;
    const uint32_t row = row_of(latency, value);
    for (size_t i = 0; i < shape->columns; i++)
        latency->out->cells[i * shape->rows + row] = latency->columns.cells[i] / worth;
}

static int count_in_view(struct latency *latency, const struct view *view, struct err *err)
{
    uint64_t value;
    int rc = value_scan_extent(view, &latency->least, &latency->most, err);
    if (rc == 0)
        rc = start_cells(latency, err);
    if (rc == 0 && weigh_has_one_value(view, &value) && value)
        lay_columns(latency, value);
    else if (rc == 0)
        rc = value_scan_count(view, latency->edges, latency->out, err);
    return rc;
}

static int count_values(struct latency *latency, struct store *store, const struct query *query,
                        struct err *err)
{
    struct range all;
    struct view view = {0};
    struct query asked = inside(query, &latency->out->shape, &all);
    int rc = view_init(&view, (struct buffer *)store, &asked, VIEW_TIMES, err);
    if (rc == 0)
        rc = count_in_view(latency, &view, err);
    view_dispose(&view);
    return rc;
}

static int count(struct latency *latency, struct store *store, const struct query *query,
                 struct err *err)
{
    struct heatmap *out = latency->out;
    const struct event *event = &out->dict->events[out->totals.event];
    bool intervals = out->totals.by_value && !strcmp(dict_text(out->dict, event->unit), "ns");
    int rc = intervals ? count_intervals(latency, store, query, err)
                       : count_values(latency, store, query, err);
    for (size_t i = (size_t)out->shape.columns * out->shape.rows; i-- > 0;)
        out->max = out->cells[i] > out->max ? out->cells[i] : out->max;
    return rc;
}

int latency_heatmap(struct store *store, const struct query *query,
                    const struct heatmap_shape *shape, struct heatmap *out, struct err *err)
{
    static const struct sink_ops ops = {.hello = on_hello, .samples = on_samples, .loss = on_loss};
    *out = (struct heatmap){.shape = *shape};
    struct latency latency = {
        .sink = {.ops = &ops, .dict = (struct dict *)store_dict(store)},
        .out = out,
        .least = UINT64_MAX,
    };
    if (shape->value_least >= shape->value_most && shape->value_most)
        return err_set(err, -EINVAL, "a scale from %llu to %llu, expected it to rise",
                       (unsigned long long)shape->value_least,
                       (unsigned long long)shape->value_most);
    int rc = ask_columns(&latency, store, query, err);
    if (!rc)
        rc = count(&latency, store, query, err);
    free(latency.edges);
    free(latency.lasts);
    heatmap_dispose(&latency.columns);
    return rc;
}
