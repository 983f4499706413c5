// A bounded memory of what was parsed before.
#include "proto/memo.h"

#include "proto/alloc.h"

#include <stdlib.h>

enum { FIRST_SLOTS = 256 };

void memo_init(struct memo *memo, size_t max_slots)
{
    *memo = (struct memo){
        .slots = xcalloc(FIRST_SLOTS, sizeof *memo->slots),
        .mask = FIRST_SLOTS - 1,
        .limit = max_slots,
    };
}

void memo_dispose(struct memo *memo)
{
    free(memo->slots);
    *memo = (struct memo){0};
}

void memo_clear(struct memo *memo)
{
    memset(memo->slots, 0, (memo->mask + 1) * sizeof *memo->slots);
    memo->used = 0;
}

static void put(struct memo *memo, struct hash128 key, uint64_t stored)
{
    uint64_t slot = key.low & memo->mask;
    while (memo->slots[slot].value)
        slot = (slot + 1) & memo->mask;
    memo->slots[slot] = (struct memo_entry){key, stored};
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
    struct memo_entry *old = memo->slots;
    memo->slots = xcalloc(count * 2, sizeof *memo->slots);
    memo->mask = count * 2 - 1;
    memo->used = 0;
    for (size_t i = 0; i < count; i++) {
        if (old[i].value)
            put(memo, old[i].key, old[i].value);
    }
    free(old);
}

void memo_put(struct memo *memo, struct hash128 key, uint64_t value)
{
    make_room(memo);
    put(memo, key, value + 1);
}
