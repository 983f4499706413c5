// The byte budget: what goes when it is full, and what pins keep.
#include "analysis/buffer_parts.h"
#include "proto/alloc.h"

#include <stdlib.h>
#include <string.h>

enum { EVICTED_RANGES_MOST = 1024 };

struct place {
    struct source *source;
    struct track *track;
    size_t index; // of the segment
};

static bool is_pinned_by(const struct pin *pin, const struct segment *segment)
{
    return !segment->timeless && ranges_overlap(pin->ranges.items, pin->ranges.count,
                                                segment->min_ns, segment->max_ns + 1);
}

static bool is_pinned(const struct buffer *buffer, const struct segment *segment)
{
    for (size_t i = 0; i < buffer->pin_count; i++) {
        if (is_pinned_by(&buffer->pins[i], segment))
            return true;
    }
    return false;
}

// Samples without time have no age: they go last.
static bool is_older(const struct segment *a, const struct segment *b)
{
    if (a->timeless || b->timeless)
        return !a->timeless && b->timeless;
    return a->max_ns < b->max_ns;
}

// The oldest segment, among the sealed ones that no pin keeps, or among the open ones.
static bool find_oldest(const struct buffer *buffer, bool open, struct place *out)
{
    const struct segment *oldest = NULL;
    for (size_t i = 0; i < buffer->source_count; i++) {
        struct source *source = buffer->sources[i];
        for (size_t j = 0; j < source->track_count; j++) {
            struct track *track = &source->tracks[j];
            for (size_t k = 0; k < track->segment_count; k++) {
                const struct segment *segment = track->segments[k];
                bool is_open = segment == track->open[segment->timeless];
                if (is_open != open || !segment->count || (oldest && !is_older(segment, oldest)))
                    continue;
                if (!open && is_pinned(buffer, segment))
                    continue;
                oldest = segment;
                *out = (struct place){source, track, k};
            }
        }
    }
    return oldest != NULL;
}

static void let_go(struct buffer *buffer, const struct place *place)
{
    struct source *source = place->source;
    struct track *track = place->track;
    struct segment *segment = track->segments[place->index];
    buffer_ready(buffer, segment);
    source->evicted_samples += segment->count;
    buffer->orphans += segment->count;
    buffer->evicted_samples += segment->count;
    buffer->sealed_bytes -= segment_bytes(segment);
    for (size_t i = 0; i < TRACK_BINS && !segment->timeless; i++)
        bins_remove_segment(&track->bins[i], segment, buffer->callpaths.marks);
    if (!segment->timeless) {
        ranges_add(&source->evicted, segment->min_ns, segment->max_ns + 1);
        ranges_coarsen(&source->evicted, EVICTED_RANGES_MOST);
        if (segment->max_ns > buffer->evicted_to_ns)
            buffer->evicted_to_ns = segment->max_ns;
    }
    segment_dispose(segment);
    free(segment);
    track->segment_count--;
    memmove(track->segments + place->index, track->segments + place->index + 1,
            (track->segment_count - place->index) * sizeof(struct segment *));
}

static size_t pinned_bytes(const struct buffer *buffer)
{
    size_t bytes = 0;
    for (size_t i = 0; i < buffer->source_count; i++) {
        const struct source *source = buffer->sources[i];
        for (size_t j = 0; j < source->track_count; j++) {
            const struct track *track = &source->tracks[j];
            for (size_t k = 0; k < track->segment_count; k++) {
                if (track->segments[k]->count && is_pinned(buffer, track->segments[k]))
                    bytes += segment_bytes(track->segments[k]);
            }
        }
    }
    return bytes;
}

static void remove_pin(struct buffer *buffer, size_t index)
{
    free(buffer->pins[index].name);
    ranges_dispose(&buffer->pins[index].ranges);
    buffer->pin_count--;
    memmove(buffer->pins + index, buffer->pins + index + 1,
            (buffer->pin_count - index) * sizeof *buffer->pins);
}

static void hold_pins_to_half(struct buffer *buffer)
{
    while (buffer->pin_count && pinned_bytes(buffer) > buffer->budget_bytes / 2) {
        char *name = xstrdup(buffer->pins[0].name);
        remove_pin(buffer, 0);
        if (buffer->pin_released)
            buffer->pin_released(buffer->pin_released_arg, name);
        free(name);
    }
}

void buffer_evict(struct buffer *buffer)
{
    hold_pins_to_half(buffer);
    while (buffer_column_bytes(buffer) > buffer->budget_bytes) {
        struct place place;
        if (find_oldest(buffer, false, &place)) {
            let_go(buffer, &place);
        } else if (find_oldest(buffer, true, &place)) {
            bool timeless = place.track->segments[place.index]->timeless;
            buffer_seal(buffer, place.track, timeless);
            if (is_pinned(buffer, place.track->segments[place.index]))
                return; // pins hold half the budget at most: the rest is small open segments
            if (buffer_column_bytes(buffer) > buffer->budget_bytes)
                let_go(buffer, &place);
        } else {
            return;
        }
    }
}

void buffer_unpin(struct buffer *buffer, const char *name)
{
    for (size_t i = 0; i < buffer->pin_count; i++) {
        if (!strcmp(buffer->pins[i].name, name)) {
            remove_pin(buffer, i);
            return;
        }
    }
}

void buffer_pin(struct buffer *buffer, const char *name, const struct range *ranges, size_t count)
{
    buffer_unpin(buffer, name);
    array_reserve(&buffer->pins, &buffer->pin_capacity, buffer->pin_count + 1);
    struct pin *pin = &buffer->pins[buffer->pin_count++];
    *pin = (struct pin){.name = xstrdup(name)};
    ranges_set(&pin->ranges, ranges, count);
    hold_pins_to_half(buffer);
}

void buffer_on_pin_released(struct buffer *buffer, void (*released)(void *arg, const char *name),
                            void *arg)
{
    buffer->pin_released = released;
    buffer->pin_released_arg = arg;
}
