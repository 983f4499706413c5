// A query resolved against the buffer: which sources, which runs of samples, which nodes.
#ifndef FLICKER_ANALYSIS_VIEW_H
#define FLICKER_ANALYSIS_VIEW_H

#include "analysis/buffer_parts.h"

// Marks of a node, beside enum callpath_flag.
enum { VIEW_PASSES = 128 };

// A run of samples of one segment; all of them are in the query's ranges (of intervals: may reach
// into them).
struct view_run {
    const struct source *source;
    const struct track *track;
    const struct segment *segment;
    uint32_t from, to;
};

struct view {
    struct buffer *buffer;
    const struct query *query;
    uint16_t event; // of the dictionary; the newest source's where all are in view
    bool by_value;  // totals are sums of values
    bool intervals; // values are lengths in ns of intervals that end at the sample's time
    bool hides_idle;
    bool all_time; // no ranges: samples without time count too
    struct ranges ranges;
    const struct source **sources; // in view; the newest first
    size_t source_count, sources_left_out;
    struct filter_bits bits;
    uint8_t *marks; // of each node: its path's flags, and VIEW_PASSES where the filter lets it
    struct view_run *runs; // by time of the segments
    size_t run_count, run_capacity;
    uint8_t *thread_passes; // room for one segment's table
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

// Ctrl-C was pressed: fills *err and returns -ECANCELED, else 0.
int view_canceled(const struct view *view, struct err *err) MUST_CHECK;
// For the samples of a run: whether each thread of its segment passes. NULL: all do. *none is set
// when none does. Valid until the next call.
const uint8_t *view_threads(struct view *view, const struct view_run *run, bool *none);
static inline bool view_cpu_passes(const struct view *view, uint16_t cpu)
{
    return !view->bits.cpus || view->bits.cpus[cpu / 64] >> cpu % 64 & 1;
}
bool view_sample_passes(const struct view *view, const struct segment *segment,
                        const uint8_t *threads, uint32_t index); // thread and CPU
// What an interval or other sample is worth in the query's ranges; 0 in *samples: nothing.
void view_weigh(const struct view *view, int64_t time_ns, uint64_t value, uint64_t *samples,
                uint64_t *weight);
// The fields of totals that do not come from counting.
void view_totals(const struct view *view, struct totals *out);

#endif
