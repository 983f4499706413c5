// Spans of a trace into samples.
#include "proto/trace_spans.h"

#include "proto/alloc.h"

#include <stdlib.h>
#include <string.h>

enum {
    DEPTH_MAX = 1024, // open spans of one thread; deeper ones are counted
    PIECES_MAX = 1000,
    PIECE_NS = 10000000,
};

enum { BEGINS, ENDS, WHOLE };

void trace_spans_dispose(struct trace_spans *spans)
{
    packed_dispose(&spans->changes);
    *spans = (struct trace_spans){0};
}

// The time since the change before, what it is of which name, and how long it lasts.
void trace_spans_add(struct trace_spans *spans, const struct trace_change *change)
{
    unsigned kind = change->end_ns == TRACE_BEGINS ? BEGINS
                    : change->end_ns == TRACE_ENDS ? ENDS
                                                   : WHOLE;
    packed_add_ns(&spans->changes, change->time_ns - spans->last_ns);
    packed_add(&spans->changes, (uint64_t)change->name << 2 | kind);
    if (kind == WHOLE)
        packed_add_ns(&spans->changes, change->end_ns - change->time_ns);
    spans->last_ns = change->time_ns;
    spans->count++;
}

static struct trace_change take_change(struct trace_spans *spans, int64_t last_ns)
{
    int64_t time_ns = last_ns + packed_take_ns(&spans->changes);
    uint64_t what = packed_take(&spans->changes);
    struct trace_change change = {.time_ns = time_ns, .name = (uint32_t)(what >> 2)};
    change.end_ns = (what & 3) == BEGINS ? TRACE_BEGINS
                    : (what & 3) == ENDS ? TRACE_ENDS
                                         : time_ns + packed_take_ns(&spans->changes);
    return change;
}

struct open_span {
    uint32_t name;
    int64_t end_ns; // INT64_MAX: its end is a change of its own
};

struct trace_sweep {
    struct json_decoder *decoder;
    int64_t tick_ns, start_ns;
    uint32_t top; // the comm's node
    struct open_span open[DEPTH_MAX];
    uint32_t nodes[DEPTH_MAX];
    size_t depth;
    int64_t now_ns;
};

static bool is_whole(const struct trace_change *change)
{
    return change->end_ns != TRACE_BEGINS && change->end_ns != TRACE_ENDS;
}

// At one time X spans come first, the longest outermost (they are written when they end, inner ones
// before outer ones), then B and E as they came.
static bool is_before(const struct trace_change *x, const struct trace_change *y)
{
    bool x_whole = is_whole(x), y_whole = is_whole(y);
    if (x->time_ns != y->time_ns)
        return x->time_ns < y->time_ns;
    return x_whole != y_whole ? x_whole : x_whole && x->end_ns > y->end_ns;
}

// Stable, and fast on what is in order already, as most of a trace is. Of the left half only what
// comes behind the right one's first is moved to scratch.
static void merge_sort(struct trace_change *changes, size_t count, struct trace_change **scratch,
                       size_t *capacity)
{
    size_t left = count / 2, first = 0, last = left;
    if (count < 2)
        return;
    merge_sort(changes, left, scratch, capacity);
    merge_sort(changes + left, count - left, scratch, capacity);
    if (!is_before(changes + left, changes + left - 1))
        return;
    while (first < last) {
        size_t middle = first + (last - first) / 2;
        if (is_before(changes + left, changes + middle))
            last = middle;
        else
            first = middle + 1;
    }
    size_t moved = left - first, i = 0, right = left, out = first;
    array_reserve(scratch, capacity, moved);
    memcpy(*scratch, changes + first, moved * sizeof *changes);
    while (i < moved) {
        bool take_right = right < count && is_before(changes + right, *scratch + i);
        changes[out++] = take_right ? changes[right++] : (*scratch)[i++];
    }
}

// Packed again when they are in order, so that samples can take their place.
static void sort_changes(struct trace_spans *spans)
{
    size_t count = spans->count, capacity = 0;
    struct trace_change *changes = xreallocarray(NULL, count, sizeof *changes), *scratch = NULL;
    int64_t last_ns = 0;
    for (size_t i = 0; i < count; i++) {
        changes[i] = take_change(spans, last_ns);
        last_ns = changes[i].time_ns;
    }
    trace_spans_dispose(spans);
    merge_sort(changes, count, &scratch, &capacity);
    free(scratch);
    for (size_t i = 0; i < count; i++)
        trace_spans_add(spans, changes + i);
    free(changes);
}

static int emit(struct trace_sweep *sweep, int64_t time_ns, uint64_t value, struct err *err)
{
    return json_decoder_add(sweep->decoder, sweep->nodes[sweep->depth - 1], time_ns, value, err);
}

// A sample at every tick from now on and before `until`.
static int emit_ticks(struct trace_sweep *sweep, int64_t until_ns, struct err *err)
{
    int64_t tick_ns = sweep->tick_ns;
    int64_t at =
        sweep->start_ns + (sweep->now_ns - sweep->start_ns + tick_ns - 1) / tick_ns * tick_ns;
    int code = 0;
    for (; !code && at < until_ns; at += tick_ns)
        code = emit(sweep, at, (uint64_t)tick_ns, err);
    return code;
}

static int emit_pieces(struct trace_sweep *sweep, int64_t until_ns, struct err *err)
{
    uint64_t left = (uint64_t)until_ns - (uint64_t)sweep->now_ns;
    uint64_t piece = left / PIECES_MAX > PIECE_NS ? left / PIECES_MAX + 1 : PIECE_NS;
    int code = 0;
    for (int64_t at = sweep->now_ns; !code && left; at += (int64_t)piece) {
        piece = left < piece ? left : piece;
        code = emit(sweep, at, piece, err);
        left -= piece;
    }
    return code;
}

// The stack that is open gets the time until then.
static int pass_time(struct trace_sweep *sweep, int64_t until_ns, struct err *err)
{
    int code = 0;
    if (until_ns <= sweep->now_ns)
        return 0;
    if (sweep->depth)
        code =
            sweep->tick_ns ? emit_ticks(sweep, until_ns, err) : emit_pieces(sweep, until_ns, err);
    sweep->now_ns = until_ns;
    return code;
}

static void put_nodes(struct trace_sweep *sweep, size_t from)
{
    for (size_t i = from; i < sweep->depth; i++) {
        struct frame frame = {.name = sweep->open[i].name, .kind = FRAME_USER};
        sweep->nodes[i] =
            stage_node(&sweep->decoder->stage, i ? sweep->nodes[i - 1] : sweep->top, &frame);
    }
}

static void take_out(struct trace_sweep *sweep, size_t at)
{
    memmove(sweep->open + at, sweep->open + at + 1, (--sweep->depth - at) * sizeof *sweep->open);
    put_nodes(sweep, at);
}

// Ends the X spans that end by then, in the order of their ends.
static int end_spans(struct trace_sweep *sweep, int64_t until_ns, struct err *err)
{
    int code = 0;
    while (!code) {
        size_t first = sweep->depth;
        for (size_t i = sweep->depth; i-- > 0;) {
            int64_t end_ns = sweep->open[i].end_ns;
            if (end_ns <= until_ns && end_ns != TRACE_BEGINS &&
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

static void begin_span(struct trace_sweep *sweep, const struct trace_change *change)
{
    if (sweep->depth == DEPTH_MAX) {
        json_decoder_skip(sweep->decoder, "more than 1024 spans within each other");
        return;
    }
    sweep->open[sweep->depth++] = (struct open_span){change->name, change->end_ns};
    put_nodes(sweep, sweep->depth - 1);
}

// An E ends the innermost open B of its name, or the innermost at all when it has no name.
static void end_span(struct trace_sweep *sweep, const struct trace_change *change)
{
    for (size_t i = sweep->depth; i-- > 0;) {
        if (sweep->open[i].end_ns == TRACE_BEGINS &&
            (change->name == DICT_EMPTY || sweep->open[i].name == change->name)) {
            take_out(sweep, i);
            return;
        }
    }
    json_decoder_skip(sweep->decoder, "the end of a span that is not open");
}

struct trace_sweep *trace_sweep_new(struct json_decoder *decoder, int64_t tick_ns, int64_t start_ns)
{
    struct trace_sweep *sweep = xcalloc(1, sizeof *sweep);
    sweep->decoder = decoder;
    sweep->tick_ns = tick_ns;
    sweep->start_ns = start_ns;
    return sweep;
}

void trace_sweep_free(struct trace_sweep *sweep)
{
    free(sweep);
}

int trace_sweep_thread(struct trace_sweep *sweep, struct trace_spans *spans,
                       const struct sample *sample, uint32_t top, struct err *err)
{
    if (!spans->count)
        return 0;
    int code = json_decoder_begin(sweep->decoder, sample, err);
    sort_changes(spans);
    sweep->top = top;
    sweep->depth = 0;
    int64_t last_ns = 0;
    for (size_t i = 0; !code && i < spans->count; i++) {
        struct trace_change change = take_change(spans, last_ns);
        last_ns = change.time_ns;
        if (!i)
            sweep->now_ns = last_ns;
        code = end_spans(sweep, last_ns, err);
        if (!code)
            code = pass_time(sweep, last_ns, err);
        if (change.end_ns == TRACE_ENDS)
            end_span(sweep, &change);
        else
            begin_span(sweep, &change);
    }
    trace_spans_dispose(spans);
    if (!code)
        code = end_spans(sweep, INT64_MAX - 1, err);
    if (sweep->depth)
        json_decoder_skip(sweep->decoder, "spans that have no end");
    return code;
}
