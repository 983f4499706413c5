// Writes pprof: samples as they came, then the tables that they speak of, in gzip.
#include "proto/alloc.h"
#include "proto/gather.h"
#include "proto/gzip_output.h"
#include "proto/pprof.h"
#include "proto/wire.h"

#include <stdlib.h>
#include <string.h>

// A column of values: an event's, or how many samples of it.
struct value_type {
    uint16_t event;
    bool counts;
};

struct writer {
    struct gather *gather;
    const struct dict *dict;
    struct gather_index nodes, frames, events;
    struct value_type *types;
    size_t type_count;
    struct dict strings; // the profile's string table
    struct dict modules; // strings: the mappings, from 1
    struct bytes message, part;
    uint64_t labels[5]; // strings
};

enum { LABEL_COMM, LABEL_PID, LABEL_TID, LABEL_CPU, LABEL_TIME };

static uint64_t string_of(struct writer *writer, uint32_t string)
{
    return dict_string(&writer->strings, dict_text(writer->dict, string),
                       dict_text_len(writer->dict, string));
}

static int put_message(struct writer *writer, unsigned number, struct err *err)
{
    wire_put_bytes(&writer->gather->text, number, writer->message.data, writer->message.len);
    bytes_clear(&writer->message);
    return gather_put(writer->gather, false, err);
}

static void put_part(struct writer *writer, unsigned number)
{
    wire_put_bytes(&writer->message, number, bytes_text(&writer->part), writer->part.len);
    bytes_clear(&writer->part);
}

static uint64_t unit_of(struct writer *writer, const struct value_type *type)
{
    uint32_t unit = writer->dict->events[type->event].unit;
    const char *text = dict_text(writer->dict, unit);
    if (type->counts || !*text)
        return dict_string_z(&writer->strings, "count");
    return !strcmp(text, "ns") ? dict_string_z(&writer->strings, "nanoseconds")
                               : string_of(writer, unit);
}

// An event by value has one type; one of samples has their number, and their value where that is
// not always 1.
static int put_types(struct writer *writer, struct err *err)
{
    const struct gather *gather = writer->gather;
    bool *valued = xcalloc(writer->dict->event_count + 1, sizeof *valued);
    for (size_t i = 0; i < gather->count; i++)
        valued[gather->samples[i].event] |= gather->samples[i].value != 1;
    writer->types = xcalloc(2 * writer->events.count + 1, sizeof *writer->types);
    for (size_t i = 0; i < writer->events.count; i++) {
        uint16_t event = (uint16_t)writer->events.ids[i];
        bool by_value = writer->dict->events[event].by_value;
        if (!by_value)
            writer->types[writer->type_count++] = (struct value_type){event, true};
        if (by_value || valued[event])
            writer->types[writer->type_count++] = (struct value_type){event, false};
    }
    free(valued);
    int code = 0;
    for (size_t i = 0; !code && i < writer->type_count; i++) {
        const struct value_type *type = writer->types + i;
        uint64_t name = type->counts && writer->events.count == 1
                            ? dict_string_z(&writer->strings, "samples")
                            : string_of(writer, writer->dict->events[type->event].name);
        wire_put_number(&writer->message, PPROF_TYPE_NAME, name);
        wire_put_number(&writer->message, PPROF_TYPE_UNIT, unit_of(writer, type));
        code = put_message(writer, PPROF_SAMPLE_TYPE, err);
    }
    return code;
}

static void put_label(struct writer *writer, int label, uint64_t str, uint64_t num,
                      const char *unit)
{
    wire_put_number(&writer->part, PPROF_LABEL_KEY, writer->labels[label]);
    wire_put_number(&writer->part, PPROF_LABEL_STR, str);
    wire_put_number(&writer->part, PPROF_LABEL_NUM, num);
    if (!str && !num && !unit) // a label that is all zeros is none to pprof
        unit = "id";
    if (unit)
        wire_put_number(&writer->part, PPROF_LABEL_UNIT, dict_string_z(&writer->strings, unit));
    put_part(writer, PPROF_SAMPLE_LABEL);
}

static int put_sample(struct writer *writer, const struct sample *sample, struct err *err)
{
    const struct dict *dict = writer->dict;
    const struct thread *thread = dict->threads + sample->thread;
    for (uint32_t node = sample->node; node != DICT_ROOT; node = dict->nodes[node].parent) {
        uint32_t frame = dict->nodes[node].frame;
        if (dict->frames[frame].kind != FRAME_COMM)
            wire_put_raw(&writer->part, writer->frames.index[frame] + 1u);
    }
    put_part(writer, PPROF_SAMPLE_LOCATION);
    for (size_t i = 0; i < writer->type_count; i++) {
        const struct value_type *type = writer->types + i;
        wire_put_raw(&writer->part, type->event != sample->event ? 0
                                    : type->counts               ? 1
                                                                 : sample->value);
    }
    put_part(writer, PPROF_SAMPLE_VALUE);
    put_label(writer, LABEL_COMM, string_of(writer, thread->comm), 0, NULL);
    if (thread->pid >= 0)
        put_label(writer, LABEL_PID, 0, (uint64_t)thread->pid, NULL);
    if (thread->tid >= 0)
        put_label(writer, LABEL_TID, 0, (uint64_t)thread->tid, NULL);
    if (sample->cpu != SAMPLE_NO_CPU)
        put_label(writer, LABEL_CPU, 0, sample->cpu, NULL);
    if (sample->time_ns != SAMPLE_NO_TIME)
        put_label(writer, LABEL_TIME, 0, (uint64_t)sample->time_ns, "nanoseconds");
    return put_message(writer, PPROF_SAMPLE, err);
}

// One location, and one function, a frame; an inlined frame is a location of its own.
static int put_frame(struct writer *writer, size_t index, struct err *err)
{
    const struct frame *frame = writer->dict->frames + writer->frames.ids[index];
    struct bytes *message = &writer->message;
    if (frame->kind == FRAME_COMM)
        return 0;
    uint64_t id = index + 1, mapping = 0;
    if (frame->module != DICT_EMPTY)
        mapping = dict_string(&writer->modules, dict_text(writer->dict, frame->module),
                              dict_text_len(writer->dict, frame->module));
    wire_put_number(message, PPROF_LOCATION_ID, id);
    wire_put_number(message, PPROF_LOCATION_MAPPING, mapping);
    wire_put_number(message, PPROF_LOCATION_ADDRESS, frame->address);
    if (!frame_is_unresolved(frame)) {
        wire_put_number(&writer->part, PPROF_LINE_FUNCTION, id);
        wire_put_number(&writer->part, PPROF_LINE_LINE, frame->line);
        put_part(writer, PPROF_LOCATION_LINE);
    }
    int code = put_message(writer, PPROF_LOCATION, err);
    if (code || frame_is_unresolved(frame))
        return code;
    wire_put_number(message, PPROF_FUNCTION_ID, id);
    wire_put_number(message, PPROF_FUNCTION_NAME, string_of(writer, frame->name));
    wire_put_number(message, PPROF_FUNCTION_FILE, string_of(writer, frame->file));
    return put_message(writer, PPROF_FUNCTION, err);
}

static int put_mappings(struct writer *writer, struct err *err)
{
    int code = 0;
    for (uint32_t id = 1; !code && id < writer->modules.string_count; id++) {
        uint64_t file = dict_string(&writer->strings, dict_text(&writer->modules, id),
                                    dict_text_len(&writer->modules, id));
        wire_put_number(&writer->message, PPROF_MAPPING_ID, id);
        wire_put_number(&writer->message, PPROF_MAPPING_FILE, file);
        wire_put_number(&writer->message, PPROF_MAPPING_FUNCTIONS, 1);
        code = put_message(writer, PPROF_MAPPING, err);
    }
    return code;
}

static int put_strings(struct writer *writer, struct err *err)
{
    int code = 0;
    for (uint32_t i = 0; !code && i < writer->strings.string_count; i++) {
        wire_put_bytes(&writer->gather->text, PPROF_STRING, dict_text(&writer->strings, i),
                       dict_text_len(&writer->strings, i));
        code = gather_put(writer->gather, false, err);
    }
    return code;
}

static int put_times(struct writer *writer, struct err *err)
{
    const struct gather *gather = writer->gather;
    int64_t first = INT64_MAX, last = INT64_MIN;
    int code = 0;
    for (size_t i = 0; i < gather->count && !code; i++) {
        int64_t time_ns = gather->samples[i].time_ns;
        code = gather_goes_on(gather, i, err);
        if (time_ns == SAMPLE_NO_TIME)
            continue;
        first = time_ns < first ? time_ns : first;
        last = time_ns > last ? time_ns : last;
    }
    if (first > last)
        return code;
    if (gather->hello.wall_known)
        wire_put_number(&writer->gather->text, PPROF_TIME_NANOS,
                        (uint64_t)first + (uint64_t)gather->hello.wall_offset_ns);
    wire_put_number(&writer->gather->text, PPROF_DURATION_NANOS, (uint64_t)last - (uint64_t)first);
    return code;
}

static int put_profile(struct writer *writer, struct err *err)
{
    static const char *const LABELS[] = {"comm", "pid", "tid", "cpu", "timestamp_ns"};
    for (size_t i = 0; i < sizeof LABELS / sizeof *LABELS; i++)
        writer->labels[i] = dict_string_z(&writer->strings, LABELS[i]);
    struct gather *gather = writer->gather;
    int code = put_types(writer, err);
    for (size_t i = 0; !code && i < gather->count; i++)
        code = put_sample(writer, gather->samples + i, err);
    for (size_t i = 0; !code && i < writer->frames.count; i++)
        code = put_frame(writer, i, err);
    if (!code)
        code = put_mappings(writer, err);
    if (!code)
        code = put_strings(writer, err);
    if (!code)
        code = put_times(writer, err);
    return code ? code : gather_put(gather, true, err);
}

static int write_all(struct gather *gather, struct err *err)
{
    struct writer writer = {.gather = gather, .dict = gather->base.sink.dict};
    struct output *output = gather->base.output;
    struct gzip_output gzip;
    gzip_output_init(&gzip, output);
    gather->base.output = &gzip.base;
    dict_init(&writer.strings);
    dict_init(&writer.modules);
    int code = gather_nodes(&writer.nodes, gather, err);
    if (!code)
        code = gather_events(&writer.events, gather, err);
    if (!code) {
        gather_frames(&writer.frames, gather, &writer.nodes);
        code = put_profile(&writer, err);
    }
    if (!code)
        code = gzip_output_finish(&gzip, err);
    gather->base.output = output;
    gzip_output_dispose(&gzip);
    gather_index_dispose(&writer.nodes);
    gather_index_dispose(&writer.frames);
    gather_index_dispose(&writer.events);
    dict_dispose(&writer.strings);
    dict_dispose(&writer.modules);
    bytes_dispose(&writer.message);
    bytes_dispose(&writer.part);
    free(writer.types);
    return code;
}

struct encoder *pprof_encoder_new(struct dict *dict, struct output *output)
{
    return gather_new(dict, output, write_all);
}
