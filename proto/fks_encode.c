// Writes the flicker stream: names when they are first used, samples in batches of columns.
//
// Names of the source's dictionary get stream numbers of their own, so that only those go out that
// a sample speaks of, and compaction of the source costs a reset message and nothing else.
#include "proto/alloc.h"
#include "proto/fks.h"
#include "proto/stream.pb-c.h"
#include "proto/varint.h"

#include <stdlib.h>
#include <string.h>

// Small messages, so that a file which is cut keeps nearly everything.
enum {
    BATCH_SAMPLES = 2048,       // 33 bytes each at worst, about 8 as a rule
    NAME_ROWS = 1024,           // pending rows of each table of names, before they are written
    NAMES_MAX_BYTES = 16 << 10, // pending text, likewise
};

// Source number -> stream number.
struct id_map {
    uint32_t *ids;
    size_t len, capacity;
    uint32_t next; // the next stream number
};

// The columns of the pending names.
struct names {
    ProtobufCBinaryData string[NAME_ROWS]; // borrowed from the dictionary
    uint32_t frame_name[NAME_ROWS], frame_module[NAME_ROWS], frame_file[NAME_ROWS];
    uint32_t frame_line[NAME_ROWS], frame_kind[NAME_ROWS];
    uint64_t frame_address[NAME_ROWS];
    uint32_t node_parent[NAME_ROWS], node_frame[NAME_ROWS];
    int32_t thread_pid[NAME_ROWS], thread_tid[NAME_ROWS];
    uint32_t thread_comm[NAME_ROWS], thread_cgroup[NAME_ROWS];
    int64_t thread_start_ns[NAME_ROWS];
    uint32_t event_name[NAME_ROWS], event_unit[NAME_ROWS];
    protobuf_c_boolean event_by_value[NAME_ROWS];
    size_t strings, frames, nodes, threads, events; // rows in use
    size_t text_bytes;
};

struct columns {
    int64_t time_delta_ns[BATCH_SAMPLES];
    uint64_t value[BATCH_SAMPLES];
    uint32_t node[BATCH_SAMPLES], thread[BATCH_SAMPLES];
    uint32_t cpu[BATCH_SAMPLES], event[BATCH_SAMPLES];
    size_t count;
    int64_t last_ns;
    bool any_time, any_cpu, any_event, any_value;
};

struct fks_encoder {
    struct encoder base;
    uint64_t generation;
    struct id_map strings, frames, nodes, threads, events;
    struct names names;
    struct columns columns;
    struct bytes packed;
    uint32_t *path; // scratch: nodes on the way up
    size_t path_capacity;
    bool magic_written;
    bool must_reset;
};

static uint32_t id_map_find(const struct id_map *map, uint32_t source)
{
    return source < map->len ? map->ids[source] : IDSET_NONE;
}

static uint32_t id_map_add(struct id_map *map, uint32_t source)
{
    if (source >= map->len) {
        array_reserve(&map->ids, &map->capacity, (size_t)source + 1);
        memset(map->ids + map->len, 0xff, (map->capacity - map->len) * sizeof *map->ids);
        map->len = map->capacity;
    }
    return map->ids[source] = map->next++;
}

static void id_map_clear(struct id_map *map, uint32_t first)
{
    if (map->len)
        memset(map->ids, 0xff, map->len * sizeof *map->ids);
    map->next = first;
}

// String 0 and node 0 are known to every reader.
static void maps_clear(struct fks_encoder *fks)
{
    id_map_clear(&fks->strings, 0);
    id_map_clear(&fks->frames, 0);
    id_map_clear(&fks->nodes, 0);
    id_map_clear(&fks->threads, 0);
    id_map_clear(&fks->events, 0);
    id_map_add(&fks->strings, DICT_EMPTY);
    id_map_add(&fks->nodes, DICT_ROOT);
}

static int message_write(struct fks_encoder *fks, Fks__Message *message, struct err *err)
{
    size_t len = fks__message__get_packed_size(message);
    size_t room = FKS_MAGIC_BYTES + VARINT_MAX_BYTES + len;
    bytes_clear(&fks->packed);
    array_reserve(&fks->packed.data, &fks->packed.capacity, room);
    uint8_t *at = (uint8_t *)fks->packed.data;
    if (!fks->magic_written) {
        memcpy(at, FKS_MAGIC, FKS_MAGIC_BYTES);
        at += FKS_MAGIC_BYTES;
        fks->magic_written = true;
    }
    at += varint_write(at, len);
    at += fks__message__pack(message, at);
    return output_write(fks->base.output, fks->packed.data,
                        (size_t)(at - (uint8_t *)fks->packed.data), err);
}

static bool names_pending(const struct fks_encoder *fks)
{
    const struct names *names = &fks->names;
    return names->strings || names->frames || names->nodes || names->threads || names->events ||
           fks->must_reset;
}

static int names_write(struct fks_encoder *fks, struct err *err)
{
    if (!names_pending(fks))
        return 0;
    struct names *names = &fks->names;
    Fks__Names body = FKS__NAMES__INIT;
    body.reset = fks->must_reset;
#define COLUMN(field, count)                                                                       \
    body.field = names->field;                                                                     \
    body.n_##field = names->count
    COLUMN(string, strings);
    COLUMN(frame_name, frames);
    COLUMN(frame_module, frames);
    COLUMN(frame_file, frames);
    COLUMN(frame_line, frames);
    COLUMN(frame_address, frames);
    COLUMN(frame_kind, frames);
    COLUMN(node_parent, nodes);
    COLUMN(node_frame, nodes);
    COLUMN(thread_pid, threads);
    COLUMN(thread_tid, threads);
    COLUMN(thread_comm, threads);
    COLUMN(thread_cgroup, threads);
    COLUMN(thread_start_ns, threads);
    COLUMN(event_name, events);
    COLUMN(event_unit, events);
    COLUMN(event_by_value, events);
#undef COLUMN
    Fks__Message message = FKS__MESSAGE__INIT;
    message.content_case = FKS__MESSAGE__CONTENT_NAMES;
    message.names = &body;
    int code = message_write(fks, &message, err);
    names->strings = names->frames = names->nodes = names->threads = names->events = 0;
    names->text_bytes = 0;
    fks->must_reset = false;
    return code;
}

// Room for one more row of each table.
static int names_reserve(struct fks_encoder *fks, size_t text_len, struct err *err)
{
    struct names *names = &fks->names;
    bool full = names->strings == NAME_ROWS || names->frames == NAME_ROWS ||
                names->nodes == NAME_ROWS || names->threads == NAME_ROWS ||
                names->events == NAME_ROWS || names->text_bytes + text_len > NAMES_MAX_BYTES;
    return full ? fks_encoder_flush(&fks->base, err) : 0; // samples stay near their names
}

static int string_map(struct fks_encoder *fks, uint32_t source, uint32_t *out, struct err *err)
{
    *out = id_map_find(&fks->strings, source);
    if (*out != IDSET_NONE)
        return 0;
    const struct dict *dict = fks->base.sink.dict;
    size_t len = dict_text_len(dict, source);
    int code = names_reserve(fks, len, err);
    if (code)
        return code;
    fks->names.string[fks->names.strings++] =
        (ProtobufCBinaryData){.len = len, .data = (uint8_t *)(uintptr_t)dict_text(dict, source)};
    fks->names.text_bytes += len;
    *out = id_map_add(&fks->strings, source);
    return 0;
}

static int frame_map(struct fks_encoder *fks, uint32_t source, uint32_t *out, struct err *err)
{
    *out = id_map_find(&fks->frames, source);
    if (*out != IDSET_NONE)
        return 0;
    struct frame frame = fks->base.sink.dict->frames[source];
    int code = string_map(fks, frame.name, &frame.name, err);
    if (!code)
        code = string_map(fks, frame.module, &frame.module, err);
    if (!code)
        code = string_map(fks, frame.file, &frame.file, err);
    if (!code)
        code = names_reserve(fks, 0, err);
    if (code)
        return code;
    struct names *names = &fks->names;
    size_t row = names->frames++;
    names->frame_name[row] = frame.name;
    names->frame_module[row] = frame.module;
    names->frame_file[row] = frame.file;
    names->frame_line[row] = frame.line;
    names->frame_address[row] = frame.address;
    names->frame_kind[row] = frame.kind;
    *out = id_map_add(&fks->frames, source);
    return 0;
}

// Parents first. Iterative: a stack may be as deep as its source likes.
static int node_map(struct fks_encoder *fks, uint32_t source, uint32_t *out, struct err *err)
{
    const struct dict *dict = fks->base.sink.dict;
    size_t depth = 0;
    uint32_t parent;
    while ((parent = id_map_find(&fks->nodes, source)) == IDSET_NONE) {
        array_reserve(&fks->path, &fks->path_capacity, depth + 1);
        fks->path[depth++] = source;
        source = dict->nodes[source].parent;
    }
    while (depth) {
        uint32_t node = fks->path[--depth], frame;
        int code = frame_map(fks, dict->nodes[node].frame, &frame, err);
        if (!code)
            code = names_reserve(fks, 0, err);
        if (code)
            return code;
        fks->names.node_parent[fks->names.nodes] = parent;
        fks->names.node_frame[fks->names.nodes++] = frame;
        parent = id_map_add(&fks->nodes, node);
    }
    *out = parent;
    return 0;
}

static int thread_map(struct fks_encoder *fks, uint32_t source, uint32_t *out, struct err *err)
{
    *out = id_map_find(&fks->threads, source);
    if (*out != IDSET_NONE)
        return 0;
    struct thread thread = fks->base.sink.dict->threads[source];
    int code = string_map(fks, thread.comm, &thread.comm, err);
    if (!code)
        code = string_map(fks, thread.cgroup, &thread.cgroup, err);
    if (!code)
        code = names_reserve(fks, 0, err);
    if (code)
        return code;
    struct names *names = &fks->names;
    size_t row = names->threads++;
    names->thread_pid[row] = thread.pid;
    names->thread_tid[row] = thread.tid;
    names->thread_comm[row] = thread.comm;
    names->thread_cgroup[row] = thread.cgroup;
    names->thread_start_ns[row] = thread.start_ns;
    *out = id_map_add(&fks->threads, source);
    return 0;
}

static int event_map(struct fks_encoder *fks, uint32_t source, uint32_t *out, struct err *err)
{
    *out = id_map_find(&fks->events, source);
    if (*out != IDSET_NONE)
        return 0;
    struct event event = fks->base.sink.dict->events[source];
    int code = string_map(fks, event.name, &event.name, err);
    if (!code)
        code = string_map(fks, event.unit, &event.unit, err);
    if (!code)
        code = names_reserve(fks, 0, err);
    if (code)
        return code;
    struct names *names = &fks->names;
    size_t row = names->events++;
    names->event_name[row] = event.name;
    names->event_unit[row] = event.unit;
    names->event_by_value[row] = event.by_value;
    *out = id_map_add(&fks->events, source);
    return 0;
}

int fks_encoder_flush(struct encoder *encoder, struct err *err)
{
    struct fks_encoder *fks = (struct fks_encoder *)encoder;
    struct columns *columns = &fks->columns;
    int code = names_write(fks, err);
    if (code || !columns->count)
        return code;
    Fks__Samples body = FKS__SAMPLES__INIT;
    body.count = (uint32_t)columns->count;
#define COLUMN(field, wanted)                                                                      \
    body.field = columns->field;                                                                   \
    body.n_##field = (wanted) ? columns->count : 0
    COLUMN(time_delta_ns, columns->any_time);
    COLUMN(node, true);
    COLUMN(thread, true);
    COLUMN(cpu, columns->any_cpu);
    COLUMN(event, columns->any_event);
    COLUMN(value, columns->any_value);
#undef COLUMN
    Fks__Message message = FKS__MESSAGE__INIT;
    message.content_case = FKS__MESSAGE__CONTENT_SAMPLES;
    message.samples = &body;
    columns->count = 0;
    columns->last_ns = 0;
    columns->any_time = columns->any_cpu = columns->any_event = columns->any_value = false;
    return message_write(fks, &message, err);
}

static int sample_add(struct fks_encoder *fks, const struct sample *sample, struct err *err)
{
    uint32_t node, thread, event;
    int code = node_map(fks, sample->node, &node, err);
    if (!code)
        code = thread_map(fks, sample->thread, &thread, err);
    if (!code)
        code = event_map(fks, sample->event, &event, err);
    if (code)
        return code;
    struct columns *columns = &fks->columns;
    size_t row = columns->count++;
    columns->time_delta_ns[row] = (int64_t)((uint64_t)sample->time_ns - (uint64_t)columns->last_ns);
    columns->last_ns = sample->time_ns;
    columns->node[row] = node;
    columns->thread[row] = thread;
    columns->cpu[row] = sample->cpu == SAMPLE_NO_CPU ? 0 : sample->cpu + 1u;
    columns->event[row] = event;
    columns->value[row] = sample->value;
    columns->any_time |= sample->time_ns != SAMPLE_NO_TIME;
    columns->any_cpu |= sample->cpu != SAMPLE_NO_CPU;
    columns->any_event |= event != 0;
    columns->any_value |= sample->value != 1;
    return columns->count == BATCH_SAMPLES ? fks_encoder_flush(&fks->base, err) : 0;
}

static int encoder_samples(struct sink *sink, const struct sample *samples, size_t count,
                           struct err *err)
{
    struct fks_encoder *fks = (struct fks_encoder *)sink;
    int code = 0;
    if (fks->generation != sink->dict->generation) {
        code = fks_encoder_flush(&fks->base, err);
        maps_clear(fks);
        fks->generation = sink->dict->generation;
        fks->must_reset = true;
    }
    for (size_t i = 0; !code && i < count; i++)
        code = sample_add(fks, samples + i, err);
    return code ? code : names_write(fks, err); // they point into a dictionary that may move
}

static int encoder_hello(struct sink *sink, const struct hello *hello, struct err *err)
{
    struct fks_encoder *fks = (struct fks_encoder *)sink;
    static const Fks__Hello__Clock CLOCKS[] = {
        [CLOCK_KIND_UNKNOWN] = FKS__HELLO__CLOCK__UNKNOWN,
        [CLOCK_KIND_MONOTONIC] = FKS__HELLO__CLOCK__MONOTONIC,
        [CLOCK_KIND_NONE] = FKS__HELLO__CLOCK__NONE,
    };
    Fks__Hello body = FKS__HELLO__INIT;
    char *none = body.host; // protobuf-c's empty string
    // Text is for people; what would not fit in a message is not worth one.
    body.collector = hello->collector ? xstrndup(hello->collector, 4096) : none;
    body.command = hello->command ? xstrndup(hello->command, 65536) : none;
    body.host = hello->host ? xstrndup(hello->host, 4096) : none;
    body.kernel = hello->kernel ? xstrndup(hello->kernel, 4096) : none;
    body.rate_hz = hello->rate_hz;
    body.cpus = hello->cpus;
    body.clock = CLOCKS[hello->clock];
    body.wall_offset_ns = hello->wall_offset_ns;
    body.wall_known = hello->wall_known;
    Fks__Message message = FKS__MESSAGE__INIT;
    message.content_case = FKS__MESSAGE__CONTENT_HELLO;
    message.hello = &body;
    int code = message_write(fks, &message, err);
    char *texts[] = {body.collector, body.command, body.host, body.kernel};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i] != none)
            free(texts[i]);
    }
    return code;
}

static int encoder_loss(struct sink *sink, const struct loss *loss, struct err *err)
{
    struct fks_encoder *fks = (struct fks_encoder *)sink;
    static const Fks__Loss__Where WHERES[] = {
        [LOSS_KERNEL] = FKS__LOSS__WHERE__KERNEL,
        [LOSS_RING] = FKS__LOSS__WHERE__RING,
        [LOSS_OURS] = FKS__LOSS__WHERE__OURS,
    };
    int code = fks_encoder_flush(&fks->base, err);
    if (code)
        return code;
    Fks__Loss body = FKS__LOSS__INIT;
    body.from_ns = loss->from_ns;
    body.to_ns = loss->to_ns;
    body.count = loss->count;
    body.cpu = loss->cpu;
    body.where = WHERES[loss->where];
    Fks__Message message = FKS__MESSAGE__INIT;
    message.content_case = FKS__MESSAGE__CONTENT_LOSS;
    message.loss = &body;
    return message_write(fks, &message, err);
}

static int encoder_finish(struct encoder *encoder, struct err *err)
{
    struct fks_encoder *fks = (struct fks_encoder *)encoder;
    int code = fks_encoder_flush(encoder, err);
    if (code || fks->magic_written)
        return code;
    fks->magic_written = true; // a recording of nothing is one too
    return output_write(encoder->output, FKS_MAGIC, FKS_MAGIC_BYTES, err);
}

static void encoder_dispose(struct encoder *encoder)
{
    if (!encoder)
        return;
    struct fks_encoder *fks = (struct fks_encoder *)encoder;
    struct id_map *maps[] = {&fks->strings, &fks->frames, &fks->nodes, &fks->threads, &fks->events};
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        free(maps[i]->ids);
    free(fks->path);
    bytes_dispose(&fks->packed);
    free(fks);
}

struct encoder *fks_encoder_new(struct dict *dict, struct output *output)
{
    static const struct sink_ops SINK = {
        .hello = encoder_hello, .samples = encoder_samples, .loss = encoder_loss};
    static const struct encoder_ops OPS = {encoder_finish, encoder_dispose};
    struct fks_encoder *fks = xcalloc(1, sizeof *fks);
    fks->base =
        (struct encoder){.sink = {.ops = &SINK, .dict = dict}, .ops = &OPS, .output = output};
    fks->generation = dict->generation;
    maps_clear(fks);
    return &fks->base;
}
