// The decoder of `perf script` text.
//
// Works on whole records: a header line, the lines of its call chain, a blank line. What a push
// leaves incomplete is carried as bytes, never as ids, so that the dictionary may be renumbered
// between pushes.
#include "proto/alloc.h"
#include "proto/bytes.h"
#include "proto/format.h"
#include "proto/perf_hello.h"
#include "proto/perf_known.h"
#include "proto/perf_line.h"

#include <stdlib.h>
#include <string.h>

enum {
    BATCH = 512,
    RECORD_MAX = 2 << 20, // bytes of one record; what is longer is cut
    PROBE_LINES = 400,
    TOKENS = 256,
    BITE_MAX = 256 << 20, // bytes taken at once; offsets of tokens have 32 bits
    PREFETCH = 8,         // tokens ahead
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
    struct decode_report pending_report; // as it was before the header, and `dropping` too
    bool pending_dropping;
    struct frame *frames; // leaf first; PERF_STACK_MAX
    size_t frame_count;
    size_t inlined; // the last so many frames wait for the module of the frame they lie in

    struct sample batch[BATCH];
    size_t batch_count;

    struct perf_scan scan;
    struct perf_scan ahead; // of the thread that scans ahead
    struct perf_known known;
    struct perf_token tokens[TOKENS];
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
    if (script->frame_count == PERF_STACK_MAX) {
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
    struct frame frame;
    bool alone = perf_frame_intern(script->base.sink->dict, &frame, parsed);
    if (!alone && parsed->where == PERF_FRAME_JIT) {
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

static void add_sample(struct perf_script *script, const struct sample *sample,
                       struct perf_path path, struct err *err)
{
    struct decode_report *report = &script->base.report;
    script->batch[script->batch_count++] = *sample;
    report->samples++;
    report->no_stack += !path.frames;
    report->frames += path.frames;
    report->unresolved += path.unresolved;
    if (script->batch_count == BATCH)
        flush(script, err);
}

static struct perf_path path_of(const struct perf_script *script, uint32_t node)
{
    struct perf_path path = {.node = node, .frames = (uint16_t)script->frame_count};
    for (size_t i = 0; i < script->frame_count; i++)
        path.unresolved += frame_is_unresolved(&script->frames[i]);
    return path;
}

// The sample at hand is complete.
static void emit(struct perf_script *script, struct err *err)
{
    if (!script->pending)
        return;
    // In the order in which perf_known.c interns, so that both ways make the same dictionary.
    struct dict *dict = script->base.sink->dict;
    uint32_t *ids = script->known.frames;
    for (size_t i = 0; i < script->frame_count; i++)
        ids[i] = dict_frame(dict, &script->frames[i]);
    uint32_t node = dict_comm_node(dict, script->comm);
    for (size_t i = script->frame_count; i-- > 0;)
        node = dict_node(dict, node, ids[i]);
    script->sample.node = node;
    script->pending = false;
    add_sample(script, &script->sample, path_of(script, node), err);
}

static uint32_t event_of(struct perf_script *script, const struct perf_header *header)
{
    struct dict *dict = script->base.sink->dict;
    if (header->event.len)
        return perf_event_id(dict, header->event, header->has_period);
    struct event event = {
        .name = dict_string_z(dict, script->event_name ? script->event_name : "samples"),
        .unit = dict_string_z(dict, script->event_unit ? script->event_unit : ""),
        .by_value = script->event_by_value,
    };
    return dict_event(dict, &event);
}

static void take_header(struct perf_script *script, const struct perf_header *header)
{
    struct dict *dict = script->base.sink->dict;
    struct thread thread = {.pid = header->pid, .tid = header->tid};
    thread.comm = dict_string(dict, header->comm.at, header->comm.len);
    script->comm = thread.comm;
    dict_comm_node(dict, thread.comm);
    uint32_t thread_id = dict_thread(dict, &thread);
    uint32_t event = event_of(script, header);
    if (event > UINT16_MAX) {
        skip(script, "more than 65536 different events");
        script->dropping = true;
        return;
    }
    script->sample = (struct sample){
        .time_ns = header->time_ns,
        .value = header->period,
        .thread = thread_id,
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
        script->pending_dropping = script->dropping;
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

// Takes the whole lines of text, also the last one when `final`. Returns how many bytes that was.
static size_t take_lines(struct perf_script *script, const char *text, size_t len, bool final,
                         struct err *err)
{
    size_t at = 0;
    while (at < len && !script->failed) {
        const char *newline = memchr(text + at, '\n', len - at);
        if (!newline && !final)
            break;
        size_t line_len = newline ? (size_t)(newline - text) - at : len - at;
        size_t next = at + line_len + (newline != NULL);
        take_line(script, text + at, line_len, err);
        script->line++;
        script->byte += next - at;
        at = next;
    }
    return at;
}

// Reads a token's bytes line by line. A chain whose lines depend on each other is remembered when
// they turned out to be one whole sample.
static void take_slowly(struct perf_script *script, const char *text,
                        const struct perf_token *token, bool learn, struct err *err)
{
    if (learn)
        emit(script, err); // the token begins with a header
    struct decode_report before = script->base.report;
    size_t batched = script->batch_count;
    take_lines(script, text, token->len, false, err);
    const struct decode_report *report = &script->base.report;
    if (!learn || script->pending || script->dropping || report->samples != before.samples + 1 ||
        report->skipped != before.skipped || report->lost != before.lost)
        return;
    const struct sample *sample = &script->batch[batched]; // also when the batch went out since
    struct perf_path path = {
        .node = sample->node,
        .frames = (uint16_t)(report->frames - before.frames),
        .unresolved = (uint16_t)(report->unresolved - before.unresolved),
    };
    perf_known_learn(&script->known, token, sample->thread, &path);
}

static void take_token(struct perf_script *script, const char *text, const struct perf_token *token,
                       struct err *err)
{
    struct sample sample;
    struct perf_path path;
    enum perf_known_result result = PERF_ODD_HEADER;
    if (token->usual)
        result = perf_known_sample(&script->known, &sample, &path, text, token);
    if (result != PERF_KNOWN) {
        take_slowly(script, text, token, result == PERF_ODD_CHAIN, err);
        return;
    }
    if (script->pending)
        emit(script, err);
    script->dropping = false;
    add_sample(script, &sample, path, err);
    script->line += token->lines;
    script->byte += token->len;
}

static void take_tokens(struct perf_script *script, const char *text,
                        const struct perf_token *tokens, size_t count, struct err *err)
{
    for (size_t i = 0; i < count && !script->failed; i++) {
        if (i + PREFETCH < count && tokens[i + PREFETCH].usual)
            perf_known_prefetch(&script->known, &tokens[i + PREFETCH]);
        take_token(script, text + tokens[i].at, &tokens[i], err);
    }
}

// A sample whose record may go on is read again when the rest has come. Returns how many of the
// bytes taken it began before.
static size_t take_back(struct perf_script *script)
{
    if (!script->pending)
        return 0;
    size_t len = script->byte - script->pending_byte;
    script->pending = false;
    script->frame_count = 0;
    script->line = script->pending_line;
    script->byte = script->pending_byte;
    script->base.report = script->pending_report;
    script->dropping = script->pending_dropping;
    return len;
}

// Takes all complete records of text. Returns how many bytes were used up: to the start of the
// first incomplete one.
static size_t take_records(struct perf_script *script, const char *text, size_t len,
                           struct err *err)
{
    size_t used = 0;
    for (size_t count = TOKENS; count == TOKENS && !script->failed;) {
        size_t scanned;
        const char *at = text + used;
        count = perf_scan_tokens(&script->scan, script->tokens, TOKENS, at, len - used, &scanned);
        take_tokens(script, at, script->tokens, count, err);
        used += scanned;
    }
    used += take_lines(script, text + used, len - used, false, err);
    return used - take_back(script);
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
    size_t whole = take_lines(script, text, (size_t)(newline - text) + 1, false, err);
    emit(script, err);
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
        used += take_records(script, text + used, len - used, err);
        if (len - used <= RECORD_MAX)
            break;
        used += cut_record(script, text + used, len - used, err);
    }
    return used;
}

// How much of data completes the carried record: up to its first blank line, all when none is near.
static size_t completing(const struct bytes *carry, const char *data, size_t len)
{
    if (carry->data[carry->len - 1] == '\n' && *data == '\n')
        return 1;
    const char *blank = memmem(data, len < RECORD_MAX ? len : RECORD_MAX, "\n\n", 2);
    return blank ? (size_t)(blank - data) + 2 : len;
}

static int push(struct decoder *decoder, const void *data, size_t len, struct err *err)
{
    struct perf_script *script = (struct perf_script *)decoder;
    struct bytes *carry = &script->carry;
    const char *text = data, *end = text + len;
    decoder->report.bytes += len;
    if (script->failed)
        return err_set(err, script->failed, "the stream has failed before");
    perf_known_check(&script->known);
    while (carry->len && text < end && !script->failed) {
        size_t more = completing(carry, text, (size_t)(end - text));
        bytes_append(carry, text, more);
        if (memchr(text, '\n', more) || carry->len > RECORD_MAX)
            bytes_consume(carry, take(script, carry->data, carry->len, err));
        text += more;
    }
    while (text < end && !carry->len && !script->failed) {
        size_t bite = (size_t)(end - text) < BITE_MAX ? (size_t)(end - text) : BITE_MAX;
        size_t used = take(script, text, bite, err);
        if (bite < BITE_MAX || !used)
            bytes_append(carry, text + used, bite - used);
        text += bite < BITE_MAX || !used ? bite : used;
    }
    flush(script, err);
    return script->failed;
}

static size_t scan_ahead(struct decoder *decoder, struct bytes *notes, const char *text, size_t len)
{
    struct perf_script *script = (struct perf_script *)decoder;
    struct perf_token tokens[TOKENS];
    size_t done = 0, scanned;
    for (size_t count = TOKENS; count == TOKENS; done += scanned) {
        count = perf_scan_tokens(&script->ahead, tokens, TOKENS, text + done, len - done, &scanned);
        for (size_t i = 0; i < count; i++)
            tokens[i].at += (uint32_t)done;
        bytes_append(notes, tokens, count * sizeof *tokens);
    }
    return done;
}

static int push_scanned(struct decoder *decoder, const char *text, size_t len,
                        const struct bytes *notes, struct err *err)
{
    struct perf_script *script = (struct perf_script *)decoder;
    if (script->failed || script->carry.len || script->in_long_line)
        return push(decoder, text, len, err);
    decoder->report.bytes += len;
    perf_known_check(&script->known);
    take_tokens(script, text, (const struct perf_token *)notes->data,
                notes->len / sizeof(struct perf_token), err);
    size_t back = take_back(script);
    bytes_append(&script->carry, text + len - back, back);
    flush(script, err);
    return script->failed;
}

static int finish(struct decoder *decoder, struct err *err)
{
    struct perf_script *script = (struct perf_script *)decoder;
    if (script->failed)
        return err_set(err, script->failed, "the stream has failed before");
    take_lines(script, bytes_text(&script->carry), script->carry.len, true, err);
    emit(script, err);
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
    perf_known_dispose(&script->known);
    bytes_dispose(&script->carry);
    free(script->event_name);
    free(script->event_unit);
    free(script->frames);
    free(script);
}

static struct decoder *decoder_new(struct sink *sink, const struct decode_options *options)
{
    static const struct decoder_ops ops = {
        .push = push,
        .finish = finish,
        .free = perf_script_free,
    };
    static const struct decoder_ahead ahead = {scan_ahead, push_scanned};
    struct perf_script *script = xcalloc(1, sizeof *script);
    script->base = (struct decoder){.ops = &ops, .ahead = &ahead, .sink = sink};
    script->line = 1;
    perf_scan_init(&script->scan, sink->dict->seed);
    perf_scan_init(&script->ahead, sink->dict->seed);
    perf_known_init(&script->known, sink->dict);
    script->frames = xcalloc(PERF_STACK_MAX, sizeof *script->frames);
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
