// Writes Chrome's Trace Event format.
#include "proto/trace_event_encode.h"

#include "proto/alloc.h"
#include "proto/gather.h"
#include "proto/json_reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct writer {
    struct gather *gather;
    const struct dict *dict;
    struct gather_tables tables;
    struct bytes names;      // every frame's name, quoted
    size_t *name_at;         // by index of frames; one more at the end
    uint32_t *open, *wanted; // nodes, root first: of the spans that are open, of the next sample
    size_t depth;
    int64_t now_ns; // until when is written
    char ids[48];   // ,"pid":1,"tid":2
    const char *comma;
};

// Names are many times in the file: each is quoted once.
static void quote_names(struct writer *writer)
{
    struct bytes name = {0};
    writer->name_at = xmalloc((writer->tables.frames.count + 1) * sizeof *writer->name_at);
    for (size_t i = 0; i < writer->tables.frames.count; i++) {
        writer->name_at[i] = writer->names.len;
        bytes_clear(&name);
        gather_frame_text(&name, writer->dict, writer->dict->frames + writer->tables.frames.ids[i]);
        json_quote(&writer->names, bytes_text(&name), name.len);
    }
    writer->name_at[writer->tables.frames.count] = writer->names.len;
    bytes_dispose(&name);
}

static void put_event(struct writer *writer, char phase, uint32_t node)
{
    struct bytes *out = &writer->gather->text;
    size_t frame = writer->tables.frames.index[writer->dict->nodes[node].frame];
    int64_t ns = writer->now_ns;
    const char *sign = ns < 0 ? "-" : "";
    uint64_t positive = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
    bytes_printf(out,
                 "%s{\"ph\":\"%c\",\"ts\":%s%" PRIu64 ".%03" PRIu64 "%s,\"name\":", writer->comma,
                 phase, sign, positive / 1000, positive % 1000, writer->ids);
    bytes_append(out, writer->names.data + writer->name_at[frame],
                 writer->name_at[frame + 1] - writer->name_at[frame]);
    bytes_append_char(out, '}');
    writer->comma = ",\n";
}

// The nodes of a stack whose frames are shown: the comm only where there is nothing else.
static size_t put_path(const struct writer *writer, uint32_t node)
{
    const struct dict *dict = writer->dict;
    size_t depth = 0;
    if (node == DICT_ROOT)
        return 0;
    for (uint32_t at = node; dict->nodes[at].parent != DICT_ROOT; at = dict->nodes[at].parent)
        depth++;
    depth = depth ? depth : 1;
    for (size_t i = depth; i-- > 0; node = dict->nodes[node].parent)
        writer->wanted[i] = node;
    return depth;
}

static void close_spans(struct writer *writer, size_t to_depth)
{
    while (writer->depth > to_depth)
        put_event(writer, 'E', writer->open[--writer->depth]);
}

static int put_sample(struct writer *writer, const struct sample *sample, struct err *err)
{
    bool later = sample->time_ns != SAMPLE_NO_TIME && sample->time_ns > writer->now_ns;
    size_t depth = put_path(writer, sample->node), common = 0;
    if (!sample->value || sample->value > INT64_MAX)
        return 0;
    while (!later && common < depth && common < writer->depth &&
           writer->open[common] == writer->wanted[common])
        common++;
    close_spans(writer, common);
    if (later)
        writer->now_ns = sample->time_ns;
    while (writer->depth < depth) {
        writer->open[writer->depth] = writer->wanted[writer->depth];
        put_event(writer, 'B', writer->open[writer->depth++]);
    }
    if (__builtin_add_overflow(writer->now_ns, (int64_t)sample->value, &writer->now_ns))
        writer->now_ns = INT64_MAX;
    return gather_put(writer->gather, false, err);
}

// Tracks are told apart by their ids, and viewers take numbers only that are not negative: what is
// unknown gets one that no process of Linux has (PID_MAX_LIMIT), and is said to be unknown.
static const char *put_ids(struct writer *writer, const struct thread *thread, size_t row)
{
    enum { ABOVE_ALL = 1 << 22 };
    int32_t pid = thread->pid < 0 ? ABOVE_ALL : thread->pid;
    int32_t tid = thread->tid < 0 ? ABOVE_ALL + 1 + (int32_t)row : thread->tid;
    snprintf(writer->ids, sizeof writer->ids, ",\"pid\":%" PRId32 ",\"tid\":%" PRId32, pid, tid);
    return thread->pid >= 0   ? thread->tid >= 0 ? "" : ",\"unknown\":\"tid\""
           : thread->tid >= 0 ? ",\"unknown\":\"pid\""
                              : ",\"unknown\":\"pid tid\"";
}

static int put_thread(struct writer *writer, const size_t *order, size_t count, struct err *err)
{
    struct bytes *out = &writer->gather->text;
    const struct sample *samples = writer->gather->samples;
    const struct thread *thread = writer->dict->threads + samples[order[0]].thread;
    const char *unknown =
        put_ids(writer, thread, writer->tables.threads.index[samples[order[0]].thread]);
    bytes_printf(out,
                 "%s{\"ph\":\"M\",\"name\":\"thread_name\"%s,\"args\":{\"name\":", writer->comma,
                 writer->ids);
    json_quote(out, dict_text(writer->dict, thread->comm),
               dict_text_len(writer->dict, thread->comm));
    bytes_printf(out, "%s}}", unknown);
    writer->comma = ",\n";
    writer->now_ns = samples[order[0]].time_ns == SAMPLE_NO_TIME ? 0 : samples[order[0]].time_ns;
    int code = 0;
    for (size_t i = 0; !code && i < count; i++)
        code = put_sample(writer, samples + order[i], err);
    close_spans(writer, 0);
    return code;
}

static size_t deepest(const struct gather *gather)
{
    const struct dict *dict = gather->base.sink.dict;
    uint32_t *depths = xcalloc(dict->node_count + 1, sizeof *depths);
    size_t most = 0;
    for (size_t i = 1; i < dict->node_count; i++) { // a node's number is above its parent's
        depths[i] = depths[dict->nodes[i].parent] + 1;
        most = depths[i] > most ? depths[i] : most;
    }
    free(depths);
    return most;
}

static int write_all(struct gather *gather, struct err *err)
{
    struct writer writer = {.gather = gather, .dict = gather->base.sink.dict, .comma = "\n"};
    const size_t depth = deepest(gather);
    int code = gather_all(&writer.tables, gather, err);
    const size_t *starts = writer.tables.starts;
    writer.open = xmalloc((depth + 1) * sizeof *writer.open);
    writer.wanted = xmalloc((depth + 1) * sizeof *writer.wanted);
    if (!code)
        quote_names(&writer);
    bytes_append_text(&gather->text, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[");
    for (size_t i = 0; !code && i < writer.tables.threads.count; i++)
        code = put_thread(&writer, writer.tables.order + starts[i], starts[i + 1] - starts[i], err);
    bytes_append_text(&gather->text, "\n]}\n");
    gather_tables_dispose(&writer.tables);
    bytes_dispose(&writer.names);
    free(writer.name_at);
    free(writer.open);
    free(writer.wanted);
    return code;
}

struct encoder *trace_event_encoder_new(struct dict *dict, struct output *output)
{
    return gather_new(dict, output, write_all);
}
