// The spans of one thread of a trace, and how they become samples.
//
// Whenever what is open on a thread changes, the stack so far gets the nanoseconds that have passed
// since the last change, in pieces of 10 ms (more for spans beyond 10 s), so that a long span is
// seen in a heatmap where it lay: self times are exact. Spans may cross: one that ends is taken out
// of the stack wherever it lies in it. A span without an end ends with its thread's last event.
//
// With a tick (resample=HZ), a sample is taken of what is open at every multiple of it instead:
// what a sampling profiler would have seen.
#ifndef FLICKER_PROTO_TRACE_SPANS_H
#define FLICKER_PROTO_TRACE_SPANS_H

#include "proto/json_decoder.h"
#include "proto/packed.h"

// Something that changes what is open.
struct trace_change {
    int64_t time_ns;
    int64_t end_ns; // of an X; or one of these
    uint32_t name;  // string of the stage
};
#define TRACE_BEGINS INT64_MAX // a B, whose end is another change
#define TRACE_ENDS   INT64_MIN // an E

// Starts as {0}.
struct trace_spans {
    struct packed changes; // see trace_spans_add
    size_t count;
    int64_t last_ns;
};

void trace_spans_dispose(struct trace_spans *spans);
void trace_spans_add(struct trace_spans *spans, const struct trace_change *change);

struct trace_sweep;
// tick_ns: 0, or the time between two samples, which are taken at multiples of it from start_ns.
struct trace_sweep *trace_sweep_new(struct json_decoder *decoder, int64_t tick_ns,
                                    int64_t start_ns);
// Puts the samples of these spans onto the stage, below `top`; the spans are empty then.
int trace_sweep_thread(struct trace_sweep *sweep, struct trace_spans *spans,
                       const struct sample *sample, uint32_t top, struct err *err) MUST_CHECK;
void trace_sweep_free(struct trace_sweep *sweep);

#endif
