// A query resolved against the buffer: which sources, which runs of samples, which of those pass.
#ifndef FLICKER_ANALYSIS_VIEW_H
#define FLICKER_ANALYSIS_VIEW_H

#include "analysis/buffer_parts.h"
#include "analysis/fold_build.h"
#include "analysis/pieces.h"

enum { VIEW_FAILS = KEPT_FILTER_FAILS };
enum { VIEW_TRACKS_MOST = 64 }; // for which bins are used

// A run of samples of one segment; all of them are in the query's ranges (of intervals: may reach
// into them).
struct view_run {
    const struct source *source;
    const struct track *track;
    struct segment *segment;
    uint32_t from, to;
};

struct view {
    struct buffer *buffer;
    const struct query *query;
    struct callpaths *callpaths; // what nodes come to: the buffer's, or `lines`
    struct callpaths lines;
    uint16_t event; // of the dictionary; the newest source's where all are in view
    bool by_value;  // totals are sums of values
    bool intervals; // values are lengths in ns of intervals that end at the sample's time
    bool hides_idle;
    bool all_time; // no ranges: samples without time count too
    bool filtered; // some threads, CPUs or nodes may not pass
    struct ranges ranges;
    const struct source **sources; // in view; the newest first
    size_t source_count, sources_left_out;
    struct track **tracks; // of these sources, in view
    size_t track_count, track_capacity;
    struct filter_bits bits;  // borrowed, as marks are
    struct pieces pieces;     // of intervals, where values are filtered
    const uint8_t *marks;     // of each node: enum callpath_flag, VIEW_FAILS
    uint8_t narrow_cpus[256]; // whether each CPU of a narrow segment passes
    uint64_t cpu_set[4];      // the same as bits
    uint64_t mask_number;     // of which samples count in it, whatever the ranges
    size_t mask_slot;         // where segments keep that
    struct view_run *runs;    // by first time of their segments, without time first
    size_t run_count, run_capacity;
    uint64_t run_samples; // in all runs
};

enum view_want {
    VIEW_ANY,        // samples without time are fine
    VIEW_TIMES,      // -ENODATA when there are no times
    VIEW_EVERYTHING, // for replay: the event "*" is all of them
};

// -ENODATA says why: nothing there, no such event, no times; or what filter_compile returns.
int view_init(struct view *view, struct buffer *buffer, const struct query *query,
              enum view_want want, struct err *err) MUST_CHECK;
void view_dispose(struct view *view);

// Whether Ctrl-C was pressed. The second form fills *err and returns -ECANCELED, else 0.
bool view_is_canceled(const struct view *view);
int view_canceled(const struct view *view, struct err *err) MUST_CHECK;

// Which samples of one run pass, by thread and CPU. NULL: all do.
struct view_pass {
    const uint8_t *threads; // of each thread of the segment
    const uint8_t *cpus;    // of each CPU of a narrow segment
    const uint64_t *wide;   // bits of all CPUs, for a wide one
};
// Room for the threads of one segment, for view_pass_of. Each worker has its own.
enum { VIEW_THREADS = SEGMENT_THREADS + 1 };
// False when none passes, which the segment's own sets of threads and CPUs tell. `threads` has
// room for VIEW_THREADS and is used by *out.
bool view_pass_of(const struct view *view, const struct view_run *run, uint8_t *threads,
                  struct view_pass *out);
static inline bool view_passes(const struct view_pass *pass, const struct segment *segment,
                               uint32_t index)
{
    if (pass->threads && !pass->threads[segment->threads[index]])
        return false;
    if (pass->cpus && !pass->cpus[segment->cpus[index]])
        return false;
    return !pass->wide ||
           pass->wide[segment->wide_cpus[index] / 64] >> segment->wide_cpus[index] % 64 & 1;
}

// Whether samples with these marks count: the filter lets the node pass, and it is not hidden.
static inline bool view_counts(const struct view *view, uint8_t marks)
{
    return !(marks & VIEW_FAILS) && !(view->hides_idle && marks & CALLPATH_IDLE);
}

// Whether view_weigh has to be asked: some values do not pass, or intervals are cut at ranges.
static inline bool view_cuts(const struct view *view)
{
    return view->bits.value_count || (view->intervals && !view->all_time);
}
// What a sample of a segment is worth in the query's ranges: of an interval, what lies in them.
// False: nothing, or the whole interval's length does not pass the filter.
bool view_weigh(const struct view *view, const struct segment *segment, uint32_t at,
                int64_t time_ns, uint64_t *weight);
// Adds what a node has to the totals; false when it does not count (idle, filtered).
bool view_count_node(const struct view *view, const struct weight *weight, struct totals *totals);
// The fields of totals that do not come from counting.
void view_totals(const struct view *view, struct totals *out);
// The times of the first and last sample that count; `any` says whether there is one.
void view_extent(const struct view *view, bool any, struct totals *out);

#endif
