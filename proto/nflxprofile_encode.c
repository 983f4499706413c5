// Writes nflxprofile: a node with its whole stack for each call path and thread.
#include "proto/alloc.h"
#include "proto/gather.h"
#include "proto/nflxprofile.h"
#include "proto/nflxprofile.pb-c.h"
#include "proto/wire.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum field {
    START_TIME = 1,
    END_TIME,
    SAMPLES,
    TIME_DELTAS,
    NODES,
    PARAMS = 8,
    SAMPLES_CPU,
    SAMPLES_PID,
    SAMPLES_TID,
    SAMPLES_VALUE,
};

struct writer {
    struct gather *gather;
    const struct dict *dict;
    struct gather_index nodes;
    uint32_t *hits; // by index of nodes
    struct bytes part;
};

static void put_double(struct bytes *out, double value)
{
    bytes_append(out, &value, sizeof value); // little-endian, as protobuf has it
}

static void put_double_field(struct bytes *out, unsigned number, double value)
{
    wire_put_raw(out, (uint64_t)number << 3 | 1);
    put_double(out, value);
}

// The name on the heap.
static char *keep_name(struct writer *writer, const struct frame *frame)
{
    struct bytes name = {0};
    gather_frame_text(&name, writer->dict, frame);
    return name.data ? name.data : xstrdup("");
}

static void put_entry(struct writer *writer, uint32_t key, Nflxprofile__Profile__Node *node)
{
    Nflxprofile__Profile__NodesEntry entry = NFLXPROFILE__PROFILE__NODES_ENTRY__INIT;
    entry.has_key = true;
    entry.key = key;
    entry.value = node;
    size_t len = protobuf_c_message_get_packed_size(&entry.base);
    array_reserve(&writer->part.data, &writer->part.capacity, len + 1);
    protobuf_c_message_pack(&entry.base, (uint8_t *)writer->part.data);
    wire_put_bytes(&writer->gather->text, NODES, writer->part.data, len);
}

static void fill_frame(struct writer *writer, Nflxprofile__StackFrame *out, Nflxprofile__File *file,
                       const struct frame *frame)
{
    nflxprofile__stack_frame__init(out);
    out->function_name = keep_name(writer, frame);
    out->libtype = (char *)(uintptr_t)nflxprofile_libtype(frame->kind);
    if (frame->file == DICT_EMPTY)
        return;
    nflxprofile__file__init(file);
    file->file_name = (char *)(uintptr_t)dict_text(writer->dict, frame->file);
    file->has_line = frame->line > 0;
    file->line = frame->line;
    out->file = file;
}

// One node of the dictionary that samples have: key = index + 1.
static void put_node(struct writer *writer, size_t index)
{
    const struct dict *dict = writer->dict;
    uint32_t top = writer->nodes.ids[index];
    size_t depth = 0;
    for (uint32_t at = top; dict->nodes[at].parent != DICT_ROOT; at = dict->nodes[at].parent)
        depth++;
    Nflxprofile__StackFrame *frames = xcalloc(depth + 1, sizeof *frames);
    Nflxprofile__StackFrame **stack = xcalloc(depth + 1, sizeof *stack);
    Nflxprofile__File *files = xcalloc(depth + 1, sizeof *files);
    Nflxprofile__Profile__Node node = NFLXPROFILE__PROFILE__NODE__INIT;
    uint32_t at = top;
    for (size_t i = depth; i-- > 0; at = dict->nodes[at].parent) {
        fill_frame(writer, frames + i, files + i, dict->frames + dict->nodes[at].frame);
        stack[i] = frames + i;
    }
    node.function_name = keep_name(writer, dict->frames + dict->nodes[at].frame);
    node.hit_count = writer->hits[index];
    node.n_stack = depth;
    node.stack = stack;
    put_entry(writer, (uint32_t)index + 1, &node);
    for (size_t i = 0; i < depth; i++)
        free(frames[i].function_name);
    free(node.function_name);
    free(frames);
    free(stack);
    free(files);
}

static int put_nodes(struct writer *writer, struct err *err)
{
    Nflxprofile__Profile__Node root = NFLXPROFILE__PROFILE__NODE__INIT;
    root.function_name = (char[]){"root"};
    put_entry(writer, 0, &root);
    int code = 0;
    for (size_t i = 0; !code && i < writer->nodes.count; i++) {
        if (writer->hits[i])
            put_node(writer, i);
        code = gather_put(writer->gather, false, err);
    }
    return code;
}

static double seconds(const struct sample *sample)
{
    return sample->time_ns == SAMPLE_NO_TIME ? 0 : (double)sample->time_ns / 1e9;
}

static uint64_t column_value(const struct writer *writer, const struct sample *sample,
                             enum field field)
{
    const struct thread *thread = writer->dict->threads + sample->thread;
    switch (field) {
    case SAMPLES:
        return sample->node == DICT_ROOT ? 0 : writer->nodes.index[sample->node] + 1u;
    case SAMPLES_CPU:
        return sample->cpu == SAMPLE_NO_CPU ? 0 : sample->cpu;
    case SAMPLES_PID:
        return thread->pid < 0 ? 0 : (uint64_t)thread->pid;
    case SAMPLES_TID:
        return thread->tid < 0 ? 0 : (uint64_t)thread->tid;
    default:
        return sample->value;
    }
}

static int put_column(struct writer *writer, enum field field, struct err *err)
{
    const struct gather *gather = writer->gather;
    int code = 0;
    bytes_clear(&writer->part);
    for (size_t i = 0; i < gather->count && !code; i++) {
        wire_put_raw(&writer->part, column_value(writer, gather->samples + i, field));
        code = gather_goes_on(gather, i, err);
    }
    wire_put_bytes(&writer->gather->text, field, bytes_text(&writer->part), writer->part.len);
    return code ? code : gather_put(writer->gather, false, err);
}

// A reader adds the deltas up; each is taken from what it has by then, so that rounding errors do
// not add up too.
static int put_deltas(struct writer *writer, double start_s, struct err *err)
{
    const struct gather *gather = writer->gather;
    double reader_s = start_s;
    int code = 0;
    bytes_clear(&writer->part);
    for (size_t i = 0; i < gather->count && !code; i++) {
        double delta = seconds(gather->samples + i) - reader_s;
        reader_s += delta;
        put_double(&writer->part, delta);
        code = gather_goes_on(gather, i, err);
    }
    wire_put_bytes(&writer->gather->text, TIME_DELTAS, bytes_text(&writer->part), writer->part.len);
    return code ? code : gather_put(writer->gather, false, err);
}

static void put_param(struct writer *writer, const char *key, bool value)
{
    const char *text = value ? "true" : "false";
    bytes_clear(&writer->part);
    wire_put_bytes(&writer->part, 1, key, strlen(key));
    wire_put_bytes(&writer->part, 2, text, strlen(text));
    wire_put_bytes(&writer->gather->text, PARAMS, writer->part.data, writer->part.len);
}

struct known {
    bool cpus, pids, tids, values, times;
};

// What is known of every sample.
static int find_known(struct known *out, const struct writer *writer, struct err *err)
{
    struct known known = {true, true, true, false, true};
    int code = 0;
    for (size_t i = 0; i < writer->gather->count && !code; i++) {
        code = gather_goes_on(writer->gather, i, err);
        const struct sample *sample = writer->gather->samples + i;
        const struct thread *thread = writer->dict->threads + sample->thread;
        known.cpus &= sample->cpu != SAMPLE_NO_CPU;
        known.pids &= thread->pid >= 0;
        known.tids &= thread->tid >= 0;
        known.times &= sample->time_ns != SAMPLE_NO_TIME;
        known.values |= sample->value != 1;
    }
    *out = known;
    return code;
}

static int put_profile(struct writer *writer, struct err *err)
{
    const struct gather *gather = writer->gather;
    struct known known;
    int code = find_known(&known, writer, err);
    double start_s = gather->count && known.times ? seconds(gather->samples) : 0;
    double end_s = gather->count && known.times ? seconds(gather->samples + gather->count - 1) : 0;
    put_double_field(&writer->gather->text, START_TIME, start_s);
    put_double_field(&writer->gather->text, END_TIME, end_s);
    const struct {
        enum field field;
        bool wanted;
    } columns[] = {{SAMPLES, true},
                   {SAMPLES_CPU, known.cpus},
                   {SAMPLES_PID, known.pids},
                   {SAMPLES_TID, known.tids},
                   {SAMPLES_VALUE, known.values}};
    if (!code && known.times)
        code = put_deltas(writer, start_s, err);
    for (size_t i = 0; !code && i < sizeof columns / sizeof *columns; i++) {
        if (columns[i].wanted)
            code = put_column(writer, columns[i].field, err);
    }
    put_param(writer, "has_node_stack", true);
    put_param(writer, "has_parent", false);
    put_param(writer, "has_children", false);
    put_param(writer, "has_node_pid", false);
    put_param(writer, "has_samples_cpu", known.cpus);
    put_param(writer, "has_samples_pid", known.pids);
    put_param(writer, "has_samples_tid", known.tids);
    put_param(writer, "hasValues", known.values);
    return code ? code : put_nodes(writer, err);
}

static int count_hits(struct writer *writer, struct err *err)
{
    const struct gather *gather = writer->gather;
    int code = 0;
    writer->hits = xcalloc(writer->nodes.count + 1, sizeof *writer->hits);
    for (size_t i = 0; i < gather->count && !code; i++) {
        if (gather->samples[i].node != DICT_ROOT)
            writer->hits[writer->nodes.index[gather->samples[i].node]]++;
        code = gather_goes_on(gather, i, err);
    }
    return code;
}

static int write_all(struct gather *gather, struct err *err)
{
    struct writer writer = {.gather = gather, .dict = gather->base.sink.dict};
    int code = gather_sort(gather, err);
    if (!code)
        code = gather_nodes(&writer.nodes, gather, err);
    if (!code)
        code = count_hits(&writer, err);
    if (!code)
        code = put_profile(&writer, err);
    gather_index_dispose(&writer.nodes);
    bytes_dispose(&writer.part);
    free(writer.hits);
    return code;
}

struct encoder *nflxprofile_encoder_new(struct dict *dict, struct output *output)
{
    return gather_new(dict, output, write_all);
}
