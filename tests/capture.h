// A sink that writes down what it is given, as text, so that tests can compare what decoders
// understood: a line a sample, a line a loss, a line for the hello.
//
//     1.000000005 demo 12/13 cpu 1 cpu-clock 1: demo;main;read_[k]
#ifndef FLICKER_TESTS_CAPTURE_H
#define FLICKER_TESTS_CAPTURE_H

#include "proto/alloc.h"
#include "proto/format.h"
#include "tests/test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct capture {
    struct sink sink;
    struct dict dict;
    struct bytes text;
    uint64_t samples, value;
    struct sample first, last;
    struct hello hello; // its text is gone
    bool terse;         // count only
};

static inline void capture_frame(struct bytes *text, const struct dict *dict, uint32_t node)
{
    if (node == DICT_ROOT)
        return;
    uint32_t parent = dict->nodes[node].parent;
    assert_true(parent < node);
    capture_frame(text, dict, parent);
    const struct frame *frame = dict->frames + dict->nodes[node].frame;
    static const char *const KINDS[FRAME_KINDS] = {"", "_[k]", "_[j]", "_[i]", "_[p]", ""};
    if (parent != DICT_ROOT)
        bytes_append_char(text, ';');
    if (frame_is_unresolved(frame))
        bytes_printf(text, "0x%" PRIx64, frame->address);
    else
        bytes_append_text(text, dict_text(dict, frame->name));
    if (frame->module != DICT_EMPTY)
        bytes_printf(text, " (%s)", dict_text(dict, frame->module));
    if (frame->file != DICT_EMPTY)
        bytes_printf(text, " %s:%u", dict_text(dict, frame->file), frame->line);
    bytes_append_text(text, KINDS[frame->kind]);
}

static inline int capture_samples(struct sink *sink, const struct sample *samples, size_t count,
                                  struct err *err)
{
    struct capture *capture = (struct capture *)sink;
    const struct dict *dict = &capture->dict;
    (void)err;
    for (size_t i = 0; i < count; i++) {
        const struct sample *sample = samples + i;
        assert_true(sample->node < dict->node_count && sample->thread < dict->thread_count &&
                    sample->event < dict->event_count);
        if (!capture->samples++)
            capture->first = *sample;
        capture->last = *sample;
        capture->value += sample->value;
        if (capture->terse)
            continue;
        const struct thread *thread = dict->threads + sample->thread;
        if (sample->time_ns == SAMPLE_NO_TIME)
            bytes_append_text(&capture->text, "-");
        else
            bytes_printf(&capture->text, "%" PRId64 ".%09" PRId64, sample->time_ns / 1000000000,
                         sample->time_ns % 1000000000);
        bytes_printf(&capture->text, " %s %d/%d", dict_text(dict, thread->comm), thread->pid,
                     thread->tid);
        if (sample->cpu != SAMPLE_NO_CPU)
            bytes_printf(&capture->text, " cpu %u", sample->cpu);
        const struct event *event = dict->events + sample->event;
        bytes_printf(&capture->text, " %s %" PRIu64 "%s%s: ", dict_text(dict, event->name),
                     sample->value, dict_text(dict, event->unit), event->by_value ? "!" : "");
        capture_frame(&capture->text, dict, sample->node);
        bytes_append_char(&capture->text, '\n');
    }
    return 0;
}

static inline int capture_loss(struct sink *sink, const struct loss *loss, struct err *err)
{
    struct capture *capture = (struct capture *)sink;
    (void)err;
    bytes_printf(&capture->text, "lost %" PRIu64 " cpu %d where %d\n", loss->count, loss->cpu,
                 loss->where);
    return 0;
}

static inline int capture_hello(struct sink *sink, const struct hello *hello, struct err *err)
{
    struct capture *capture = (struct capture *)sink;
    (void)err;
    capture->hello = *hello;
#define TEXT(field) hello->field ? hello->field : "-"
    bytes_printf(&capture->text, "hello %s %s %s %s %g Hz %u cpus clock %d", TEXT(collector),
                 TEXT(command), TEXT(host), TEXT(kernel), hello->rate_hz, hello->cpus,
                 hello->clock);
#undef TEXT
    if (hello->wall_known)
        bytes_printf(&capture->text, " wall %" PRId64, hello->wall_offset_ns);
    bytes_append_char(&capture->text, '\n');
    return 0;
}

static inline void capture_init(struct capture *capture)
{
    static const struct sink_ops OPS = {
        .hello = capture_hello, .samples = capture_samples, .loss = capture_loss};
    memset(capture, 0, sizeof *capture);
    dict_init(&capture->dict);
    capture->sink = (struct sink){.ops = &OPS, .dict = &capture->dict};
}

static inline void capture_dispose(struct capture *capture)
{
    bytes_dispose(&capture->text);
    dict_dispose(&capture->dict);
}

// Decodes data in chunks of `chunk` bytes (0: in one); stops at an error, which is returned.
// *report may be NULL.
static inline int capture_decode(struct capture *capture, const struct format *format,
                                 const struct decode_options *options, const void *data, size_t len,
                                 size_t chunk, struct decode_report *report)
{
    static const struct decode_options NONE = {0};
    struct decoder *decoder = format->decoder_new(&capture->sink, options ? options : &NONE);
    struct err err = {0};
    int code = 0;
    for (size_t at = 0; !code && at < len;) {
        size_t bite = chunk && chunk < len - at ? chunk : len - at;
        char *copy = xmalloc(bite ? bite : 1); // exact, so that a sanitizer sees what is overread
        memcpy(copy, (const char *)data + at, bite);
        code = decoder->ops->push(decoder, copy, bite, &err);
        free(copy);
        at += bite;
    }
    if (!code)
        code = decoder->ops->finish(decoder, &err);
    if (code)
        assert_true(err.code == code && err.message[0]);
    if (report)
        *report = decoder->report;
    decoder_free(decoder);
    return code;
}

// The same bytes in two pushes, cut at every `step`-th byte, give the same text and counts.
static inline void capture_check_splits(const struct format *format,
                                        const struct decode_options *options, const char *data,
                                        size_t len, size_t step)
{
    static const struct decode_options NONE = {0};
    struct capture whole;
    struct decode_report whole_report;
    capture_init(&whole);
    int whole_code = capture_decode(&whole, format, options, data, len, 0, &whole_report);
    for (size_t cut = 0; cut <= len; cut += step) {
        struct capture halves;
        struct err err = {0};
        capture_init(&halves);
        struct decoder *decoder = format->decoder_new(&halves.sink, options ? options : &NONE);
        int code = decoder->ops->push(decoder, data, cut, &err);
        if (!code)
            code = decoder->ops->push(decoder, data + cut, len - cut, &err);
        if (!code)
            code = decoder->ops->finish(decoder, &err);
        if (code != whole_code || strcmp(bytes_text(&halves.text), bytes_text(&whole.text)))
            fail_msg("cut at %zu: code %d against %d:\n%s\nagainst\n%s", cut, code, whole_code,
                     bytes_text(&halves.text), bytes_text(&whole.text));
        assert_int_equal(decoder->report.samples, whole_report.samples);
        assert_int_equal(decoder->report.skipped, whole_report.skipped);
        assert_int_equal(decoder->report.first_skipped_byte, whole_report.first_skipped_byte);
        assert_int_equal(decoder->report.first_skipped_line, whole_report.first_skipped_line);
        decoder_free(decoder);
        capture_dispose(&halves);
    }
    capture_dispose(&whole);
}

// A stream cut at every `step`-th byte, and one with flipped bits (a fixed sequence of them), never
// crashes, and gives an error with a message or samples.
static inline void capture_check_damage(const struct format *format, const char *data, size_t len,
                                        size_t step, unsigned flips)
{
    for (size_t cut = 0; cut < len; cut += step) {
        struct capture capture;
        capture_init(&capture);
        capture.terse = true;
        capture_decode(&capture, format, NULL, data, cut, 0, NULL);
        capture_dispose(&capture);
    }
    char *damaged = xmalloc(len ? len : 1);
    uint64_t random = 88172645463325252u; // xorshift64, Marsaglia
    for (unsigned i = 0; i < flips && len; i++) {
        memcpy(damaged, data, len);
        for (unsigned bits = i % 3 + 1; bits; bits--) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            damaged[random % len] ^= (char)(1u << (random >> 40 & 7));
        }
        struct capture capture;
        capture_init(&capture);
        capture.terse = true;
        capture_decode(&capture, format, NULL, damaged, len, 0, NULL);
        capture_dispose(&capture);
    }
    free(damaged);
}

// Reads data as one format and writes it as another.
static inline void capture_convert(const struct format *from, const char *data, size_t len,
                                   const struct format *to, struct bytes *out)
{
    struct dict dict;
    struct output_bytes output;
    struct err err = {0};
    dict_init(&dict);
    output_bytes_init(&output, out);
    struct encoder *encoder = to->encoder_new(&dict, &output.base);
    struct decoder *decoder = from->decoder_new(&encoder->sink, NULL);
    assert_int_equal(decoder->ops->push(decoder, data, len, &err), 0);
    assert_int_equal(decoder->ops->finish(decoder, &err), 0);
    assert_int_equal(encoder->ops->finish(encoder, &err), 0);
    decoder_free(decoder);
    encoder_free(encoder);
    dict_dispose(&dict);
}

// Reads a file whole; the caller frees *data, which ends in a NUL that *len does not count.
static inline void read_whole(const char *path, char **data, size_t *len)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("%s: cannot be opened", path);
    struct bytes bytes = {0};
    char block[65536];
    for (size_t got; (got = fread(block, 1, sizeof block, file));)
        bytes_append(&bytes, block, got);
    fclose(file);
    bytes_append(&bytes, "", 0);
    *data = bytes.data;
    *len = bytes.len;
}

#endif
