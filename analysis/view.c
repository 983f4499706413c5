// Resolving a query: event, sources, ranges, filter, runs.
#include "analysis/view.h"

#include "proto/alloc.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct track *track_by_event(const struct source *source, const char *event)
{
    const struct dict *dict = &source->buffer->dict;
    for (size_t i = 0; i < source->track_count; i++) {
        struct track *track = &source->tracks[i];
        if (!event || !strcmp(dict_text(dict, dict->events[track->event].name), event))
            return track;
    }
    return NULL;
}

static bool is_all_events(const struct view *view, enum view_want want)
{
    return want == VIEW_EVERYTHING && view->query->event && !strcmp(view->query->event, "*");
}

static const struct source *newest_with(const struct view *view, const char *event)
{
    const struct buffer *buffer = view->buffer;
    for (size_t i = buffer->source_count; i-- > 0;) {
        const struct source *source = buffer->sources[i];
        bool wanted =
            view->query->source == QUERY_ANY_SOURCE || view->query->source == source->number;
        if (wanted && !source->dropped && track_by_event(source, event))
            return source;
    }
    return NULL;
}

// From the first to the last sample that a track holds.
static struct range extent(const struct track *track)
{
    struct range range = {INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < track->segment_count; i++) {
        const struct segment *segment = track->segments[i];
        if (segment->timeless || !segment->count)
            continue;
        if (segment->min_ns < range.from_ns)
            range.from_ns = segment->min_ns;
        if (segment->max_ns >= range.to_ns)
            range.to_ns = segment->max_ns + 1;
    }
    return range;
}

static void add_source(struct view *view, const struct source *source)
{
    view->sources[view->source_count++] = source;
}

// See query.h: those of the same host and clock that do not overlap with what is in view.
static void add_others(struct view *view, const char *event)
{
    const struct buffer *buffer = view->buffer;
    const struct source *newest = view->sources[0];
    struct ranges taken = {0};
    struct range range = extent(track_by_event(newest, event));
    bool timed = range.from_ns < range.to_ns;
    ranges_add(&taken, range.from_ns, range.to_ns);
    for (size_t i = newest->number - 1; i-- > 0;) {
        const struct source *source = buffer->sources[i];
        const struct track *track = source->dropped ? NULL : track_by_event(source, event);
        if (!track)
            continue;
        range = extent(track);
        if (timed && track->event == view->event && !source->shifted && !newest->shifted &&
            range.from_ns < range.to_ns && !strcmp(source->host, newest->host) &&
            !ranges_overlap(taken.items, taken.count, range.from_ns, range.to_ns)) {
            ranges_add(&taken, range.from_ns, range.to_ns);
            add_source(view, source);
        } else {
            view->sources_left_out++;
        }
    }
    ranges_dispose(&taken);
}

static int no_data(const struct view *view, struct err *err)
{
    const struct query *query = view->query;
    bool one_event = query->event && strcmp(query->event, "*");
    if (query->source != QUERY_ANY_SOURCE && one_event)
        return err_set(err, -ENODATA, "no samples of event '%s' in source %u", query->event,
                       query->source);
    if (query->source != QUERY_ANY_SOURCE)
        return err_set(err, -ENODATA, "no samples in source %u", query->source);
    if (one_event)
        return err_set(err, -ENODATA, "no samples of event '%s'", query->event);
    return err_set(err, -ENODATA, "no samples yet");
}

// Whether samples of the event in view, which are periods, stand for times that differ: they were
// recorded at more than one rate. What tells no rate may be no clock's: the times between two
// samples of a script engine differ always. 1 is what a sample has whose period is not known.
static bool mixes_rates(const struct view *view, const char *event)
{
    uint64_t least = UINT64_MAX, most = 0;
    for (size_t i = 0; i < view->source_count; i++) {
        const struct track *track = track_by_event(view->sources[i], event);
        if (view->sources[i]->rate_hz <= 0)
            return false;
        for (size_t k = 0; k < track->segment_count; k++) {
            const struct segment *segment = track->segments[k];
            if (segment->count && segment->value_min < least)
                least = segment->value_min;
            if (segment->count && segment->value_max > most)
                most = segment->value_max;
        }
    }
    return least > 1 && most > least && most - least > least / 4;
}

static void sum_periods(struct view *view, const struct event *row)
{
    const struct dict *dict = &view->buffer->dict;
    if (!row->by_value && !strcmp(dict_text(dict, row->unit), "ns"))
        view->by_value = mixes_rates(view, dict_text(dict, row->name));
}

static int resolve_sources(struct view *view, enum view_want want, struct err *err)
{
    const struct buffer *buffer = view->buffer;
    bool all = is_all_events(view, want);
    const char *event = all ? NULL : view->query->event;
    const struct source *newest = newest_with(view, event);
    if (!newest)
        return no_data(view, err);
    view->sources = xreallocarray(NULL, buffer->source_count, sizeof *view->sources);
    add_source(view, newest);
    view->event = track_by_event(newest, event)->event;
    const struct event *row = &buffer->dict.events[view->event];
    view->by_value = row->by_value;
    view->intervals = row->by_value && !strcmp(dict_text(&buffer->dict, row->unit), "ns");
    if (view->query->source != QUERY_ANY_SOURCE) {
        sum_periods(view, row);
        return 0;
    }
    if (!all) {
        add_others(view, dict_text(&buffer->dict, row->name));
        sum_periods(view, row);
        return 0;
    }
    for (size_t i = newest->number - 1; i-- > 0;) {
        if (!buffer->sources[i]->dropped && buffer->sources[i]->track_count)
            add_source(view, buffer->sources[i]);
    }
    return 0;
}

static void resolve_ranges(struct view *view)
{
    const struct query *query = view->query;
    view->all_time = !query->range_count;
    if (query->range_count && query->outside)
        ranges_complement(&view->ranges, query->ranges, query->range_count);
    else
        ranges_set(&view->ranges, query->ranges, query->range_count);
    if (view->all_time)
        ranges_add(&view->ranges, INT64_MIN, INT64_MAX);
}

// The filter's nodes are marks beside those of the index, so that a scan looks up one byte.
static int resolve_filter(struct view *view, struct err *err)
{
    struct buffer *buffer = view->buffer;
    const struct filter *filter = view->query->filter;
    const struct kept_filter *kept = NULL;
    callpaths_follow(&buffer->callpaths);
    view->marks = buffer->callpaths.marks;
    view->callpaths = &buffer->callpaths;
    if (view->query->by_line) {
        callpaths_init(&view->lines, &buffer->dict);
        view->lines.by_line = true;
        callpaths_follow(&view->lines);
        view->callpaths = &view->lines;
    }
    if (filter && !filter_is_empty(filter)) {
        int rc = kept_filters_compile(&buffer->filters, filter, &buffer->callpaths,
                                      view->query->cancel, &kept, err);
        if (rc < 0)
            return rc;
        view->bits = kept->bits;
        if (kept->marks)
            view->marks = kept->marks;
    }
    view->filtered =
        view->bits.threads || view->bits.cpus || view->bits.nodes || view->bits.value_count;
    static_assert(SEGMENT_MASKS == 1 + KEPT_FILTERS, "a mask for each");
    view->mask_slot = kept ? 1 + (size_t)(kept - buffer->filters.items) : 0;
    view->mask_number = (kept ? kept->number : 0) * 2 + 1 + view->hides_idle;
    return 0;
}

static void resolve_cpus(struct view *view)
{
    for (uint16_t cpu = 0; view->bits.cpus && cpu < 256; cpu++) {
        uint16_t wide = cpu == SEGMENT_NARROW_NO_CPU ? SAMPLE_NO_CPU : cpu;
        view->narrow_cpus[cpu] = view->bits.cpus[wide / 64] >> wide % 64 & 1;
        view->cpu_set[cpu / 64] |= (uint64_t)view->narrow_cpus[cpu] << cpu % 64;
    }
}

static void add_run(struct view *view, const struct view_run *run)
{
    if (run->from >= run->to)
        return;
    array_reserve(&view->runs, &view->run_capacity, view->run_count + 1);
    view->runs[view->run_count++] = *run;
    view->run_samples += run->to - run->from;
}

static int64_t plus(int64_t a, uint64_t b)
{
    return b > (uint64_t)INT64_MAX - (uint64_t)a ? INT64_MAX : (int64_t)((uint64_t)a + b);
}

// An interval reaches into a range when it ends within its own length after it; ranges that grow
// together by that are one run, so that no sample comes twice.
static void add_segment_runs(struct view *view, struct view_run run)
{
    const struct segment *segment = run.segment;
    uint64_t reach_ns = view->intervals ? segment->value_max : 0;
    const struct ranges *ranges = &view->ranges;
    int64_t first_ns = reach_ns > (uint64_t)segment->min_ns - (uint64_t)INT64_MIN
                           ? INT64_MIN
                           : (int64_t)((uint64_t)segment->min_ns - reach_ns);
    uint32_t done = 0;
    for (size_t i = ranges_find(ranges->items, ranges->count, first_ns); i < ranges->count; i++) {
        if (ranges->items[i].from_ns > segment->max_ns)
            break;
        run.from = segment_find(segment, ranges->items[i].from_ns);
        run.to = segment_find(segment, plus(ranges->items[i].to_ns, reach_ns));
        if (run.from < done)
            run.from = done;
        add_run(view, &run);
        if (run.to > done)
            done = run.to;
    }
}

static int compare_runs(const void *left, const void *right)
{
    const struct view_run *a = left;
    const struct view_run *b = right;
    if (a->segment->timeless != b->segment->timeless)
        return a->segment->timeless ? -1 : 1;
    if (a->segment->timeless)
        return 0;
    return (a->segment->min_ns > b->segment->min_ns) - (a->segment->min_ns < b->segment->min_ns);
}

static void resolve_track(struct view *view, const struct source *source, const struct track *track)
{
    for (size_t i = 0; i < track->segment_count; i++) {
        struct segment *segment = track->segments[i];
        struct view_run run = {source, track, segment, 0, segment->count};
        buffer_ready(view->buffer, segment);
        segment_sort(segment);
        if (view->all_time)
            add_run(view, &run);
        else if (!segment->timeless && segment->count)
            add_segment_runs(view, run);
    }
}

static void resolve_runs(struct view *view, enum view_want want)
{
    bool all = is_all_events(view, want);
    const char *name = dict_text(&view->buffer->dict, view->buffer->dict.events[view->event].name);
    for (size_t i = 0; i < view->source_count; i++) {
        const struct source *source = view->sources[i];
        for (size_t j = 0; j < source->track_count; j++) {
            struct track *track = &source->tracks[j];
            if (!all && track != track_by_event(source, name))
                continue;
            array_reserve(&view->tracks, &view->track_capacity, view->track_count + 1);
            view->tracks[view->track_count++] = track;
            resolve_track(view, source, track);
        }
    }
    if (view->run_count > 1)
        qsort(view->runs, view->run_count, sizeof *view->runs, compare_runs);
}

static void resolve_pieces(struct view *view)
{
    for (size_t i = 0; view->intervals && view->bits.value_count && i < view->track_count; i++)
        pieces_find(&view->pieces, view->tracks[i]->segments, view->tracks[i]->segment_count,
                    view->buffer->dict.thread_count, view->query->cancel);
}

static int check_times(const struct view *view, enum view_want want, struct err *err)
{
    if (want != VIEW_TIMES && view->all_time)
        return 0;
    for (size_t i = 0; i < view->source_count; i++) {
        if (view->sources[i]->has_time)
            return 0;
    }
    return err_set(err, -ENODATA,
                   "the samples of '%s' have no times, so they cannot be seen over time",
                   view->sources[0]->name);
}

// What the values of these samples add up to, as far as it can be held.
static bool fits(const struct view *view)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < view->run_count; i++) {
        const struct view_run *run = &view->runs[i];
        for (uint32_t k = run->from; k < run->to; k++) {
            uint64_t value = segment_value(run->segment, k);
            if (filter_passes_value(&view->bits, value) && __builtin_add_overflow(sum, value, &sum))
                return false;
        }
    }
    return true;
}

// Sums are of 64 bits. Values are looked at only where the largest of each segment would not fit.
// A map is not refused: it shows which values these are, say the -1 of a call that failed.
static int check_sums(const struct view *view, enum view_want want, struct err *err)
{
    bool sums = view->query->sums || (view->by_value && want == VIEW_ANY);
    if (!sums)
        return 0;
    double most = 0;
    for (size_t i = 0; i < view->run_count; i++)
        most += (double)(view->runs[i].to - view->runs[i].from) *
                (double)view->runs[i].segment->value_max;
    if (most < 0x1p63 || fits(view))
        return 0;
    return err_set(err, -EOVERFLOW,
                   "the values of these samples add up to more than 64 bits hold; narrow them, for "
                   "instance by 'filter value=..1000000000'");
}

int view_init(struct view *view, struct buffer *buffer, const struct query *query,
              enum view_want want, struct err *err)
{
    *view = (struct view){.buffer = buffer, .query = query};
    buffer->ticks_unasked = 0;
    int rc = resolve_sources(view, want, err);
    if (rc == 0) {
        resolve_ranges(view);
        rc = check_times(view, want, err);
    }
    if (rc == 0) {
        view->hides_idle = !query->idle && !buffer->dict.events[view->event].by_value;
        rc = resolve_filter(view, err);
    }
    if (rc < 0)
        return rc;
    resolve_cpus(view);
    resolve_runs(view, want);
    resolve_pieces(view);
    return check_sums(view, want, err);
}

void view_dispose(struct view *view)
{
    callpaths_dispose(&view->lines);
    ranges_dispose(&view->ranges);
    pieces_dispose(&view->pieces);
    free(view->sources);
    free(view->tracks);
    free(view->runs);
    *view = (struct view){0};
}

bool view_is_canceled(const struct view *view)
{
    return view->query->cancel && atomic_load_explicit(view->query->cancel, memory_order_relaxed);
}

int view_canceled(const struct view *view, struct err *err)
{
    return view_is_canceled(view) ? err_set(err, -ECANCELED, "interrupted") : 0;
}

static bool pass_threads(const struct view *view, const struct segment *segment, uint8_t *threads,
                         struct view_pass *out)
{
    const uint64_t *bits = view->bits.threads;
    size_t passing = 0;
    for (size_t i = 0; i < segment->thread_count; i++) {
        uint32_t thread = segment->thread_ids[i];
        threads[i] = bits[thread / 64] >> thread % 64 & 1;
        passing += threads[i];
    }
    if (passing < segment->thread_count)
        out->threads = threads;
    return passing > 0;
}

static bool pass_cpus(const struct view *view, const struct segment *segment, struct view_pass *out)
{
    if (segment->wide_cpus) {
        out->wide = view->bits.cpus;
        return true;
    }
    bool some = false;
    for (int i = 0; i < 4; i++) {
        some |= (segment->cpu_set[i] & view->cpu_set[i]) != 0;
        if (segment->cpu_set[i] & ~view->cpu_set[i])
            out->cpus = view->narrow_cpus;
    }
    return some;
}

bool view_pass_of(const struct view *view, const struct view_run *run, uint8_t *threads,
                  struct view_pass *out)
{
    *out = (struct view_pass){0};
    if (view->bits.threads && !pass_threads(view, run->segment, threads, out))
        return false;
    return !view->bits.cpus || pass_cpus(view, run->segment, out);
}

static bool passes_value(const struct view *view, const struct segment *segment, uint32_t at,
                         int64_t time_ns, uint64_t value)
{
    if (view->pieces.row_count)
        value =
            pieces_whole(&view->pieces, segment->thread_ids[segment->threads[at]], time_ns, value);
    return filter_passes_value(&view->bits, value);
}

bool view_weigh(const struct view *view, const struct segment *segment, uint32_t at,
                int64_t time_ns, uint64_t *weight)
{
    uint64_t value = segment_value(segment, at);
    *weight = value;
    if (view->bits.value_count && !passes_value(view, segment, at, time_ns, value))
        return false;
    if (view->all_time || !view->intervals)
        return true;
    const struct ranges *ranges = &view->ranges;
    int64_t start_ns = value > (uint64_t)time_ns - (uint64_t)INT64_MIN
                           ? INT64_MIN
                           : (int64_t)((uint64_t)time_ns - value);
    *weight = ranges_overlap_ns(ranges->items, ranges->count, start_ns, time_ns);
    return *weight ||
           (!value && ranges_overlap(ranges->items, ranges->count, time_ns, time_ns + 1));
}

static uint64_t lost_in(const struct view *view, const struct source *source)
{
    uint64_t lost = 0;
    for (size_t i = 0; i < source->loss_count; i++) {
        const struct loss *loss = &source->losses[i];
        uint16_t cpu = (uint16_t)loss->cpu;
        if (loss->cpu >= 0 && view->bits.cpus && !(view->bits.cpus[cpu / 64] >> cpu % 64 & 1))
            continue;
        bool timed = loss->from_ns != SAMPLE_NO_TIME;
        if (view->all_time || (timed && ranges_overlap(view->ranges.items, view->ranges.count,
                                                       loss->from_ns, loss->to_ns)))
            lost += loss->count;
    }
    return lost;
}

bool view_count_node(const struct view *view, const struct weight *weight, struct totals *totals)
{
    uint8_t marks = view->marks[weight->of];
    if (!view_counts(view, marks)) {
        totals->idle += marks & VIEW_FAILS ? 0 : weight->samples;
        return false;
    }
    totals->samples += weight->samples;
    totals->value += weight->value;
    totals->no_stack += marks & CALLPATH_NO_STACK ? weight->samples : 0;
    totals->unresolved += marks & CALLPATH_UNRESOLVED ? weight->samples : 0;
    return true;
}

void view_totals(const struct view *view, struct totals *out)
{
    *out = (struct totals){.first_ns = SAMPLE_NO_TIME,
                           .last_ns = SAMPLE_NO_TIME,
                           .event = view->event,
                           .by_value = view->by_value,
                           .source = view->sources[0]->number,
                           .sources = (uint32_t)view->source_count,
                           .sources_left_out = (uint32_t)view->sources_left_out};
    for (size_t i = 0; i < view->source_count; i++)
        out->lost += lost_in(view, view->sources[i]);
}

// One end of a run: the first sample from there that counts, unless `stop_ns` comes first.
static bool find_end(const struct view *view, const struct view_run *run,
                     const struct view_pass *pass, bool backwards, int64_t *stop_ns)
{
    const struct segment *segment = run->segment;
    size_t block = segment_block(segment, backwards ? run->to - 1 : run->from);
    for (uint32_t left = run->to - run->from; left > 0; left--) {
        uint32_t at = backwards ? run->from + left - 1 : run->to - left;
        while (at < segment->blocks[block].first)
            block--;
        int64_t time_ns = segment_time(segment, &block, at);
        uint64_t weight;
        if (*stop_ns != SAMPLE_NO_TIME && (backwards ? time_ns <= *stop_ns : time_ns >= *stop_ns))
            return false;
        if (view_counts(view, view->marks[segment->nodes[at]]) && view_passes(pass, segment, at) &&
            view_weigh(view, segment, at, time_ns, &weight)) {
            *stop_ns = time_ns;
            return true;
        }
    }
    return false;
}

void view_extent(const struct view *view, bool any, struct totals *out)
{
    if (!any)
        return;
    uint8_t *threads = view->bits.threads ? xmalloc(VIEW_THREADS) : NULL;
    struct view_pass pass;
    for (size_t i = 0; i < view->run_count; i++) {
        const struct view_run *run = &view->runs[i];
        if (out->first_ns != SAMPLE_NO_TIME && run->segment->min_ns >= out->first_ns)
            break; // runs come in the order of these
        if (!run->segment->timeless && view_pass_of(view, run, threads, &pass))
            find_end(view, run, &pass, false, &out->first_ns);
    }
    for (size_t i = view->run_count; i-- > 0;) {
        const struct view_run *run = &view->runs[i];
        bool later = out->last_ns == SAMPLE_NO_TIME || run->segment->max_ns > out->last_ns;
        if (!run->segment->timeless && later && view_pass_of(view, run, threads, &pass))
            find_end(view, run, &pass, true, &out->last_ns);
    }
    free(threads);
}
