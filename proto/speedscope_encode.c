// Samples as a speedscope file.
#include "proto/speedscope_encode.h"

#include "proto/alloc.h"
#include "proto/gather.h"
#include "proto/json_value.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct writer {
    struct gather *gather;
    const struct dict *dict;
    struct gather_tables tables;
    const char *unit;
    bool timed;
};

static void put_frames(struct writer *writer)
{
    struct bytes *out = &writer->gather->text, name = {0};
    const char *comma = "\n";
    for (size_t i = 0; i < writer->tables.frames.count; i++) {
        const struct frame *frame = writer->dict->frames + writer->tables.frames.ids[i];
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
        frames[i] = writer->tables.frames.index[dict->nodes[node].frame];
    bytes_append_char(&writer->gather->text, '[');
    for (size_t i = 0; i < depth; i++) {
        bytes_append_text(&writer->gather->text, i ? "," : "");
        bytes_append_number(&writer->gather->text, frames[i]);
    }
    bytes_append_char(&writer->gather->text, ']');
    free(frames);
}

// The samples of one thread, twice: first their stacks, then their weights.
static int put_column(struct writer *writer, size_t from, size_t to, bool stacks, int64_t *end_ns,
                      struct err *err)
{
    struct gather *gather = writer->gather;
    int64_t now_ns = gather->samples[writer->tables.order[from]].time_ns;
    const char *comma = "";
    int code = 0;
    for (size_t i = from; !code && i < to; i++) {
        const struct sample *sample = gather->samples + writer->tables.order[i];
        if (writer->timed && sample->time_ns > now_ns) {
            bytes_append_text(&gather->text, comma);
            if (stacks)
                bytes_append_text(&gather->text, "[]");
            else
                bytes_append_number(&gather->text, (uint64_t)(sample->time_ns - now_ns));
            comma = ",";
            now_ns = sample->time_ns;
        }
        bytes_append_text(&gather->text, comma);
        if (stacks)
            put_stack(writer, sample->node);
        else
            bytes_append_number(&gather->text, sample->value);
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
    const struct sample *first = gather->samples + writer->tables.order[from];
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

static int choose_unit(struct writer *writer, struct err *err)
{
    const struct gather *gather = writer->gather;
    bool all_timed = true, all_ns = true, all_bytes = true;
    int code = 0;
    for (size_t i = 0; i < gather->count && !code; i++) {
        const char *unit =
            dict_text(writer->dict, writer->dict->events[gather->samples[i].event].unit);
        all_timed &= gather->samples[i].time_ns != SAMPLE_NO_TIME;
        all_ns &= !strcmp(unit, "ns");
        all_bytes &= !strcmp(unit, "bytes");
        code = gather_goes_on(gather, i, err);
    }
    writer->timed = all_timed && all_ns;
    writer->unit = all_ns ? "nanoseconds" : all_bytes ? "bytes" : "none";
    return code;
}

static int write_all(struct gather *gather, struct err *err)
{
    struct writer writer = {.gather = gather, .dict = gather->base.sink.dict};
    int code = gather_all(&writer.tables, gather, err);
    if (!code)
        code = choose_unit(&writer, err);
    bytes_append_text(&gather->text,
                      "{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\n"
                      "\"exporter\":\"flicker\",\"shared\":{\"frames\":[");
    if (!code)
        put_frames(&writer);
    bytes_append_text(&gather->text, "]},\n\"profiles\":[");
    for (size_t i = 0; !code && i < writer.tables.threads.count; i++) {
        bytes_append_text(&gather->text, i ? ",\n" : "\n");
        code = put_thread(&writer, writer.tables.starts[i], writer.tables.starts[i + 1], err);
    }
    bytes_append_text(&gather->text, "]}\n");
    gather_tables_dispose(&writer.tables);
    return code;
}

struct encoder *speedscope_encoder_new(struct dict *dict, struct output *output)
{
    return gather_new(dict, output, write_all);
}
