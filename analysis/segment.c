// Columns: append, sort, find.
#include "analysis/segment.h"

#include "analysis/radix.h"
#include "proto/alloc.h"

#include <stdlib.h>
#include <string.h>

enum {
    FIRST_CAPACITY = 256,
    // A block starts this much before its first sample: those that come a little out of order fit.
    BLOCK_SLACK_NS = 1 << 30,
};

void segment_dispose(struct segment *segment)
{
    free(segment->offsets);
    free(segment->nodes);
    free(segment->threads);
    free(segment->cpus);
    free(segment->wide_cpus);
    free(segment->values);
    free(segment->blocks);
    free(segment->thread_ids);
    *segment = (struct segment){0};
}

static void resize(struct segment *segment, uint32_t capacity)
{
    if (!segment->timeless)
        segment->offsets = xreallocarray(segment->offsets, capacity, sizeof *segment->offsets);
    segment->nodes = xreallocarray(segment->nodes, capacity, sizeof *segment->nodes);
    segment->threads = xreallocarray(segment->threads, capacity, sizeof *segment->threads);
    if (segment->wide_cpus)
        segment->wide_cpus =
            xreallocarray(segment->wide_cpus, capacity, sizeof *segment->wide_cpus);
    else
        segment->cpus = xreallocarray(segment->cpus, capacity, sizeof *segment->cpus);
    if (segment->values)
        segment->values = xreallocarray(segment->values, capacity, sizeof *segment->values);
    segment->capacity = capacity;
}

static void widen_cpus(struct segment *segment)
{
    segment->wide_cpus = xreallocarray(NULL, segment->capacity, sizeof *segment->wide_cpus);
    for (uint32_t i = 0; i < segment->count; i++)
        segment->wide_cpus[i] =
            segment->cpus[i] == SEGMENT_NARROW_NO_CPU ? SAMPLE_NO_CPU : segment->cpus[i];
    free(segment->cpus);
    segment->cpus = NULL;
}

static void append_cpu(struct segment *segment, uint32_t at, uint16_t cpu)
{
    if (!segment->wide_cpus && cpu >= SEGMENT_NARROW_NO_CPU && cpu != SAMPLE_NO_CPU)
        widen_cpus(segment);
    if (segment->wide_cpus) {
        segment->wide_cpus[at] = cpu;
        return;
    }
    uint8_t narrow = cpu == SAMPLE_NO_CPU ? SEGMENT_NARROW_NO_CPU : (uint8_t)cpu;
    segment->cpus[at] = narrow;
    segment->cpu_set[narrow / 64] |= UINT64_C(1) << narrow % 64;
}

static void append_value(struct segment *segment, uint32_t at, uint64_t value)
{
    if (!at)
        segment->value = segment->value_max = value;
    if (value != segment->value && !segment->values) {
        segment->values = xreallocarray(NULL, segment->capacity, sizeof *segment->values);
        for (uint32_t i = 0; i < at; i++)
            segment->values[i] = segment->value;
    }
    if (segment->values)
        segment->values[at] = value;
    if (value > segment->value_max)
        segment->value_max = value;
}

static void add_block(struct segment *segment, uint32_t at, int64_t base_ns)
{
    array_reserve(&segment->blocks, &segment->block_capacity, segment->block_count + 1);
    segment->blocks[segment->block_count++] = (struct time_block){base_ns, at};
}

static void append_time(struct segment *segment, uint32_t at, int64_t time_ns)
{
    if (!at) {
        segment->min_ns = segment->max_ns = time_ns;
        segment->sorted = true;
    }
    uint64_t offset = 0;
    if (segment->block_count)
        offset = (uint64_t)time_ns - (uint64_t)segment->blocks[segment->block_count - 1].base_ns;
    if (!segment->block_count || offset > UINT32_MAX) {
        add_block(segment, at,
                  time_ns < INT64_MIN + BLOCK_SLACK_NS ? INT64_MIN : time_ns - BLOCK_SLACK_NS);
        offset = (uint64_t)time_ns - (uint64_t)segment->blocks[segment->block_count - 1].base_ns;
    }
    segment->offsets[at] = (uint32_t)offset;
    if (time_ns >= segment->max_ns)
        segment->max_ns = time_ns;
    else
        segment->sorted = false;
    if (time_ns < segment->min_ns)
        segment->min_ns = time_ns;
}

static void summarise(struct segment *segment, const struct sample *sample, uint8_t flags)
{
    struct segment_summary *summary = &segment->summary;
    bool idle = flags & CALLPATH_IDLE;
    summary->samples[idle]++;
    summary->value[idle] += sample->value;
    summary->no_stack[idle] += (flags & CALLPATH_NO_STACK) != 0;
    summary->unresolved[idle] += (flags & CALLPATH_UNRESOLVED) != 0;
    if (idle || segment->timeless)
        return;
    if (summary->samples[0] == 1)
        summary->busy_first_ns = summary->busy_last_ns = sample->time_ns;
    if (sample->time_ns < summary->busy_first_ns)
        summary->busy_first_ns = sample->time_ns;
    if (sample->time_ns > summary->busy_last_ns)
        summary->busy_last_ns = sample->time_ns;
}

void segment_append(struct segment *segment, const struct sample *sample, uint16_t thread,
                    uint8_t flags)
{
    uint32_t at = segment->count;
    if (at == segment->capacity)
        resize(segment, segment->capacity ? segment->capacity * 2 : FIRST_CAPACITY);
    if (segment->timeless)
        segment->sorted = true;
    else
        append_time(segment, at, sample->time_ns);
    segment->nodes[at] = sample->node;
    segment->threads[at] = thread;
    append_cpu(segment, at, sample->cpu);
    append_value(segment, at, sample->value);
    summarise(segment, sample, flags);
    segment->count = at + 1;
}

uint16_t segment_add_thread(struct segment *segment, uint32_t thread)
{
    array_reserve(&segment->thread_ids, &segment->thread_capacity, segment->thread_count + 1);
    segment->thread_ids[segment->thread_count] = thread;
    return (uint16_t)segment->thread_count++;
}

#define PERMUTE(column)                                                                            \
    do {                                                                                           \
        if (column) {                                                                              \
            __typeof__(column) moved = xreallocarray(NULL, segment->capacity, sizeof *(column));   \
            for (uint32_t i = 0; i < segment->count; i++)                                          \
                moved[i] = (column)[order[i].value];                                               \
            free(column);                                                                          \
            (column) = moved;                                                                      \
        }                                                                                          \
    } while (0)

void segment_sort(struct segment *segment)
{
    if (segment->sorted || !segment->count)
        return;
    struct radix_item *order = xreallocarray(NULL, (size_t)segment->count * 2, sizeof *order);
    for (size_t block = 0; block < segment->block_count; block++) {
        uint64_t base = (uint64_t)segment->blocks[block].base_ns - (uint64_t)segment->min_ns;
        uint32_t end = segment_block_end(segment, block);
        for (uint32_t i = segment->blocks[block].first; i < end; i++)
            order[i] = (struct radix_item){base + segment->offsets[i], i};
    }
    radix_sort(order, order + segment->count, segment->count,
               (uint64_t)segment->max_ns - (uint64_t)segment->min_ns);
    segment->block_count = 0;
    uint64_t base = 0;
    for (uint32_t i = 0; i < segment->count; i++) {
        if (!i || order[i].key - base > UINT32_MAX) {
            base = order[i].key;
            add_block(segment, i, (int64_t)((uint64_t)segment->min_ns + base));
        }
        segment->offsets[i] = (uint32_t)(order[i].key - base);
    }
    PERMUTE(segment->nodes);
    PERMUTE(segment->threads);
    PERMUTE(segment->cpus);
    PERMUTE(segment->wide_cpus);
    PERMUTE(segment->values);
    segment->sorted = true;
    free(order);
}

void segment_trim(struct segment *segment)
{
    if (!segment->count)
        return;
    resize(segment, segment->count);
    segment->blocks = xreallocarray(segment->blocks, segment->block_count, sizeof *segment->blocks);
    segment->block_capacity = segment->block_count;
    segment->thread_ids =
        xreallocarray(segment->thread_ids, segment->thread_count, sizeof *segment->thread_ids);
    segment->thread_capacity = segment->thread_count;
}

size_t segment_bytes(const struct segment *segment)
{
    size_t sample_bytes = sizeof *segment->nodes + sizeof *segment->threads;
    sample_bytes += segment->timeless ? 0 : sizeof *segment->offsets;
    sample_bytes += segment->wide_cpus ? sizeof *segment->wide_cpus : sizeof *segment->cpus;
    sample_bytes += segment->values ? sizeof *segment->values : 0;
    return sizeof *segment + segment->capacity * sample_bytes +
           segment->block_capacity * sizeof *segment->blocks +
           segment->thread_capacity * sizeof *segment->thread_ids;
}

static int64_t time_at(const struct segment *segment, size_t block, uint32_t index)
{
    return segment->blocks[block].base_ns + segment->offsets[index];
}

size_t segment_block(const struct segment *segment, uint32_t index)
{
    size_t low = 0;
    for (size_t high = segment->block_count; low + 1 < high;) {
        size_t middle = low + (high - low) / 2;
        if (segment->blocks[middle].first <= index)
            low = middle;
        else
            high = middle;
    }
    return low;
}

uint32_t segment_find(const struct segment *segment, int64_t time_ns)
{
    if (!segment->count || time_ns <= segment->min_ns)
        return 0;
    if (time_ns > segment->max_ns)
        return segment->count;
    size_t block = 0; // the last block whose first sample is before time_ns
    for (size_t high = segment->block_count; block + 1 < high;) {
        size_t middle = block + (high - block) / 2;
        if (time_at(segment, middle, segment->blocks[middle].first) < time_ns)
            block = middle;
        else
            high = middle;
    }
    uint32_t low = segment->blocks[block].first;
    for (uint32_t high = segment_block_end(segment, block); low < high;) {
        uint32_t middle = low + (high - low) / 2;
        if (time_at(segment, block, middle) < time_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
