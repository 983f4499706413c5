// Scanning values, run by run, with several workers. Runs are in order of time: the rows of one
// column are counted by a worker for itself, and added to the map where the next column begins.
#include "analysis/value_scan.h"

#include "analysis/parallel.h"
#include "proto/alloc.h"

#include <stdatomic.h>
#include <stdlib.h>

// A row is found by the eighth of the octave that its value is in, and a step or two.
enum { EIGHTHS = 8, BUCKETS = 62 * EIGHTHS };

struct extent {
    uint64_t least, most;
};

struct scan {
    const struct view *view;
    atomic_size_t next_run;
    struct extent extents[PARALLEL_MOST];
    // Of counting:
    struct heatmap *out;
    struct heatmap_shape columns; // the map's, of one row
    const uint64_t *edges;
    uint32_t first_row[BUCKETS]; // of the least value of each
};

// ---- extent ----

// Whether the segment's own extent is that of the run.
static bool is_known(const struct view *view, const struct view_run *run)
{
    const struct segment *segment = run->segment;
    return run->from == 0 && run->to == segment->count && !view->filtered && !view->hides_idle;
}

static void extend(struct extent *extent, uint64_t least, uint64_t most)
{
    extent->least = least < extent->least ? least : extent->least;
    extent->most = most > extent->most ? most : extent->most;
}

// Whether a sample counts; its value passes, too.
static inline bool counts(const struct view *view, const struct view_run *run,
                          const struct view_pass *pass, uint32_t at)
{
    const struct segment *segment = run->segment;
    return view_passes(pass, segment, at) && view_counts(view, view->marks[segment->nodes[at]]) &&
           filter_passes_value(&view->bits, segment_value(segment, at));
}

static void look_at_each(struct extent *extent, const struct view *view, const struct view_run *run,
                         const struct view_pass *pass)
{
    for (uint32_t at = run->from; at < run->to; at++) {
        if (counts(view, run, pass, at))
            extend(extent, segment_value(run->segment, at), segment_value(run->segment, at));
    }
}

static void look_at_runs(void *arg, unsigned number)
{
    struct scan *scan = arg;
    const struct view *view = scan->view;
    struct extent *extent = &scan->extents[number];
    uint8_t *threads = view->bits.threads ? xmalloc(VIEW_THREADS) : NULL;
    for (size_t i; (i = atomic_fetch_add(&scan->next_run, 1)) < view->run_count;) {
        const struct view_run *run = &view->runs[i];
        const struct segment *segment = run->segment;
        struct view_pass pass;
        if (view_is_canceled(view))
            break;
        // Nothing to be found in what is within already.
        if (segment->timeless ||
            (segment->value_min >= extent->least && segment->value_max <= extent->most) ||
            !view_pass_of(view, run, threads, &pass))
            continue;
        if (is_known(view, run))
            extend(extent, segment->value_min, segment->value_max);
        else
            look_at_each(extent, view, run, &pass);
    }
    free(threads);
}

int value_scan_extent(const struct view *view, uint64_t *least, uint64_t *most, struct err *err)
{
    struct scan scan = {.view = view};
    unsigned threads = parallel_threads(view->query->threads, view->run_samples);
    struct extent all = {.least = UINT64_MAX};
    for (unsigned i = 0; i < threads; i++)
        scan.extents[i] = all;
    parallel_run(threads, look_at_runs, &scan);
    for (unsigned i = 0; i < threads; i++)
        extend(&all, scan.extents[i].least, scan.extents[i].most);
    *least = all.least;
    *most = all.most;
    return view_canceled(view, err);
}

// ---- counting ----

static uint32_t bucket_of(uint64_t value)
{
    if (value < EIGHTHS)
        return (uint32_t)value;
    uint32_t octave = 63 - (uint32_t)__builtin_clzll(value);
    return (octave - 2) * EIGHTHS + (uint32_t)(value >> (octave - 3)) % EIGHTHS;
}

static uint64_t least_of(uint32_t bucket)
{
    if (bucket < EIGHTHS)
        return bucket;
    return (uint64_t)(EIGHTHS + bucket % EIGHTHS) << (bucket / EIGHTHS - 1);
}

static inline uint32_t row_from(const struct scan *scan, uint32_t row, uint64_t value)
{
    while (row + 1 < scan->out->shape.rows && value >= scan->edges[row + 1])
        row++;
    return row;
}

static void resolve_rows(struct scan *scan)
{
    uint32_t row = 0;
    for (uint32_t bucket = 0; bucket < BUCKETS; bucket++)
        scan->first_row[bucket] = row = row_from(scan, row, least_of(bucket));
}

// The rows of one column, as far as a run has been counted.
struct column {
    size_t number;
    int64_t from_ns, end_ns; // of its time
    uint32_t *rows;
    uint32_t low, high; // rows that have something
};

static void put_column(const struct scan *scan, struct column *column)
{
    uint64_t *cells = scan->out->cells + column->number * scan->out->shape.rows;
    for (uint32_t row = column->low; row <= column->high; row++) {
        if (column->rows[row])
            __atomic_fetch_add(&cells[row], column->rows[row], __ATOMIC_RELAXED);
        column->rows[row] = 0;
    }
    column->low = UINT32_MAX;
    column->high = 0;
}

// To the column of a time; false when it is not in the map.
static bool enter_column(const struct scan *scan, struct column *column, int64_t time_ns)
{
    size_t number = heatmap_cell_at(&scan->columns, time_ns);
    if (number == SIZE_MAX)
        return false;
    if (column->low <= column->high)
        put_column(scan, column);
    column->number = number;
    column->from_ns = heatmap_cell_start(&scan->columns, number);
    column->end_ns = column->from_ns + scan->columns.column_ns;
    return true;
}

static void count_run(const struct scan *scan, struct column *column, const struct view_run *run,
                      const struct view_pass *pass)
{
    const struct segment *segment = run->segment;
    size_t block = segment_block(segment, run->from);
    for (uint32_t at = run->from; at < run->to; at++) {
        if (!counts(scan->view, run, pass, at))
            continue;
        const int64_t time_ns = segment_time(segment, &block, at);
        const uint64_t value = segment_value(segment, at);
        if ((time_ns < column->from_ns || time_ns >= column->end_ns) &&
            !enter_column(scan, column, time_ns))
            continue;
        const uint32_t row = row_from(scan, scan->first_row[bucket_of(value)], value);
        column->low = row < column->low ? row : column->low;
        column->high = row > column->high ? row : column->high;
        column->rows[row]++;
    }
    if (column->low <= column->high)
        put_column(scan, column);
}

static void count_runs(void *arg, unsigned number)
{
    struct scan *scan = arg;
    const struct view *view = scan->view;
    uint8_t *threads = view->bits.threads ? xmalloc(VIEW_THREADS) : NULL;
    struct column column = {.low = UINT32_MAX};
    (void)number;
    column.rows = xcalloc(scan->out->shape.rows, sizeof *column.rows);
    for (size_t i; (i = atomic_fetch_add(&scan->next_run, 1)) < view->run_count;) {
        const struct view_run *run = &view->runs[i];
        struct view_pass pass;
        if (view_is_canceled(view))
            break;
        if (!run->segment->timeless && view_pass_of(view, run, threads, &pass))
            count_run(scan, &column, run, &pass);
    }
    free(column.rows);
    free(threads);
}

int value_scan_count(const struct view *view, const uint64_t *edges, struct heatmap *out,
                     struct err *err)
{
    struct scan scan = {.view = view, .out = out, .columns = out->shape, .edges = edges};
    scan.columns.rows = 1;
    resolve_rows(&scan);
    parallel_run(parallel_threads(view->query->threads, view->run_samples), count_runs, &scan);
    return view_canceled(view, err);
}
