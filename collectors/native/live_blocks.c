// Blocks that were allocated and not yet freed: linear probing, entries move up when one goes
// (Knuth, 6.4, algorithm R), so that there are no tombstones.
#include "collectors/native/live_blocks.h"

#include "proto/alloc.h"

#include <stdlib.h>

enum { LEAST_SLOTS = 1024 };

// Fibonacci hashing; blocks are aligned, so the low bits say nothing.
static size_t home_of(const struct live_blocks *blocks, uint64_t address)
{
    return (size_t)((address >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (blocks->capacity - 1);
}

static size_t slot_of(const struct live_blocks *blocks, uint64_t address)
{
    size_t slot = home_of(blocks, address);
    while (blocks->slots[slot].address && blocks->slots[slot].address != address)
        slot = (slot + 1) & (blocks->capacity - 1);
    return slot;
}

static void grow(struct live_blocks *blocks)
{
    struct live_blocks old = *blocks;
    blocks->capacity = old.capacity ? 2 * old.capacity : LEAST_SLOTS;
    blocks->slots = xcalloc(blocks->capacity, sizeof *blocks->slots);
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.slots[i].address)
            blocks->slots[slot_of(blocks, old.slots[i].address)] = old.slots[i];
    }
    free(old.slots);
}

void live_blocks_dispose(struct live_blocks *blocks)
{
    free(blocks->slots);
    *blocks = (struct live_blocks){0};
}

void live_blocks_add(struct live_blocks *blocks, uint64_t address, const struct sample *sample)
{
    if (!address)
        return;
    if (4 * (blocks->count + 1) > 3 * blocks->capacity)
        grow(blocks);
    struct live_block *block = &blocks->slots[slot_of(blocks, address)];
    blocks->count += !block->address;
    *block = (struct live_block){address, *sample, false};
}

void live_blocks_remove(struct live_blocks *blocks, uint64_t address)
{
    if (!blocks->count || !address)
        return;
    const size_t mask = blocks->capacity - 1;
    size_t hole = slot_of(blocks, address);
    if (!blocks->slots[hole].address)
        return;
    for (size_t next = (hole + 1) & mask; blocks->slots[next].address; next = (next + 1) & mask) {
        // It may fill the hole unless its home lies between the two.
        if (((next - home_of(blocks, blocks->slots[next].address)) & mask) >=
            ((next - hole) & mask)) {
            blocks->slots[hole] = blocks->slots[next];
            hole = next;
        }
    }
    blocks->slots[hole] = (struct live_block){0};
    blocks->count--;
}

static int by_time(const void *left, const void *right)
{
    const struct sample *a = left, *b = right;
    return a->time_ns < b->time_ns ? -1 : a->time_ns > b->time_ns;
}

size_t live_blocks_tell(struct live_blocks *blocks, int64_t until_ns, struct sample *out)
{
    size_t told = 0;
    for (size_t i = 0; i < blocks->capacity; i++) {
        struct live_block *block = &blocks->slots[i];
        if (!block->address || block->told || block->sample.time_ns > until_ns)
            continue;
        block->told = true;
        out[told++] = block->sample;
    }
    if (told)
        qsort(out, told, sizeof *out, by_time);
    return told;
}
