// What the buffer is made of; for its own files only.
#ifndef FLICKER_ANALYSIS_BUFFER_PARTS_H
#define FLICKER_ANALYSIS_BUFFER_PARTS_H

#include "analysis/bins.h"
#include "analysis/buffer.h"
#include "analysis/kept_filter.h"
#include "analysis/parallel.h"
#include "analysis/ranges.h"
#include "analysis/segment.h"

enum {
    TRACK_BINS = 2,  // the page's and the terminal's
    TRACK_ASKED = 4, // as many more as may be asked for between two times
};

// The samples of one event of one source. The segments in hand (one with times, one without) are
// the open ones; all others are sealed.
struct track {
    uint16_t event;
    struct segment **segments; // in order of their opening
    size_t segment_count, segment_capacity;
    struct segment *open[2]; // [timeless]
    uint16_t *slot_of[2];    // of each thread of the dictionary: its number in the open segment
    size_t slot_capacity[2];
    bool fills[2]; // its segments fill up
    bool has_sealed;
    int64_t sealed_to_ns; // newest time in a sealed segment
    struct bins bins[TRACK_BINS];
    struct asked_map {
        struct heatmap_shape shape;
        bool idle;
    } asked[TRACK_ASKED]; // the last maps that were not kept
};

struct source {
    struct sink sink; // first
    struct buffer *buffer;
    uint32_t number;
    char *name, *collector, *command, *host, *kernel;
    double rate_hz;
    uint32_t cpus;
    enum clock_kind clock;
    bool wall_known;
    int64_t wall_offset_ns;

    bool dropped; // forgotten: what still comes is ignored
    bool ended;   // nothing more will come
    bool placed;  // shift_ns is known
    bool shifted;
    int64_t shift_ns; // added to its times

    uint64_t samples, lost, late, evicted_samples, unresolved, one_frame;
    uint64_t lost_where[LOSS_WHERES];
    bool has_time;
    int64_t first_ns, last_ns; // of all samples that ever came
    struct track *tracks;      // in order of the events' first appearance
    size_t track_count, track_capacity;
    struct loss *losses;
    size_t loss_count, loss_capacity;
    struct ranges watched, evicted;
};

struct pin {
    char *name;
    struct ranges ranges;
};

// Where reclaiming of names stands; see buffer_compact.c.
struct compaction {
    bool marking;   // nodes and threads that are needed
    bool renumbers; // segments of the generation before are left
    uint32_t round;
    uint64_t *nodes, *threads; // bits, while marking
    size_t node_count, thread_count;
    struct dict_renumbering renumbering;
    size_t tables_bytes; // of the dictionary, after the last time
    uint64_t orphans;    // of the buffer, at the last time
};

// What one worker of a scan counts into.
struct worker_scratch {
    struct scratch counts, values;
};

struct buffer {
    struct store store; // first
    struct dict dict;
    struct callpaths callpaths;
    uint64_t budget_bytes;
    uint32_t segment_samples; // a segment is sealed at this many
    struct source **sources;
    size_t source_count, source_capacity;
    size_t sealed_bytes;
    struct compaction compaction;
    uint64_t orphans; // samples that went, in all
    struct worker_scratch scratch[PARALLEL_MOST];
    struct scratch node_scratch, map_scratch; // the latter see heatmap_take
    struct kept_filters filters;
    uint32_t ticks_unasked; // since the last question
    uint64_t bins_clock;    // counts questions, to know which bins were not asked for longest

    bool axis_known;  // set by the first source that has a time
    bool started;     // set by the first sample that has a time
    int64_t start_ns; // its time; until then when a source began to watch
    enum clock_kind clock;
    char *host;
    bool wall_known;
    int64_t wall_offset_ns;

    struct pin *pins; // oldest first
    size_t pin_count, pin_capacity;
    void (*pin_released)(void *arg, const char *name);
    void *pin_released_arg;
    uint64_t evicted_samples;
    int64_t evicted_to_ns;
};

extern const struct sink_ops buffer_sink_ops;
extern const struct store_ops buffer_store_ops;

void buffer_axis(struct store *store, struct axis *out);
int buffer_heatmap(struct store *store, const struct query *query,
                   const struct heatmap_shape *shape, struct heatmap *out, struct err *err);
int buffer_replay(struct store *store, const struct query *query, struct sink *sink,
                  struct err *err);
// Finds where the source's times lie on the axis, now that one of them is known.
void buffer_place(struct source *source, int64_t first_ns);
// A time of the source on the buffer's axis. Times more than 146 years from a clock's zero (only a
// broken file has them) are held at that, so that sums and differences of times cannot overflow.
int64_t buffer_time(const struct source *source, int64_t time_ns);
// Seals an open segment; nothing when it is empty.
void buffer_seal(struct buffer *buffer, struct track *track, bool timeless);
// Lets the oldest segments go until the budget holds.
void buffer_evict(struct buffer *buffer);
// A step of reclaiming, where it pays.
void buffer_compact_step(struct buffer *buffer);
void buffer_compact_dispose(struct buffer *buffer);
// Brings a segment's numbers up to the dictionary's; before its nodes or threads are looked at.
void buffer_ready(struct buffer *buffer, struct segment *segment);
size_t buffer_column_bytes(const struct buffer *buffer);
void track_dispose(struct track *track);

#endif
