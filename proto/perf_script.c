// The decoder of `perf script` text.
//
// Works on whole records: a header line, the lines of its call chain, a blank line. What a push
// leaves incomplete is carried as bytes, never as ids, so that the dictionary may be renumbered
// between pushes.
#include "proto/alloc.h"
#include "proto/bytes.h"
#include "proto/format.h"
#include "proto/perf_hello.h"
#include "proto/perf_line.h"

#include <stdlib.h>
#include <string.h>

enum {
    BATCH = 512,
    STACK_MAX = 4096,     // frames; perf's own limit is 127 unless raised
    RECORD_MAX = 2 << 20, // bytes of one record; what is longer is cut
    PROBE_LINES = 400,
};

struct perf_script {
    struct decoder base;
    char *event_name, *event_unit; // of samples that name no event
    bool event_by_value;
    void (*text)(void *arg, const char *line, size_t len);
    void *text_arg;

    struct perf_hello hello;
    bool hello_sent;
    struct bytes carry;  // from the start of the first incomplete record
    bool in_long_line;   // dropping a line of more than RECORD_MAX
    uint64_t line, byte; // of the line at hand; 1-based and absolute
    int failed;          // the sink's error; nothing goes on after it

    // The sample at hand: its header was read, its frames are coming.
    bool pending;
    bool dropping; // frames that belong to no sample, or to one that was cut: counted once
    struct sample sample;
    uint32_t comm; // string
    uint64_t pending_line, pending_byte;
    struct decode_report pending_report; // as it was before the header
    struct frame *frames;                // leaf first; STACK_MAX
    size_t frame_count;
    size_t inlined; // the last so many frames wait for the module of the frame they lie in

    struct sample batch[BATCH];
    size_t batch_count;
};

static int send_hello(struct perf_script *script, bool has_time, struct err *err)
{
    if (script->hello_sent)
        return 0;
    script->hello_sent = true;
    struct hello hello;
    perf_hello_get(&script->hello, has_time, &hello);
    return sink_hello(script->base.sink, &hello, err);
}

static void flush(struct perf_script *script, struct err *err)
{
    if (!script->batch_count || script->failed)
        return;
    script->failed = send_hello(script, script->batch[0].time_ns != SAMPLE_NO_TIME, err);
    if (!script->failed)
        script->failed = sink_samples(script->base.sink, script->batch, script->batch_count, err);
    script->batch_count = 0;
}

static void skip(struct perf_script *script, const char *why)
{
    decode_report_skip(&script->base.report, script->line, script->byte, why);
}

static void take_loss(struct perf_script *script, uint64_t count, const struct perf_header *header,
                      struct err *err)
{
    struct loss loss = {
        .from_ns = SAMPLE_NO_TIME,
        .to_ns = header ? header->time_ns : SAMPLE_NO_TIME,
        .count = count,
        .cpu = header && header->cpu != SAMPLE_NO_CPU ? header->cpu : -1,
        .where = LOSS_RING,
    };
    script->base.report.lost += count;
    flush(script, err); // what came before stays before
    if (!script->failed)
        script->failed = send_hello(script, loss.to_ns != SAMPLE_NO_TIME, err);
    if (!script->failed)
        script->failed = sink_loss(script->base.sink, &loss, err);
}

static void add_frame(struct perf_script *script, const struct frame *frame)
{
    if (script->frame_count == STACK_MAX) {
        if (!script->dropping)
            skip(script, "the stack is deeper than 4096 frames: its callers beyond were cut");
        script->dropping = true;
        return;
    }
    script->frames[script->frame_count++] = *frame;
}

// "A->B->C" of a JIT compiler's map: B and C are inlined in A.
static void add_jit_frames(struct perf_script *script, struct frame frame, struct span name)
{
    struct dict *dict = script->base.sink->dict;
    const char *end = name.at + name.len;
    for (const char *at = end;;) {
        while (at > name.at && !(at + 1 < end && at[0] == '-' && at[1] == '>'))
            at--;
        bool outer = at == name.at;
        const char *part = outer ? at : at + 2;
        if (part < end) {
            frame.name = dict_string(dict, part, (size_t)(end - part));
            frame.kind = outer ? FRAME_JIT : FRAME_INLINED;
            add_frame(script, &frame);
        }
        if (outer)
            return;
        end = at;
    }
}

static void take_frame(struct perf_script *script, const struct perf_frame *parsed)
{
    static const enum frame_kind kinds[] = {
        [PERF_FRAME_USER] = FRAME_USER,
        [PERF_FRAME_KERNEL] = FRAME_KERNEL,
        [PERF_FRAME_JIT] = FRAME_JIT,
        [PERF_FRAME_INLINED] = FRAME_INLINED,
    };
    struct dict *dict = script->base.sink->dict;
    struct frame frame = {
        .name = dict_string(dict, parsed->name.at, parsed->name.len),
        .module = dict_string(dict, parsed->module.at, parsed->module.len),
        .address = parsed->name.len ? 0 : parsed->address,
        .kind = (uint8_t)kinds[parsed->where],
    };
    if (parsed->where == PERF_FRAME_JIT && memmem(parsed->name.at, parsed->name.len, "->", 2)) {
        add_jit_frames(script, frame, parsed->name);
        return;
    }
    add_frame(script, &frame);
    if (parsed->where == PERF_FRAME_INLINED) {
        script->inlined++;
        return;
    }
    for (; script->inlined; script->inlined--) {
        if (script->inlined < script->frame_count)
            script->frames[script->frame_count - 1 - script->inlined].module = frame.module;
    }
}

static void count_sample(struct decode_report *report, const struct frame *frames, size_t count)
{
    report->samples++;
    report->no_stack += !count;
    report->frames += count;
    for (size_t i = 0; i < count; i++)
        report->unresolved += frame_is_unresolved(&frames[i]);
}

// The sample at hand is complete.
static void emit(struct perf_script *script, struct err *err)
{
    if (!script->pending)
        return;
    struct dict *dict = script->base.sink->dict;
    uint32_t node = dict_comm_node(dict, script->comm);
    for (size_t i = script->frame_count; i-- > 0;)
        node = dict_node(dict, node, dict_frame(dict, &script->frames[i]));
    script->sample.node = node;
    script->batch[script->batch_count++] = script->sample;
    count_sample(&script->base.report, script->frames, script->frame_count);
    script->pending = false;
    if (script->batch_count == BATCH)
        flush(script, err);
}

static bool counts_ns(struct span event)
{
    struct span base = event;
    const char *colon = memchr(event.at, ':', event.len);
    if (colon)
        base.len = (size_t)(colon - event.at);
    return span_is(base, "cpu-clock") || span_is(base, "task-clock");
}

static uint32_t event_of(struct perf_script *script, const struct perf_header *header)
{
    struct dict *dict = script->base.sink->dict;
    struct event event = {0};
    if (header->event.len) {
        event.name = dict_string(dict, header->event.at, header->event.len);
        if (header->has_period && counts_ns(header->event))
            event.unit = dict_string_z(dict, "ns");
    } else {
        event.name = dict_string_z(dict, script->event_name ? script->event_name : "samples");
        event.unit = dict_string_z(dict, script->event_unit ? script->event_unit : "");
        event.by_value = script->event_by_value;
    }
    return dict_event(dict, &event);
}

static void take_header(struct perf_script *script, const struct perf_header *header)
{
    struct dict *dict = script->base.sink->dict;
    struct thread thread = {.pid = header->pid, .tid = header->tid};
    thread.comm = dict_string(dict, header->comm.at, header->comm.len);
    script->comm = thread.comm;
    uint32_t event = event_of(script, header);
    if (event > UINT16_MAX) {
        skip(script, "more than 65536 different events");
        script->dropping = true;
        return;
    }
    script->sample = (struct sample){
        .time_ns = header->time_ns,
        .value = header->period,
        .thread = dict_thread(dict, &thread),
        .cpu = header->cpu,
        .event = (uint16_t)event,
    };
    script->pending = true;
    script->dropping = false;
    script->frame_count = script->inlined = 0;
    struct perf_frame frame;
    if (header->rest.len && header->rest.at[header->rest.len - 1] == ')' &&
        perf_frame_parse(&frame, header->rest.at, header->rest.len))
        take_frame(script, &frame);
}

// A line that is neither blank, nor a comment, nor a frame of the sample at hand.
static void take_other(struct perf_script *script, const char *line, size_t len, struct err *err)
{
    struct perf_header header;
    uint64_t lost;
    if (perf_header_parse(&header, line, len)) {
        emit(script, err);
        script->pending_report = script->base.report;
        script->pending_line = script->line;
        script->pending_byte = script->byte;
        if (!perf_record_parse(&lost, &header))
            take_header(script, &header);
        else if (lost)
            take_loss(script, lost, &header, err);
        return;
    }
    if (perf_message_parse(&lost, line, len)) {
        emit(script, err); // or the message would come again with the sample
        if (script->text)
            script->text(script->text_arg, line, len);
        if (lost)
            take_loss(script, lost, NULL, err);
        return;
    }
    if (perf_is_branch_line(line, len)) {
        skip(script, "branch records are left out");
        return;
    }
    if (!script->dropping)
        skip(script, "neither a sample's header nor a frame");
    script->dropping = true;
}

static bool take_chain_line(struct perf_script *script, const char *line, size_t len)
{
    struct perf_frame frame;
    struct perf_header header;
    struct span file;
    uint32_t number;
    bool indented = *line == ' ' || *line == '\t';
    // Only a tab says for sure that it is no header: a comm may be padded with spaces.
    if (*line != '\t' && perf_header_parse(&header, line, len) &&
        (indented || header.time_ns != SAMPLE_NO_TIME || !header.rest.len))
        return false;
    if (perf_frame_parse(&frame, line, len)) {
        take_frame(script, &frame);
        return true;
    }
    if (script->frame_count && perf_srcline_parse(&file, &number, line, len)) {
        struct frame *last = &script->frames[script->frame_count - 1];
        last->file = dict_string(script->base.sink->dict, file.at, file.len);
        last->line = number;
        return true;
    }
    return false;
}

static void take_line(struct perf_script *script, const char *line, size_t len, struct err *err)
{
    if (len && line[len - 1] == '\r')
        len--;
    bool blank = true;
    for (size_t i = 0; i < len && blank; i++)
        blank = line[i] == ' ' || line[i] == '\t';
    if (blank) {
        // Some files have a blank line between a header and its frames; a sample without frames
        // ends where the next one begins.
        if (script->frame_count || script->dropping)
            emit(script, err);
        script->dropping = false;
        return;
    }
    if (*line == '#' && !script->hello_sent && !script->pending && !script->base.report.samples) {
        perf_hello_line(&script->hello, line, len);
        return;
    }
    if (script->pending && take_chain_line(script, line, len))
        return;
    struct perf_frame frame;
    if (*line == '#' && !perf_is_branch_line(line, len)) {
        struct perf_header header; // a comm may begin with '#'
        if (!perf_header_parse(&header, line, len))
            return;
    }
    if (script->dropping && *line == '\t' && perf_frame_parse(&frame, line, len))
        return;
    take_other(script, line, len, err);
}

// Takes all complete records of text; the last line counts as complete when `final`. Returns how
// many bytes were used up.
static size_t take_records(struct perf_script *script, const char *text, size_t len, bool final,
                           struct err *err)
{
    size_t used = 0; // up to the sample at hand
    for (size_t at = 0; at < len && !script->failed;) {
        const char *newline = memchr(text + at, '\n', len - at);
        if (!newline && !final)
            break;
        size_t line_len = newline ? (size_t)(newline - text) - at : len - at;
        size_t next = at + line_len + (newline != NULL);
        bool had = script->pending;
        uint64_t had_byte = script->pending_byte;
        take_line(script, text + at, line_len, err);
        if (script->pending && (!had || script->pending_byte != had_byte))
            used = at; // a header
        else if (!script->pending)
            used = next;
        script->line++;
        script->byte += next - at;
        at = next;
    }
    if (final) {
        emit(script, err);
        used = len;
    } else if (script->pending) { // read again when the rest has come
        script->pending = false;
        script->frame_count = 0;
        script->line = script->pending_line;
        script->byte = script->pending_byte;
        script->base.report = script->pending_report;
    }
    return used;
}

// A record, or a line, that is longer than any can be: takes what is there and drops the rest.
static size_t cut_record(struct perf_script *script, const char *text, size_t len, struct err *err)
{
    const char *newline = memrchr(text, '\n', len);
    if (!newline) {
        skip(script, "a line is longer than 2 MiB");
        script->in_long_line = true;
        script->byte += len;
        return len;
    }
    size_t whole = (size_t)(newline - text) + 1;
    take_records(script, text, whole, true, err);
    skip(script, "a record is longer than 2 MiB: the rest of its frames was cut");
    script->dropping = true;
    return whole;
}

static size_t end_long_line(struct perf_script *script, const char *text, size_t len)
{
    const char *newline = memchr(text, '\n', len);
    size_t used = newline ? (size_t)(newline - text) + 1 : len;
    script->byte += used;
    script->in_long_line = !newline;
    script->line += newline != NULL;
    return used;
}

// Takes what can be taken of text; returns how much that was.
static size_t take(struct perf_script *script, const char *text, size_t len, struct err *err)
{
    size_t used = script->in_long_line ? end_long_line(script, text, len) : 0;
    while (used < len && !script->failed) {
        size_t more = take_records(script, text + used, len - used, false, err);
        used += more;
        if (len - used <= RECORD_MAX)
            break;
        used += cut_record(script, text + used, len - used, err);
    }
    return used;
}

static int push(struct decoder *decoder, const void *data, size_t len, struct err *err)
{
    struct perf_script *script = (struct perf_script *)decoder;
    const char *text = data;
    decoder->report.bytes += len;
    if (script->failed)
        return err_set(err, script->failed, "the stream has failed before");
    if (script->carry.len) {
        // Joins the carried record with as much as completes it, then goes on in place.
        bytes_append(&script->carry, text, len);
        if (memchr(text, '\n', len) || script->carry.len > RECORD_MAX)
            bytes_consume(&script->carry, take(script, script->carry.data, script->carry.len, err));
    } else {
        size_t used = take(script, text, len, err);
        bytes_append(&script->carry, text + used, len - used);
    }
    flush(script, err);
    return script->failed;
}

static int finish(struct decoder *decoder, struct err *err)
{
    struct perf_script *script = (struct perf_script *)decoder;
    if (script->failed)
        return err_set(err, script->failed, "the stream has failed before");
    take_records(script, bytes_text(&script->carry), script->carry.len, true, err);
    bytes_clear(&script->carry);
    flush(script, err);
    if (!script->failed)
        script->failed = send_hello(script, false, err);
    return script->failed;
}

static void perf_script_free(struct decoder *decoder)
{
    struct perf_script *script = (struct perf_script *)decoder;
    if (!script)
        return;
    perf_hello_dispose(&script->hello);
    bytes_dispose(&script->carry);
    free(script->event_name);
    free(script->event_unit);
    free(script->frames);
    free(script);
}

static struct decoder *decoder_new(struct sink *sink, const struct decode_options *options)
{
    static const struct decoder_ops ops = {push, finish, perf_script_free};
    struct perf_script *script = xcalloc(1, sizeof *script);
    script->base = (struct decoder){.ops = &ops, .sink = sink};
    script->line = 1;
    script->frames = xcalloc(STACK_MAX, sizeof *script->frames);
    if (options) {
        script->event_name = options->event_name ? xstrdup(options->event_name) : NULL;
        script->event_unit = options->event_unit ? xstrdup(options->event_unit) : NULL;
        script->event_by_value = options->event_by_value;
        script->text = options->text;
        script->text_arg = options->text_arg;
    }
    return &script->base;
}

// Headers are what tells; perf's own comments do when no header is within reach.
static int probe(const void *head, size_t len)
{
    const char *at = head, *end = at + len;
    int score = 0;
    for (int lines = 0; at < end && lines < PROBE_LINES; lines++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t line_len = newline ? (size_t)(newline - at) : (size_t)(end - at);
        size_t text_len = line_len && at[line_len - 1] == '\r' ? line_len - 1 : line_len;
        struct perf_header header;
        if (text_len > 16 && !memcmp(at, "# perf version :", 16))
            score = 80;
        else if (perf_header_parse(&header, at, text_len) && (header.event.len || header.rest.len))
            return header.time_ns != SAMPLE_NO_TIME ? 95 : 75;
        at += line_len + 1;
    }
    return score;
}

const struct format format_perf_script = {
    .name = "perf-script",
    .summary = "text of `perf script`, of perf 3.x to 6.x",
    .probe = probe,
    .decoder_new = decoder_new,
};
