// The buffer's heatmaps: counting cells, and painting what a number alone does not say.
//
// A map without a filter is copied from the bins of its tracks, which are made when it is asked for
// a second time and kept as samples arrive. Otherwise workers go through the runs, whose samples
// are in order: the cell changes rarely. Of whole sealed segments the samples that count are known
// as bits (mask.h). Of others each is looked at: what it is (counted, idle, without a stack,
// unresolved) is a number with four lanes, looked up by the marks of its node and summed at once.
#include "analysis/latency.h"
#include "analysis/mask.h"
#include "analysis/parallel.h"
#include "analysis/view.h"
#include "proto/alloc.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { CELLS_MOST = 1 << 26, STEPS_MOST = 8 };

// Lanes of 16 bits; sums of runs, which have 65536 samples at most, are taken in two halves.
#define LANE_COUNTED    UINT64_C(1)
#define LANE_IDLE       (UINT64_C(1) << 16)
#define LANE_NO_STACK   (UINT64_C(1) << 32)
#define LANE_UNRESOLVED (UINT64_C(1) << 48)
#define LANE_SAMPLES    32768

struct map_worker {
    struct totals totals;
    size_t own_from, own_end; // cells that nobody else counts into now
};

struct map_job {
    struct view *view;
    struct heatmap *out;
    int64_t end_ns;     // of the map
    int64_t *row_start; // offset of each row in its column, and of the column's end
    uint64_t lanes[256];
    bool masks_known;
    uint8_t *mask_nodes; // see mask.h, once they are known
    atomic_size_t next_run;
    bool shared;        // several workers count into the cells
    int64_t *before_ns; // of each run: the newest time in the runs before it
    struct map_worker workers[PARALLEL_MOST];
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

// Workers share the cells, since a large map's are more than what is counted into them. They meet
// at the ends of their runs; a locked addition to every cell would keep the processor from reading
// ahead, and cost more than the counting.
static inline void add_to_cell(const struct map_job *job, const struct map_worker *worker,
                               size_t cell, uint64_t by)
{
    uint64_t *at = &job->out->cells[cell];
    if (cell >= worker->own_from && cell < worker->own_end)
        *at += by;
    else
        __atomic_fetch_add(at, by, __ATOMIC_RELAXED);
}

static size_t cell_or_end(const struct heatmap_shape *shape, int64_t time_ns)
{
    if (time_ns < shape->from_ns)
        return 0;
    size_t cell = heatmap_cell_at(shape, time_ns);
    return cell == SIZE_MAX ? cell_count(shape) : cell;
}

// The cells between those of the runs before (runs are in the order of their first times) and the
// next one's first. Of intervals, which reach far back, none.
static void own_cells(const struct map_job *job, struct map_worker *worker, size_t run)
{
    const struct view *view = job->view;
    const struct heatmap_shape *shape = &job->out->shape;
    worker->own_from = 0;
    worker->own_end = cell_count(shape);
    if (job->shared && run)
        worker->own_from = cell_or_end(shape, job->before_ns[run]) + 1;
    if (job->shared && run + 1 < view->run_count)
        worker->own_end = cell_or_end(shape, view->runs[run + 1].segment->min_ns);
    if (job->shared && view->intervals)
        worker->own_end = 0;
}

// Spreads [from, to) over the cells it spans.
static void spread(const struct map_job *job, const struct map_worker *worker, int64_t from_ns,
                   int64_t to_ns)
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
        add_to_cell(job, worker, cell, (uint64_t)(next_ns - from_ns));
        from_ns = next_ns;
    }
}

// Of an interval, what lies in the query's ranges.
static void spread_interval(const struct map_job *job, const struct map_worker *worker,
                            int64_t end_ns, uint64_t value)
{
    int64_t start_ns = value > (uint64_t)end_ns - (uint64_t)INT64_MIN
                           ? INT64_MIN
                           : (int64_t)((uint64_t)end_ns - value);
    const struct ranges *ranges = &job->view->ranges;
    for (size_t i = ranges_find(ranges->items, ranges->count, start_ns);
         i < ranges->count && ranges->items[i].from_ns < end_ns; i++) {
        const struct range *range = &ranges->items[i];
        spread(job, worker, range->from_ns > start_ns ? range->from_ns : start_ns,
               range->to_ns < end_ns ? range->to_ns : end_ns);
    }
}

static void add_lanes(struct totals *totals, uint64_t sum)
{
    totals->samples += sum & 0xffff;
    totals->idle += sum >> 16 & 0xffff;
    totals->no_stack += sum >> 32 & 0xffff;
    totals->unresolved += sum >> 48;
}

static void resolve_lanes(struct map_job *job)
{
    for (unsigned marks = 0; marks < 256; marks++) {
        uint64_t *lanes = &job->lanes[marks];
        if (!view_counts(job->view, (uint8_t)marks))
            *lanes = marks & VIEW_FAILS ? 0 : LANE_IDLE;
        else
            *lanes = LANE_COUNTED + (marks & CALLPATH_NO_STACK ? LANE_NO_STACK : 0) +
                     (marks & CALLPATH_UNRESOLVED ? LANE_UNRESOLVED : 0);
    }
}

// Where a scan in order of time stands in the map.
struct position {
    size_t cell;
    uint32_t column, row;
    int64_t end_ns; // of the cell
};

static void position_set(const struct map_job *job, struct position *position, int64_t time_ns)
{
    const struct heatmap_shape *shape = &job->out->shape;
    position->cell = heatmap_cell_at(shape, time_ns);
    position->column = (uint32_t)(position->cell / shape->rows);
    position->row = (uint32_t)(position->cell % shape->rows);
    position->end_ns = shape->from_ns + (int64_t)position->column * shape->column_ns +
                       job->row_start[position->row + 1];
}

// To the cell of a time at or after its end: usually one of the next.
static void position_move(const struct map_job *job, struct position *position, int64_t time_ns)
{
    const struct heatmap_shape *shape = &job->out->shape;
    for (int steps = 0; time_ns >= position->end_ns; steps++) {
        if (steps == STEPS_MOST) {
            position_set(job, position, time_ns);
            return;
        }
        position->cell++;
        if (++position->row == shape->rows) {
            position->row = 0;
            position->column++;
        }
        position->end_ns = shape->from_ns + (int64_t)position->column * shape->column_ns +
                           job->row_start[position->row + 1];
    }
}

// A stretch of one block, at most LANE_SAMPLES long; `threads` and `cpus` are compile-time NULL or
// not in each copy of this loop. Returns the lanes' sums.
static inline __attribute__((always_inline)) uint64_t count_stretch(
    const struct map_job *job, const struct map_worker *worker, const struct segment *segment,
    size_t block, uint32_t from, uint32_t to, const uint8_t *threads, const uint8_t *cpus)
{
    // Copies, so that the compiler need not read them again after each store.
    const uint64_t *const lanes_of = job->lanes;
    const uint8_t *const marks = job->view->marks;
    const uint32_t *const offsets = segment->offsets;
    const uint32_t *const nodes = segment->nodes;
    const uint16_t *const sample_threads = segment->threads;
    const uint8_t *const sample_cpus = segment->cpus;
    const int64_t base_ns = segment->blocks[block].base_ns;
    struct position position;
    position_set(job, &position, base_ns + offsets[from]);
    uint64_t sum = 0;
    for (uint32_t at = from; at < to;) {
        // The samples of one cell, then the next.
        const int64_t end = position.end_ns - base_ns;
        const uint64_t before = sum;
        for (; at < to && offsets[at] < end; at++) {
            uint64_t lanes = lanes_of[marks[nodes[at]]];
            if (threads)
                lanes &= -(uint64_t)threads[sample_threads[at]];
            if (cpus)
                lanes &= -(uint64_t)cpus[sample_cpus[at]];
            sum += lanes;
        }
        add_to_cell(job, worker, position.cell, (sum - before) & 0xffff);
        if (at < to)
            position_move(job, &position, base_ns + offsets[at]);
    }
    return sum;
}

static uint64_t count_part(const struct map_job *job, const struct map_worker *worker,
                           const struct segment *segment, size_t block, uint32_t from, uint32_t to,
                           const struct view_pass *pass)
{
    if (pass->threads && pass->cpus)
        return count_stretch(job, worker, segment, block, from, to, pass->threads, pass->cpus);
    if (pass->threads)
        return count_stretch(job, worker, segment, block, from, to, pass->threads, NULL);
    if (pass->cpus)
        return count_stretch(job, worker, segment, block, from, to, NULL, pass->cpus);
    return count_stretch(job, worker, segment, block, from, to, NULL, NULL);
}

// Counts by samples where all values of a segment are one.
static void count_run(const struct map_job *job, struct map_worker *worker,
                      const struct view_run *run, const struct view_pass *pass)
{
    const struct segment *segment = run->segment;
    uint64_t samples = worker->totals.samples;
    size_t block = segment_block(segment, run->from);
    for (uint32_t at = run->from; at < run->to;) {
        while (at >= segment_block_end(segment, block))
            block++;
        uint32_t end = segment_block_end(segment, block);
        end = end < run->to ? end : run->to;
        end = end - at < LANE_SAMPLES ? end : at + LANE_SAMPLES;
        add_lanes(&worker->totals, count_part(job, worker, segment, block, at, end, pass));
        at = end;
    }
    worker->totals.value += (worker->totals.samples - samples) * segment->value;
}

// The samples that a mask lets count.
static void count_mask(const struct map_job *job, struct map_worker *worker,
                       const struct segment *segment, const struct segment_mask *mask)
{
    for (size_t block = 0; block < segment->block_count; block++) {
        const int64_t base_ns = segment->blocks[block].base_ns;
        const uint32_t to = segment_block_end(segment, block);
        uint32_t at = segment->blocks[block].first, rank = segment_mask_rank(mask, at), held = 0;
        struct position position;
        position_set(job, &position, base_ns + segment->offsets[at]);
        while (at < to) {
            const int64_t end = position.end_ns - base_ns;
            const uint32_t first = at, before = rank;
            at =
                end > UINT32_MAX ? to : segment_skip(segment->offsets, at, to, (uint32_t)end, held);
            held = at - first;
            rank = segment_mask_rank(mask, at);
            add_to_cell(job, worker, position.cell, rank - before);
            if (at < to)
                position_move(job, &position, base_ns + segment->offsets[at]);
        }
    }
    worker->totals.samples += mask->samples;
    worker->totals.idle += mask->idle;
    worker->totals.no_stack += mask->no_stack;
    worker->totals.unresolved += mask->unresolved;
    worker->totals.value += mask->samples * segment->value;
}

// Counts one by one: values differ, intervals are spread.
static void count_each(const struct map_job *job, struct map_worker *worker,
                       const struct view_run *run, const struct view_pass *pass)
{
    const struct view *view = job->view;
    const struct segment *segment = run->segment;
    size_t block = segment_block(segment, run->from);
    for (uint32_t at = run->from; at < run->to; at++) {
        int64_t time_ns = segment_time(segment, &block, at);
        uint64_t value = segment_value(segment, at);
        uint64_t lanes = job->lanes[view->marks[segment->nodes[at]]];
        uint64_t weight;
        if (!view_passes(pass, segment, at) || !view_weigh(view, segment, at, time_ns, &weight))
            continue;
        add_lanes(&worker->totals, lanes);
        if (!(lanes & LANE_COUNTED))
            continue;
        worker->totals.value += weight;
        if (view->intervals)
            spread_interval(job, worker, time_ns, value);
        else
            add_to_cell(job, worker, heatmap_cell_at(&job->out->shape, time_ns),
                        view->by_value ? value : 1);
    }
}

static void count_runs(void *arg, unsigned number)
{
    struct map_job *job = arg;
    const struct view *view = job->view;
    struct map_worker *worker = &job->workers[number];
    uint8_t *threads = view->bits.threads ? xmalloc(VIEW_THREADS) : NULL;
    for (size_t i; (i = atomic_fetch_add(&job->next_run, 1)) < view->run_count;) {
        const struct view_run *run = &view->runs[i];
        struct view_pass pass;
        if (view_is_canceled(view))
            break;
        own_cells(job, worker, i);
        const struct segment_mask *mask =
            run->segment->values ? NULL : mask_of(view, run, job->mask_nodes, threads);
        if (mask) {
            count_mask(job, worker, run->segment, mask);
            continue;
        }
        if (!view_pass_of(view, run, threads, &pass))
            continue;
        if (view->by_value || run->segment->values || pass.wide || view->bits.value_count)
            count_each(job, worker, run, &pass);
        else
            count_run(job, worker, run, &pass);
    }
    free(threads);
}

static void add_worker(struct map_job *job, unsigned number)
{
    const struct map_worker *worker = &job->workers[number];
    struct totals *totals = &job->out->totals;
    totals->samples += worker->totals.samples;
    totals->value += worker->totals.value;
    totals->idle += worker->totals.idle;
    totals->no_stack += worker->totals.no_stack;
    totals->unresolved += worker->totals.unresolved;
}

// Kept bins have no need of masks, others go through all nodes for them once.
static const uint8_t *nodes_for_masks(struct map_job *job)
{
    if (!job->masks_known)
        job->mask_nodes = mask_nodes(job->view);
    job->masks_known = true;
    return job->mask_nodes;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void unpaint(const struct map_job *job, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        job->out->paint[i] &= job->out->cells[i] ? HEATMAP_LOST | HEATMAP_EVICTED : UINT8_MAX;
}

// Cells [from, to) are counted: those that have something are neither pending nor not recorded,
// which most are not anyway.
static void finish_cells(struct map_job *job, size_t from, size_t to)
{
    const uint64_t not_there =
        UINT64_C(0x0101010101010101) * (uint8_t) ~(HEATMAP_LOST | HEATMAP_EVICTED);
    uint64_t max[4] = {0};
    size_t at = from;
    for (; at + 8 <= to; at += 8) {
        const uint64_t *cells = job->out->cells + at;
        for (int i = 0; i < 4; i++)
            max[i] = larger(max[i], larger(cells[i], cells[i + 4]));
        uint64_t paint;
        memcpy(&paint, job->out->paint + at, sizeof paint);
        if (paint & not_there)
            unpaint(job, at, at + 8);
    }
    unpaint(job, at, to);
    for (; at < to; at++)
        max[0] = larger(max[0], job->out->cells[at]);
    uint64_t all = larger(larger(max[0], max[1]), larger(max[2], max[3]));
    job->out->max = larger(job->out->max, all);
}

// Of each run, the newest time in those before it.
static int64_t *newest_before(const struct view *view)
{
    int64_t *before_ns = xreallocarray(NULL, view->run_count + 1, sizeof *before_ns);
    int64_t newest_ns = INT64_MIN;
    for (size_t i = 0; i < view->run_count; i++) {
        before_ns[i] = newest_ns;
        if (view->runs[i].segment->max_ns > newest_ns)
            newest_ns = view->runs[i].segment->max_ns;
    }
    return before_ns;
}

static int scan(struct map_job *job, struct err *err)
{
    unsigned threads = parallel_threads(job->view->query->threads, job->view->run_samples);
    size_t count = cell_count(&job->out->shape);
    nodes_for_masks(job);
    memset(job->out->cells, 0, count * sizeof *job->out->cells);
    job->shared = threads > 1;
    job->before_ns = newest_before(job->view);
    parallel_run(threads, count_runs, job);
    for (unsigned i = 0; i < threads; i++)
        add_worker(job, i);
    free(job->before_ns);
    finish_cells(job, 0, count);
    return view_canceled(job->view, err);
}

// Cuts the runs to what touches the map; samples without time do not.
static void cut_to_map(struct map_job *job)
{
    struct view *view = job->view;
    size_t kept = 0;
    view->run_samples = 0;
    for (size_t i = 0; i < view->run_count; i++) {
        struct view_run run = view->runs[i];
        if (run.segment->timeless)
            continue;
        uint64_t reach_ns = view->intervals ? run.segment->value_max : 0;
        int64_t to_ns = reach_ns > (uint64_t)INT64_MAX - (uint64_t)job->end_ns
                            ? INT64_MAX
                            : (int64_t)((uint64_t)job->end_ns + reach_ns);
        uint32_t from = segment_find(run.segment, job->out->shape.from_ns);
        uint32_t to = segment_find(run.segment, to_ns);
        run.from = run.from > from ? run.from : from;
        run.to = run.to < to ? run.to : to;
        if (run.from >= run.to)
            continue;
        view->runs[kept++] = run;
        view->run_samples += run.to - run.from;
    }
    view->run_count = kept;
}

// What whole segments come to is known; of those that the map cuts, the samples are looked at.
static void count_totals(const struct map_job *job, const struct view_run *run,
                         struct totals *totals)
{
    const struct segment *segment = run->segment;
    if (run->from == 0 && run->to == segment->count) {
        for (unsigned flags = 0; flags <= CALLPATH_FLAGS; flags++) {
            uint64_t samples = segment->kinds[flags];
            uint64_t lanes = job->lanes[flags];
            totals->samples += lanes & LANE_COUNTED ? samples : 0;
            totals->idle += lanes & LANE_IDLE ? samples : 0;
            totals->no_stack += lanes & LANE_NO_STACK ? samples : 0;
            totals->unresolved += lanes & LANE_UNRESOLVED ? samples : 0;
            if (lanes & LANE_COUNTED && !segment->values)
                totals->value += samples * segment->value;
        }
        totals->value += segment->value_sum[0];
        totals->value += job->view->hides_idle ? 0 : segment->value_sum[1];
        return;
    }
    for (uint32_t at = run->from; at < run->to; at++) {
        uint64_t lanes = job->lanes[job->view->marks[segment->nodes[at]]];
        add_lanes(totals, lanes);
        totals->value += lanes & LANE_COUNTED ? segment_value(segment, at) : 0;
    }
}

// Whether a track's times lie close enough together for bins.
static bool is_dense(const struct track *track, const struct heatmap_shape *shape)
{
    int64_t first_ns = INT64_MAX;
    int64_t last_ns = INT64_MIN;
    for (size_t i = 0; i < track->segment_count; i++) {
        const struct segment *segment = track->segments[i];
        if (segment->timeless || !segment->count)
            continue;
        first_ns = segment->min_ns < first_ns ? segment->min_ns : first_ns;
        last_ns = segment->max_ns > last_ns ? segment->max_ns : last_ns;
    }
    return first_ns > last_ns ||
           ((uint64_t)last_ns - (uint64_t)first_ns) / (uint64_t)shape->column_ns + 2 <=
               BINS_CELLS_MOST / shape->rows;
}

// Who asks once does not look at it all the time.
static bool is_asked_again(struct track *track, const struct heatmap_shape *shape, bool idle)
{
    for (size_t i = 0; i < TRACK_ASKED; i++) {
        const struct asked_map *asked = &track->asked[i];
        const struct bins before = {.shape = asked->shape, .idle = asked->idle};
        if (asked->shape.rows && bins_fit(&before, shape, idle))
            return true;
    }
    memmove(track->asked + 1, track->asked, (TRACK_ASKED - 1) * sizeof *track->asked);
    track->asked[0] = (struct asked_map){*shape, idle};
    return false;
}

// The bins of a track for this map, made when they are worth it. NULL: there are none, because it
// is asked for the first time or times lie too far apart.
static const struct bins *bins_of(struct map_job *job, struct track *track)
{
    const struct heatmap_shape *shape = &job->out->shape;
    bool idle = !job->view->hides_idle;
    uint64_t now = ++job->view->buffer->bins_clock;
    struct bins *oldest = &track->bins[0];
    for (size_t i = 0; i < TRACK_BINS; i++) {
        struct bins *bins = &track->bins[i];
        if (bins_fit(bins, shape, idle)) {
            bins->used = now;
            return bins;
        }
        if (bins->used < oldest->used)
            oldest = bins;
    }
    if (!is_asked_again(track, shape, idle) || !is_dense(track, shape))
        return NULL;
    bins_start(oldest, shape, idle);
    oldest->used = now;
    for (size_t i = 0; i < track->segment_count && oldest->shape.rows; i++) {
        struct segment *segment = track->segments[i];
        struct view_run whole = {.track = track, .segment = segment, .to = segment->count};
        const struct segment_mask *mask =
            segment->timeless ? NULL : mask_of(job->view, &whole, nodes_for_masks(job), NULL);
        if (mask)
            bins_add_mask(oldest, segment, mask);
        else if (!segment->timeless)
            bins_add_segment(oldest, segment, job->view->marks);
    }
    return oldest->shape.rows ? oldest : NULL;
}

// Part by part, so that a cell is in the processor's cache until it is done with.
static void copy_cells(struct map_job *job, const struct bins *const *bins)
{
    enum { PART = 2048 };
    const struct heatmap_shape *shape = &job->out->shape;
    const size_t count = cell_count(shape);
    uint64_t *cells = job->out->cells;
    for (size_t from = 0; from < count; from += PART) {
        size_t to = count - from < PART ? count : from + PART;
        memset(cells + from, 0, (to - from) * sizeof *cells);
        for (size_t i = 0; i < job->view->track_count; i++)
            bins_copy(bins[i], shape, from, to, cells);
        finish_cells(job, from, to);
    }
}

// Whether the map can be copied; it then is.
static bool copy_bins(struct map_job *job)
{
    struct view *view = job->view;
    const struct bins *bins[VIEW_TRACKS_MOST];
    if (view->filtered || !view->all_time || view->by_value || view->track_count > VIEW_TRACKS_MOST)
        return false;
    bool all = true;
    for (size_t i = 0; i < view->track_count; i++) {
        bins[i] = bins_of(job, view->tracks[i]);
        all &= bins[i] != NULL;
    }
    if (!all)
        return false;
    copy_cells(job, bins);
    for (size_t i = 0; i < view->run_count; i++)
        count_totals(job, &view->runs[i], &job->out->totals);
    return true;
}

static void resolve_rows(struct map_job *job)
{
    const struct heatmap_shape *shape = &job->out->shape;
    job->row_start = xreallocarray(NULL, (size_t)shape->rows + 1, sizeof *job->row_start);
    for (size_t row = 0; row <= shape->rows; row++)
        job->row_start[row] = heatmap_cell_start(shape, row) - shape->from_ns;
}

static int count_cells(struct map_job *job, struct err *err)
{
    int rc = view_canceled(job->view, err);
    if (rc < 0)
        return rc;
    resolve_lanes(job);
    resolve_rows(job);
    cut_to_map(job);
    if (!copy_bins(job))
        rc = scan(job, err);
    if (rc == 0)
        view_extent(job->view, job->out->totals.samples > 0, &job->out->totals);
    free(job->row_start);
    free(job->mask_nodes);
    return rc;
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
    uint8_t *paint = job->out->paint;
    size_t first;
    size_t end;
    if (!cells_of_range(job, from_ns, to_ns, &first, &end))
        return;
    const uint64_t bytes = UINT64_C(0x0101010101010101);
    for (; first + 8 <= end; first += 8) {
        uint64_t eight;
        memcpy(&eight, paint + first, sizeof eight);
        eight = (eight & ~(bytes * clear)) | bytes * set;
        memcpy(paint + first, &eight, sizeof eight);
    }
    for (; first < end; first++)
        paint[first] = (uint8_t)((paint[first] & ~clear) | set);
}

// When a source was recording: what it said, or, of a file, from its first to its last sample.
static void paint_recorded(struct map_job *job, const struct source *source)
{
    for (size_t i = 0; i < source->watched.count; i++) {
        const struct range *range = &source->watched.items[i];
        paint_range(job, range->from_ns, range->to_ns, 0, HEATMAP_NOT_RECORDING);
    }
    if (!source->watched.count && source->has_time)
        paint_range(job, source->first_ns, source->last_ns + 1, 0, HEATMAP_NOT_RECORDING);
    // A cell is pending when it begins after all that a source which still runs has delivered.
    if (!source->watched.count || source->ended)
        return;
    int64_t to_ns = source->watched.items[source->watched.count - 1].to_ns;
    if (source->has_time && source->last_ns >= to_ns)
        to_ns = source->last_ns + 1;
    for (size_t i = cell_count(&job->out->shape);
         i-- > 0 && heatmap_cell_start(&job->out->shape, i) >= to_ns;)
        job->out->paint[i] = HEATMAP_PENDING;
}

// What all cells would be if none had anything.
static void paint(struct map_job *job)
{
    const struct view *view = job->view;
    size_t count = cell_count(&job->out->shape);
    memset(job->out->paint, HEATMAP_NOT_RECORDING, count);
    for (size_t i = 0; i < view->source_count; i++) {
        const struct source *source = view->sources[i];
        paint_recorded(job, source);
        for (size_t j = 0; j < source->evicted.count; j++)
            paint_range(job, source->evicted.items[j].from_ns, source->evicted.items[j].to_ns,
                        HEATMAP_EVICTED, 0);
        for (size_t j = 0; j < source->loss_count; j++) {
            if (source->losses[j].from_ns != SAMPLE_NO_TIME)
                paint_range(job, source->losses[j].from_ns, source->losses[j].to_ns, HEATMAP_LOST,
                            0);
        }
    }
}

// What a cell holds when every CPU that is watched is busy.
static uint64_t full_cell(const struct view *view, const struct heatmap_shape *shape)
{
    const struct source *source = view->sources[0];
    if (view->buffer->dict.events[view->event].by_value || !source->cpus || source->rate_hz <= 0)
        return 0;
    double cell_s = (double)shape->column_ns / shape->rows / 1e9;
    double of_a_second = view->by_value ? 1e9 : source->rate_hz; // see mixes_rates
    double full = source->cpus * of_a_second * cell_s + 0.5;
    return full < 1 ? 1 : (uint64_t)full;
}

int buffer_heatmap(struct store *store, const struct query *query,
                   const struct heatmap_shape *shape, struct heatmap *out, struct err *err)
{
    *out = (struct heatmap){.shape = *shape};
    struct view view = {0};
    int rc = check_shape(shape, err);
    if (rc == 0 && shape->value_most)
        return latency_heatmap(store, query, shape, out, err);
    if (rc == 0)
        rc = view_init(&view, (struct buffer *)store, query, VIEW_TIMES, err);
    if (rc == 0) {
        struct map_job job = {.view = &view, .out = out};
        job.end_ns = heatmap_cell_start(shape, cell_count(shape));
        out->dict = &view.buffer->dict;
        out->full = full_cell(&view, shape);
        view_totals(&view, &out->totals);
        heatmap_take(out, &view.buffer->map_scratch);
        paint(&job);
        rc = count_cells(&job, err);
    }
    view_dispose(&view);
    return rc;
}
