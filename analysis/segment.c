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
    for (size_t i = 0; i < SEGMENT_MASKS; i++)
        free(segment->masks[i].bits);
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

static uint16_t cpu_of(const struct segment_batch *batch, uint32_t index)
{
    return batch->cpus ? batch->cpus[index] : batch->cpu;
}

static void append_wide_cpus(struct segment *segment, const struct segment_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++)
        segment->wide_cpus[segment->count + i] = cpu_of(batch, i);
}

static void note_cpu(struct segment *segment, uint16_t cpu)
{
    uint8_t narrow = (uint8_t)cpu; // SAMPLE_NO_CPU becomes SEGMENT_NARROW_NO_CPU
    // Nearly always seen before; and then nothing is stored that the next one waits for.
    if (!(segment->cpu_set[narrow / 64] >> narrow % 64 & 1))
        segment->cpu_set[narrow / 64] |= UINT64_C(1) << narrow % 64;
    if (cpu >= SEGMENT_NARROW_NO_CPU && cpu != SAMPLE_NO_CPU && !segment->wide_cpus)
        widen_cpus(segment);
}

static void append_cpus(struct segment *segment, const struct segment_batch *batch)
{
    uint8_t *cpus = segment->cpus + segment->count;
    if (!segment->wide_cpus && !batch->cpus) {
        note_cpu(segment, batch->cpu);
        if (!segment->wide_cpus)
            memset(cpus, (uint8_t)batch->cpu, batch->count);
    }
    for (uint32_t i = 0; batch->cpus && i < batch->count && !segment->wide_cpus; i++) {
        cpus[i] = (uint8_t)batch->cpus[i];
        note_cpu(segment, batch->cpus[i]);
    }
    if (segment->wide_cpus)
        append_wide_cpus(segment, batch);
}

static void append_threads(struct segment *segment, const struct segment_batch *batch)
{
    uint16_t *threads = segment->threads + segment->count;
    if (batch->threads)
        memcpy(threads, batch->threads, batch->count * sizeof *threads);
    for (uint32_t i = 0; !batch->threads && i < batch->count; i++)
        threads[i] = batch->thread;
}

// From now on every sample has a value of its own.
static void split_values(struct segment *segment)
{
    segment->values = xreallocarray(NULL, segment->capacity, sizeof *segment->values);
    for (uint32_t i = 0; i < segment->count; i++)
        segment->values[i] = segment->value;
    for (unsigned flags = 0; flags <= CALLPATH_FLAGS; flags++)
        segment->value_sum[(flags & CALLPATH_IDLE) != 0] += segment->kinds[flags] * segment->value;
}

static bool are_all(const uint64_t *values, uint32_t count, uint64_t value)
{
    uint64_t others = 0;
    for (uint32_t i = 0; i < count; i++)
        others |= values[i] ^ value;
    return !others;
}

static uint32_t idle_of(const struct segment_batch *batch)
{
    uint32_t idle = 0;
    for (unsigned flags = 0; flags <= CALLPATH_FLAGS; flags++)
        idle += flags & CALLPATH_IDLE ? batch->kinds[flags] : 0;
    return idle;
}

static void append_values(struct segment *segment, const struct segment_batch *batch)
{
    static const uint64_t ONE = 1;
    const uint64_t *values = batch->values ? batch->values : &ONE;
    size_t step = batch->values != NULL;
    uint64_t min = segment->value_min, max = segment->value_max, sum = 0, idle_sum = 0;
    if (!segment->count)
        segment->value = min = max = values[0];
    if (!segment->values && !are_all(values, step ? batch->count : 1, segment->value))
        split_values(segment);
    uint64_t *out = segment->values ? segment->values + segment->count : NULL;
    for (uint32_t i = 0; out && i < batch->count; i++) {
        uint64_t value = values[i * step];
        out[i] = value;
        sum += value;
        max = value > max ? value : max;
        min = value < min ? value : min;
    }
    for (uint32_t i = 0, idle = out ? idle_of(batch) : 0; idle && i < batch->count; i++)
        idle_sum += batch->flags[i] & CALLPATH_IDLE ? out[i] : 0;
    segment->value_sum[0] += sum - idle_sum;
    segment->value_sum[1] += idle_sum;
    segment->value_min = min;
    segment->value_max = max;
}

static void add_block(struct segment *segment, uint32_t at, int64_t base_ns)
{
    array_reserve(&segment->blocks, &segment->block_capacity, segment->block_count + 1);
    segment->blocks[segment->block_count++] = (struct time_block){base_ns, at};
}

static void append_times(struct segment *segment, const struct segment_batch *batch)
{
    uint32_t at = segment->count;
    if (!at) {
        segment->min_ns = segment->max_ns = batch->times[0];
        segment->sorted = true;
        add_block(segment, 0, batch->times[0] - BLOCK_SLACK_NS);
    }
    int64_t base_ns = segment->blocks[segment->block_count - 1].base_ns;
    int64_t min_ns = segment->min_ns;
    int64_t max_ns = segment->max_ns;
    bool sorted = segment->sorted;
    uint32_t *offsets = segment->offsets + at;
    for (uint32_t i = 0; i < batch->count; i++) {
        int64_t time_ns = batch->times[i];
        uint64_t offset = (uint64_t)time_ns - (uint64_t)base_ns;
        if (offset > UINT32_MAX) {
            base_ns = time_ns - BLOCK_SLACK_NS;
            offset = BLOCK_SLACK_NS;
            add_block(segment, at + i, base_ns);
        }
        offsets[i] = (uint32_t)offset;
        sorted &= time_ns >= max_ns;
        max_ns = time_ns > max_ns ? time_ns : max_ns;
        min_ns = time_ns < min_ns ? time_ns : min_ns;
    }
    segment->min_ns = min_ns;
    segment->max_ns = max_ns;
    segment->sorted = sorted;
}

void segment_append(struct segment *segment, const struct segment_batch *batch)
{
    uint32_t at = segment->count;
    if (!batch->count)
        return;
    if (at + batch->count > segment->capacity) {
        uint32_t capacity = segment->capacity ? segment->capacity : FIRST_CAPACITY;
        while (capacity < at + batch->count)
            capacity *= 2;
        resize(segment, capacity);
    }
    if (segment->timeless)
        segment->sorted = true;
    else
        append_times(segment, batch);
    memcpy(segment->nodes + at, batch->nodes, batch->count * sizeof *batch->nodes);
    append_threads(segment, batch);
    append_cpus(segment, batch);
    append_values(segment, batch);
    for (unsigned flags = 0; flags <= CALLPATH_FLAGS; flags++)
        segment->kinds[flags] += batch->kinds[flags];
    segment->count = at + batch->count;
}

void segment_reserve(struct segment *segment, uint32_t capacity)
{
    if (capacity > segment->capacity)
        resize(segment, capacity);
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

size_t segment_mask_bytes(const struct segment *segment)
{
    size_t bytes = 0;
    for (size_t i = 0; i < SEGMENT_MASKS; i++) {
        const struct segment_mask *mask = &segment->masks[i];
        if (mask->bits)
            bytes += (segment->count / 64 + 1) * (sizeof *mask->bits + sizeof *mask->before);
    }
    return bytes;
}

enum {
    LOT = 16,    // offsets that are compared at once, which compilers make vectors of
    AHEAD = 512, // how much further memory is fetched, for later
};

static inline uint32_t count_below(const uint32_t *offsets, uint32_t end)
{
    uint32_t below = 0;
    for (int i = 0; i < LOT; i++)
        below += offsets[i] < end;
    return below;
}

// The same as segment_skip, without a guess. Steps grow from the front, then are halved.
static uint32_t search(const uint32_t *offsets, uint32_t from, uint32_t to, uint32_t end)
{
    for (uint32_t step = LOT; from + step <= to && offsets[from + step - 1] < end; step *= 2)
        from += step;
    uint32_t step = LOT;
    while (to - from > step && offsets[from + step] < end)
        step *= 2;
    if (to - from > step)
        to = from + step;
    while (to - from > LOT) {
        uint32_t middle = from + (to - from) / 2;
        if (offsets[middle] < end)
            from = middle + 1;
        else
            to = middle;
    }
    while (from < to && offsets[from] < end)
        from++;
    return from;
}

uint32_t segment_skip(const uint32_t *offsets, uint32_t from, uint32_t to, uint32_t end,
                      uint32_t guess)
{
    for (uint32_t i = 0; i < guess && i < 4 * LOT; i += LOT)
        __builtin_prefetch(offsets + from + AHEAD + i);
    uint32_t at = guess > LOT / 2 && guess < to - from ? from + guess - LOT / 2 : from;
    if (at > from && offsets[at - 1] >= end)
        return search(offsets, from, at, end);
    for (int lots = 0; lots < 2 && at + LOT <= to; lots++, at += LOT) {
        uint32_t below = count_below(offsets + at, end);
        if (below < LOT)
            return at + below;
    }
    return search(offsets, at, to, end);
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
