// Blocks that were allocated and not yet freed, each with the sample that will tell of it.
#ifndef FLICKER_COLLECTORS_NATIVE_LIVE_BLOCKS_H
#define FLICKER_COLLECTORS_NATIVE_LIVE_BLOCKS_H

#include "proto/sample.h"

#include <stddef.h>

struct live_block {
    uint64_t address; // 0: no entry
    struct sample sample;
    bool told;
};

// By address, open addressing. Starts as {0}.
struct live_blocks {
    struct live_block *slots;
    size_t count, capacity; // capacity: a power of two
};

void live_blocks_dispose(struct live_blocks *blocks);
// A block that was there under this address is replaced: its free was not seen.
void live_blocks_add(struct live_blocks *blocks, uint64_t address, const struct sample *sample);
void live_blocks_remove(struct live_blocks *blocks, uint64_t address);
// Appends the samples of blocks allocated up to a time and not told before, in order of time, to
// out (room for blocks->count); returns how many.
size_t live_blocks_tell(struct live_blocks *blocks, int64_t until_ns, struct sample *out);

#endif
