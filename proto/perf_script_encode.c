// perf script's text: "comm pid/tid [cpu] seconds: period event:", frames leaf first, a blank line.
#include "proto/perf_script_encode.h"

#include "proto/alloc.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 256 << 10 };

struct perf_script_encoder {
    struct encoder base;
    struct bytes text; // not yet written
};

// A name on one line: what would end the line or the record becomes a space.
static void put_name(struct bytes *out, const struct dict *dict, uint32_t string)
{
    const char *text = dict_text(dict, string);
    size_t len = dict_text_len(dict, string);
    for (size_t i = 0; i < len; i++)
        bytes_append_char(out, text[i] == '\n' || text[i] == '\r' || !text[i] ? ' ' : text[i]);
}

static void put_frame(struct bytes *out, const struct dict *dict, const struct frame *frame)
{
    bytes_printf(out, "\t%16" PRIx64 " ", frame->address);
    if (frame_is_unresolved(frame))
        bytes_append_text(out, "[unknown]");
    else
        put_name(out, dict, frame->name);
    bytes_append_text(out, " (");
    if (frame->kind == FRAME_INLINED)
        bytes_append_text(out, "inlined");
    else if (frame->module != DICT_EMPTY)
        put_name(out, dict, frame->module);
    else
        bytes_append_text(out, frame->kind == FRAME_KERNEL ? "[kernel.kallsyms]" : "[unknown]");
    bytes_append_text(out, ")\n");
}

static void put_sample(struct bytes *out, const struct dict *dict, const struct sample *sample)
{
    const struct thread *thread = dict->threads + sample->thread;
    const struct event *event = dict->events + sample->event;
    put_name(out, dict, thread->comm);
    if (thread->pid >= 0 || thread->tid < 0) // a bare -1 and a period could be two ids
        bytes_printf(out, " %5d/%-5d ", thread->pid, thread->tid);
    else
        bytes_printf(out, " %5d ", thread->tid);
    if (sample->cpu != SAMPLE_NO_CPU)
        bytes_printf(out, "[%03u] ", sample->cpu);
    bool timed = sample->time_ns != SAMPLE_NO_TIME && sample->time_ns >= 0;
    if (timed)
        bytes_printf(out, "%" PRId64 ".%09" PRId64 ": ", sample->time_ns / 1000000000,
                     sample->time_ns % 1000000000);
    if (sample->value != 1) // without a period, a sample is worth 1
        bytes_printf(out, "%*" PRIu64 " ", timed ? 10 : 1,
                     sample->value); // wide, it could be an id
    put_name(out, dict, event->name);
    bytes_append_text(out, ":\n");
    for (uint32_t node = sample->node; node != DICT_ROOT; node = dict->nodes[node].parent) {
        const struct frame *frame = dict->frames + dict->nodes[node].frame;
        if (frame->kind != FRAME_COMM)
            put_frame(out, dict, frame);
    }
    bytes_append_char(out, '\n');
}

static int put(struct perf_script_encoder *encoder, bool all, struct err *err)
{
    if (!encoder->text.len || (!all && encoder->text.len < TEXT_BYTES))
        return 0;
    int code = output_write(encoder->base.output, encoder->text.data, encoder->text.len, err);
    bytes_clear(&encoder->text);
    return code;
}

static int on_hello(struct sink *sink, const struct hello *hello, struct err *err)
{
    struct perf_script_encoder *encoder = (struct perf_script_encoder *)sink;
    (void)err;
    if (hello->host)
        bytes_printf(&encoder->text, "# hostname : %s\n", hello->host);
    if (hello->kernel)
        bytes_printf(&encoder->text, "# os release : %s\n", hello->kernel);
    return 0;
}

static int on_samples(struct sink *sink, const struct sample *samples, size_t count,
                      struct err *err)
{
    struct perf_script_encoder *encoder = (struct perf_script_encoder *)sink;
    int code = 0;
    for (size_t i = 0; !code && i < count; i++) {
        put_sample(&encoder->text, sink->dict, samples + i);
        code = put(encoder, false, err);
    }
    return code;
}

static int on_loss(struct sink *sink, const struct loss *loss, struct err *err)
{
    (void)sink;
    (void)loss;
    (void)err;
    return 0; // the text has no place for it
}

static int finish(struct encoder *encoder, struct err *err)
{
    return put((struct perf_script_encoder *)encoder, true, err);
}

static void dispose(struct encoder *base)
{
    struct perf_script_encoder *encoder = (struct perf_script_encoder *)base;
    if (!encoder)
        return;
    bytes_dispose(&encoder->text);
    free(encoder);
}

struct encoder *perf_script_encoder_new(struct dict *dict, struct output *output)
{
    static const struct sink_ops SINK = {.hello = on_hello, .samples = on_samples, .loss = on_loss};
    static const struct encoder_ops OPS = {finish, dispose};
    struct perf_script_encoder *encoder = xcalloc(1, sizeof *encoder);
    encoder->base =
        (struct encoder){.sink = {.ops = &SINK, .dict = dict}, .ops = &OPS, .output = output};
    return &encoder->base;
}
