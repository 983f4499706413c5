// Chrome's Trace Event format: an array of events, or an object with "traceEvents"; the end may be
// missing, as Chrome's writers leave it.
//
// Spans (B and E, or X) become samples of their exact self time: whenever what is open on a thread
// changes, the stack so far gets the nanoseconds that have passed since the last change, in pieces
// of 10 ms (more for spans beyond 10 s), so that a long span is seen in a heatmap where it lay.
// Spans may cross: one that ends is taken out of the stack wherever it lies in it. A span without
// an end ends with its thread's last event. Names of threads and processes are read from metadata
// (M); other kinds of events hold no spans.
#include "proto/alloc.h"
#include "proto/idmap.h"
#include "proto/json_decoder.h"
#include "proto/trace_event_encode.h"

#include <stdlib.h>
#include <string.h>

enum { EVENT, PHASE, NAME, TIME, DURATION, PID, TID, ARG_NAME };

#define EVENT_PATHS(top)                                                                           \
    {top, EVENT, NULL}, {top ".ph", PHASE, NULL}, {top ".name", NAME, NULL},                       \
        {top ".ts", TIME, NULL}, {top ".dur", DURATION, NULL}, {top ".pid", PID, NULL},            \
        {top ".tid", TID, NULL},                                                                   \
    {                                                                                              \
        top ".args.name", ARG_NAME, NULL                                                           \
    }

static const struct json_path paths[] = {
    EVENT_PATHS("[]"),
    EVENT_PATHS("traceEvents[]"),
    {NULL, 0, NULL},
};

enum {
    DEPTH_MAX = 1024, // open spans of one thread; deeper ones are counted
    PIECES_MAX = 1000,
    PIECE_NS = 10000000,
};

// Something that changes what is open on a thread.
struct change {
    int64_t time_ns;
    int64_t end_ns;  // of an X; INT64_MAX: a B, whose end is another change
    uint32_t thread; // row
    uint32_t name;   // string of the stage
    uint32_t order;
    bool ends; // an E
};

struct trace_thread {
    int64_t pid, tid;
    uint32_t name; // string of the stage
    uint32_t now;  // of the first row of its ids: the row that events are of now
};

struct trace {
    struct json_decoder base;
    struct change *changes;
    size_t count, capacity;
    struct trace_thread *threads;
    size_t thread_count, thread_capacity;
    struct idmap thread_rows, process_names; // by pid and tid; by pid: string of the stage
    struct {                                 // the event in hand
        char phase;
        uint32_t name, arg_name;
        int64_t ts_ns, dur_ns;
        int64_t pid, tid;
        bool has_ts;
    } now;
    uint64_t events;
};

static uint64_t thread_key(int64_t pid, int64_t tid)
{
    return (uint64_t)pid * 0x9e3779b97f4a7c15u ^ (uint64_t)tid;
}

static uint32_t thread_new(struct trace *trace, int64_t pid, int64_t tid)
{
    uint32_t row = (uint32_t)trace->thread_count++;
    array_reserve(&trace->threads, &trace->thread_capacity, trace->thread_count);
    trace->threads[row] = (struct trace_thread){.pid = pid, .tid = tid, .now = row};
    return row;
}

static uint32_t thread_row(struct trace *trace, int64_t pid, int64_t tid)
{
    uint64_t key = thread_key(pid, tid);
    uint32_t row = idmap_find(&trace->thread_rows, key);
    if (row != IDMAP_NONE)
        return trace->threads[row].now;
    row = thread_new(trace, pid, tid);
    idmap_add(&trace->thread_rows, key, row);
    return row;
}

// A thread that has a name and gets another: what follows in the file is another row.
static void name_thread(struct trace *trace, int64_t pid, int64_t tid, uint32_t name)
{
    uint32_t row = thread_row(trace, pid, tid);
    if (trace->threads[row].name != DICT_EMPTY && trace->threads[row].name != name) {
        uint32_t first = idmap_find(&trace->thread_rows, thread_key(pid, tid));
        row = thread_new(trace, pid, tid);
        trace->threads[first].now = row;
    }
    trace->threads[row].name = name;
}

static void take_metadata(struct trace *trace)
{
    const char *what = dict_text(&trace->base.stage.dict, trace->now.name);
    if (trace->now.arg_name == DICT_EMPTY)
        return;
    if (!strcmp(what, "thread_name")) {
        name_thread(trace, trace->now.pid, trace->now.tid, trace->now.arg_name);
    } else if (!strcmp(what, "process_name")) {
        idmap_add(&trace->process_names, (uint64_t)trace->now.pid, trace->now.arg_name);
    }
}

static void take_event(struct trace *trace)
{
    char phase = trace->now.phase;
    trace->events++;
    if (phase == 'M')
        take_metadata(trace);
    if (phase != 'B' && phase != 'E' && phase != 'X')
        return;
    const int64_t LONGEST_NS = INT64_MAX / 4;
    if (!trace->now.has_ts || trace->now.dur_ns < 0 || trace->now.dur_ns > LONGEST_NS ||
        trace->now.ts_ns > LONGEST_NS || trace->now.ts_ns < -LONGEST_NS) {
        json_decoder_skip(&trace->base, "a span without a time, or beyond 2^61 ns");
        return;
    }
    int64_t time_ns = trace->now.ts_ns;
    array_reserve(&trace->changes, &trace->capacity, trace->count + 1);
    trace->changes[trace->count] = (struct change){
        .time_ns = time_ns,
        .end_ns = phase == 'X' ? time_ns + trace->now.dur_ns : INT64_MAX,
        .thread = thread_row(trace, trace->now.pid, trace->now.tid),
        .name = trace->now.name,
        .order = (uint32_t)trace->count,
        .ends = phase == 'E',
    };
    trace->count++;
}

static int each(void *arg, const struct json_value *value, struct err *err)
{
    struct trace *trace = arg;
    struct dict *dict = &trace->base.stage.dict;
    bool is_text = value->kind == JSON_STRING;
    (void)err;
    switch (value->id) {
    case EVENT:
        if (value->kind == JSON_OBJECT)
            memset(&trace->now, 0, sizeof trace->now);
        else if (value->kind == JSON_OBJECT_END)
            take_event(trace);
        break;
    case PHASE:
        trace->now.phase = is_text && value->len == 1 ? value->text[0] : 0;
        break;
    case NAME:
        trace->now.name = is_text ? dict_string(dict, value->text, value->len) : DICT_EMPTY;
        break;
    case ARG_NAME:
        trace->now.arg_name = is_text ? dict_string(dict, value->text, value->len) : DICT_EMPTY;
        break;
    case TIME:
        trace->now.has_ts = json_value_fixed(value, 3, &trace->now.ts_ns);
        break;
    case DURATION:
        if (!json_value_fixed(value, 3, &trace->now.dur_ns))
            trace->now.dur_ns = -1;
        break;
    case PID:
        trace->now.pid = json_value_int(value);
        break;
    case TID:
        trace->now.tid = json_value_int(value);
        break;
    }
    return 0;
}

// --- spans to samples ----------------------------------------------------------------------------

struct open_span {
    uint32_t name;
    int64_t end_ns; // INT64_MAX: its end is a change of its own
};

struct sweep {
    struct trace *trace;
    struct sample sample;
    uint32_t top; // the comm's node
    struct open_span open[DEPTH_MAX];
    uint32_t nodes[DEPTH_MAX];
    size_t depth;
    int64_t now_ns;
};

// By thread, then time; at one time X spans come first, the longest outermost (they are written
// when they end, inner ones before outer ones), then B and E as they came.
static int compare_changes(const void *a, const void *b)
{
    const struct change *x = a, *y = b;
    bool x_whole = x->end_ns != INT64_MAX, y_whole = y->end_ns != INT64_MAX;
    if (x->thread != y->thread)
        return x->thread < y->thread ? -1 : 1;
    if (x->time_ns != y->time_ns)
        return x->time_ns < y->time_ns ? -1 : 1;
    if (x_whole != y_whole)
        return x_whole ? -1 : 1;
    if (x->end_ns != y->end_ns)
        return x->end_ns > y->end_ns ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

// The stack that is open gets the time until then.
static int pass_time(struct sweep *sweep, int64_t until_ns, struct err *err)
{
    struct stage *stage = &sweep->trace->base.stage;
    int code = 0;
    if (sweep->depth && until_ns > sweep->now_ns) {
        uint64_t left = (uint64_t)until_ns - (uint64_t)sweep->now_ns;
        uint64_t piece = left / PIECES_MAX > PIECE_NS ? left / PIECES_MAX + 1 : PIECE_NS;
        sweep->sample.node = sweep->nodes[sweep->depth - 1];
        for (int64_t at = sweep->now_ns; !code && left; at += (int64_t)sweep->sample.value) {
            sweep->sample.time_ns = at;
            sweep->sample.value = left < piece ? left : piece;
            left -= sweep->sample.value;
            stage_add(stage, &sweep->sample);
            if (stage->count >= STAGE_BATCH)
                code = json_decoder_flush(&sweep->trace->base, err);
        }
    }
    if (until_ns > sweep->now_ns)
        sweep->now_ns = until_ns;
    return code;
}

static void put_nodes(struct sweep *sweep, size_t from)
{
    for (size_t i = from; i < sweep->depth; i++) {
        struct frame frame = {.name = sweep->open[i].name, .kind = FRAME_USER};
        sweep->nodes[i] =
            stage_node(&sweep->trace->base.stage, i ? sweep->nodes[i - 1] : sweep->top, &frame);
    }
}

static void take_out(struct sweep *sweep, size_t at)
{
    memmove(sweep->open + at, sweep->open + at + 1, (--sweep->depth - at) * sizeof *sweep->open);
    put_nodes(sweep, at);
}

// Ends the X spans that end by then, in the order of their ends.
static int end_spans(struct sweep *sweep, int64_t until_ns, struct err *err)
{
    int code = 0;
    while (!code) {
        size_t first = sweep->depth;
        for (size_t i = sweep->depth; i-- > 0;) {
            int64_t end_ns = sweep->open[i].end_ns;
            if (end_ns <= until_ns && end_ns != INT64_MAX &&
                (first == sweep->depth || end_ns < sweep->open[first].end_ns))
                first = i;
        }
        if (first == sweep->depth)
            break;
        code = pass_time(sweep, sweep->open[first].end_ns, err);
        take_out(sweep, first);
    }
    return code;
}

static void begin_span(struct sweep *sweep, const struct change *change)
{
    if (sweep->depth == DEPTH_MAX) {
        json_decoder_skip(&sweep->trace->base, "more than 1024 spans within each other");
        return;
    }
    sweep->open[sweep->depth++] = (struct open_span){change->name, change->end_ns};
    put_nodes(sweep, sweep->depth - 1);
}

// An E ends the innermost open B of its name, or the innermost at all when it has no name.
static void end_span(struct sweep *sweep, const struct change *change)
{
    for (size_t i = sweep->depth; i-- > 0;) {
        if (sweep->open[i].end_ns == INT64_MAX &&
            (change->name == DICT_EMPTY || sweep->open[i].name == change->name)) {
            take_out(sweep, i);
            return;
        }
    }
    json_decoder_skip(&sweep->trace->base, "the end of a span that is not open");
}

static void begin_thread(struct sweep *sweep, uint32_t row, int64_t time_ns)
{
    struct trace *trace = sweep->trace;
    struct dict *dict = &trace->base.stage.dict;
    const struct trace_thread *found = trace->threads + row;
    uint32_t process = idmap_find(&trace->process_names, (uint64_t)found->pid);
    struct thread thread = {
        .pid = found->pid >= 0 && found->pid <= INT32_MAX ? (int32_t)found->pid : -1,
        .tid = found->tid >= 0 && found->tid <= INT32_MAX ? (int32_t)found->tid : -1,
        .comm = found->name != DICT_EMPTY ? found->name
                : process != IDMAP_NONE   ? process
                                          : dict_string_z(dict, "[thread]"),
    };
    sweep->sample.thread = dict_thread(dict, &thread);
    sweep->top = dict_comm_node(dict, thread.comm);
    sweep->depth = 0;
    sweep->now_ns = time_ns;
}

static int end_thread(struct sweep *sweep, struct err *err)
{
    int code = end_spans(sweep, INT64_MAX - 1, err);
    if (sweep->depth) {
        json_decoder_skip(&sweep->trace->base, "spans that have no end");
        sweep->depth = 0;
    }
    return code;
}

static int end(struct json_decoder *decoder, struct err *err)
{
    struct trace *trace = (struct trace *)decoder;
    struct dict *dict = &decoder->stage.dict;
    struct sweep *sweep = xcalloc(1, sizeof *sweep);
    struct event event = {
        .name = dict_string_z(dict, "trace"), .unit = dict_string_z(dict, "ns"), .by_value = true};
    sweep->trace = trace;
    sweep->sample.cpu = SAMPLE_NO_CPU;
    sweep->sample.event = (uint16_t)dict_event(dict, &event);
    if (trace->count)
        qsort(trace->changes, trace->count, sizeof *trace->changes, compare_changes);
    int code = 0;
    for (size_t i = 0; !code && i < trace->count; i++) {
        const struct change *change = trace->changes + i;
        if (!i || change[-1].thread != change->thread)
            begin_thread(sweep, change->thread, change->time_ns);
        code = end_spans(sweep, change->time_ns, err);
        if (!code)
            code = pass_time(sweep, change->time_ns, err);
        if (change->ends)
            end_span(sweep, change);
        else
            begin_span(sweep, change);
        if (!code && (i + 1 == trace->count || change[1].thread != change->thread))
            code = end_thread(sweep, err);
    }
    free(sweep);
    if (!trace->count)
        decoder->what = "a trace without spans";
    return code;
}

static void hello(struct json_decoder *decoder, struct hello *out)
{
    (void)decoder;
    out->collector = "trace";
    out->clock = CLOCK_KIND_UNKNOWN;
}

static void dispose(struct json_decoder *decoder)
{
    struct trace *trace = (struct trace *)decoder;
    free(trace->changes);
    free(trace->threads);
    idmap_dispose(&trace->thread_rows);
    idmap_dispose(&trace->process_names);
}

static struct decoder *decoder_new(struct sink *sink, const struct decode_options *options)
{
    static const struct json_decoder_kind KIND = {paths, each, end, hello, dispose, false};
    (void)options; // the trace says it all
    return json_decoder_new(sizeof(struct trace), &KIND, sink);
}

static int probe(const void *head, size_t len)
{
    return json_probe(head, len, "ph") &&
                   (json_probe(head, len, "ts") || json_probe(head, len, "pid"))
               ? 85
               : 0;
}

const struct format format_trace_event = {
    .name = "trace-event",
    .summary = "Chrome trace: spans, as Chrome and many tracers write",
    .extension = ".trace.json",
    .probe = probe,
    .decoder_new = decoder_new,
    .encoder_new = trace_event_encoder_new,
    .loses = HOLD_CPU | HOLD_COUNT | HOLD_SAMPLE | HOLD_EVENT | HOLD_MODULE | HOLD_ADDRESS |
             HOLD_KIND | HOLD_LINE | HOLD_LOSS,
};
