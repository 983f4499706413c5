// The buffer as a sink: what comes in goes into columns, a part of a batch at a time.
#include "analysis/buffer_parts.h"
#include "proto/alloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { NO_SLOT = UINT16_MAX, LOSSES_MOST = 1 << 14, PART_SAMPLES = 256 };

static void replace_text(char **text, const char *new)
{
    char *copy = xstrdup(new ? new : "");
    free(*text);
    *text = copy;
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

static struct segment *open_segment(struct buffer *buffer, struct track *track, bool timeless)
{
    struct segment *segment = xcalloc(1, sizeof *segment);
    segment->generation = buffer->dict.generation;
    segment->timeless = timeless;
    if (track->fills[timeless]) // the one before was full, so this will be, too
        segment_reserve(segment, buffer->segment_samples);
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

// Makes room to look up every thread of the dictionary.
static uint16_t *slots_of(struct track *track, bool timeless, size_t threads)
{
    size_t old = track->slot_capacity[timeless];
    if (threads > old) {
        array_reserve(&track->slot_of[timeless], &track->slot_capacity[timeless], threads);
        memset(track->slot_of[timeless] + old, 0xff,
               (track->slot_capacity[timeless] - old) * sizeof(uint16_t));
    }
    return track->slot_of[timeless];
}

// The open segment with room for at least one more sample and thread.
static struct segment *segment_with_room(struct buffer *buffer, struct track *track, bool timeless)
{
    struct segment *segment = track->open[timeless];
    if (segment &&
        (segment->count >= buffer->segment_samples || segment->thread_count == SEGMENT_THREADS)) {
        track->fills[timeless] = true;
        buffer_seal(buffer, track, timeless);
        buffer_evict(buffer);
        segment = NULL;
    }
    return segment ? segment : open_segment(buffer, track, timeless);
}

// Columns of samples that came one by one.
struct columns {
    uint32_t nodes[PART_SAMPLES];
    int64_t times[PART_SAMPLES];
    uint64_t values[PART_SAMPLES];
    uint32_t threads[PART_SAMPLES];
    uint16_t cpus[PART_SAMPLES];
};

// A part of what a producer hands over: one event, all with times or all without.
struct part {
    struct track *track;
    uint32_t count;
    bool timeless;
    int64_t min_ns, max_ns;  // of the times
    const uint32_t *nodes;   // the producer's, or of `own`, as all these
    const int64_t *times;    // on the axis
    const uint64_t *values;  // NULL: all are 1
    const uint32_t *threads; // NULL: all are `thread`
    const uint16_t *cpus;    // NULL: all are `cpu`
    uint32_t thread;
    uint16_t cpu;
    uint8_t flags[PART_SAMPLES];
    uint32_t kinds[CALLPATH_FLAGS + 1]; // how many have which, of those that were appended
    struct columns own;
};

// Those that are older than what is sealed; before they are appended, which may seal some of them.
static void count_late(struct source *source, const struct part *part)
{
    const struct track *track = part->track;
    if (part->timeless || !track->has_sealed || part->min_ns >= track->sealed_to_ns)
        return;
    for (uint32_t i = 0; i < part->count; i++)
        source->late += part->times[i] < track->sealed_to_ns;
}

static void count_part(struct source *source, const struct part *part)
{
    source->samples += part->count;
    for (unsigned flags = 0; flags <= CALLPATH_FLAGS; flags++) {
        source->unresolved += flags & CALLPATH_UNRESOLVED ? part->kinds[flags] : 0;
        source->one_frame += flags & CALLPATH_ONE_USER ? part->kinds[flags] : 0;
    }
    if (part->timeless)
        return;
    if (!source->has_time || part->min_ns < source->first_ns)
        source->first_ns = part->min_ns;
    if (!source->has_time || part->max_ns > source->last_ns)
        source->last_ns = part->max_ns;
    source->has_time = true;
    for (size_t i = 0; i < TRACK_BINS; i++) {
        struct bins *bins = &part->track->bins[i];
        for (uint32_t at = 0; at < part->count && bins->shape.rows; at++)
            bins_add(bins, part->times[at], part->flags[at]);
    }
}

// In turns, since adding to a number that was just added to has to wait for it.
static void count_kinds(uint32_t *kinds, const uint8_t *flags, uint32_t count)
{
    enum { TURNS = 4, KINDS = CALLPATH_FLAGS + 1 };
    uint32_t counts[TURNS][KINDS] = {0};
    for (uint32_t i = 0; i < count; i++)
        counts[i % TURNS][flags[i] & CALLPATH_FLAGS]++;
    for (unsigned kind = 0; kind < KINDS; kind++)
        kinds[kind] = counts[0][kind] + counts[1][kind] + counts[2][kind] + counts[3][kind];
}

// The segment's number of a thread; false: it has no room for another one.
static bool slot_of(struct segment *segment, uint16_t *slots, uint32_t thread, uint16_t *out)
{
    if (slots[thread] == NO_SLOT) {
        if (segment->thread_count == SEGMENT_THREADS)
            return false;
        slots[thread] = segment_add_thread(segment, thread);
    }
    *out = slots[thread];
    return true;
}

// Appends a part, to as many segments as it takes.
static void append_part(struct buffer *buffer, struct part *part)
{
    uint16_t threads[PART_SAMPLES];
    for (uint32_t done = 0; done < part->count;) {
        struct track *track = part->track;
        struct segment *segment = segment_with_room(buffer, track, part->timeless);
        uint16_t *slots = slots_of(track, part->timeless, buffer->dict.thread_count);
        uint32_t most = buffer->segment_samples - segment->count, count = 0;
        most = part->count - done < most ? part->count - done : most;
        if (!part->threads && slot_of(segment, slots, part->thread, &threads[0]))
            count = most;
        while (count < most &&
               slot_of(segment, slots, part->threads[done + count], &threads[count]))
            count++;
        uint32_t kinds[CALLPATH_FLAGS + 1];
        count_kinds(kinds, part->flags + done, count);
        segment_append(segment,
                       &(struct segment_batch){.nodes = part->nodes + done,
                                               .times = part->times + done,
                                               .values = part->values ? part->values + done : NULL,
                                               .threads = part->threads ? threads : NULL,
                                               .thread = threads[0],
                                               .cpus = part->cpus ? part->cpus + done : NULL,
                                               .cpu = part->cpu,
                                               .kinds = kinds,
                                               .flags = part->flags + done,
                                               .count = count});
        for (unsigned flags = 0; flags <= CALLPATH_FLAGS; flags++)
            part->kinds[flags] += kinds[flags];
        done += count;
    }
}

static bool is_timeless(const struct source *source, const struct sample *sample)
{
    return source->clock == CLOCK_KIND_NONE || sample->time_ns == SAMPLE_NO_TIME;
}

static void find_bounds(const int64_t *times, size_t count, int64_t *min_ns, int64_t *max_ns)
{
    *min_ns = *max_ns = times[0];
    for (size_t i = 1; i < count; i++) {
        *min_ns = times[i] < *min_ns ? times[i] : *min_ns;
        *max_ns = times[i] > *max_ns ? times[i] : *max_ns;
    }
}

// The times as the axis has them. Those of a file that is alone on it are as they come.
static void take_times(const struct source *source, struct part *part)
{
    int64_t min_ns, max_ns;
    find_bounds(part->times, part->count, &min_ns, &max_ns);
    part->min_ns = buffer_time(source, min_ns);
    part->max_ns = buffer_time(source, max_ns);
    if (part->min_ns == min_ns && part->max_ns == max_ns)
        return;
    for (uint32_t i = 0; i < part->count; i++)
        part->own.times[i] = buffer_time(source, part->times[i]);
    part->times = part->own.times;
}

// What is to be known of a part before it is appended, once its columns are there.
static void look_at(struct source *source, struct part *part, uint16_t event)
{
    const struct dict *dict = &source->buffer->dict;
    const uint8_t *marks = source->buffer->callpaths.marks;
    assert(event < dict->event_count && part->thread < dict->thread_count);
    part->track = track_of(source, event);
    for (uint32_t i = 0; i < part->count; i++) {
        assert(part->nodes[i] < dict->node_count);
        part->flags[i] = marks[part->nodes[i]];
    }
    memset(part->kinds, 0, sizeof part->kinds);
    if (!part->timeless)
        take_times(source, part);
}

// Cuts a part off the front of the samples.
static void part_of_samples(struct source *source, const struct sample *samples, size_t count,
                            struct part *part)
{
    const struct sample first = samples[0];
    struct columns *own = &part->own;
    uint32_t most = count < PART_SAMPLES ? (uint32_t)count : PART_SAMPLES, at = 0;
    uint32_t other_threads = 0, other_cpus = 0;
    part->timeless = is_timeless(source, &first);
    do {
        const struct sample *sample = &samples[at];
        assert(sample->thread < source->buffer->dict.thread_count);
        own->nodes[at] = sample->node;
        own->times[at] = sample->time_ns;
        own->values[at] = sample->value;
        own->threads[at] = sample->thread;
        own->cpus[at] = sample->cpu;
        other_threads |= sample->thread ^ first.thread;
        other_cpus |= sample->cpu ^ first.cpu;
    } while (++at < most && samples[at].event == first.event &&
             is_timeless(source, &samples[at]) == part->timeless);
    part->count = at;
    part->nodes = own->nodes;
    part->times = own->times;
    part->values = own->values;
    part->threads = other_threads ? own->threads : NULL;
    part->cpus = other_cpus ? own->cpus : NULL;
    part->thread = first.thread;
    part->cpu = first.cpu;
    look_at(source, part, first.event);
}

static void part_of_run(struct source *source, const struct sample_run *run, uint32_t from,
                        struct part *part)
{
    uint32_t left = run->count - from;
    part->timeless = source->clock == CLOCK_KIND_NONE || !run->times_ns;
    part->count = left < PART_SAMPLES ? left : PART_SAMPLES;
    part->nodes = run->nodes + from;
    part->times = run->times_ns ? run->times_ns + from : part->own.times;
    part->values = run->values ? run->values + from : NULL;
    part->threads = NULL;
    part->cpus = NULL;
    part->thread = run->thread;
    part->cpu = run->cpu;
    look_at(source, part, run->event);
}

static void take_part(struct source *source, struct part *part)
{
    count_late(source, part);
    append_part(source->buffer, part);
    count_part(source, part);
}

// The session's start is its first sample, whenever the collector said that it was ready.
static void place_by(struct source *source, int64_t first_ns)
{
    struct buffer *buffer = source->buffer;
    if (!source->placed)
        buffer_place(source, first_ns);
    if (!buffer->started) {
        buffer->started = true;
        buffer->start_ns = buffer_time(source, first_ns);
    }
}

static bool is_placed(const struct source *source)
{
    return source->placed && source->buffer->started;
}

// SAMPLE_NO_TIME when none has a time.
static int64_t first_time(const struct sample *samples, size_t count)
{
    int64_t first_ns = SAMPLE_NO_TIME;
    for (size_t i = 0; i < count; i++) {
        if (samples[i].time_ns != SAMPLE_NO_TIME &&
            (first_ns == SAMPLE_NO_TIME || samples[i].time_ns < first_ns))
            first_ns = samples[i].time_ns;
    }
    return first_ns;
}

static int take_samples(struct sink *sink, const struct sample *samples, size_t count,
                        struct err *err)
{
    (void)err;
    struct source *source = (struct source *)sink;
    if (source->dropped)
        return 0;
    int64_t first_ns = is_placed(source) ? SAMPLE_NO_TIME : first_time(samples, count);
    if (first_ns != SAMPLE_NO_TIME)
        place_by(source, first_ns);
    callpaths_follow(&source->buffer->callpaths);
    struct part part;
    for (size_t done = 0; done < count; done += part.count) {
        part_of_samples(source, samples + done, count - done, &part);
        take_part(source, &part);
    }
    return 0;
}

static int take_run(struct sink *sink, const struct sample_run *run, struct err *err)
{
    (void)err;
    struct source *source = (struct source *)sink;
    int64_t min_ns, max_ns;
    if (source->dropped)
        return 0;
    if (run->times_ns && !is_placed(source)) {
        find_bounds(run->times_ns, run->count, &min_ns, &max_ns);
        place_by(source, min_ns);
    }
    callpaths_follow(&source->buffer->callpaths);
    struct part part;
    for (uint32_t done = 0; done < run->count; done += part.count) {
        part_of_run(source, run, done, &part);
        take_part(source, &part);
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
    source->lost_where[loss.where] += loss.count;
    return 0;
}

const struct sink_ops buffer_sink_ops = {
    .hello = take_hello, .samples = take_samples, .loss = take_loss, .run = take_run};
