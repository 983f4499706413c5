// A sink that keeps what it is given, and prints it as text: what tests of decoders compare.
#ifndef FLICKER_TESTS_COLLECT_H
#define FLICKER_TESTS_COLLECT_H

#include "proto/alloc.h"
#include "proto/bytes.h"
#include "proto/format.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct collect {
    struct sink sink;
    struct dict dict;
    struct sample *samples;
    size_t count, capacity;
    int hellos;
    struct hello hello; // its text is not kept
    char host[64], kernel[64], command[256];
    uint64_t lost;
    size_t losses;
};

static inline void collect_keep(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text ? text : "");
}

static inline int collect_on_hello(struct sink *sink, const struct hello *hello, struct err *err)
{
    (void)err;
    struct collect *collect = (struct collect *)sink;
    collect->hellos++;
    collect->hello = *hello;
    collect_keep(collect->host, sizeof collect->host, hello->host);
    collect_keep(collect->kernel, sizeof collect->kernel, hello->kernel);
    collect_keep(collect->command, sizeof collect->command, hello->command);
    return 0;
}

static inline int collect_on_samples(struct sink *sink, const struct sample *samples, size_t count,
                                     struct err *err)
{
    (void)err;
    struct collect *collect = (struct collect *)sink;
    array_reserve(&collect->samples, &collect->capacity, collect->count + count);
    memcpy(collect->samples + collect->count, samples, count * sizeof *samples);
    collect->count += count;
    return 0;
}

static inline int collect_on_loss(struct sink *sink, const struct loss *loss, struct err *err)
{
    (void)err;
    struct collect *collect = (struct collect *)sink;
    collect->lost += loss->count;
    collect->losses++;
    return 0;
}

static inline void collect_init(struct collect *collect)
{
    static const struct sink_ops ops = {
        .hello = collect_on_hello, .samples = collect_on_samples, .loss = collect_on_loss};
    *collect = (struct collect){0};
    dict_init(&collect->dict);
    collect->sink = (struct sink){&ops, &collect->dict};
}

static inline void collect_dispose(struct collect *collect)
{
    dict_dispose(&collect->dict);
    free(collect->samples);
}

static inline const char *collect_string(const struct collect *collect, uint32_t id)
{
    return dict_text(&collect->dict, id);
}

// "name|module|kind" of each frame, root first, joined by ';'.
static inline void collect_stack(const struct collect *collect, uint32_t node, struct bytes *out)
{
    static const char kinds[] = "ukjipc";
    const struct dict *dict = &collect->dict;
    if (node == DICT_ROOT)
        return;
    collect_stack(collect, dict->nodes[node].parent, out);
    const struct frame *frame = &dict->frames[dict->nodes[node].frame];
    if (dict->nodes[node].parent != DICT_ROOT)
        bytes_append_char(out, ';');
    bytes_append(out, dict_text(dict, frame->name), dict_text_len(dict, frame->name));
    if (frame->kind == FRAME_COMM)
        return;
    bytes_printf(out, "|%s|%c", dict_text(dict, frame->module), kinds[frame->kind]);
    if (frame->address)
        bytes_printf(out, "|%" PRIx64, frame->address);
    if (frame->file)
        bytes_printf(out, "|%s:%u", dict_text(dict, frame->file), frame->line);
}

// One line: "time cpu pid/tid comm event/unit value stack".
static inline void collect_sample(const struct collect *collect, size_t i, struct bytes *out)
{
    const struct sample *sample = &collect->samples[i];
    const struct dict *dict = &collect->dict;
    const struct thread *thread = &dict->threads[sample->thread];
    const struct event *event = &dict->events[sample->event];
    if (sample->time_ns == SAMPLE_NO_TIME)
        bytes_append_text(out, "- ");
    else
        bytes_printf(out, "%" PRId64 " ", sample->time_ns);
    if (sample->cpu == SAMPLE_NO_CPU)
        bytes_append_text(out, "- ");
    else
        bytes_printf(out, "%u ", sample->cpu);
    bytes_printf(out, "%d/%d {%s} %s/%s %" PRIu64 " ", thread->pid, thread->tid,
                 dict_text(dict, thread->comm), dict_text(dict, event->name),
                 dict_text(dict, event->unit), sample->value);
    collect_stack(collect, sample->node, out);
    bytes_append_char(out, '\n');
}

static inline void collect_text(const struct collect *collect, struct bytes *out)
{
    for (size_t i = 0; i < collect->count; i++)
        collect_sample(collect, i, out);
}

// A whole file; the caller frees. NULL when it cannot be read.
static inline char *collect_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    struct bytes bytes = {0};
    char buffer[65536];
    for (size_t got; (got = fread(buffer, 1, sizeof buffer, file)) > 0;)
        bytes_append(&bytes, buffer, got);
    fclose(file);
    *len = bytes.len;
    return bytes.data ? bytes.data : xstrdup("");
}

#endif
