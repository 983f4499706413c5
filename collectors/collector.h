// The table of collectors: where samples come from while they happen.
//
// Adding one: a file collectors/NAME.c that defines `const struct collector collector_NAME`, a line
// in COLLECTOR_LIST, a live test.
#ifndef FLICKER_COLLECTORS_COLLECTOR_H
#define FLICKER_COLLECTORS_COLLECTOR_H

#include "collectors/launcher.h"
#include "proto/bytes.h"
#include "proto/format.h"
#include "proto/sink.h"

// What `record` was asked for. Text is borrowed for the call.
struct collect_request {
    const char *what;        // "cpu"; NULL with a program or perf arguments
    const char *program;     // bpftrace: program text
    const char *file;        // bpftrace: a .bt file
    const char *preset;      // bpftrace: the preset's name, when the program is one
    const char *const *args; // perf: arguments of `perf record`; bpftrace: positional ones
    size_t arg_count;
    double hz;      // 0: the collector's default (99)
    bool hz_given;  // it was asked for, for this recording
    double hz_most; // 0: none; a rate above it becomes it, whatever was asked for
    int32_t pid;    // 0: the whole host
    int64_t min_ns; // 0: the collector's default; presets: their least value, whatever its unit
    int64_t for_ns; // 0: until stopped
    bool inlines;   // with source lines and inlined functions, where the collector finds them
    // What else was asked for, each as "name=value"; NULL: nothing. See struct collector.
    const char *const *options;
    size_t option_count;
    // Only says what would be run, as shell lines; nothing is started, *out is NULL. NULL: run it.
    struct bytes *dry_run;
};

// A copy owns its text; it has no dry run.
void collect_request_copy(struct collect_request *out, const struct collect_request *request);
void collect_request_dispose(struct collect_request *request);

// What a running collector reports upwards; called from recording_tick only.
struct recording_events {
    // One line for people: what bpftrace printed beside samples, an error with its caret, an end.
    void (*message)(void *arg, bool is_error, const char *line);
    void *arg;
};

enum recording_state { RECORDING_STARTING, RECORDING_RUNNING, RECORDING_STOPPING, RECORDING_ENDED };

// One running collector: a child process, its stream, its decoder.
struct recording;

struct collector {
    const char *name;     // "perf"
    const char *summary;  // one line for help and doctor
    const char *measures; // "cpu-clock, ns"
    const char *options;  // names of the request's options that it heeds, space-separated
    // 0 when it can run here, else a negative errno with the reason, and what would help on the
    // second line. Of no request (NULL) in particular: whether it can do anything. Quick (no probe
    // of a kernel takes over 100 ms).
    int (*probe)(struct launcher *launcher, const struct collect_request *request,
                 struct err *why_not);
    // Whether it can serve this request at all (a program is bpftrace's, arguments are perf's).
    bool (*serves)(const struct collect_request *request);
    // Whether it heeds this option of the list ("tid=7", "hz") in a request that it serves; if not,
    // err says why. NULL: all of the list.
    int (*heeds)(const struct collect_request *request, const char *option, struct err *err);
    // The rate at which it samples each CPU for this request, hz_most heeded. 0: it is not by a
    // rate, or not by one that it can change.
    double (*rate_hz)(const struct collect_request *request);
    // Starts recording into the sink (borrowed while the recording lives).
    int (*start)(struct recording **out, struct launcher *launcher,
                 const struct collect_request *request, struct sink *sink,
                 const struct recording_events *events, struct err *err);
};

// In order of preference for `record`.
// clang-format off
#define COLLECTOR_LIST(X) \
    X(native) /* our own BPF programs */ \
    X(perf) /* perf record piped into perf script */ \
    X(bpftrace) /* a bpftrace program */ \
    /* end */
// clang-format on

#define COLLECTOR_DECLARE(name) extern const struct collector collector_##name;
COLLECTOR_LIST(COLLECTOR_DECLARE)
#undef COLLECTOR_DECLARE

extern const struct collector *const collector_table[]; // NULL-terminated
const struct collector *collector_by_name(const char *name);
// Whether it knows an option.
bool collector_heeds(const struct collector *collector, const char *option);
// Whether it serves the request with all its options; if not, err says why.
int collector_serves(const struct collector *collector, const struct collect_request *request,
                     struct err *err) MUST_CHECK;
// The first that serves the request and can run here. NULL: none; *why_not then joins the reasons,
// and is -EINVAL where another request could be served.
// `passed_over` (may be NULL) gets a line for each better one that cannot.
const struct collector *collector_choose(struct launcher *launcher,
                                         const struct collect_request *request,
                                         struct bytes *passed_over, struct err *why_not);

#endif
