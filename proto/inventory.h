// What there is in a stream of samples, so that one can say what a format cannot hold of it: a sink
// that takes note and passes everything on.
#ifndef FLICKER_PROTO_INVENTORY_H
#define FLICKER_PROTO_INVENTORY_H

#include "proto/format.h"

struct inventory {
    struct sink sink;
    struct sink *next;    // borrowed
    unsigned holds;       // of enum hold, so far
    uint64_t samples;     // passed on
    uint16_t first_event; // of the first sample
    uint64_t *seen;       // a bit a node: its frames are noted
    size_t seen_capacity, seen_count;
    uint64_t generation; // of the dictionary, that the bits are of
};

// Stands before `next`, with its dictionary.
void inventory_init(struct inventory *inventory, struct sink *next);
void inventory_dispose(struct inventory *inventory);
// "time, CPUs and modules are lost": what has been seen and this format does not hold. Appends
// nothing when all of it was kept.
void inventory_put_lost(struct bytes *out, const struct inventory *inventory,
                        const struct format *format);

#endif
