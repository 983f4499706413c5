// The buffer's heatmaps: counting cells, and painting what a number alone does not say.
#include "analysis/view.h"
#include "proto/alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CELLS_MOST = 1 << 26 };

struct map_job {
    struct view *view;
    struct heatmap *out;
    int64_t end_ns; // of the map
};

static int check_shape(const struct heatmap_shape *shape, struct err *err)
{
    if (!shape->rows || !shape->columns || shape->column_ns <= 0)
        return err_set(err, -EINVAL, "a heatmap of %u columns and %u rows, expected at least one",
                       shape->columns, shape->rows);
    if ((uint64_t)shape->columns * shape->rows > CELLS_MOST)
        return err_set(err, -EINVAL,
                       "a heatmap of %u columns and %u rows, expected at most %d cells",
                       shape->columns, shape->rows, CELLS_MOST);
    if (shape->column_ns > (INT64_MAX - (shape->from_ns > 0 ? shape->from_ns : 0)) / shape->columns)
        return err_set(err, -EINVAL, "a heatmap of %u columns reaches beyond the end of time",
                       shape->columns);
    return 0;
}

static size_t cell_count(const struct heatmap_shape *shape)
{
    return (size_t)shape->columns * shape->rows;
}

// Spreads [from, to) over the cells it spans.
static void spread(struct map_job *job, int64_t from_ns, int64_t to_ns)
{
    const struct heatmap_shape *shape = &job->out->shape;
    if (from_ns < shape->from_ns)
        from_ns = shape->from_ns;
    if (to_ns > job->end_ns)
        to_ns = job->end_ns;
    if (from_ns >= to_ns)
        return;
    for (size_t cell = heatmap_cell_at(shape, from_ns); from_ns < to_ns; cell++) {
        int64_t next_ns = heatmap_cell_start(shape, cell + 1);
        if (next_ns > to_ns)
            next_ns = to_ns;
        job->out->cells[cell] += (uint64_t)(next_ns - from_ns);
        from_ns = next_ns;
    }
}

// Of an interval, what lies in the query's ranges.
static void spread_interval(struct map_job *job, int64_t end_ns, uint64_t value)
{
    int64_t start_ns = value > (uint64_t)end_ns - (uint64_t)INT64_MIN
                           ? INT64_MIN
                           : (int64_t)((uint64_t)end_ns - value);
    const struct ranges *ranges = &job->view->ranges;
    for (size_t i = ranges_find(ranges->items, ranges->count, start_ns);
         i < ranges->count && ranges->items[i].from_ns < end_ns; i++) {
        const struct range *range = &ranges->items[i];
        spread(job, range->from_ns > start_ns ? range->from_ns : start_ns,
               range->to_ns < end_ns ? range->to_ns : end_ns);
    }
}

static void count_sample(struct map_job *job, const struct segment *segment, uint32_t at,
                         int64_t time_ns)
{
    const struct view *view = job->view;
    struct totals *totals = &job->out->totals;
    uint8_t marks = view->marks[segment->nodes[at]];
    if (!(marks & VIEW_PASSES))
        return;
    uint64_t value = segment_value(segment, at);
    uint64_t samples;
    uint64_t weight;
    view_weigh(view, time_ns, value, &samples, &weight);
    if (!samples)
        return;
    if (view->hides_idle && marks & CALLPATH_IDLE) {
        totals->idle++;
        return;
    }
    totals->samples++;
    totals->value += weight;
    totals->no_stack += (marks & CALLPATH_NO_STACK) != 0;
    totals->unresolved += (marks & CALLPATH_UNRESOLVED) != 0;
    if (totals->first_ns == SAMPLE_NO_TIME || time_ns < totals->first_ns)
        totals->first_ns = time_ns;
    if (totals->last_ns == SAMPLE_NO_TIME || time_ns > totals->last_ns)
        totals->last_ns = time_ns;
    if (view->intervals)
        spread_interval(job, time_ns, value);
    else
        job->out->cells[heatmap_cell_at(&job->out->shape, time_ns)] += view->by_value ? value : 1;
}

// Cuts a run to the samples that touch the map.
static void cut_to_map(const struct map_job *job, struct view_run *run)
{
    const struct segment *segment = run->segment;
    uint64_t reach_ns = job->view->intervals ? segment->value_max : 0;
    uint32_t from = segment_find(segment, job->out->shape.from_ns);
    int64_t to_ns = reach_ns > (uint64_t)INT64_MAX - (uint64_t)job->end_ns
                        ? INT64_MAX
                        : (int64_t)((uint64_t)job->end_ns + reach_ns);
    uint32_t to = segment_find(segment, to_ns);
    run->from = run->from > from ? run->from : from;
    run->to = run->to < to ? run->to : to;
}

static int count_cells(struct map_job *job, struct err *err)
{
    struct view *view = job->view;
    for (size_t i = 0; i < view->run_count; i++) {
        struct view_run run = view->runs[i];
        int rc = view_canceled(view, err);
        if (rc < 0)
            return rc;
        if (run.segment->timeless)
            continue;
        bool none;
        const uint8_t *threads = view_threads(view, &run, &none);
        cut_to_map(job, &run);
        if (none || run.from >= run.to)
            continue;
        size_t block = segment_block(run.segment, run.from);
        for (uint32_t at = run.from; at < run.to; at++) {
            while (at >= segment_block_end(run.segment, block))
                block++;
            if (view_sample_passes(view, run.segment, threads, at))
                count_sample(job, run.segment, at,
                             run.segment->blocks[block].base_ns + run.segment->offsets[at]);
        }
    }
    return 0;
}

// The cells that [from, to) touches; false when none.
static bool cells_of_range(const struct map_job *job, int64_t from_ns, int64_t to_ns, size_t *first,
                           size_t *end)
{
    const struct heatmap_shape *shape = &job->out->shape;
    if (from_ns < shape->from_ns)
        from_ns = shape->from_ns;
    if (to_ns > job->end_ns)
        to_ns = job->end_ns;
    if (from_ns >= to_ns)
        return false;
    *first = heatmap_cell_at(shape, from_ns);
    *end = heatmap_cell_at(shape, to_ns - 1) + 1;
    return true;
}

static void paint_range(struct map_job *job, int64_t from_ns, int64_t to_ns, uint8_t set,
                        uint8_t clear)
{
    size_t first;
    size_t end;
    if (!cells_of_range(job, from_ns, to_ns, &first, &end))
        return;
    for (size_t i = first; i < end; i++)
        job->out->paint[i] = (uint8_t)((job->out->paint[i] & ~clear) | set);
}

// When a source was recording: what it said, or, of a file, from its first to its last sample.
static int64_t paint_recorded(struct map_job *job, const struct source *source)
{
    int64_t end_ns = source->has_time ? source->last_ns + 1 : INT64_MIN;
    for (size_t i = 0; i < source->watched.count; i++) {
        const struct range *range = &source->watched.items[i];
        paint_range(job, range->from_ns, range->to_ns, 0, HEATMAP_NOT_RECORDING);
        if (range->to_ns > end_ns)
            end_ns = range->to_ns;
    }
    if (!source->watched.count && source->has_time)
        paint_range(job, source->first_ns, source->last_ns + 1, 0, HEATMAP_NOT_RECORDING);
    return end_ns;
}

static void paint(struct map_job *job)
{
    const struct view *view = job->view;
    size_t count = cell_count(&job->out->shape);
    memset(job->out->paint, HEATMAP_NOT_RECORDING, count);
    int64_t arrived_ns = INT64_MIN;
    bool is_live = false;
    for (size_t i = 0; i < view->source_count; i++) {
        const struct source *source = view->sources[i];
        is_live |= source->watched.count > 0;
        int64_t end_ns = paint_recorded(job, source);
        arrived_ns = end_ns > arrived_ns ? end_ns : arrived_ns;
        for (size_t j = 0; j < source->evicted.count; j++)
            paint_range(job, source->evicted.items[j].from_ns, source->evicted.items[j].to_ns,
                        HEATMAP_EVICTED, 0);
        for (size_t j = 0; j < source->loss_count; j++) {
            if (source->losses[j].from_ns != SAMPLE_NO_TIME)
                paint_range(job, source->losses[j].from_ns, source->losses[j].to_ns, HEATMAP_LOST,
                            0);
        }
    }
    // A cell is pending when it begins after all that has arrived; nothing follows a file.
    for (size_t i = count;
         is_live && i-- > 0 && heatmap_cell_start(&job->out->shape, i) >= arrived_ns;)
        job->out->paint[i] = HEATMAP_PENDING;
    for (size_t i = 0; i < count; i++) {
        if (job->out->cells[i])
            job->out->paint[i] &= HEATMAP_LOST | HEATMAP_EVICTED;
        if (job->out->cells[i] > job->out->max)
            job->out->max = job->out->cells[i];
    }
}

// What a cell holds when every CPU that is watched is busy.
static uint64_t full_cell(const struct view *view, const struct heatmap_shape *shape)
{
    const struct source *source = view->sources[0];
    if (view->by_value || !source->cpus || source->rate_hz <= 0)
        return 0;
    double cell_s = (double)shape->column_ns / shape->rows / 1e9;
    double full = source->cpus * source->rate_hz * cell_s + 0.5;
    return full < 1 ? 1 : (uint64_t)full;
}

int buffer_heatmap(struct store *store, const struct query *query,
                   const struct heatmap_shape *shape, struct heatmap *out, struct err *err)
{
    *out = (struct heatmap){.shape = *shape};
    struct view view = {0};
    int rc = check_shape(shape, err);
    if (rc == 0)
        rc = view_init(&view, (struct buffer *)store, query, VIEW_TIMES, err);
    if (rc == 0) {
        struct map_job job = {&view, out, heatmap_cell_start(shape, cell_count(shape))};
        out->cells = xcalloc(cell_count(shape), sizeof *out->cells);
        out->paint = xcalloc(cell_count(shape), sizeof *out->paint);
        out->full = full_cell(&view, shape);
        view_totals(&view, &out->totals);
        rc = count_cells(&job, err);
        if (rc == 0)
            paint(&job);
    }
    view_dispose(&view);
    return rc;
}
