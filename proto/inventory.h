// What there is in a stream of samples, so that one can say what a format cannot hold of it: a sink
// that takes note and passes on what goes into the format. A format that does not tell events apart
// gets one of them: samples, bytes and nanoseconds added up would mean nothing.
#ifndef FLICKER_PROTO_INVENTORY_H
#define FLICKER_PROTO_INVENTORY_H

#include "proto/format.h"

struct inventory {
    struct sink sink;
    struct sink *next; // borrowed
    const struct format *format;
    const char *wanted;  // an event by name; NULL: that of the first sample, or all
    uint32_t event;      // the one that is passed on; INVENTORY_NO_EVENT before its first sample
    unsigned holds;      // of enum hold, so far
    unsigned has, lacks; // of time, CPU, pid and tid: what some samples say, and some do not
    uint64_t samples;    // passed on
    struct err failed;   // why `next` did, which is no fault of what is read; code 0: it did not
    uint64_t *seen;      // a bit a node: its frames are noted
    size_t seen_capacity, seen_count;
    uint64_t generation; // of the dictionary, that the bits are of
};
#define INVENTORY_NO_EVENT UINT32_MAX

// Stands before `next`, the sink of an encoder of this format, with its dictionary. `event` is
// borrowed, and may be NULL.
void inventory_init(struct inventory *inventory, struct sink *next, const struct format *format,
                    const char *event);
void inventory_dispose(struct inventory *inventory);
// "time, CPUs and modules are lost": what has been seen and the format does not hold, or would hold
// only if every sample had it. Appends nothing when all of it was kept.
void inventory_put_lost(struct bytes *out, const struct inventory *inventory);
// "the event cpu, without alloc, faults": which one of several was passed on. Appends nothing when
// there is no other.
void inventory_put_choice(struct bytes *out, const struct inventory *inventory);
// "cpu, alloc": the events that there are.
void inventory_put_events(struct bytes *out, const struct inventory *inventory);

#endif
