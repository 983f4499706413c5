// The recording itself: drains the ring, names the stacks, hands samples to a sink in order of
// time.
#ifndef FLICKER_COLLECTORS_NATIVE_COLLECT_H
#define FLICKER_COLLECTORS_NATIVE_COLLECT_H

#include "collectors/native/kernel_symbols.h"
#include "collectors/native/sideband.h"
#include "collectors/native/source.h"
#include "proto/format.h"

struct collect;

// All borrowed; sideband may be NULL.
struct collect *collect_new(const struct native_options *options, struct source *source,
                            struct sideband *sideband, struct kernel_symbols *kernel,
                            struct symbols *symbols, struct encoder *encoder);
void collect_free(struct collect *collect);
// Says hello; once, first.
int collect_hello(struct collect *collect, struct err *err) MUST_CHECK;
// One round: what has happened up to now goes to the encoder and out. 1: there was more than a
// round holds. The last one also tells what is still going on.
int collect_round(struct collect *collect, bool last, struct err *err) MUST_CHECK;

#endif
