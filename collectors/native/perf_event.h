// Perf events by the names that `perf list` shows.
#ifndef FLICKER_COLLECTORS_NATIVE_PERF_EVENT_H
#define FLICKER_COLLECTORS_NATIVE_PERF_EVENT_H

#include "proto/err.h"

#include <linux/perf_event.h>
#include <stdbool.h>

// Type and config of an event: software and hardware ones, cache events (L1-dcache-load-misses),
// raw ones (r1a8), those of a PMU (cpu/event=0x3c/, msr/tsc/). -ENOENT: no event of this name.
int perf_event_find(struct perf_event_attr *attr, const char *name, struct err *err) MUST_CHECK;
// Whether the kernel counts it without a PMU, one by one, so that each can be told.
bool perf_event_is_counted(const struct perf_event_attr *attr);
// Whether its unit is ns of CPU time.
bool perf_event_is_clock(const struct perf_event_attr *attr);
// Why an event could not be opened.
int perf_event_why_not(const struct perf_event_attr *attr, const char *name, int error,
                       struct err *err);

#endif
