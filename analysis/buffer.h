// The rolling sample buffer: columns in segments under a byte budget. It is the store that the
// session asks, and it gives a sink to every source.
#ifndef FLICKER_ANALYSIS_BUFFER_H
#define FLICKER_ANALYSIS_BUFFER_H

#include "analysis/store.h"

struct buffer;

// A budget of 0: the smaller of 512 MiB and 5 % of `available_bytes`.
struct buffer *buffer_new(uint64_t budget_bytes, uint64_t available_bytes);
void buffer_free(struct buffer *buffer);
void buffer_set_budget(struct buffer *buffer, uint64_t budget_bytes);
struct store *buffer_store(struct buffer *buffer);

// Adds a source (a file, a collector) named `name` and returns its number, from 1. Its sink is
// borrowed, and valid until the buffer is freed. Times of a source whose clock cannot be compared
// with the buffer's are shifted so that it starts where the first source starts.
uint32_t buffer_source_add(struct buffer *buffer, const char *name, struct sink **sink);
// The source runs: columns up to `now_ns` were watched, empty or not. Called on every tick of a
// live source; the last call is when it ended.
void buffer_source_watched(struct buffer *buffer, uint32_t source, int64_t from_ns, int64_t to_ns);
// Nothing more will come of it: what lies after it was not recorded, rather than pending, and no
// memory is kept for more.
void buffer_source_ended(struct buffer *buffer, uint32_t source);
// Forgets a source and its samples (a file that turned out unreadable).
void buffer_source_drop(struct buffer *buffer, uint32_t source);

// What is known of a source. Text is borrowed until the next change of the buffer.
struct buffer_source {
    uint32_t number;
    const char *name;
    const char *collector, *command, *host, *kernel; // from its hello; "" when unknown
    double rate_hz;
    uint32_t cpus;
    enum clock_kind clock;
    bool shifted; // laid beside the others from its start
    uint64_t samples, lost, late, evicted;
    uint64_t lost_where[LOSS_WHERES];
    uint64_t unresolved;       // samples whose leaf has no name
    uint64_t one_frame;        // user stacks of a single frame: no frame pointers
    int64_t first_ns, last_ns; // SAMPLE_NO_TIME when it has no times
    const char *events[8];     // names, NULL-terminated
};
size_t buffer_source_count(const struct buffer *buffer);
// index < count; in order of addition.
void buffer_source_get(const struct buffer *buffer, size_t index, struct buffer_source *out);

// Pins keep ranges from eviction; at most half the budget, then the oldest pin is released and
// `released` is called with its name. Ranges are copied.
void buffer_pin(struct buffer *buffer, const char *name, const struct range *ranges, size_t count);
void buffer_unpin(struct buffer *buffer, const char *name);
void buffer_on_pin_released(struct buffer *buffer, void (*released)(void *arg, const char *name),
                            void *arg);

struct buffer_stats {
    uint64_t budget_bytes;
    uint64_t column_bytes; // sample columns
    uint64_t table_bytes;  // dictionary, all tables
    uint64_t strings, frames, nodes, threads;
    uint64_t samples;         // held now
    uint64_t evicted_samples; // gone, in all
    int64_t evicted_to_ns;    // everything before this has gone; SAMPLE_NO_TIME: nothing has
    double seconds_at_rate;   // how long the budget lasts at today's rate; 0: not known
};
void buffer_stats(const struct buffer *buffer, struct buffer_stats *out);

// Bounded housekeeping (eviction, compaction in steps); called by the loop between two reads.
void buffer_tick(struct buffer *buffer);

#endif
