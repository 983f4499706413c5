// The kernel side of a recording: BPF programs loaded and attached, their ring, their counters.
#ifndef FLICKER_COLLECTORS_NATIVE_SOURCE_H
#define FLICKER_COLLECTORS_NATIVE_SOURCE_H

#include "collectors/native_options.h"

struct source;

// Loads and attaches; needs root. What happens from here on is in the ring.
int source_open(struct source **out, const struct native_options *options,
                struct err *err) MUST_CHECK;
void source_close(struct source *source);

// Hands every event that is in the ring to the callback, which must only copy it: while it runs the
// ring fills. At most max_events, so that a flood cannot hold the reader for ever. Needs no rights.
typedef void source_event_fn(void *arg, const struct native_event *event, size_t bytes);
int source_drain(struct source *source, size_t max_events, source_event_fn *event, void *arg);
// Hands on what is still open: threads that are off their CPU now, up to now_ns. Once, at the end.
void source_flush(struct source *source, int64_t now_ns, source_event_fn *event, void *arg);
// Events that found no room in the ring, so far.
uint64_t source_lost(const struct source *source);
uint32_t source_cpus(const struct source *source);

#endif
