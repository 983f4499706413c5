// The buffer: its sources, its one time axis, and what `status` shows of them.
#include "analysis/buffer.h"

#include "analysis/buffer_parts.h"
#include "proto/alloc.h"

#include <stdlib.h>
#include <string.h>

enum {
    DEFAULT_BUDGET_BYTES = 512 << 20,
    DEFAULT_SHARE = 20, // a twentieth of what is available
    SEGMENTS_AT_LEAST = 32,
    SAMPLE_BYTES = 12,
    SEGMENT_SAMPLES_LEAST = 1024,
};

#define SAME_BOOT_NS INT64_C(60000000000) // wall clocks of one boot differ by less, steps included

void buffer_set_budget(struct buffer *buffer, uint64_t budget_bytes)
{
    buffer->budget_bytes = budget_bytes;
    uint64_t samples = budget_bytes / SEGMENTS_AT_LEAST / SAMPLE_BYTES;
    if (samples > SEGMENT_SAMPLES)
        samples = SEGMENT_SAMPLES;
    if (samples < SEGMENT_SAMPLES_LEAST)
        samples = SEGMENT_SAMPLES_LEAST;
    buffer->segment_samples = (uint32_t)samples;
    buffer_evict(buffer);
}

struct buffer *buffer_new(uint64_t budget_bytes, uint64_t available_bytes)
{
    struct buffer *buffer = xcalloc(1, sizeof *buffer);
    buffer->store.ops = &buffer_store_ops;
    dict_init(&buffer->dict);
    callpaths_init(&buffer->callpaths, &buffer->dict);
    buffer->evicted_to_ns = SAMPLE_NO_TIME;
    if (!budget_bytes) {
        budget_bytes = DEFAULT_BUDGET_BYTES;
        if (available_bytes && available_bytes / DEFAULT_SHARE < budget_bytes)
            budget_bytes = available_bytes / DEFAULT_SHARE;
    }
    buffer_set_budget(buffer, budget_bytes);
    return buffer;
}

void track_dispose(struct track *track)
{
    for (size_t i = 0; i < track->segment_count; i++) {
        segment_dispose(track->segments[i]);
        free(track->segments[i]);
    }
    free(track->segments);
    free(track->slot_of[0]);
    free(track->slot_of[1]);
    for (size_t i = 0; i < TRACK_BINS; i++)
        bins_dispose(&track->bins[i]);
}

static void source_empty(struct source *source)
{
    for (size_t i = 0; i < source->track_count; i++)
        track_dispose(&source->tracks[i]);
    free(source->tracks);
    free(source->losses);
    ranges_dispose(&source->watched);
    ranges_dispose(&source->evicted);
    source->tracks = NULL;
    source->losses = NULL;
    source->track_count = source->track_capacity = 0;
    source->loss_count = source->loss_capacity = 0;
}

static void source_free(struct source *source)
{
    source_empty(source);
    free(source->name);
    free(source->collector);
    free(source->command);
    free(source->host);
    free(source->kernel);
    free(source);
}

// Gives back what is kept from one question to the next.
static void release(struct buffer *buffer)
{
    for (size_t i = 0; i < PARALLEL_MOST; i++) {
        scratch_dispose(&buffer->scratch[i].counts);
        scratch_dispose(&buffer->scratch[i].values);
    }
    scratch_dispose(&buffer->node_scratch);
    scratch_dispose(&buffer->map_scratch);
    kept_filters_dispose(&buffer->filters);
    callpaths_release(&buffer->callpaths);
}

void buffer_tick(struct buffer *buffer)
{
    enum { TICKS_KEPT = 1000 }; // half a minute or so
    buffer_evict(buffer);
    buffer_compact_step(buffer);
    callpaths_follow(&buffer->callpaths);
    if (++buffer->ticks_unasked == TICKS_KEPT)
        release(buffer);
}

void buffer_free(struct buffer *buffer)
{
    if (!buffer)
        return;
    for (size_t i = 0; i < buffer->source_count; i++)
        source_free(buffer->sources[i]);
    free(buffer->sources);
    for (size_t i = 0; i < buffer->pin_count; i++) {
        free(buffer->pins[i].name);
        ranges_dispose(&buffer->pins[i].ranges);
    }
    free(buffer->pins);
    free(buffer->host);
    buffer_compact_dispose(buffer);
    release(buffer);
    callpaths_dispose(&buffer->callpaths);
    dict_dispose(&buffer->dict);
    free(buffer);
}

struct store *buffer_store(struct buffer *buffer)
{
    return &buffer->store;
}

uint32_t buffer_source_add(struct buffer *buffer, const char *name, struct sink **sink)
{
    struct source *source = xcalloc(1, sizeof *source);
    source->sink = (struct sink){&buffer_sink_ops, &buffer->dict};
    source->buffer = buffer;
    source->name = xstrdup(name);
    source->collector = xstrdup("");
    source->command = xstrdup("");
    source->host = xstrdup("");
    source->kernel = xstrdup("");
    source->first_ns = source->last_ns = SAMPLE_NO_TIME;
    array_reserve(&buffer->sources, &buffer->source_capacity, buffer->source_count + 1);
    buffer->sources[buffer->source_count++] = source;
    source->number = (uint32_t)buffer->source_count;
    *sink = &source->sink;
    return source->number;
}

static struct source *source_of(const struct buffer *buffer, uint32_t number)
{
    return number && number <= buffer->source_count ? buffer->sources[number - 1] : NULL;
}

void buffer_source_watched(struct buffer *buffer, uint32_t number, int64_t from_ns, int64_t to_ns)
{
    enum { RANGES_MOST = 4096 };
    struct source *source = source_of(buffer, number);
    if (!source || source->dropped || from_ns >= to_ns)
        return;
    if (!source->placed)
        buffer_place(source, from_ns);
    ranges_add(&source->watched, buffer_time(source, from_ns), buffer_time(source, to_ns));
    ranges_coarsen(&source->watched, RANGES_MOST);
}

void buffer_source_ended(struct buffer *buffer, uint32_t number)
{
    struct source *source = source_of(buffer, number);
    if (!source)
        return;
    source->ended = true;
    for (size_t i = 0; i < source->track_count; i++) {
        for (int timeless = 0; timeless < 2; timeless++) {
            if (source->tracks[i].open[timeless])
                segment_trim(source->tracks[i].open[timeless]);
        }
    }
}

static void axis_forget(struct buffer *buffer)
{
    free(buffer->host);
    buffer->host = NULL;
    buffer->axis_known = buffer->started = buffer->wall_known = false;
    buffer->start_ns = buffer->wall_offset_ns = 0;
}

void buffer_source_drop(struct buffer *buffer, uint32_t number)
{
    struct source *source = source_of(buffer, number);
    if (!source || source->dropped)
        return;
    for (size_t i = 0; i < source->track_count; i++) {
        const struct track *track = &source->tracks[i];
        for (size_t j = 0; j < track->segment_count; j++) {
            if (track->segments[j] != track->open[track->segments[j]->timeless])
                buffer->sealed_bytes -= segment_bytes(track->segments[j]);
        }
    }
    buffer->orphans += source->samples - source->evicted_samples;
    source_empty(source);
    source->dropped = true;
    bool any = false;
    for (size_t i = 0; i < buffer->source_count; i++)
        any |= !buffer->sources[i]->dropped && buffer->sources[i]->placed;
    if (!any)
        axis_forget(buffer);
}

static int64_t hold(int64_t time_ns)
{
    const int64_t most_ns = (INT64_C(1) << 62) - (INT64_C(1) << 50); // days are left, for edges
    return time_ns > most_ns ? most_ns : time_ns < -most_ns ? -most_ns : time_ns;
}

// Whether the two speak of one CLOCK_MONOTONIC: one host, one boot.
static bool is_same_clock(const struct buffer *buffer, const struct source *source)
{
    if (buffer->clock != CLOCK_KIND_MONOTONIC || source->clock != CLOCK_KIND_MONOTONIC ||
        strcmp(buffer->host, source->host))
        return false;
    if (!buffer->wall_known || !source->wall_known)
        return true;
    int64_t apart_ns = hold(buffer->wall_offset_ns) - hold(source->wall_offset_ns);
    return apart_ns > -SAME_BOOT_NS && apart_ns < SAME_BOOT_NS;
}

int64_t buffer_time(const struct source *source, int64_t time_ns)
{
    return hold(hold(time_ns) + source->shift_ns);
}

void buffer_place(struct source *source, int64_t first_ns)
{
    struct buffer *buffer = source->buffer;
    source->placed = true;
    if (!buffer->axis_known) {
        buffer->axis_known = true;
        buffer->clock = source->clock;
        buffer->host = xstrdup(source->host);
        buffer->wall_known = source->wall_known;
        buffer->wall_offset_ns = hold(source->wall_offset_ns);
        buffer->start_ns = hold(first_ns);
    } else if (is_same_clock(buffer, source)) {
        source->shift_ns = 0;
    } else if (buffer->wall_known && source->wall_known) {
        source->shift_ns = hold(hold(source->wall_offset_ns) - hold(buffer->wall_offset_ns));
    } else {
        source->shift_ns = hold(buffer->start_ns - hold(first_ns));
        source->shifted = true;
    }
}

size_t buffer_source_count(const struct buffer *buffer)
{
    size_t count = 0;
    for (size_t i = 0; i < buffer->source_count; i++)
        count += !buffer->sources[i]->dropped;
    return count;
}

static const struct source *source_at(const struct buffer *buffer, size_t index)
{
    for (size_t i = 0; i < buffer->source_count; i++) {
        if (!buffer->sources[i]->dropped && index-- == 0)
            return buffer->sources[i];
    }
    return NULL;
}

void buffer_source_get(const struct buffer *buffer, size_t index, struct buffer_source *out)
{
    const struct source *source = source_at(buffer, index);
    *out = (struct buffer_source){.name = "",
                                  .collector = "",
                                  .command = "",
                                  .host = "",
                                  .kernel = "",
                                  .first_ns = SAMPLE_NO_TIME,
                                  .last_ns = SAMPLE_NO_TIME};
    if (!source)
        return;
    *out = (struct buffer_source){.number = source->number,
                                  .name = source->name,
                                  .collector = source->collector,
                                  .command = source->command,
                                  .host = source->host,
                                  .kernel = source->kernel,
                                  .rate_hz = source->rate_hz,
                                  .cpus = source->cpus,
                                  .clock = source->clock,
                                  .shifted = source->shifted,
                                  .samples = source->samples,
                                  .lost = source->lost,
                                  .late = source->late,
                                  .evicted = source->evicted_samples,
                                  .unresolved = source->unresolved,
                                  .one_frame = source->one_frame,
                                  .first_ns = source->first_ns,
                                  .last_ns = source->last_ns};
    memcpy(out->lost_where, source->lost_where, sizeof out->lost_where);
    size_t most = sizeof out->events / sizeof *out->events - 1;
    for (size_t i = 0; i < source->track_count && i < most; i++)
        out->events[i] =
            dict_text(&buffer->dict, buffer->dict.events[source->tracks[i].event].name);
}

size_t buffer_column_bytes(const struct buffer *buffer)
{
    size_t bytes = buffer->sealed_bytes;
    for (size_t i = 0; i < buffer->source_count; i++) {
        const struct source *source = buffer->sources[i];
        for (size_t j = 0; j < source->track_count; j++) {
            for (int timeless = 0; timeless < 2; timeless++) {
                if (source->tracks[j].open[timeless])
                    bytes += segment_bytes(source->tracks[j].open[timeless]);
            }
        }
    }
    return bytes;
}

// What is kept to answer fast: bins and scratch memory.
static size_t kept_bytes(const struct buffer *buffer)
{
    size_t bytes = buffer->node_scratch.bytes + buffer->map_scratch.bytes +
                   kept_filters_bytes(&buffer->filters);
    for (size_t i = 0; i < PARALLEL_MOST; i++)
        bytes += buffer->scratch[i].counts.bytes + buffer->scratch[i].values.bytes;
    for (size_t i = 0; i < buffer->source_count; i++) {
        const struct source *source = buffer->sources[i];
        for (size_t j = 0; j < source->track_count; j++) {
            const struct track *track = &source->tracks[j];
            for (size_t k = 0; k < TRACK_BINS; k++)
                bytes += track->bins[k].capacity * sizeof(uint32_t);
            for (size_t k = 0; k < track->segment_count; k++)
                bytes += segment_mask_bytes(track->segments[k]);
        }
    }
    return bytes;
}

// Bytes a second over the last minute of what is held.
static double bytes_per_second(const struct buffer *buffer, int64_t last_ns)
{
    const int64_t window_ns = INT64_C(60000000000);
    double bytes = 0;
    int64_t from_ns = last_ns;
    for (size_t i = 0; i < buffer->source_count; i++) {
        const struct source *source = buffer->sources[i];
        for (size_t j = 0; j < source->track_count; j++) {
            const struct track *track = &source->tracks[j];
            for (size_t k = 0; k < track->segment_count; k++) {
                const struct segment *segment = track->segments[k];
                if (segment->timeless || !segment->count || segment->max_ns < last_ns - window_ns)
                    continue;
                bytes +=
                    (double)segment->count * (segment->values ? SAMPLE_BYTES + 8 : SAMPLE_BYTES);
                if (segment->min_ns < from_ns)
                    from_ns = segment->min_ns;
            }
        }
    }
    return last_ns > from_ns ? bytes / ((double)(last_ns - from_ns) / 1e9) : 0;
}

void buffer_stats(const struct buffer *buffer, struct buffer_stats *out)
{
    *out = (struct buffer_stats){.budget_bytes = buffer->budget_bytes,
                                 .column_bytes = buffer_column_bytes(buffer),
                                 .table_bytes = dict_bytes(&buffer->dict) +
                                                callpaths_bytes(&buffer->callpaths) +
                                                kept_bytes(buffer),
                                 .strings = buffer->dict.string_count,
                                 .frames = buffer->dict.frame_count,
                                 .nodes = buffer->dict.node_count,
                                 .threads = buffer->dict.thread_count,
                                 .evicted_samples = buffer->evicted_samples,
                                 .evicted_to_ns = buffer->evicted_to_ns};
    int64_t last_ns = SAMPLE_NO_TIME;
    for (size_t i = 0; i < buffer->source_count; i++) {
        const struct source *source = buffer->sources[i];
        if (source->dropped)
            continue;
        out->samples += source->samples - source->evicted_samples;
        if (source->has_time && source->last_ns > last_ns)
            last_ns = source->last_ns;
    }
    double rate = last_ns == SAMPLE_NO_TIME ? 0 : bytes_per_second(buffer, last_ns);
    if (rate > 0)
        out->seconds_at_rate = (double)buffer->budget_bytes / rate;
}

void buffer_axis(struct store *store, struct axis *out)
{
    const struct buffer *buffer = (const struct buffer *)store;
    *out =
        (struct axis){.wall_known = buffer->wall_known, .wall_offset_ns = buffer->wall_offset_ns};
    for (size_t i = 0; i < buffer->source_count; i++) {
        const struct source *source = buffer->sources[i];
        for (size_t j = 0; j < source->track_count; j++) {
            const struct track *track = &source->tracks[j];
            for (size_t k = 0; k < track->segment_count; k++) {
                const struct segment *segment = track->segments[k];
                if (segment->timeless || !segment->count)
                    continue;
                if (!out->has_time || segment->min_ns < out->first_ns)
                    out->first_ns = segment->min_ns;
                if (!out->has_time || segment->max_ns > out->last_ns)
                    out->last_ns = segment->max_ns;
                out->has_time = true;
            }
        }
    }
    out->start_ns = axis_floor(out, buffer->start_ns, INT64_C(1000000000));
}
