// Chrome's Trace Event format: an array of events, or an object with "traceEvents"; the end may be
// missing, as Chrome's writers leave it.
//
// Spans (B and E, or X) become samples of their exact self time, see trace_spans.h. CPU profiles of
// V8, one a thread, are in it in pieces ("Profile" and "ProfileChunk" events, kind P) or, until
// 2016, whole ("CpuProfile"): their samples are an event of their own, "cpu-profile", and the
// first. Names of threads and processes are read from metadata (M); a thread that is named anew is
// another one from there on. Other kinds of events hold no stacks.
#include "proto/alloc.h"
#include "proto/hash.h"
#include "proto/idmap.h"
#include "proto/json_decoder.h"
#include "proto/trace_event_encode.h"
#include "proto/trace_spans.h"
#include "proto/v8_profile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EVENT = V8_PATHS, PHASE, NAME, TIME, DURATION, PID, TID, ID, ARG_NAME, ARG_UNKNOWN };

#define EVENT_PATHS(top)                                                                           \
    {top, EVENT, NULL}, {top ".ph", PHASE, NULL}, {top ".name", NAME, NULL},                       \
        {top ".ts", TIME, NULL}, {top ".dur", DURATION, NULL}, {top ".pid", PID, NULL},            \
        {top ".tid", TID, NULL}, {top ".id", ID, NULL}, {top ".id2.local", ID, NULL},              \
        {top ".id2.global", ID, NULL}, {top ".args.name", ARG_NAME, NULL},                         \
        {top ".args.unknown", ARG_UNKNOWN, NULL}, V8_PROFILE_PATHS(top ".args.data.cpuProfile"),   \
        V8_TIME_PATHS(top ".args.data")

static const struct json_path paths[] = {
    EVENT_PATHS("[]"),
    EVENT_PATHS("traceEvents[]"),
    {NULL, 0, NULL},
};

struct trace_thread {
    int64_t pid, tid;
    bool no_pid, no_tid; // the ids only tell the thread apart: our own encoder says so
    uint32_t name;       // string of the stage
    uint32_t now;        // of the first row of its ids: the row that events are of now
    struct trace_spans spans;
};

struct trace_profile {
    struct v8_profile profile;
    int64_t pid, tid;
};

struct trace {
    struct json_decoder base;
    int64_t tick_ns; // 0: no resampling
    struct trace_thread *threads;
    size_t thread_count, thread_capacity;
    struct trace_profile *profiles;
    size_t profile_count, profile_capacity;
    // By pid and tid; by pid: string of the stage; by pid and id.
    struct idmap thread_rows, process_names, profile_rows;
    struct v8_profile piece; // of the event in hand
    struct {                 // the event in hand
        char phase;
        uint32_t name, arg_name;
        int64_t ts_ns, dur_ns;
        int64_t pid, tid;
        uint64_t id;
        bool has_ts, no_pid, no_tid;
    } now;
    int64_t first_ns;
    uint64_t spans;
};

// --- threads -------------------------------------------------------------------------------------

static uint64_t two_keys(int64_t pid, uint64_t id)
{
    return (uint64_t)pid * 0x9e3779b97f4a7c15u ^ id;
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
    uint64_t key = two_keys(pid, (uint64_t)tid);
    uint32_t row = idmap_find(&trace->thread_rows, key);
    if (row != IDMAP_NONE)
        return trace->threads[row].now;
    row = thread_new(trace, pid, tid);
    idmap_add(&trace->thread_rows, key, row);
    return row;
}

static void name_thread(struct trace *trace)
{
    int64_t pid = trace->now.pid, tid = trace->now.tid;
    uint32_t name = trace->now.arg_name;
    uint32_t row = thread_row(trace, pid, tid);
    if (trace->threads[row].name != DICT_EMPTY && trace->threads[row].name != name) {
        uint32_t first = idmap_find(&trace->thread_rows, two_keys(pid, (uint64_t)tid));
        row = thread_new(trace, pid, tid);
        trace->threads[first].now = row;
    }
    trace->threads[row].name = name;
    trace->threads[row].no_pid = trace->now.no_pid;
    trace->threads[row].no_tid = trace->now.no_tid;
}

// --- events --------------------------------------------------------------------------------------

static void take_metadata(struct trace *trace)
{
    const char *what = dict_text(&trace->base.stage.dict, trace->now.name);
    if (trace->now.arg_name == DICT_EMPTY)
        return;
    if (!strcmp(what, "thread_name"))
        name_thread(trace);
    else if (!strcmp(what, "process_name"))
        idmap_add(&trace->process_names, (uint64_t)trace->now.pid, trace->now.arg_name);
}

static void take_span(struct trace *trace)
{
    const int64_t LONGEST_NS = INT64_MAX / 4;
    if (!trace->now.has_ts || trace->now.dur_ns < 0 || trace->now.dur_ns > LONGEST_NS ||
        trace->now.ts_ns > LONGEST_NS || trace->now.ts_ns < -LONGEST_NS) {
        json_decoder_skip(&trace->base, "a span without a time, or beyond 2^61 ns");
        return;
    }
    struct trace_change change = {
        .time_ns = trace->now.ts_ns,
        .end_ns = trace->now.phase == 'X'   ? trace->now.ts_ns + trace->now.dur_ns
                  : trace->now.phase == 'E' ? TRACE_ENDS
                                            : TRACE_BEGINS,
        .name = trace->now.name,
    };
    if (!trace->spans++ || change.time_ns < trace->first_ns)
        trace->first_ns = change.time_ns;
    uint32_t row = thread_row(trace, trace->now.pid, trace->now.tid);
    trace_spans_add(&trace->threads[row].spans, &change);
}

static size_t profile_new(struct trace *trace)
{
    array_reserve(&trace->profiles, &trace->profile_capacity, trace->profile_count + 1);
    trace->profiles[trace->profile_count] =
        (struct trace_profile){.pid = trace->now.pid, .tid = trace->now.tid};
    return trace->profile_count++;
}

// "Profile" says when and on which thread; each "ProfileChunk" comes from V8's own sampling thread.
// "CpuProfile" is a whole one.
static void take_profile(struct trace *trace, bool begins, bool whole)
{
    uint64_t key = two_keys(trace->now.pid, trace->now.id);
    uint32_t row = whole ? IDMAP_NONE : idmap_find(&trace->profile_rows, key);
    if (row == IDMAP_NONE) {
        row = (uint32_t)profile_new(trace);
        if (!whole)
            idmap_add(&trace->profile_rows, key, row);
    }
    struct trace_profile *profile = trace->profiles + row;
    if (begins)
        profile->tid = trace->now.tid;
    v8_profile_append(&profile->profile, &trace->piece);
}

static void take_event(struct trace *trace)
{
    char phase = trace->now.phase;
    if (phase == 'B' || phase == 'E' || phase == 'X') {
        take_span(trace);
    } else if (phase == 'M') {
        take_metadata(trace);
    } else if (phase == 'P' || phase == 'I' || phase == 'i') {
        const char *what = dict_text(&trace->base.stage.dict, trace->now.name);
        bool begins = !strcmp(what, "Profile"), whole = !strcmp(what, "CpuProfile");
        if (begins || whole || !strcmp(what, "ProfileChunk"))
            take_profile(trace, begins || whole, whole);
    }
    v8_profile_clear(&trace->piece);
}

static int each(void *arg, const struct json_value *value, struct err *err)
{
    struct trace *trace = arg;
    struct dict *dict = &trace->base.stage.dict;
    bool is_text = value->kind == JSON_STRING;
    (void)err;
    switch (value->id) {
    case EVENT:
        if (value->kind == JSON_OBJECT) {
            memset(&trace->now, 0, sizeof trace->now);
            trace->now.pid = trace->now.tid = -1; // one that is not said is not 0, the idle task's
        } else if (value->kind == JSON_OBJECT_END)
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
    case ARG_UNKNOWN:
        trace->now.no_pid = is_text && memmem(value->text, value->len, "pid", 3);
        trace->now.no_tid = is_text && memmem(value->text, value->len, "tid", 3);
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
    case ID:
        if (is_text || value->kind == JSON_NUMBER)
            trace->now.id = hash_bytes(0x5eed, value->text, value->len);
        break;
    default:
        v8_profile_value(&trace->piece, &trace->base.stage, value);
        break;
    }
    return 0;
}

// --- samples -------------------------------------------------------------------------------------

static uint32_t event_of(struct trace *trace, const char *name, bool by_value)
{
    struct dict *dict = &trace->base.stage.dict;
    struct event event = {
        .name = dict_string_z(dict, name), .unit = dict_string_z(dict, "ns"), .by_value = by_value};
    return dict_event(dict, &event);
}

// Fills the thread; returns the node that its stacks lie below.
static uint32_t begin_thread(struct trace *trace, const struct trace_thread *row,
                             struct sample *sample)
{
    int64_t pid = row->no_pid ? -1 : row->pid, tid = row->no_tid ? -1 : row->tid;
    struct dict *dict = &trace->base.stage.dict;
    uint32_t process = idmap_find(&trace->process_names, (uint64_t)row->pid);
    struct thread thread = {
        .pid = pid >= 0 && pid <= INT32_MAX ? (int32_t)pid : -1,
        .tid = tid >= 0 && tid <= INT32_MAX ? (int32_t)tid : -1,
        .comm = row->name != DICT_EMPTY ? row->name
                : process != IDMAP_NONE ? process
                                        : dict_string_z(dict, "[thread]"),
    };
    sample->thread = dict_thread(dict, &thread);
    return dict_comm_node(dict, thread.comm);
}

static int emit_profiles(struct trace *trace, struct err *err)
{
    struct sample sample = {.cpu = SAMPLE_NO_CPU};
    int code = 0;
    for (size_t i = 0; !code && i < trace->profile_count; i++) {
        struct trace_profile *profile = trace->profiles + i;
        uint32_t row = thread_row(trace, profile->pid, profile->tid);
        sample.event = (uint16_t)event_of(trace, "cpu-profile", false);
        uint32_t top = begin_thread(trace, trace->threads + row, &sample);
        code = v8_profile_emit(&profile->profile, &trace->base, sample, top, err);
    }
    return code;
}

// Ticks are whole multiples of the trace's own clock, as FlameScope has them: 100 Hz and 100 rows
// of a heatmap agree.
static int64_t first_tick(const struct trace *trace)
{
    int64_t tick_ns = trace->tick_ns ? trace->tick_ns : 1;
    int64_t past = trace->first_ns % tick_ns;
    return trace->first_ns - past - (past < 0 ? tick_ns : 0);
}

static int emit_spans(struct trace *trace, struct err *err)
{
    if (!trace->spans)
        return 0;
    struct sample sample = {.cpu = SAMPLE_NO_CPU,
                            .event = (uint16_t)event_of(trace, "trace", !trace->tick_ns)};
    struct trace_sweep *sweep = trace_sweep_new(&trace->base, trace->tick_ns, first_tick(trace));
    int code = 0;
    for (size_t i = 0; !code && i < trace->thread_count; i++) {
        struct trace_thread *thread = trace->threads + i;
        if (!thread->spans.count)
            continue;
        uint32_t top = begin_thread(trace, thread, &sample);
        code = trace_sweep_thread(sweep, &thread->spans, &sample, top, err);
    }
    trace_sweep_free(sweep);
    return code;
}

static int end(struct json_decoder *decoder, struct err *err)
{
    struct trace *trace = (struct trace *)decoder;
    int code = emit_profiles(trace, err);
    if (!code)
        code = emit_spans(trace, err);
    if (!trace->spans && !trace->profile_count)
        decoder->what = "a trace without spans, and without CPU profiles";
    return code;
}

static void hello(struct json_decoder *decoder, struct hello *out)
{
    const struct trace *trace = (struct trace *)decoder;
    out->collector = "trace";
    out->clock = CLOCK_KIND_UNKNOWN;
    if (trace->tick_ns)
        out->rate_hz = 1e9 / (double)trace->tick_ns;
}

static void dispose(struct json_decoder *decoder)
{
    struct trace *trace = (struct trace *)decoder;
    for (size_t i = 0; i < trace->thread_count; i++)
        trace_spans_dispose(&trace->threads[i].spans);
    for (size_t i = 0; i < trace->profile_count; i++)
        v8_profile_dispose(&trace->profiles[i].profile);
    v8_profile_dispose(&trace->piece);
    free(trace->threads);
    free(trace->profiles);
    idmap_dispose(&trace->thread_rows);
    idmap_dispose(&trace->process_names);
    idmap_dispose(&trace->profile_rows);
}

static struct decoder *decoder_new(struct sink *sink, const struct decode_options *options)
{
    static const struct json_decoder_kind KIND = {paths, each, end, hello, dispose, false};
    struct decoder *decoder = json_decoder_new(sizeof(struct trace), &KIND, sink);
    if (options && options->resample_hz > 0)
        ((struct trace *)decoder)->tick_ns = llround(1e9 / options->resample_hz);
    return decoder;
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
    .summary = "Chrome trace: spans and CPU profiles, as Chrome and many tracers write",
    .extension = ".trace.json",
    .probe = probe,
    .decoder_new = decoder_new,
    .encoder_new = trace_event_encoder_new,
    .loses = HOLD_OTHER_UNIT | HOLD_CPU | HOLD_COUNT | HOLD_SAMPLE | HOLD_EVENT | HOLD_MODULE |
             HOLD_ADDRESS | HOLD_KIND | HOLD_LINE | HOLD_LOSS | HOLD_EVENT_NAME,
    .event = "trace",
};
