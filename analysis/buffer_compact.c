// Reclaiming names that eviction has orphaned, in bounded steps between two reads.
//
// First the nodes and threads that samples still have are marked, some segments a step; what comes
// in meanwhile has numbers above those that were there at the start, or lies in segments that are
// marked last. Then the dictionary is compacted at once, and the columns are renumbered, again some
// segments a step; a query renumbers first what it looks at. Order is kept, so that numbers still
// rise from caller to callee.
#include "analysis/buffer_parts.h"
#include "proto/alloc.h"

#include <stdlib.h>
#include <string.h>

enum {
    STEP_SAMPLES = 1 << 20, // about a millisecond
    TABLES_LEAST = 1 << 20, // smaller ones are not worth it
    ORPHANS_SHARE = 8,      // so much of what is held must have gone since the last time
};

static void set_bit(uint64_t *bits, size_t at)
{
    bits[at / 64] |= UINT64_C(1) << at % 64;
}

static uint64_t *bits_of(size_t count)
{
    return xcalloc(count / 64 + 1, sizeof(uint64_t));
}

static void mark_segment(struct compaction *compaction, struct segment *segment)
{
    for (uint32_t i = 0; i < segment->count; i++) {
        if (segment->nodes[i] < compaction->node_count)
            set_bit(compaction->nodes, segment->nodes[i]);
    }
    for (size_t i = 0; i < segment->thread_count; i++) {
        if (segment->thread_ids[i] < compaction->thread_count)
            set_bit(compaction->threads, segment->thread_ids[i]);
    }
    segment->marked = compaction->round;
}

// Calls visit for every segment, until it returns false.
static void each_segment(struct buffer *buffer,
                         bool (*visit)(struct buffer *buffer, struct track *track,
                                       struct segment *segment, void *arg),
                         void *arg)
{
    for (size_t i = 0; i < buffer->source_count; i++) {
        struct source *source = buffer->sources[i];
        for (size_t j = 0; j < source->track_count; j++) {
            struct track *track = &source->tracks[j];
            for (size_t k = 0; k < track->segment_count; k++) {
                if (!visit(buffer, track, track->segments[k], arg))
                    return;
            }
        }
    }
}

// Sealed segments, until the step's samples are used up: *left goes below 0.
static bool mark_step(struct buffer *buffer, struct track *track, struct segment *segment,
                      void *arg)
{
    int64_t *left = arg;
    if (segment == track->open[segment->timeless] || segment->marked == buffer->compaction.round)
        return true;
    mark_segment(&buffer->compaction, segment);
    return (*left -= segment->count) > 0;
}

static bool mark_rest(struct buffer *buffer, struct track *track, struct segment *segment,
                      void *arg)
{
    (void)arg;
    if (segment == track->open[segment->timeless] || segment->marked != buffer->compaction.round)
        mark_segment(&buffer->compaction, segment);
    return true;
}

static uint64_t *keep_newer(uint64_t *bits, size_t old, size_t count)
{
    bits = xreallocarray(bits, count / 64 + 1, sizeof *bits);
    memset(bits + old / 64 + 1, 0, (count / 64 - old / 64) * sizeof *bits);
    for (size_t i = old; i < count; i++)
        set_bit(bits, i);
    return bits;
}

void buffer_ready(struct buffer *buffer, struct segment *segment)
{
    const struct dict_renumbering *renumbering = &buffer->compaction.renumbering;
    if (segment->generation == buffer->dict.generation)
        return;
    for (uint32_t i = 0; i < segment->count; i++)
        segment->nodes[i] = renumbering->nodes[segment->nodes[i]];
    for (size_t i = 0; i < segment->thread_count; i++)
        segment->thread_ids[i] = renumbering->threads[segment->thread_ids[i]];
    segment->generation = buffer->dict.generation;
}

// Open segments are appended to: they are renumbered at once, and their tables of threads are found
// by new numbers.
static bool renumber_open(struct buffer *buffer, struct track *track, struct segment *segment,
                          void *arg)
{
    (void)arg;
    if (segment != track->open[segment->timeless])
        return true;
    buffer_ready(buffer, segment);
    uint16_t *slots = track->slot_of[segment->timeless];
    memset(slots, 0xff, track->slot_capacity[segment->timeless] * sizeof *slots);
    for (size_t i = 0; i < segment->thread_count; i++)
        slots[segment->thread_ids[i]] = (uint16_t)i;
    return true;
}

static bool renumber_step(struct buffer *buffer, struct track *track, struct segment *segment,
                          void *arg)
{
    int64_t *left = arg;
    (void)track;
    if (segment->generation == buffer->dict.generation)
        return true;
    buffer_ready(buffer, segment);
    return (*left -= segment->count) > 0;
}

static void start(struct buffer *buffer)
{
    struct compaction *compaction = &buffer->compaction;
    compaction->marking = true;
    compaction->round++;
    compaction->node_count = buffer->dict.node_count;
    compaction->thread_count = buffer->dict.thread_count;
    compaction->nodes = bits_of(compaction->node_count);
    compaction->threads = bits_of(compaction->thread_count);
    compaction->orphans = buffer->orphans;
}

static void finish_marking(struct buffer *buffer)
{
    struct compaction *compaction = &buffer->compaction;
    each_segment(buffer, mark_rest, NULL);
    compaction->nodes =
        keep_newer(compaction->nodes, compaction->node_count, buffer->dict.node_count);
    compaction->threads =
        keep_newer(compaction->threads, compaction->thread_count, buffer->dict.thread_count);
    dict_compact(&buffer->dict, compaction->nodes, compaction->threads, &compaction->renumbering);
    free(compaction->nodes);
    free(compaction->threads);
    compaction->nodes = compaction->threads = NULL;
    compaction->marking = false;
    compaction->renumbers = true;
    compaction->tables_bytes = dict_bytes(&buffer->dict);
    each_segment(buffer, renumber_open, NULL);
    callpaths_dispose(&buffer->callpaths);
    callpaths_init(&buffer->callpaths, &buffer->dict);
    callpaths_follow(&buffer->callpaths);
}

static bool pays(const struct buffer *buffer)
{
    const struct compaction *compaction = &buffer->compaction;
    uint64_t held = 0;
    for (size_t i = 0; i < buffer->source_count; i++) {
        const struct source *source = buffer->sources[i];
        if (!source->dropped)
            held += source->samples - source->evicted_samples;
    }
    size_t bytes = dict_bytes(&buffer->dict);
    return bytes > TABLES_LEAST &&
           bytes > compaction->tables_bytes + compaction->tables_bytes / 2 &&
           buffer->orphans - compaction->orphans > held / ORPHANS_SHARE;
}

void buffer_compact_step(struct buffer *buffer)
{
    struct compaction *compaction = &buffer->compaction;
    int64_t left = STEP_SAMPLES;
    if (compaction->renumbers) {
        each_segment(buffer, renumber_step, &left);
        if (left > 0) {
            dict_renumbering_dispose(&compaction->renumbering);
            compaction->renumbers = false;
        }
    } else if (compaction->marking) {
        each_segment(buffer, mark_step, &left);
        if (left > 0)
            finish_marking(buffer);
    } else if (pays(buffer)) {
        start(buffer);
    }
}

void buffer_compact_dispose(struct buffer *buffer)
{
    free(buffer->compaction.nodes);
    free(buffer->compaction.threads);
    dict_renumbering_dispose(&buffer->compaction.renumbering);
}
