// A run of samples of one event of one source, in columns.
//
// 12 bytes a sample at most, 20 where values differ: time as a 32-bit offset from the base of a
// block of samples (nanoseconds exact), node, a number of the segment's own table of threads, a
// narrow CPU. A segment is appended to in any order and sorted before it is asked.
#ifndef FLICKER_ANALYSIS_SEGMENT_H
#define FLICKER_ANALYSIS_SEGMENT_H

#include "analysis/callpaths.h"
#include "proto/sample.h"

#include <stddef.h>
#include <stdint.h>

enum {
    SEGMENT_SAMPLES = 1 << 16,
    SEGMENT_THREADS = UINT16_MAX,
    SEGMENT_NARROW_NO_CPU = UINT8_MAX,
};

struct time_block {
    int64_t base_ns;
    uint32_t first; // index of its first sample
};

// Which samples count for a question, as bits: see mask.h.
enum { SEGMENT_MASKS = 3 }; // without a filter, and with those that are kept
struct segment_mask {
    uint64_t of;      // the question's number; 0: none
    uint64_t *bits;   // one more than count; NULL: all count
    uint32_t *before; // how many count before each word of bits; behind them in memory
    uint32_t samples, idle, no_stack, unresolved;
};

struct segment {
    uint64_t generation; // of the dictionary, that the numbers are of
    uint32_t marked;     // the round of compaction that has seen it
    uint32_t count, capacity;
    bool timeless; // no time column
    bool sorted;   // by time; samples of one time stay in order of arrival
    uint32_t *offsets;
    uint32_t *nodes;
    uint16_t *threads;
    uint8_t *cpus;       // while every CPU is below 255
    uint16_t *wide_cpus; // else
    uint64_t *values;    // NULL: all are `value`
    uint64_t value, value_min, value_max;
    struct time_block *blocks;
    size_t block_count, block_capacity;
    uint32_t *thread_ids; // the dictionary's, by number in this segment
    size_t thread_count, thread_capacity;
    int64_t min_ns, max_ns;             // exact; of no meaning when timeless or empty
    uint64_t cpu_set[4];                // CPUs seen, while narrow; 255 stands for none known
    uint32_t kinds[CALLPATH_FLAGS + 1]; // samples by the flags of their nodes
    uint64_t value_sum[2];              // of idle ones [1] and others [0], while values differ
    struct segment_mask masks[SEGMENT_MASKS]; // while sealed
};

// Starts as {0} with `timeless` set; a timeless segment takes samples of any time and forgets it.
void segment_dispose(struct segment *segment);
// The caller sees to it that the segment does not grow beyond SEGMENT_SAMPLES.
struct segment_batch {
    const uint32_t *nodes;
    const int64_t *times;    // within +-2^62, see buffer_time
    const uint64_t *values;  // NULL: all are 1
    const uint16_t *threads; // numbers of the segment's own table; NULL: all are `thread`
    const uint16_t *cpus;    // NULL: all are `cpu`
    uint16_t thread, cpu;
    const uint32_t *kinds; // how many samples have nodes with which flags: enum callpath_flag
    const uint8_t *flags;  // of each sample's node
    uint32_t count;
};
void segment_append(struct segment *segment, const struct segment_batch *batch);
void segment_reserve(struct segment *segment, uint32_t capacity);
uint16_t segment_add_thread(struct segment *segment, uint32_t thread);
// Sorts by time, stable.
void segment_sort(struct segment *segment);
// Gives back what it does not need; no more samples will come.
void segment_trim(struct segment *segment);
size_t segment_bytes(const struct segment *segment);
// Of masks, which are not part of that.
size_t segment_mask_bytes(const struct segment *segment);

// Of a sorted segment: the first sample at or after time_ns; count when there is none.
uint32_t segment_find(const struct segment *segment, int64_t time_ns);
// Index of the block that a sample is in.
size_t segment_block(const struct segment *segment, uint32_t index);
// The first of the offsets [from, to), which rise, that is not below `end`; `to` when there is
// none. Found at once when it is about `guess` after `from`, as many as the time before had.
uint32_t segment_skip(const uint32_t *offsets, uint32_t from, uint32_t to, uint32_t end,
                      uint32_t guess);
// Where a block ends.
static inline uint32_t segment_block_end(const struct segment *segment, size_t block)
{
    return block + 1 < segment->block_count ? segment->blocks[block + 1].first : segment->count;
}

// The time of a sample, in ns, of a segment that has times. For walks upwards: *block is the block
// of a sample at or before it, and its own afterwards.
static inline int64_t segment_time(const struct segment *segment, size_t *block, uint32_t index)
{
    while (index >= segment_block_end(segment, *block))
        ++*block;
    return segment->blocks[*block].base_ns + segment->offsets[index];
}

static inline uint16_t segment_cpu(const struct segment *segment, uint32_t index)
{
    if (segment->wide_cpus)
        return segment->wide_cpus[index];
    return segment->cpus[index] == SEGMENT_NARROW_NO_CPU ? SAMPLE_NO_CPU : segment->cpus[index];
}

static inline uint64_t segment_value(const struct segment *segment, uint32_t index)
{
    return segment->values ? segment->values[index] : segment->value;
}

// Without an instruction for it, this is faster than the compiler's call.
static inline uint32_t segment_bit_count(uint64_t bits)
{
    bits -= bits >> 1 & UINT64_C(0x5555555555555555);
    bits = (bits & UINT64_C(0x3333333333333333)) + (bits >> 2 & UINT64_C(0x3333333333333333));
    bits = (bits + (bits >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (uint32_t)(bits * UINT64_C(0x0101010101010101) >> 56);
}

// How many of the samples before `index` count.
static inline uint32_t segment_mask_rank(const struct segment_mask *mask, uint32_t index)
{
    if (!mask->bits)
        return index;
    uint64_t below = (UINT64_C(1) << index % 64) - 1;
    return mask->before[index / 64] + segment_bit_count(mask->bits[index / 64] & below);
}

#endif
