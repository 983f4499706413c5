// A bounded memory of what was parsed before.
#include "proto/memo.h"

#include "proto/alloc.h"

#include <stdlib.h>

enum { FIRST_SLOTS = 256, GROWTH = 4, CACHE_LINE = MEMO_LINE_SLOTS * sizeof(struct memo_entry) };

static void allocate(struct memo *memo, size_t slots)
{
    // Pages that are read first would be faulted in twice.
    memo->memory = xcalloc_filled(slots * sizeof *memo->slots + CACHE_LINE, 1);
    char *start = memo->memory;
    start += CACHE_LINE - (uintptr_t)start % CACHE_LINE;
    memo->slots = (struct memo_entry *)(void *)start;
    memo->mask = slots - 1;
    memo->used = 0;
}

void memo_init(struct memo *memo, size_t max_slots)
{
    *memo = (struct memo){.limit = max_slots};
    allocate(memo, max_slots < FIRST_SLOTS ? max_slots : FIRST_SLOTS);
}

void memo_dispose(struct memo *memo)
{
    free(memo->memory);
    *memo = (struct memo){0};
}

void memo_clear(struct memo *memo)
{
    memset(memo->slots, 0, (memo->mask + 1) * sizeof *memo->slots);
    memo->used = 0;
}

static void put(struct memo *memo, struct memo_entry entry)
{
    uint64_t slot = memo_first(memo, entry.high);
    while (memo->slots[slot].value)
        slot = (slot + 1) & memo->mask;
    memo->slots[slot] = entry;
    memo->used++;
}

static void make_room(struct memo *memo)
{
    size_t count = memo->mask + 1;
    if (memo->used + 1 <= count / 4 * 3)
        return;
    if (count >= memo->limit) {
        memo_clear(memo);
        return;
    }
    struct memo old = *memo;
    allocate(memo, count * GROWTH < memo->limit ? count * GROWTH : memo->limit);
    for (size_t i = 0; i < count; i++) {
        if (old.slots[i].value)
            put(memo, old.slots[i]);
    }
    free(old.memory);
}

void memo_put(struct memo *memo, struct hash128 key, uint32_t value)
{
    make_room(memo);
    put(memo, (struct memo_entry){key.high, (uint32_t)key.low, value + 1});
}
