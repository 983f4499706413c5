// speedscope's own format, https://www.speedscope.app/file-format-schema.json, all versions.
//
// A profile of the file is a thread. "sampled": stacks, root first, each with a weight; a sample is
// at the sum of the weights before it when the unit is one of time. "evented": frames opened and
// closed; between two events the stack that is open gets the time that passes, to the nanosecond.
//
// Written are sampled profiles, one a thread, with the gaps between samples as empty stacks, so
// that samples lie where they were; values are exact, and a sample that overlaps the next one moves
// it.
#include "proto/alloc.h"
#include "proto/gather.h"
#include "proto/json_decoder.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FRAME,
    FRAME_NAME,
    FRAME_FILE,
    FRAME_LINE,
    PROFILE,
    PROFILE_NAME,
    PROFILE_UNIT,
    PROFILE_START,
    STACK,
    STACK_FRAME,
    WEIGHT,
    EVENT,
    EVENT_TYPE,
    EVENT_FRAME,
    EVENT_AT,
};

#define PROFILE_PATHS(top)                                                                         \
    {top, PROFILE, NULL}, {top ".name", PROFILE_NAME, NULL}, {top ".unit", PROFILE_UNIT, NULL},    \
        {top ".startValue", PROFILE_START, NULL}, {top ".samples[]", STACK, NULL},                 \
        {top ".samples[][]", STACK_FRAME, NULL}, {top ".weights[]", WEIGHT, NULL},                 \
        {top ".events[]", EVENT, NULL}, {top ".events[].type", EVENT_TYPE, NULL},                  \
        {top ".events[].frame", EVENT_FRAME, NULL},                                                \
    {                                                                                              \
        top ".events[].at", EVENT_AT, NULL                                                         \
    }

static const struct json_path paths[] = {
    {"shared.frames[]", FRAME, NULL},
    {"shared.frames[].name", FRAME_NAME, NULL},
    {"shared.frames[].file", FRAME_FILE, NULL},
    {"shared.frames[].line", FRAME_LINE, NULL},
    PROFILE_PATHS("profiles[]"),
    {NULL, 0, NULL},
};

struct stack {
    size_t first, count; // in stack_frames
};

struct span_event {
    double at;
    uint32_t frame;
    bool opens;
};

// One profile of the file, kept until the end: the shared frames may come last.
struct profile {
    uint32_t name, unit; // strings of the stage
    double start;
    struct stack *stacks;
    size_t stack_count, stack_capacity;
    double *weights;
    size_t weight_count, weight_capacity;
    struct span_event *events;
    size_t event_count, event_capacity;
};

struct speedscope {
    struct json_decoder base;
    struct frame *frames;
    size_t frame_count, frame_capacity;
    uint32_t *stack_frames; // of all profiles
    size_t stack_frame_count, stack_frame_capacity;
    struct profile *profiles;
    size_t profile_count, profile_capacity;
    uint32_t *open; // frames of an evented profile
    size_t open_capacity;
};

static struct profile *last_profile(struct speedscope *file)
{
    return file->profile_count ? file->profiles + file->profile_count - 1 : NULL;
}

static void frame_value(struct speedscope *file, const struct json_value *value)
{
    struct dict *dict = &file->base.stage.dict;
    if (value->id == FRAME && value->kind == JSON_OBJECT) {
        array_reserve(&file->frames, &file->frame_capacity, file->frame_count + 1);
        file->frames[file->frame_count++] = (struct frame){.kind = FRAME_USER};
    }
    if (!file->frame_count)
        return;
    struct frame *frame = file->frames + file->frame_count - 1;
    if (value->id == FRAME_NAME && value->kind == JSON_STRING)
        frame->name = dict_string(dict, value->text, value->len);
    else if (value->id == FRAME_FILE && value->kind == JSON_STRING)
        frame->file = dict_string(dict, value->text, value->len);
    else if (value->id == FRAME_LINE && json_value_int(value) > 0)
        frame->line = (uint32_t)json_value_int(value);
}

static uint32_t frame_index(const struct json_value *value)
{
    int64_t index = json_value_int(value);
    return index >= 0 && index < UINT32_MAX && value->kind == JSON_NUMBER ? (uint32_t)index
                                                                          : UINT32_MAX;
}

static void sample_value(struct speedscope *file, struct profile *profile,
                         const struct json_value *value)
{
    if (value->id == STACK && value->kind == JSON_ARRAY) {
        array_reserve(&profile->stacks, &profile->stack_capacity, profile->stack_count + 1);
        profile->stacks[profile->stack_count++] = (struct stack){file->stack_frame_count, 0};
    } else if (value->id == STACK_FRAME && profile->stack_count) {
        array_reserve(&file->stack_frames, &file->stack_frame_capacity,
                      file->stack_frame_count + 1);
        file->stack_frames[file->stack_frame_count++] = frame_index(value);
        profile->stacks[profile->stack_count - 1].count++;
    } else if (value->id == WEIGHT) {
        array_reserve(&profile->weights, &profile->weight_capacity, profile->weight_count + 1);
        profile->weights[profile->weight_count++] = json_value_double(value);
    }
}

static void event_value(struct profile *profile, const struct json_value *value)
{
    if (value->id == EVENT && value->kind == JSON_OBJECT) {
        array_reserve(&profile->events, &profile->event_capacity, profile->event_count + 1);
        profile->events[profile->event_count++] = (struct span_event){.frame = UINT32_MAX};
    }
    if (!profile->event_count)
        return;
    struct span_event *event = profile->events + profile->event_count - 1;
    if (value->id == EVENT_TYPE)
        event->opens = json_value_is(value, "O");
    else if (value->id == EVENT_FRAME)
        event->frame = frame_index(value);
    else if (value->id == EVENT_AT)
        event->at = json_value_double(value);
}

static int each(void *arg, const struct json_value *value, struct err *err)
{
    struct speedscope *file = arg;
    struct dict *dict = &file->base.stage.dict;
    (void)err;
    if (value->id <= FRAME_LINE) {
        frame_value(file, value);
        return 0;
    }
    if (value->id == PROFILE && value->kind == JSON_OBJECT) {
        array_reserve(&file->profiles, &file->profile_capacity, file->profile_count + 1);
        file->profiles[file->profile_count++] = (struct profile){0};
    }
    struct profile *profile = last_profile(file);
    if (!profile)
        return 0;
    if (value->id == PROFILE_NAME && value->kind == JSON_STRING)
        profile->name = dict_string(dict, value->text, value->len);
    else if (value->id == PROFILE_UNIT && value->kind == JSON_STRING)
        profile->unit = dict_string(dict, value->text, value->len);
    else if (value->id == PROFILE_START)
        profile->start = json_value_double(value);
    else if (value->id >= EVENT)
        event_value(profile, value);
    else if (value->id >= STACK)
        sample_value(file, profile, value);
    return 0;
}

// --- samples -------------------------------------------------------------------------------------

// What one unit of the profile is in the unit of the event; is_time: and the samples have times.
struct scale {
    double factor;
    const char *unit;
    bool is_time;
};

static struct scale scale_of(const char *unit)
{
    static const struct {
        const char *name;
        struct scale scale;
    } SCALES[] = {
        {"nanoseconds", {1, "ns", true}},    {"microseconds", {1e3, "ns", true}},
        {"milliseconds", {1e6, "ns", true}}, {"seconds", {1e9, "ns", true}},
        {"bytes", {1, "bytes", false}},
    };
    for (size_t i = 0; i < sizeof SCALES / sizeof *SCALES; i++) {
        if (!strcmp(SCALES[i].name, unit))
            return SCALES[i].scale;
    }
    return (struct scale){1, "", false};
}

// Our own names end in " (pid/tid)".
static struct thread thread_of(struct dict *dict, uint32_t name)
{
    struct thread thread = {.pid = -1, .tid = -1, .comm = name};
    const char *text = dict_text(dict, name), *open = strrchr(text, '(');
    int len = 0;
    if (open > text && sscanf(open, "(%d/%d)%n", &thread.pid, &thread.tid, &len) == 2 &&
        open[-1] == ' ' && open + len == text + dict_text_len(dict, name) && len) {
        char *comm = xstrndup(text, (size_t)(open - 1 - text));
        thread.comm = dict_string_z(dict, comm);
        free(comm);
    } else {
        thread.pid = thread.tid = -1;
    }
    if (name == DICT_EMPTY)
        thread.comm = dict_string_z(dict, "[profile]");
    return thread;
}

// A sample of a length in the event's unit, at a time (where the profile has times).
static int emit(struct speedscope *file, struct sample sample, const struct scale *scale,
                int64_t start_ns, int64_t value, struct err *err)
{
    if (value <= 0)
        return 0;
    sample.time_ns = scale->is_time ? start_ns : SAMPLE_NO_TIME;
    sample.value = (uint64_t)value;
    stage_add(&file->base.stage, &sample);
    return file->base.stage.count >= STAGE_BATCH ? json_decoder_flush(&file->base, err) : 0;
}

// In the event's unit; false, and counted, when it does not fit.
static bool to_unit(struct speedscope *file, const struct scale *scale, double number, int64_t *out)
{
    double scaled = number * scale->factor;
    if (!(fabs(scaled) < 9e18)) {
        json_decoder_skip(&file->base, "a time or weight beyond 2^63");
        return false;
    }
    *out = llround(scaled);
    return true;
}

static int emit_sampled(struct speedscope *file, const struct profile *profile,
                        struct sample sample, const struct scale *scale, struct err *err)
{
    struct stage *stage = &file->base.stage;
    uint32_t top = sample.node;
    int64_t now_ns = 0;
    double carry = 0; // of rounding, so that it does not add up
    int code = 0;
    if (!to_unit(file, scale, profile->start, &now_ns))
        return 0;
    if (profile->weight_count && profile->weight_count != profile->stack_count)
        json_decoder_skip(&file->base, "more stacks than weights, or fewer");
    for (size_t i = 0; !code && i < profile->stack_count; i++) {
        const struct stack *stack = profile->stacks + i;
        double weight = !profile->weight_count      ? 1
                        : i < profile->weight_count ? profile->weights[i]
                                                    : 0;
        int64_t value = 0;
        bool good = weight >= 0;
        sample.node = top;
        for (size_t j = 0; good && j < stack->count; j++) {
            uint32_t frame = file->stack_frames[stack->first + j];
            good = frame < file->frame_count;
            if (good)
                sample.node = stage_node(stage, sample.node, file->frames + frame);
        }
        if (!good)
            json_decoder_skip(&file->base, "a frame that is not there, or a negative weight");
        if (!(weight > 0) || !to_unit(file, scale, weight + carry / scale->factor, &value))
            continue;
        carry += weight * scale->factor - (double)value;
        if (good && stack->count) // an empty one is a time in which nothing was seen
            code = emit(file, sample, scale, now_ns, value, err);
        if (__builtin_add_overflow(now_ns, value, &now_ns))
            now_ns = INT64_MAX;
    }
    return code;
}

// Closes the innermost open frame of that number, and those within it.
static bool close_frame(const struct speedscope *file, size_t *depth, uint32_t frame)
{
    for (size_t at = *depth; at-- > 0;) {
        if (file->open[at] == frame) {
            *depth = at;
            return true;
        }
    }
    return false;
}

static int emit_evented(struct speedscope *file, const struct profile *profile,
                        struct sample sample, const struct scale *scale, struct err *err)
{
    struct stage *stage = &file->base.stage;
    uint32_t top = sample.node, *nodes = xmalloc((profile->event_count + 1) * sizeof *nodes);
    array_reserve(&file->open, &file->open_capacity, profile->event_count + 1);
    size_t depth = 0;
    double now = profile->start;
    int code = 0;
    for (size_t i = 0; !code && i < profile->event_count; i++) {
        const struct span_event *event = profile->events + i;
        sample.node = depth ? nodes[depth - 1] : top;
        int64_t from_ns, to_ns;
        if (depth && to_unit(file, scale, now, &from_ns) && to_unit(file, scale, event->at, &to_ns))
            code = emit(file, sample, scale, from_ns, to_ns - from_ns, err);
        now = event->at > now || !depth ? event->at : now;
        if (event->frame >= file->frame_count ||
            (!event->opens && !close_frame(file, &depth, event->frame))) {
            json_decoder_skip(&file->base, "an event of a frame that is not open, or not there");
        } else if (event->opens) {
            nodes[depth] = stage_node(stage, sample.node, file->frames + event->frame);
            file->open[depth++] = event->frame;
        }
    }
    if (depth)
        json_decoder_skip(&file->base, "frames that are never closed");
    free(nodes);
    return code;
}

static int end(struct json_decoder *decoder, struct err *err)
{
    struct speedscope *file = (struct speedscope *)decoder;
    struct dict *dict = &decoder->stage.dict;
    int code = 0;
    for (size_t i = 0; !code && i < file->profile_count; i++) {
        const struct profile *profile = file->profiles + i;
        struct scale scale = scale_of(dict_text(dict, profile->unit));
        struct thread thread = thread_of(dict, profile->name);
        struct event event = {.name = dict_string_z(dict, "samples"),
                              .unit = dict_string_z(dict, scale.unit),
                              .by_value = true};
        struct sample sample = {.thread = dict_thread(dict, &thread),
                                .node = dict_comm_node(dict, thread.comm),
                                .cpu = SAMPLE_NO_CPU,
                                .event = (uint16_t)dict_event(dict, &event)};
        code = profile->event_count ? emit_evented(file, profile, sample, &scale, err)
                                    : emit_sampled(file, profile, sample, &scale, err);
    }
    return code;
}

static void hello(struct json_decoder *decoder, struct hello *out)
{
    out->collector = "speedscope";
    out->clock =
        decoder->stage.samples[0].time_ns == SAMPLE_NO_TIME ? CLOCK_KIND_NONE : CLOCK_KIND_UNKNOWN;
}

static void dispose(struct json_decoder *decoder)
{
    struct speedscope *file = (struct speedscope *)decoder;
    for (size_t i = 0; i < file->profile_count; i++) {
        free(file->profiles[i].stacks);
        free(file->profiles[i].weights);
        free(file->profiles[i].events);
    }
    free(file->profiles);
    free(file->frames);
    free(file->stack_frames);
    free(file->open);
}

static struct decoder *decoder_new(struct sink *sink, const struct decode_options *options)
{
    static const struct json_decoder_kind KIND = {paths, each, end, hello, dispose, false};
    (void)options; // the file says it all
    return json_decoder_new(sizeof(struct speedscope), &KIND, sink);
}

static int probe(const void *head, size_t len)
{
    if (memmem(head, len, "speedscope.app/file-format-schema", 33))
        return json_probe(head, len, "$schema") ? 95 : 0;
    return json_probe(head, len, "profiles") && json_probe(head, len, "shared") ? 70 : 0;
}

// --- writing -------------------------------------------------------------------------------------

struct writer {
    struct gather *gather;
    const struct dict *dict;
    struct gather_index nodes, frames, threads;
    size_t *order; // samples by thread, then time
    const char *unit;
    bool timed;
};

static void put_frames(struct writer *writer)
{
    struct bytes *out = &writer->gather->text, name = {0};
    const char *comma = "\n";
    for (size_t i = 0; i < writer->frames.count; i++) {
        const struct frame *frame = writer->dict->frames + writer->frames.ids[i];
        bytes_clear(&name);
        gather_frame_text(&name, writer->dict, frame);
        bytes_printf(out, "%s{\"name\":", comma);
        json_quote(out, bytes_text(&name), name.len);
        if (frame->file != DICT_EMPTY) {
            bytes_append_text(out, ",\"file\":");
            json_quote(out, dict_text(writer->dict, frame->file),
                       dict_text_len(writer->dict, frame->file));
        }
        if (frame->line)
            bytes_printf(out, ",\"line\":%u", frame->line);
        bytes_append_char(out, '}');
        comma = ",\n";
    }
    bytes_dispose(&name);
}

static void put_stack(struct writer *writer, uint32_t node)
{
    const struct dict *dict = writer->dict;
    size_t depth = 0;
    for (uint32_t at = node; at != DICT_ROOT && dict->nodes[at].parent != DICT_ROOT;
         at = dict->nodes[at].parent)
        depth++;
    if (!depth && node != DICT_ROOT)
        depth = 1; // the comm, so that the sample is not lost in a gap
    uint32_t *frames = xmalloc((depth + 1) * sizeof *frames);
    for (size_t i = depth; i-- > 0; node = dict->nodes[node].parent)
        frames[i] = writer->frames.index[dict->nodes[node].frame];
    bytes_append_char(&writer->gather->text, '[');
    for (size_t i = 0; i < depth; i++)
        bytes_printf(&writer->gather->text, "%s%u", i ? "," : "", frames[i]);
    bytes_append_char(&writer->gather->text, ']');
    free(frames);
}

// The samples of one thread, twice: first their stacks, then their weights.
static int put_column(struct writer *writer, size_t from, size_t to, bool stacks, int64_t *end_ns,
                      struct err *err)
{
    struct gather *gather = writer->gather;
    int64_t now_ns = gather->samples[writer->order[from]].time_ns;
    const char *comma = "";
    int code = 0;
    for (size_t i = from; !code && i < to; i++) {
        const struct sample *sample = gather->samples + writer->order[i];
        if (writer->timed && sample->time_ns > now_ns) {
            if (stacks)
                bytes_printf(&gather->text, "%s[]", comma);
            else
                bytes_printf(&gather->text, "%s%" PRId64, comma, sample->time_ns - now_ns);
            comma = ",";
            now_ns = sample->time_ns;
        }
        bytes_append_text(&gather->text, comma);
        if (stacks)
            put_stack(writer, sample->node);
        else
            bytes_printf(&gather->text, "%" PRIu64, sample->value);
        comma = ",";
        now_ns += (int64_t)sample->value;
        code = gather_put(gather, false, err);
    }
    *end_ns = now_ns;
    return code;
}

static int put_thread(struct writer *writer, size_t from, size_t to, struct err *err)
{
    struct gather *gather = writer->gather;
    const struct sample *first = gather->samples + writer->order[from];
    const struct thread *thread = writer->dict->threads + first->thread;
    struct bytes *out = &gather->text, name = {0};
    int64_t end_ns;
    bytes_append(&name, dict_text(writer->dict, thread->comm),
                 dict_text_len(writer->dict, thread->comm));
    if (thread->pid >= 0)
        bytes_printf(&name, " (%d/%d)", thread->pid, thread->tid);
    bytes_append_text(out, "{\"type\":\"sampled\",\"name\":");
    json_quote(out, bytes_text(&name), name.len);
    bytes_dispose(&name);
    bytes_printf(out, ",\"unit\":\"%s\",\"startValue\":%" PRId64 ",\n\"samples\":[", writer->unit,
                 writer->timed ? first->time_ns : 0);
    int code = put_column(writer, from, to, true, &end_ns, err);
    bytes_append_text(out, "],\n\"weights\":[");
    if (!code)
        code = put_column(writer, from, to, false, &end_ns, err);
    bytes_printf(out, "],\n\"endValue\":%" PRId64 "}",
                 writer->timed ? end_ns : end_ns - first->time_ns);
    return code;
}

static void choose_unit(struct writer *writer)
{
    const struct gather *gather = writer->gather;
    bool all_timed = true, all_ns = true, all_bytes = true;
    for (size_t i = 0; i < gather->count; i++) {
        const char *unit =
            dict_text(writer->dict, writer->dict->events[gather->samples[i].event].unit);
        all_timed &= gather->samples[i].time_ns != SAMPLE_NO_TIME;
        all_ns &= !strcmp(unit, "ns");
        all_bytes &= !strcmp(unit, "bytes");
    }
    writer->timed = all_timed && all_ns;
    writer->unit = all_ns ? "nanoseconds" : all_bytes ? "bytes" : "none";
}

static int write_all(struct gather *gather, struct err *err)
{
    struct writer writer = {.gather = gather, .dict = gather->base.sink.dict};
    gather_sort(gather);
    gather_nodes(&writer.nodes, gather);
    gather_frames(&writer.frames, gather, &writer.nodes);
    gather_threads(&writer.threads, gather);
    size_t *starts = gather_by_thread(&writer.order, gather, &writer.threads);
    choose_unit(&writer);
    bytes_append_text(&gather->text,
                      "{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\n"
                      "\"exporter\":\"flicker\",\"shared\":{\"frames\":[");
    put_frames(&writer);
    bytes_append_text(&gather->text, "]},\n\"profiles\":[");
    int code = 0;
    for (size_t i = 0; !code && i < writer.threads.count; i++) {
        bytes_append_text(&gather->text, i ? ",\n" : "\n");
        code = put_thread(&writer, starts[i], starts[i + 1], err);
    }
    bytes_append_text(&gather->text, "]}\n");
    gather_index_dispose(&writer.nodes);
    gather_index_dispose(&writer.frames);
    gather_index_dispose(&writer.threads);
    free(writer.order);
    free(starts);
    return code;
}

static struct encoder *encoder_new(struct dict *dict, struct output *output)
{
    return gather_new(dict, output, write_all);
}

const struct format format_speedscope = {
    .name = "speedscope",
    .summary = "speedscope's own format",
    .extension = ".speedscope.json",
    .probe = probe,
    .decoder_new = decoder_new,
    .encoder_new = encoder_new,
    .loses =
        HOLD_BARE_TIME | HOLD_CPU | HOLD_EVENT | HOLD_MODULE | HOLD_ADDRESS | HOLD_KIND | HOLD_LOSS,
};
