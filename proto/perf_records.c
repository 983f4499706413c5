// The records of `perf script` text, read line by line.
#include "proto/perf_records.h"

#include "proto/alloc.h"
#include "proto/perf_line.h"

#include <stdlib.h>
#include <string.h>

void perf_records_init(struct perf_records *records, struct decoder *decoder,
                       const struct decode_options *options)
{
    *records = (struct perf_records){.decoder = decoder, .line = 1};
    records->frames = xcalloc(PERF_STACK_MAX, sizeof *records->frames);
    records->ids = xcalloc(PERF_STACK_MAX, sizeof *records->ids);
    if (!options)
        return;
    records->event_name = options->event_name ? xstrdup(options->event_name) : NULL;
    records->event_unit = options->event_unit ? xstrdup(options->event_unit) : NULL;
    records->event_by_value = options->event_by_value;
    records->text = options->text;
    records->text_arg = options->text_arg;
}

void perf_records_dispose(struct perf_records *records)
{
    perf_hello_dispose(&records->hello);
    perf_tally_dispose(&records->tally);
    free(records->event_name);
    free(records->event_unit);
    free(records->frames);
    free(records->ids);
}

static int send_hello(struct perf_records *records, bool has_time, struct err *err)
{
    if (records->hello_sent)
        return 0;
    records->hello_sent = true;
    struct hello hello;
    perf_hello_get(&records->hello, has_time, &hello);
    return sink_hello(records->decoder->sink, &hello, err);
}

void perf_records_flush(struct perf_records *records, struct err *err)
{
    if (!records->batch_count || records->failed)
        return;
    struct decoder *decoder = records->decoder;
    perf_tally_samples(&records->tally, &decoder->report, decoder->sink->dict, records->batch,
                       records->batch_count);
    records->failed = send_hello(records, records->batch[0].time_ns != SAMPLE_NO_TIME, err);
    if (!records->failed)
        records->failed = sink_samples(decoder->sink, records->batch, records->batch_count, err);
    records->batch_count = 0;
}

void perf_records_skip(struct perf_records *records, const char *why)
{
    decode_report_skip(&records->decoder->report, records->line, records->byte, why);
}

static void take_loss(struct perf_records *records, uint64_t count,
                      const struct perf_header *header, struct err *err)
{
    struct loss loss = {
        .from_ns = SAMPLE_NO_TIME,
        .to_ns = header ? header->time_ns : SAMPLE_NO_TIME,
        .count = count,
        .cpu = header && header->cpu != SAMPLE_NO_CPU ? header->cpu : -1,
        .where = LOSS_RING,
    };
    records->decoder->report.lost += count;
    perf_records_flush(records, err); // what came before stays before
    if (!records->failed)
        records->failed = send_hello(records, loss.to_ns != SAMPLE_NO_TIME, err);
    if (!records->failed)
        records->failed = sink_loss(records->decoder->sink, &loss, err);
}

static void add_frame(struct perf_records *records, const struct frame *frame)
{
    if (records->frame_count == PERF_STACK_MAX) {
        if (!records->dropping)
            perf_records_skip(records,
                              "the stack is deeper than 4096 frames: its callers beyond were cut");
        records->dropping = true;
        return;
    }
    records->frames[records->frame_count++] = *frame;
}

// "A->B->C" of a JIT compiler's map: B and C are inlined in A.
static void add_jit_frames(struct perf_records *records, struct frame frame, struct span name)
{
    struct dict *dict = records->decoder->sink->dict;
    const char *end = name.at + name.len;
    for (const char *at = end;;) {
        while (at > name.at && !(at + 1 < end && at[0] == '-' && at[1] == '>'))
            at--;
        bool outer = at == name.at;
        const char *part = outer ? at : at + 2;
        if (part < end) {
            frame.name = dict_string(dict, part, (size_t)(end - part));
            frame.kind = outer ? FRAME_JIT : FRAME_INLINED;
            add_frame(records, &frame);
        }
        if (outer)
            return;
        end = at;
    }
}

static void take_frame(struct perf_records *records, const struct perf_frame *parsed)
{
    struct frame frame;
    bool alone = perf_frame_intern(records->decoder->sink->dict, &frame, parsed);
    if (!alone && parsed->where == PERF_FRAME_JIT) {
        add_jit_frames(records, frame, parsed->name);
        return;
    }
    add_frame(records, &frame);
    if (parsed->where == PERF_FRAME_INLINED)
        return;
    // What was inlined into this function lies in its module.
    for (size_t i = records->frame_count - 1; i-- > 0;) {
        struct frame *inlined = &records->frames[i];
        if (inlined->kind != FRAME_INLINED || inlined->module)
            break;
        inlined->module = frame.module;
    }
}

void perf_records_add(struct perf_records *records, const struct sample *sample, struct err *err)
{
    records->batch[records->batch_count++] = *sample;
    records->decoder->report.samples++;
    if (records->batch_count == PERF_BATCH)
        perf_records_flush(records, err);
}

void perf_records_emit(struct perf_records *records, struct err *err)
{
    if (!records->pending)
        return;
    // In the order in which perf_known.c interns, so that both ways make the same dictionary.
    struct dict *dict = records->decoder->sink->dict;
    uint32_t *ids = records->ids;
    for (size_t i = 0; i < records->frame_count; i++)
        ids[i] = dict_frame(dict, &records->frames[i]);
    uint32_t node = dict_comm_node(dict, records->comm);
    for (size_t i = records->frame_count; i-- > 0;)
        node = dict_node(dict, node, ids[i]);
    records->sample.node = node;
    records->pending = false;
    perf_records_add(records, &records->sample, err);
}

static uint32_t event_of(struct perf_records *records, const struct perf_header *header)
{
    struct dict *dict = records->decoder->sink->dict;
    if (header->event.len)
        return perf_event_id(dict, header->event, header->has_period);
    struct event event = {
        .name = dict_string_z(dict, records->event_name ? records->event_name : "samples"),
        .unit = dict_string_z(dict, records->event_unit ? records->event_unit : ""),
        .by_value = records->event_by_value,
    };
    return dict_event(dict, &event);
}

static void take_header(struct perf_records *records, const struct perf_header *header)
{
    struct dict *dict = records->decoder->sink->dict;
    struct thread thread = {.pid = header->pid, .tid = header->tid};
    thread.comm = dict_string(dict, header->comm.at, header->comm.len);
    records->comm = thread.comm;
    dict_comm_node(dict, thread.comm);
    uint32_t thread_id = dict_thread(dict, &thread);
    uint32_t event = event_of(records, header);
    if (event > UINT16_MAX) {
        perf_records_skip(records, "more than 65536 different events");
        records->dropping = true;
        return;
    }
    records->sample = (struct sample){
        .time_ns = header->time_ns,
        .value = header->period,
        .thread = thread_id,
        .cpu = header->cpu,
        .event = (uint16_t)event,
    };
    records->pending = true;
    records->dropping = false;
    records->frame_count = 0;
    struct perf_frame frame;
    records->on_header = header->rest.len && header->rest.at[header->rest.len - 1] == ')' &&
                         perf_frame_parse(&frame, header->rest.at, header->rest.len);
    if (records->on_header)
        take_frame(records, &frame);
}

// "4005b1 main+0x1 (/bin/a) => 4004d0 f+0x0 (/bin/a)": a sample of a branch, of Intel PT and such.
static bool is_branch(const struct perf_header *header)
{
    struct perf_frame frame;
    return header->rest.len && memmem(header->rest.at, header->rest.len, " => ", 4) &&
           perf_frame_parse(&frame, header->rest.at, header->rest.len);
}

// A line that is neither blank, nor a comment, nor a frame of the sample at hand.
static void take_other(struct perf_records *records, const char *line, size_t len, struct err *err)
{
    struct perf_header header;
    uint64_t lost;
    if (perf_header_parse(&header, line, len)) {
        perf_records_emit(records, err);
        records->pending_report = records->decoder->report;
        records->pending_dropping = records->dropping;
        records->pending_line = records->line;
        records->pending_byte = records->byte;
        if (is_branch(&header)) {
            perf_records_skip(records, "branch records are left out");
            records->dropping = true;
        } else if (!perf_record_parse(&lost, &header))
            take_header(records, &header);
        else if (lost)
            take_loss(records, lost, &header, err);
        return;
    }
    if (perf_message_parse(&lost, line, len)) {
        perf_records_emit(records, err); // or the message would come again with the sample
        if (records->text)
            records->text(records->text_arg, line, len);
        if (lost)
            take_loss(records, lost, NULL, err);
        return;
    }
    if (perf_is_branch_line(line, len)) {
        perf_records_skip(records, "branch records are left out");
        return;
    }
    if (len > 4 && !memcmp(line, " ABI:", 5)) {
        perf_records_skip(records, "registers are left out");
        return;
    }
    if (!records->dropping)
        perf_records_skip(records, "neither a sample's header nor a frame");
    records->dropping = true;
}

// "        27fc3e000" at the end of a record, of `-F +phys_addr`: frames have a name, or a tab.
static bool is_bare_address(const struct perf_frame *frame, const char *line, size_t len)
{
    return *line == ' ' && !frame->name.len && !frame->module.len && !memchr(line, '[', len);
}

static bool take_chain_line(struct perf_records *records, const char *line, size_t len)
{
    struct perf_frame frame;
    struct perf_header header;
    struct span file;
    uint32_t number;
    bool inlined;
    bool indented = *line == ' ' || *line == '\t';
    // Only a tab says for sure that it is no header: a comm may be padded with spaces.
    if (*line != '\t' && perf_header_parse(&header, line, len) &&
        (indented || header.time_ns != SAMPLE_NO_TIME || !header.rest.len))
        return false;
    if (perf_frame_parse(&frame, line, len)) {
        if (records->frame_count && is_bare_address(&frame, line, len)) {
            perf_records_skip(records, "physical addresses are left out");
            return true;
        }
        if (records->on_header) // that was the address of the data, of `-F +addr`
            records->frame_count = 0;
        records->on_header = false;
        take_frame(records, &frame);
        return true;
    }
    if (records->frame_count && perf_srcline_parse(&file, &number, &inlined, line, len)) {
        struct frame *last = &records->frames[records->frame_count - 1];
        last->file = dict_string(records->decoder->sink->dict, file.at, file.len);
        last->line = number;
        if (inlined && !last->module)
            last->kind = FRAME_INLINED;
        return true;
    }
    return false;
}

static void take_line(struct perf_records *records, const char *line, size_t len, struct err *err)
{
    if (len && line[len - 1] == '\r')
        len--;
    bool blank = true;
    for (size_t i = 0; i < len && blank; i++)
        blank = line[i] == ' ' || line[i] == '\t';
    if (blank) {
        // Some files have a blank line between a header and its frames; a sample without frames
        // ends where the next one begins.
        if (records->frame_count || records->dropping)
            perf_records_emit(records, err);
        records->dropping = false;
        return;
    }
    if (*line == '#' && (len < 2 || line[1] == ' ') && !records->hello_sent && !records->pending &&
        !records->decoder->report.samples) {
        perf_hello_line(&records->hello, line, len);
        return;
    }
    if (records->pending && take_chain_line(records, line, len))
        return;
    struct perf_frame frame;
    if (*line == '#' && !perf_is_branch_line(line, len)) {
        struct perf_header header; // a comm may begin with '#'
        if (!perf_header_parse(&header, line, len))
            return;
    }
    if (records->dropping && *line == '\t' && perf_frame_parse(&frame, line, len))
        return;
    take_other(records, line, len, err);
}

size_t perf_records_take(struct perf_records *records, const char *text, size_t len, bool final,
                         struct err *err)
{
    size_t at = 0;
    while (at < len && !records->failed) {
        const char *newline = memchr(text + at, '\n', len - at);
        if (!newline && !final)
            break;
        size_t line_len = newline ? (size_t)(newline - text) - at : len - at;
        size_t next = at + line_len + (newline != NULL);
        take_line(records, text + at, line_len, err);
        records->line++;
        records->byte += next - at;
        at = next;
    }
    return at;
}

size_t perf_records_take_back(struct perf_records *records)
{
    if (!records->pending)
        return 0;
    size_t len = records->byte - records->pending_byte;
    records->pending = false;
    records->frame_count = 0;
    records->line = records->pending_line;
    records->byte = records->pending_byte;
    records->decoder->report = records->pending_report;
    records->dropping = records->pending_dropping;
    return len;
}

void perf_records_finish(struct perf_records *records, struct err *err)
{
    perf_records_emit(records, err);
    perf_records_flush(records, err);
    if (!records->failed)
        records->failed = send_hello(records, false, err);
}
