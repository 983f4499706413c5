// What flicker-collect was asked for.
#ifndef FLICKER_COLLECTORS_NATIVE_OPTIONS_H
#define FLICKER_COLLECTORS_NATIVE_OPTIONS_H

#include "collectors/native/events.h"
#include "proto/err.h"

#include <stdbool.h>
#include <stdint.h>

enum native_probe {
    PROBE_TRACEPOINT, // sched:sched_process_fork
    PROBE_KPROBE,     // vfs_read
    PROBE_KRETPROBE,
    PROBE_UPROBE, // /path/of/file:function
    PROBE_URETPROBE,
    PROBE_USDT, // /path/of/file:provider:name
    PROBES
};

// Text is borrowed from the arguments; NULL or 0 is what was not asked for.
struct native_options {
    enum native_kind kind;
    enum native_probe probe;   // of kind NATIVE_PROBE
    const char *target;        // of it
    const char *value;         // of it: a field's name, arg0 to arg4, retval
    const char *event;         // cpu: a perf event's name
    int64_t hz, period;        // of perf events: samples a second, or events a sample
    bool hz_given;             // also where what is counted would be told one by one
    int64_t sample_ns;         // the CPU time of one period, where that is fixed; 0: it is not
    int64_t min_ns;            // offcpu, wakeup, runq: shorter times are not told; malloc: see live
    int64_t every_bytes;       // malloc: about one sample for so many; 1: each allocation
    bool live;                 // malloc: only what is not freed (before min_ns, or by the end)
    int64_t pid, tid;          // 0: every process
    const char *comm, *cgroup; // cgroup: its path in the unified hierarchy
    bool has_cpus;
    uint64_t cpus[NATIVE_CPU_WORDS];
    int64_t depth;     // frames of one side
    int64_t for_ns;    // 0: until it is stopped
    bool kernel, user; // sides of the stack
    bool inlines;      // with source lines and inlined functions
};

// 0, or -EINVAL naming the word.
int native_options_parse(struct native_options *options, int argc, char *const *argv,
                         struct err *err) MUST_CHECK;
// Whether this kind of recording has the option "name=value" at all; -EINVAL: it has not, or there
// is no such option.
int native_options_allow(const char *what, const char *option, struct err *err) MUST_CHECK;
extern const char native_usage[];
// "cpu", "tp": as it is asked for.
const char *native_kind_name(enum native_kind kind);
const char *native_probe_name(enum native_probe probe);
bool native_wants_cpu(const struct native_options *options, uint32_t cpu);

#endif
