// The sink that gathers, and the numbering of what its samples speak of.
#include "proto/gather.h"

#include "proto/alloc.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 256 << 10 };

static char *copy(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

static int on_hello(struct sink *sink, const struct hello *hello, struct err *err)
{
    struct gather *gather = (struct gather *)sink;
    (void)err;
    if (gather->hello_said)
        return 0;
    gather->hello_said = true;
    gather->hello = *hello;
    gather->hello.collector = copy(hello->collector);
    gather->hello.command = copy(hello->command);
    gather->hello.host = copy(hello->host);
    gather->hello.kernel = copy(hello->kernel);
    return 0;
}

static int on_samples(struct sink *sink, const struct sample *samples, size_t count,
                      struct err *err)
{
    struct gather *gather = (struct gather *)sink;
    (void)err;
    array_reserve(&gather->samples, &gather->capacity, gather->count + count);
    memcpy(gather->samples + gather->count, samples, count * sizeof *samples);
    gather->count += count;
    return 0;
}

static int on_loss(struct sink *sink, const struct loss *loss, struct err *err)
{
    (void)err;
    ((struct gather *)sink)->lost += loss->count;
    return 0;
}

int gather_put(struct gather *gather, bool all, struct err *err)
{
    if (!gather->text.len || (!all && gather->text.len < TEXT_BYTES))
        return 0;
    int code = output_write(gather->base.output, gather->text.data, gather->text.len, err);
    bytes_clear(&gather->text);
    return code;
}

static int finish(struct encoder *encoder, struct err *err)
{
    struct gather *gather = (struct gather *)encoder;
    int code = gather->write(gather, err);
    return code ? code : gather_put(gather, true, err);
}

static void dispose(struct encoder *encoder)
{
    struct gather *gather = (struct gather *)encoder;
    if (!gather)
        return;
    const char *texts[] = {gather->hello.collector, gather->hello.command, gather->hello.host,
                           gather->hello.kernel};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free((char *)(uintptr_t)texts[i]);
    bytes_dispose(&gather->text);
    free(gather->samples);
    free(gather);
}

struct encoder *gather_new(struct dict *dict, struct output *output, gather_write_fn *write)
{
    static const struct sink_ops SINK = {.hello = on_hello, .samples = on_samples, .loss = on_loss};
    static const struct encoder_ops OPS = {finish, dispose};
    struct gather *gather = xcalloc(1, sizeof *gather);
    gather->base =
        (struct encoder){.sink = {.ops = &SINK, .dict = dict}, .ops = &OPS, .output = output};
    gather->write = write;
    return &gather->base;
}

// Merges the sorted halves of [from, to).
static int merge(struct gather *gather, struct sample *scratch, size_t from, size_t to,
                 struct err *err)
{
    struct sample *samples = gather->samples;
    size_t middle = from + (to - from) / 2, left = from, right = middle, out = from;
    int code = 0;
    if (samples[middle - 1].time_ns <= samples[middle].time_ns)
        return 0;
    memcpy(scratch + from, samples + from, (to - from) * sizeof *samples);
    while (out < to && code == 0) {
        bool take_left =
            right == to || (left < middle && scratch[left].time_ns <= scratch[right].time_ns);
        samples[out++] = scratch[take_left ? left++ : right++];
        code = gather_goes_on(gather, out, err);
    }
    return code;
}

static int merge_sort(struct gather *gather, struct sample *scratch, size_t from, size_t to,
                      struct err *err)
{
    if (to - from < 2)
        return 0;
    size_t middle = from + (to - from) / 2;
    int code = merge_sort(gather, scratch, from, middle, err);
    if (code == 0)
        code = merge_sort(gather, scratch, middle, to, err);
    return code ? code : merge(gather, scratch, from, to, err);
}

int gather_sort(struct gather *gather, struct err *err)
{
    struct sample *scratch = xmalloc((gather->count + 1) * sizeof *scratch);
    int code = merge_sort(gather, scratch, 0, gather->count, err);
    free(scratch);
    return code;
}

// Numbers the marked entries of a table.
static void index_marked(struct gather_index *out, size_t table_len)
{
    out->count = 0;
    out->ids = xmalloc((table_len + 1) * sizeof *out->ids);
    for (size_t i = 0; i < table_len; i++) {
        if (out->index[i] == IDSET_NONE)
            continue;
        out->ids[out->count] = (uint32_t)i;
        out->index[i] = (uint32_t)out->count++;
    }
}

static void index_init(struct gather_index *out, size_t table_len)
{
    out->index = xmalloc((table_len + 1) * sizeof *out->index);
    memset(out->index, 0xff, table_len * sizeof *out->index);
}

int gather_nodes(struct gather_index *out, const struct gather *gather, struct err *err)
{
    const struct dict *dict = gather->base.sink.dict;
    int code = 0;
    index_init(out, dict->node_count);
    for (size_t i = 0; i < gather->count && code == 0; i++) {
        uint32_t node = gather->samples[i].node;
        for (; node != DICT_ROOT && out->index[node] == IDSET_NONE; node = dict->nodes[node].parent)
            out->index[node] = 0;
        code = gather_goes_on(gather, i, err);
    }
    index_marked(out, dict->node_count);
    return code;
}

int gather_threads(struct gather_index *out, const struct gather *gather, struct err *err)
{
    size_t len = gather->base.sink.dict->thread_count;
    int code = 0;
    index_init(out, len);
    for (size_t i = 0; i < gather->count && code == 0; i++) {
        out->index[gather->samples[i].thread] = 0;
        code = gather_goes_on(gather, i, err);
    }
    index_marked(out, len);
    return code;
}

int gather_events(struct gather_index *out, const struct gather *gather, struct err *err)
{
    size_t len = gather->base.sink.dict->event_count;
    int code = 0;
    index_init(out, len);
    for (size_t i = 0; i < gather->count && code == 0; i++) {
        out->index[gather->samples[i].event] = 0;
        code = gather_goes_on(gather, i, err);
    }
    index_marked(out, len);
    return code;
}

void gather_frames(struct gather_index *out, const struct gather *gather,
                   const struct gather_index *nodes)
{
    const struct dict *dict = gather->base.sink.dict;
    index_init(out, dict->frame_count);
    for (size_t i = 0; i < nodes->count; i++)
        out->index[dict->nodes[nodes->ids[i]].frame] = 0;
    index_marked(out, dict->frame_count);
}

int gather_by_thread(size_t **starts, size_t **order, const struct gather *gather,
                     const struct gather_index *threads, struct err *err)
{
    size_t *before = *starts = xcalloc(threads->count + 2, sizeof **starts);
    *order = xmalloc((gather->count + 1) * sizeof **order);
    int code = 0;
    for (size_t i = 0; i < gather->count && code == 0; i++) {
        before[threads->index[gather->samples[i].thread] + 2]++;
        code = gather_goes_on(gather, i, err);
    }
    for (size_t i = 2; i < threads->count + 2; i++)
        before[i] += before[i - 1];
    for (size_t i = 0; i < gather->count && code == 0; i++) {
        (*order)[before[threads->index[gather->samples[i].thread] + 1]++] = i;
        code = gather_goes_on(gather, i, err);
    }
    return code;
}

void gather_index_dispose(struct gather_index *index)
{
    free(index->ids);
    free(index->index);
}

int gather_all(struct gather_tables *out, struct gather *gather, struct err *err)
{
    int code = gather_sort(gather, err);
    if (!code)
        code = gather_nodes(&out->nodes, gather, err);
    if (!code)
        code = gather_threads(&out->threads, gather, err);
    if (!code)
        code = gather_by_thread(&out->starts, &out->order, gather, &out->threads, err);
    if (!code)
        gather_frames(&out->frames, gather, &out->nodes);
    return code;
}

void gather_tables_dispose(struct gather_tables *tables)
{
    gather_index_dispose(&tables->nodes);
    gather_index_dispose(&tables->frames);
    gather_index_dispose(&tables->threads);
    free(tables->order);
    free(tables->starts);
}

void gather_frame_text(struct bytes *out, const struct dict *dict, const struct frame *frame)
{
    if (frame->name != DICT_EMPTY)
        bytes_append(out, dict_text(dict, frame->name), dict_text_len(dict, frame->name));
    else if (frame->module != DICT_EMPTY && frame->address)
        bytes_printf(out, "[%s+0x%" PRIx64 "]", dict_text(dict, frame->module), frame->address);
    else if (frame->address)
        bytes_printf(out, "0x%" PRIx64, frame->address);
    else
        bytes_append_text(out, "[unknown]");
}
