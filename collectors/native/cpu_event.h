// What a recording of CPUs samples when no event is named.
#ifndef FLICKER_COLLECTORS_NATIVE_CPU_EVENT_H
#define FLICKER_COLLECTORS_NATIVE_CPU_EVENT_H

#include "collectors/native_options.h"

#include <linux/perf_event.h>

// How the host is asked.
struct cpu_event_probe {
    // Whether the event can be sampled: 0, or a negative errno.
    int (*try_event)(void *arg, const struct perf_event_attr *attr);
    void *arg;
    uint64_t cycles_hz; // of reference cycles; 0: not known
};

// The host itself.
struct cpu_event_probe cpu_event_host(void);

// Where a PMU counts reference cycles, it is these, which see code that runs with interrupts off
// too: they pass at the same rate whatever the CPU's, so that a fixed number of them is a fixed CPU
// time (options->sample_ns). Else cpu-clock: options stay as they are. *note is then what is to be
// told, "" where there simply is no PMU.
void cpu_event_choose(struct native_options *options, const struct cpu_event_probe *probe,
                      struct err *note);

#endif
