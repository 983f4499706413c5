// The buffer as a sink: what comes in, one sample at a time.
#include "analysis/buffer_parts.h"
#include "proto/alloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { NO_SLOT = UINT16_MAX, LOSSES_MOST = 1 << 14 };

static void replace_text(char **text, const char *new)
{
    free(*text);
    *text = xstrdup(new ? new : "");
}

static int take_hello(struct sink *sink, const struct hello *hello, struct err *err)
{
    (void)err;
    struct source *source = (struct source *)sink;
    replace_text(&source->collector, hello->collector);
    replace_text(&source->command, hello->command);
    replace_text(&source->host, hello->host);
    replace_text(&source->kernel, hello->kernel);
    source->rate_hz = hello->rate_hz;
    source->cpus = hello->cpus;
    source->clock = hello->clock;
    source->wall_known = hello->wall_known;
    source->wall_offset_ns = hello->wall_offset_ns;
    return 0;
}

static struct track *track_of(struct source *source, uint16_t event)
{
    for (size_t i = 0; i < source->track_count; i++) {
        if (source->tracks[i].event == event)
            return &source->tracks[i];
    }
    array_reserve(&source->tracks, &source->track_capacity, source->track_count + 1);
    struct track *track = &source->tracks[source->track_count++];
    *track = (struct track){.event = event};
    return track;
}

static struct segment *open_segment(struct track *track, bool timeless)
{
    struct segment *segment = xcalloc(1, sizeof *segment);
    segment->timeless = timeless;
    array_reserve(&track->segments, &track->segment_capacity, track->segment_count + 1);
    track->segments[track->segment_count++] = segment;
    track->open[timeless] = segment;
    if (track->slot_capacity[timeless])
        memset(track->slot_of[timeless], 0xff, track->slot_capacity[timeless] * sizeof(uint16_t));
    return segment;
}

void buffer_seal(struct buffer *buffer, struct track *track, bool timeless)
{
    struct segment *segment = track->open[timeless];
    if (!segment || !segment->count)
        return;
    segment_sort(segment);
    segment_trim(segment);
    buffer->sealed_bytes += segment_bytes(segment);
    track->open[timeless] = NULL;
    if (!timeless && (!track->has_sealed || segment->max_ns > track->sealed_to_ns)) {
        track->has_sealed = true;
        track->sealed_to_ns = segment->max_ns;
    }
}

// The thread's number in the open segment, which has one for it or gets one.
static uint16_t slot_of_thread(struct track *track, struct segment *segment, uint32_t thread)
{
    bool timeless = segment->timeless;
    size_t old = track->slot_capacity[timeless];
    if (thread >= old) {
        array_reserve(&track->slot_of[timeless], &track->slot_capacity[timeless],
                      (size_t)thread + 1);
        memset(track->slot_of[timeless] + old, 0xff,
               (track->slot_capacity[timeless] - old) * sizeof(uint16_t));
    }
    uint16_t *slot = &track->slot_of[timeless][thread];
    if (*slot == NO_SLOT)
        *slot = segment_add_thread(segment, thread);
    return *slot;
}

static void count_sample(struct source *source, const struct sample *sample, uint8_t flags)
{
    source->samples++;
    source->unresolved += (flags & CALLPATH_UNRESOLVED) != 0;
    source->one_frame += (flags & CALLPATH_ONE_USER) != 0;
    if (sample->time_ns == SAMPLE_NO_TIME)
        return;
    if (!source->has_time || sample->time_ns < source->first_ns)
        source->first_ns = sample->time_ns;
    if (!source->has_time || sample->time_ns > source->last_ns)
        source->last_ns = sample->time_ns;
    source->has_time = true;
}

static void take_sample(struct source *source, struct track *track, const struct sample *sample)
{
    struct buffer *buffer = source->buffer;
    bool timeless = sample->time_ns == SAMPLE_NO_TIME;
    struct segment *segment = track->open[timeless];
    if (segment &&
        (segment->count >= buffer->segment_samples || segment->thread_count == SEGMENT_THREADS)) {
        buffer_seal(buffer, track, timeless);
        buffer_evict(buffer);
        segment = NULL;
    }
    if (!segment)
        segment = open_segment(track, timeless);
    uint8_t flags = buffer->callpaths.marks[sample->node];
    segment_append(segment, sample, slot_of_thread(track, segment, sample->thread), flags);
    for (size_t i = 0; i < TRACK_BINS && !timeless; i++)
        bins_add(&track->bins[i], sample->time_ns, flags);
    source->late += !timeless && track->has_sealed && sample->time_ns < track->sealed_to_ns;
    count_sample(source, sample, flags);
}

static void place_by(struct source *source, const struct sample *samples, size_t count)
{
    int64_t first_ns = SAMPLE_NO_TIME;
    for (size_t i = 0; i < count; i++) {
        if (samples[i].time_ns != SAMPLE_NO_TIME &&
            (first_ns == SAMPLE_NO_TIME || samples[i].time_ns < first_ns))
            first_ns = samples[i].time_ns;
    }
    if (first_ns != SAMPLE_NO_TIME)
        buffer_place(source, first_ns);
}

static int take_samples(struct sink *sink, const struct sample *samples, size_t count,
                        struct err *err)
{
    (void)err;
    struct source *source = (struct source *)sink;
    struct buffer *buffer = source->buffer;
    if (source->dropped)
        return 0;
    if (!source->placed)
        place_by(source, samples, count);
    callpaths_follow(&buffer->callpaths);
    struct track *track = NULL;
    for (size_t i = 0; i < count; i++) {
        struct sample sample = samples[i];
        assert(sample.node < buffer->dict.node_count);
        assert(sample.thread < buffer->dict.thread_count);
        assert(sample.event < buffer->dict.event_count);
        if (source->clock == CLOCK_KIND_NONE)
            sample.time_ns = SAMPLE_NO_TIME;
        if (sample.time_ns != SAMPLE_NO_TIME)
            sample.time_ns = buffer_time(source, sample.time_ns);
        if (!track || track->event != sample.event)
            track = track_of(source, sample.event);
        take_sample(source, track, &sample);
    }
    return 0;
}

// Neighbours become one, so that the list stays short; ranges grow, counts are exact.
static void halve_losses(struct source *source)
{
    size_t kept = 0;
    for (size_t i = 0; i + 1 < source->loss_count; i += 2) {
        struct loss loss = source->losses[i];
        const struct loss *next = &source->losses[i + 1];
        loss.count += next->count;
        if (loss.from_ns == SAMPLE_NO_TIME || next->from_ns == SAMPLE_NO_TIME) {
            loss.from_ns = loss.to_ns = SAMPLE_NO_TIME;
        } else {
            loss.from_ns = next->from_ns < loss.from_ns ? next->from_ns : loss.from_ns;
            loss.to_ns = next->to_ns > loss.to_ns ? next->to_ns : loss.to_ns;
        }
        if (loss.cpu != next->cpu)
            loss.cpu = -1;
        source->losses[kept++] = loss;
    }
    source->loss_count = kept;
}

static int take_loss(struct sink *sink, const struct loss *given, struct err *err)
{
    (void)err;
    struct source *source = (struct source *)sink;
    struct loss loss = *given;
    if (source->dropped || !loss.count)
        return 0;
    if (loss.from_ns != SAMPLE_NO_TIME) {
        if (!source->placed)
            buffer_place(source, loss.from_ns);
        loss.from_ns = buffer_time(source, loss.from_ns);
        loss.to_ns = buffer_time(source, loss.to_ns);
        if (loss.to_ns <= loss.from_ns)
            loss.to_ns = loss.from_ns + 1;
    }
    if (source->loss_count == LOSSES_MOST)
        halve_losses(source);
    array_reserve(&source->losses, &source->loss_capacity, source->loss_count + 1);
    source->losses[source->loss_count++] = loss;
    source->lost += loss.count;
    return 0;
}

const struct sink_ops buffer_sink_ops = {take_hello, take_samples, take_loss};
