// Reads the flicker stream.
//
// The names of the stream stay in tables of its own numbers; they enter the sink's dictionary when
// a sample first speaks of them, and once more when that dictionary was renumbered. Batches of
// samples, nearly all of the bytes, are decoded by hand, column by column; the rest is
// protobuf-c's. Memory is bounded by what was read: a message has at most 1 MiB, a table row at
// least one byte.
#include "proto/alloc.h"
#include "proto/fks.h"
#include "proto/stream.pb-c.h"
#include "proto/varint.h"
#include "proto/varint_column.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct stream_node {
    uint32_t parent, frame;
    uint32_t depth;      // levels, the comm not counted
    uint32_t unresolved; // of those, without a name
    uint32_t in_sink;    // node of the sink's dictionary; IDSET_NONE: not yet
};

struct stream_thread {
    struct thread thread;
    uint32_t in_sink;
};

struct stream_event {
    struct event event;
    uint32_t in_sink;
};

// Everything that the stream has named so far, under its numbers.
struct stream_names {
    struct bytes text;
    uint64_t *string_end; // of each string in text
    size_t strings, string_capacity;
    struct frame *frames;
    size_t frame_count, frame_capacity;
    struct stream_node *nodes;
    size_t node_count, node_capacity;
    struct stream_thread *threads;
    size_t thread_count, thread_capacity;
    struct stream_event *events;
    size_t event_count, event_capacity;
};

// Of samples, in the order of their fields.
enum { TIME, NODE, THREAD, CPU, EVENT, VALUE, COLUMNS, FIRST_COLUMN_FIELD = 2 };
enum { ROWS = 256 }; // decoded at a time, so that they stay in the cache

struct fks_decoder {
    struct decoder base;
    struct stream_names names;
    uint64_t generation;  // of the sink's dictionary, that in_sink is of
    struct bytes pending; // an incomplete message
    uint64_t offset;      // of the next message in the stream
    bool magic_seen, hello_seen;
    uint32_t *path; // scratch: nodes on the way up
    size_t path_capacity;
    struct sample *samples; // scratch: one batch
    size_t sample_capacity;
    uint64_t rows[COLUMNS][ROWS]; // scratch: some of its rows
};

static int broken(const struct fks_decoder *fks, const char *what, struct err *err)
{
    return err_set(err, -EBADMSG, "byte %llu: %s; what came before it was read",
                   (unsigned long long)fks->offset, what);
}

static void skip(struct fks_decoder *fks, const char *why)
{
    decode_report_skip(&fks->base.report, 0, fks->offset, why);
}

static void names_clear(struct stream_names *names)
{
    bytes_clear(&names->text);
    names->strings = names->frame_count = names->thread_count = names->event_count = 0;
    array_reserve(&names->string_end, &names->string_capacity, 1);
    names->string_end[names->strings++] = 0;
    array_reserve(&names->nodes, &names->node_capacity, 1);
    names->nodes[0] = (struct stream_node){.in_sink = DICT_ROOT};
    names->node_count = 1;
}

// --- names ---------------------------------------------------------------------------------------

static uint32_t string_to_sink(const struct fks_decoder *fks, uint32_t string)
{
    const struct stream_names *names = &fks->names;
    if (string == DICT_EMPTY)
        return DICT_EMPTY;
    uint64_t start = names->string_end[string - 1];
    return dict_string(fks->base.sink->dict, bytes_text(&names->text) + start,
                       (size_t)(names->string_end[string] - start));
}

static uint32_t frame_to_sink(const struct fks_decoder *fks, uint32_t number)
{
    struct frame frame = fks->names.frames[number];
    frame.name = string_to_sink(fks, frame.name);
    frame.module = string_to_sink(fks, frame.module);
    frame.file = string_to_sink(fks, frame.file);
    return dict_frame(fks->base.sink->dict, &frame);
}

// Parents first. Iterative: a stack may be as deep as the stream likes.
static uint32_t node_to_sink(struct fks_decoder *fks, uint32_t number)
{
    struct stream_node *nodes = fks->names.nodes;
    size_t depth = 0;
    for (; nodes[number].in_sink == IDSET_NONE; number = nodes[number].parent) {
        array_reserve(&fks->path, &fks->path_capacity, depth + 1);
        fks->path[depth++] = number;
    }
    uint32_t parent = nodes[number].in_sink;
    while (depth) {
        struct stream_node *node = nodes + fks->path[--depth];
        parent = dict_node(fks->base.sink->dict, parent, frame_to_sink(fks, node->frame));
        node->in_sink = parent;
    }
    return parent;
}

static uint32_t thread_to_sink(struct fks_decoder *fks, uint32_t number)
{
    struct stream_thread *row = fks->names.threads + number;
    if (row->in_sink == IDSET_NONE) {
        struct thread thread = row->thread;
        thread.comm = string_to_sink(fks, thread.comm);
        thread.cgroup = string_to_sink(fks, thread.cgroup);
        row->in_sink = dict_thread(fks->base.sink->dict, &thread);
    }
    return row->in_sink;
}

static uint32_t event_to_sink(struct fks_decoder *fks, uint32_t number)
{
    struct stream_event *row = fks->names.events + number;
    if (row->in_sink == IDSET_NONE) {
        struct event event = row->event;
        event.name = string_to_sink(fks, event.name);
        event.unit = string_to_sink(fks, event.unit);
        row->in_sink = dict_event(fks->base.sink->dict, &event);
    }
    return row->in_sink;
}

static void forget_sink_numbers(struct fks_decoder *fks)
{
    struct stream_names *names = &fks->names;
    for (size_t i = 1; i < names->node_count; i++)
        names->nodes[i].in_sink = IDSET_NONE;
    for (size_t i = 0; i < names->thread_count; i++)
        names->threads[i].in_sink = IDSET_NONE;
    for (size_t i = 0; i < names->event_count; i++)
        names->events[i].in_sink = IDSET_NONE;
    fks->generation = fks->base.sink->dict->generation;
}

// A column of a table has as many rows as its table's key column, or none.
static bool column_fits(size_t rows, size_t table_rows)
{
    return !rows || rows == table_rows;
}

static bool strings_fit(const struct stream_names *names, const uint32_t *column, size_t rows)
{
    for (size_t i = 0; i < rows; i++) {
        if (column[i] >= names->strings)
            return false;
    }
    return true;
}

static const char *strings_add(struct stream_names *names, const Fks__Names *body)
{
    if (names->strings + body->n_string > UINT32_MAX - 1)
        return "more than 2^32 strings";
    array_reserve(&names->string_end, &names->string_capacity, names->strings + body->n_string);
    for (size_t i = 0; i < body->n_string; i++) {
        bytes_append(&names->text, body->string[i].data, body->string[i].len);
        names->string_end[names->strings++] = names->text.len;
    }
    return NULL;
}

#define COLUMN_OR(body, column, row, otherwise)                                                    \
    ((body)->n_##column ? (body)->column[row] : (otherwise))

static const char *frames_add(struct stream_names *names, const Fks__Names *body)
{
    size_t rows = body->n_frame_name;
    if (!column_fits(body->n_frame_module, rows) || !column_fits(body->n_frame_file, rows) ||
        !column_fits(body->n_frame_line, rows) || !column_fits(body->n_frame_address, rows) ||
        !column_fits(body->n_frame_kind, rows))
        return "the columns of the frames differ in length";
    if (!strings_fit(names, body->frame_name, rows) ||
        !strings_fit(names, body->frame_module, body->n_frame_module) ||
        !strings_fit(names, body->frame_file, body->n_frame_file))
        return "a frame's name is a string that was not sent";
    if (names->frame_count + rows > UINT32_MAX - 1)
        return "more than 2^32 frames";
    array_reserve(&names->frames, &names->frame_capacity, names->frame_count + rows);
    for (size_t i = 0; i < rows; i++) {
        uint32_t kind = COLUMN_OR(body, frame_kind, i, FRAME_USER);
        if (kind >= FRAME_KINDS)
            return "a frame of unknown kind";
        names->frames[names->frame_count++] = (struct frame){
            .name = body->frame_name[i],
            .module = COLUMN_OR(body, frame_module, i, DICT_EMPTY),
            .file = COLUMN_OR(body, frame_file, i, DICT_EMPTY),
            .line = COLUMN_OR(body, frame_line, i, 0),
            .address = COLUMN_OR(body, frame_address, i, 0),
            .kind = (uint8_t)kind,
        };
    }
    return NULL;
}

static const char *nodes_add(struct stream_names *names, const Fks__Names *body)
{
    size_t rows = body->n_node_frame;
    if (body->n_node_parent != rows)
        return "the columns of the nodes differ in length";
    if (names->node_count + rows > UINT32_MAX - 1)
        return "more than 2^32 nodes";
    array_reserve(&names->nodes, &names->node_capacity, names->node_count + rows);
    for (size_t i = 0; i < rows; i++) {
        uint32_t parent = body->node_parent[i], frame = body->node_frame[i];
        if (parent >= names->node_count || frame >= names->frame_count)
            return "a node's parent or frame was not sent";
        const struct frame *what = names->frames + frame;
        if ((parent == DICT_ROOT) != (what->kind == FRAME_COMM))
            return "a node's place does not fit the kind of its frame";
        const struct stream_node *above = names->nodes + parent;
        bool counts = what->kind != FRAME_COMM;
        names->nodes[names->node_count++] = (struct stream_node){
            .parent = parent,
            .frame = frame,
            .depth = above->depth + counts,
            .unresolved = above->unresolved + (counts && frame_is_unresolved(what)),
            .in_sink = IDSET_NONE,
        };
    }
    return NULL;
}

static const char *threads_add(struct stream_names *names, const Fks__Names *body)
{
    size_t rows = body->n_thread_comm;
    if (!column_fits(body->n_thread_pid, rows) || !column_fits(body->n_thread_tid, rows) ||
        !column_fits(body->n_thread_cgroup, rows) || !column_fits(body->n_thread_start_ns, rows))
        return "the columns of the threads differ in length";
    if (!strings_fit(names, body->thread_comm, rows) ||
        !strings_fit(names, body->thread_cgroup, body->n_thread_cgroup))
        return "a thread's name is a string that was not sent";
    array_reserve(&names->threads, &names->thread_capacity, names->thread_count + rows);
    for (size_t i = 0; i < rows; i++) {
        names->threads[names->thread_count++] = (struct stream_thread){
            .thread = {.pid = COLUMN_OR(body, thread_pid, i, -1),
                       .tid = COLUMN_OR(body, thread_tid, i, -1),
                       .comm = body->thread_comm[i],
                       .cgroup = COLUMN_OR(body, thread_cgroup, i, DICT_EMPTY),
                       .start_ns = COLUMN_OR(body, thread_start_ns, i, 0)},
            .in_sink = IDSET_NONE,
        };
    }
    return NULL;
}

static const char *events_add(struct stream_names *names, const Fks__Names *body)
{
    size_t rows = body->n_event_name;
    if (!column_fits(body->n_event_unit, rows) || !column_fits(body->n_event_by_value, rows))
        return "the columns of the events differ in length";
    if (!strings_fit(names, body->event_name, rows) ||
        !strings_fit(names, body->event_unit, body->n_event_unit))
        return "an event's name is a string that was not sent";
    if (names->event_count + rows > UINT16_MAX)
        return "more than 65535 events";
    array_reserve(&names->events, &names->event_capacity, names->event_count + rows);
    for (size_t i = 0; i < rows; i++) {
        names->events[names->event_count++] = (struct stream_event){
            .event = {.name = body->event_name[i],
                      .unit = COLUMN_OR(body, event_unit, i, DICT_EMPTY),
                      .by_value = COLUMN_OR(body, event_by_value, i, false)},
            .in_sink = IDSET_NONE,
        };
    }
    return NULL;
}

static int names_decode(struct fks_decoder *fks, const Fks__Names *body, struct err *err)
{
    struct stream_names *names = &fks->names;
    if (body->reset)
        names_clear(names);
    const char *why = strings_add(names, body);
    if (!why)
        why = frames_add(names, body);
    if (!why)
        why = nodes_add(names, body);
    if (!why)
        why = threads_add(names, body);
    if (!why)
        why = events_add(names, body);
    return why ? broken(fks, why, err) : 0;
}

// --- samples -------------------------------------------------------------------------------------

struct column {
    const uint8_t *at, *end; // what is not read yet; NULL: left out
};

struct batch {
    uint64_t count;
    struct column columns[COLUMNS];
    bool has_time;
};

// Splits a Samples message into its columns; unknown fields are passed over.
static bool batch_split(struct batch *batch, const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        uint64_t tag, len;
        if (!(at = varint_read(at, end, &tag)))
            return false;
        uint64_t field = tag >> 3;
        switch (tag & 7) {
        case 0:
            if (!(at = varint_read(at, end, &len)))
                return false;
            if (field == 1)
                batch->count = len;
            break;
        case 1:
        case 5:
            len = (tag & 7) == 1 ? 8 : 4;
            if ((uint64_t)(end - at) < len)
                return false;
            at += len;
            break;
        case 2:
            if (!(at = varint_read(at, end, &len)) || (uint64_t)(end - at) < len)
                return false;
            if (field >= FIRST_COLUMN_FIELD && field < FIRST_COLUMN_FIELD + COLUMNS)
                batch->columns[field - FIRST_COLUMN_FIELD] = (struct column){at, at + len};
            at += len;
            break;
        default:
            return false;
        }
    }
    return true;
}

// A column that is left out or the same all over is written once, and nothing of it is left.
static void batch_begin(struct fks_decoder *fks, struct batch *batch)
{
    static const uint64_t DEFAULTS[COLUMNS] = {[VALUE] = 1};
    size_t count = (size_t)batch->count;
    batch->has_time = batch->columns[TIME].at;
    for (size_t i = 0; i < COLUMNS; i++) {
        struct column *column = &batch->columns[i];
        uint64_t value = DEFAULTS[i];
        if (column->at && !varint_column_is_constant(&value, count, column->at, column->end))
            continue;
        for (size_t row = 0; row < ROWS; row++)
            fks->rows[i][row] = value;
        *column = (struct column){0};
    }
}

static const char *rows_read(struct fks_decoder *fks, struct batch *batch, size_t count)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        struct column *column = &batch->columns[i];
        if (!column->at)
            continue;
        column->at = varint_column_read(fks->rows[i], count, column->at, column->end);
        if (!column->at)
            return "a column of samples is too short";
    }
    return NULL;
}

// Numbers that the stream may send only after it has named them become the sink's.
static const char *rows_name(struct fks_decoder *fks, struct sample *out, size_t count,
                             struct decode_report *counts)
{
    struct stream_names *names = &fks->names;
    for (size_t row = 0; row < count; row++) {
        uint64_t number = fks->rows[NODE][row];
        if (number >= names->node_count)
            return "a sample's node was not sent";
        const struct stream_node *node = names->nodes + number;
        uint32_t in_sink = node->in_sink;
        out[row].node = in_sink != IDSET_NONE ? in_sink : node_to_sink(fks, (uint32_t)number);
        counts->frames += node->depth;
        counts->unresolved += node->unresolved;
        counts->no_stack += !node->depth;
    }
    for (size_t row = 0; row < count; row++) {
        uint64_t thread = fks->rows[THREAD][row], event = fks->rows[EVENT][row];
        if (thread >= names->thread_count)
            return "a sample's thread was not sent";
        if (event >= names->event_count)
            return "a sample's event was not sent";
        out[row].thread = thread_to_sink(fks, (uint32_t)thread);
        uint32_t in_sink = event_to_sink(fks, (uint32_t)event);
        if (in_sink > UINT16_MAX)
            return "more than 65535 events";
        out[row].event = (uint16_t)in_sink;
    }
    return NULL;
}

static const char *rows_fill(struct fks_decoder *fks, const struct batch *batch, struct sample *out,
                             size_t count, uint64_t *time_ns)
{
    uint64_t cpus = 0;
    for (size_t row = 0; row < count; row++) {
        uint64_t cpu = fks->rows[CPU][row];
        cpus |= cpu;
        *time_ns += (uint64_t)unzigzag(fks->rows[TIME][row]);
        out[row].time_ns = batch->has_time ? (int64_t)*time_ns : SAMPLE_NO_TIME;
        out[row].value = fks->rows[VALUE][row];
        out[row].cpu = (uint16_t)(cpu - 1); // 0 becomes SAMPLE_NO_CPU
    }
    return cpus > UINT16_MAX ? "a sample's CPU is out of range" : NULL;
}

static const char *batch_decode(struct fks_decoder *fks, struct batch *batch,
                                struct decode_report *counts)
{
    uint64_t time_ns = 0;
    size_t count = (size_t)batch->count;
    const char *why = NULL;
    array_reserve(&fks->samples, &fks->sample_capacity, count);
    batch_begin(fks, batch);
    for (size_t done = 0; done < count && !why; done += ROWS) {
        size_t rows = count - done < ROWS ? count - done : ROWS;
        why = rows_read(fks, batch, rows);
        if (!why)
            why = rows_fill(fks, batch, fks->samples + done, rows, &time_ns);
        if (!why)
            why = rows_name(fks, fks->samples + done, rows, counts);
    }
    for (size_t i = 0; i < COLUMNS && !why; i++) {
        if (batch->columns[i].at != batch->columns[i].end)
            why = "a column of samples is too long";
    }
    return why;
}

static int samples_decode(struct fks_decoder *fks, const uint8_t *data, size_t len, struct err *err)
{
    struct batch batch = {0};
    const char *why = NULL;
    struct decode_report counts = {0};
    if (!batch_split(&batch, data, data + len))
        why = "a batch of samples is malformed";
    const struct column *nodes = &batch.columns[NODE];
    if (!why &&
        (!nodes->at || !batch.columns[THREAD].at || batch.count > (size_t)(nodes->end - nodes->at)))
        why = "a batch of samples has too few nodes or threads";
    size_t count = (size_t)batch.count;
    if (!why)
        why = batch_decode(fks, &batch, &counts);
    if (why) {
        skip(fks, why);
        return 0;
    }
    struct decode_report *report = &fks->base.report;
    report->samples += count;
    report->frames += counts.frames;
    report->unresolved += counts.unresolved;
    report->no_stack += counts.no_stack;
    return sink_samples(fks->base.sink, fks->samples, count, err);
}

// --- messages ------------------------------------------------------------------------------------

static const char *text_or_null(const char *text)
{
    return *text ? text : NULL;
}

static int hello_decode(struct fks_decoder *fks, const Fks__Hello *body, struct err *err)
{
    if (fks->hello_seen || fks->base.report.samples) {
        skip(fks, "a second hello");
        return 0;
    }
    fks->hello_seen = true;
    static const enum clock_kind CLOCKS[] = {
        [FKS__HELLO__CLOCK__UNKNOWN] = CLOCK_KIND_UNKNOWN,
        [FKS__HELLO__CLOCK__MONOTONIC] = CLOCK_KIND_MONOTONIC,
        [FKS__HELLO__CLOCK__NONE] = CLOCK_KIND_NONE,
    };
    unsigned clock = (unsigned)body->clock;
    struct hello hello = {
        .collector = text_or_null(body->collector),
        .command = text_or_null(body->command),
        .host = text_or_null(body->host),
        .kernel = text_or_null(body->kernel),
        .rate_hz = body->rate_hz >= 0 && body->rate_hz < 1e12 ? body->rate_hz : 0, // NaN too
        .cpus = body->cpus,
        .clock = clock < sizeof CLOCKS / sizeof *CLOCKS ? CLOCKS[clock] : CLOCK_KIND_UNKNOWN,
        .wall_offset_ns = body->wall_offset_ns,
        .wall_known = body->wall_known,
    };
    return sink_hello(fks->base.sink, &hello, err);
}

static int loss_decode(struct fks_decoder *fks, const Fks__Loss *body, struct err *err)
{
    static const enum loss_where WHERES[] = {
        [FKS__LOSS__WHERE__KERNEL] = LOSS_KERNEL,
        [FKS__LOSS__WHERE__RING] = LOSS_RING,
        [FKS__LOSS__WHERE__OURS] = LOSS_OURS,
    };
    unsigned where = (unsigned)body->where;
    if (where >= sizeof WHERES / sizeof *WHERES || body->cpu < -1 || body->from_ns > body->to_ns) {
        skip(fks, "a loss that makes no sense");
        return 0;
    }
    struct loss loss = {.from_ns = body->from_ns,
                        .to_ns = body->to_ns,
                        .count = body->count,
                        .cpu = body->cpu,
                        .where = WHERES[where]};
    fks->base.report.lost += loss.count;
    return sink_loss(fks->base.sink, &loss, err);
}

static int message_decode(struct fks_decoder *fks, const uint8_t *data, size_t len, struct err *err)
{
    uint64_t body_len;
    enum { SAMPLES_TAG = 3 << 3 | 2 };
    if (len > 1 && data[0] == SAMPLES_TAG) {
        const uint8_t *body = varint_read(data + 1, data + len, &body_len);
        if (body && body_len == (uint64_t)(data + len - body))
            return samples_decode(fks, body, (size_t)body_len, err);
    }
    Fks__Message *message = fks__message__unpack(NULL, len, data);
    if (!message)
        return broken(fks, "a message that is not protobuf", err);
    int code = 0;
    switch (message->content_case) {
    case FKS__MESSAGE__CONTENT_HELLO:
        code = hello_decode(fks, message->hello, err);
        break;
    case FKS__MESSAGE__CONTENT_NAMES:
        code = names_decode(fks, message->names, err);
        break;
    case FKS__MESSAGE__CONTENT_LOSS:
        code = loss_decode(fks, message->loss, err);
        break;
    default:
        skip(fks, "a message of unknown kind");
        break;
    }
    fks__message__free_unpacked(message, NULL);
    return code;
}

// Whether what is there of a message can be one: a field with a length, which fills it. Noise that
// looks like a length shows itself so before all of that has come.
static bool is_message_start(const uint8_t *body, const uint8_t *end, uint64_t message_len)
{
    enum { WIRE_TYPE = 7, LENGTH_DELIMITED = 2 };
    const uint8_t *limit = message_len < (uint64_t)(end - body) ? body + message_len : end;
    uint64_t tag, inner_len;
    const uint8_t *at = varint_read(body, limit, &tag);
    if (!at)
        return limit == end && message_len > (uint64_t)(end - body) &&
               end - body < VARINT_MAX_BYTES;
    if ((tag & WIRE_TYPE) != LENGTH_DELIMITED)
        return false;
    const uint8_t *inner = varint_read(at, limit, &inner_len);
    if (!inner)
        return message_len > (uint64_t)(end - body) && limit - at < VARINT_MAX_BYTES;
    return (uint64_t)(inner - body) + inner_len == message_len;
}

// Decodes the whole messages of data; *used says how far it came.
static int messages_decode(struct fks_decoder *fks, const uint8_t *data, size_t len, size_t *used,
                           struct err *err)
{
    const uint8_t *at = data, *end = data + len;
    int code = 0;
    *used = 0;
    if (!fks->magic_seen) {
        size_t compared = len < FKS_MAGIC_BYTES ? len : FKS_MAGIC_BYTES;
        if (memcmp(data, FKS_MAGIC, compared))
            return err_set(err, -EBADMSG, "byte 0: not a flicker stream");
        if (len < FKS_MAGIC_BYTES)
            return 0;
        fks->magic_seen = true;
        at += FKS_MAGIC_BYTES;
        fks->offset += FKS_MAGIC_BYTES;
    }
    while (!code && at < end) {
        uint64_t message_len = 0;
        const uint8_t *body = varint_read(at, end, &message_len);
        if (!body && end - at < VARINT_MAX_BYTES)
            break;
        if (!body || message_len > FKS_MESSAGE_MAX_BYTES)
            code = broken(fks, "the length of a message is not one", err);
        else if (!is_message_start(body, end, message_len))
            code = broken(fks, "what has a message's length is none", err);
        else if (message_len > (uint64_t)(end - body))
            break;
        else
            code = message_decode(fks, body, (size_t)message_len, err);
        if (!code) {
            fks->offset += (uint64_t)(body - at) + message_len;
            at = body + message_len;
        }
    }
    *used = (size_t)(at - data);
    return code;
}

// How many bytes are missing of the message, or of its length, that is pending; 0: none.
static size_t pending_lacks(const struct fks_decoder *fks)
{
    const uint8_t *at = (const uint8_t *)fks->pending.data, *end = at + fks->pending.len;
    if (!fks->magic_seen)
        return fks->pending.len < FKS_MAGIC_BYTES ? FKS_MAGIC_BYTES - fks->pending.len : 0;
    uint64_t message_len;
    const uint8_t *body = varint_read(at, end, &message_len);
    if (!body)
        return end - at < VARINT_MAX_BYTES;
    if (message_len > FKS_MESSAGE_MAX_BYTES || message_len <= (uint64_t)(end - body))
        return 0;
    return (size_t)message_len - (size_t)(end - body);
}

// Takes from data what the pending message lacks, and no more, so that the rest is decoded where it
// lies.
static int pending_complete(struct fks_decoder *fks, const uint8_t **data, size_t *len,
                            struct err *err)
{
    int code = 0;
    while (fks->pending.len && !code) {
        size_t used, lacks = pending_lacks(fks);
        size_t taken = lacks < *len ? lacks : *len;
        bytes_append(&fks->pending, *data, taken);
        *data += taken;
        *len -= taken;
        if (taken < lacks)
            break;
        if (lacks && pending_lacks(fks))
            continue; // it was the length that was missing
        code =
            messages_decode(fks, (const uint8_t *)fks->pending.data, fks->pending.len, &used, err);
        bytes_consume(&fks->pending, used);
    }
    return code;
}

static int decoder_push(struct decoder *decoder, const void *data, size_t len, struct err *err)
{
    struct fks_decoder *fks = (struct fks_decoder *)decoder;
    decoder->report.bytes += len;
    if (fks->generation != decoder->sink->dict->generation)
        forget_sink_numbers(fks);
    const uint8_t *at = data;
    size_t used = 0;
    int code = fks->pending.len ? pending_complete(fks, &at, &len, err) : 0;
    if (!code && len)
        code = messages_decode(fks, at, len, &used, err);
    if (used < len)
        bytes_append(&fks->pending, at + used, len - used);
    return code;
}

bool fks_decoder_waits(const struct decoder *decoder)
{
    return ((const struct fks_decoder *)decoder)->pending.len > 0;
}

static int decoder_finish(struct decoder *decoder, struct err *err)
{
    struct fks_decoder *fks = (struct fks_decoder *)decoder;
    (void)err;
    if (fks->pending.len) {
        char why[100];
        snprintf(why, sizeof why, "the stream is cut: its last %zu bytes are not a whole message",
                 fks->pending.len);
        skip(fks, why);
    }
    return 0;
}

static void decoder_dispose(struct decoder *decoder)
{
    struct fks_decoder *fks = (struct fks_decoder *)decoder;
    if (!fks)
        return;
    bytes_dispose(&fks->names.text);
    free(fks->names.string_end);
    free(fks->names.frames);
    free(fks->names.nodes);
    free(fks->names.threads);
    free(fks->names.events);
    bytes_dispose(&fks->pending);
    free(fks->path);
    free(fks->samples);
    free(fks);
}

struct decoder *fks_decoder_new(struct sink *sink, const struct decode_options *options)
{
    static const struct decoder_ops OPS = {decoder_push, decoder_finish, decoder_dispose};
    (void)options; // the stream says it all
    struct fks_decoder *fks = xcalloc(1, sizeof *fks);
    fks->base = (struct decoder){.ops = &OPS, .sink = sink};
    fks->generation = sink->dict->generation;
    names_clear(&fks->names);
    return &fks->base;
}
