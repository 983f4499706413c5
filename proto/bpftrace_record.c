// The state machine over bpftrace's lines.
//
// A record is kept as text until it is complete: dictionary numbers do not survive a push.
#include "proto/bpftrace_record.h"

#include "proto/alloc.h"
#include "proto/bpftrace_frame.h"

#include <stdlib.h>
#include <string.h>

#define KERNEL_ADDRESS_MIN 0xffff800000000000u // the upper half of x86-64 and of arm64

enum { HEAD_MAX_BYTES = 1 << 16 };

void bpftrace_record_init(struct bpftrace_record *record, struct decoder *decoder,
                          const struct decode_options *options)
{
    *record = (struct bpftrace_record){
        .decoder = decoder, .last_ns = SAMPLE_NO_TIME, .map_ns = SAMPLE_NO_TIME};
    if (options)
        record->options = *options;
}

void bpftrace_record_dispose(struct bpftrace_record *record)
{
    bytes_dispose(&record->head);
    bytes_dispose(&record->stack);
    free(record->lines);
}

void bpftrace_record_text(struct bpftrace_record *record, const char *line, size_t len)
{
    if (record->options.text && len)
        record->options.text(record->options.text_arg, line, len);
}

static void skip(struct bpftrace_record *record, const char *why)
{
    decode_report_skip(&record->decoder->report, record->start_number, record->start_offset, why);
}

static void reset(struct bpftrace_record *record)
{
    record->state = BPFTRACE_IDLE;
    bytes_clear(&record->head);
    bytes_clear(&record->stack);
    record->line_count = 0;
    record->block = record->blanks = 0;
    record->too_deep = record->bare = false;
}

static void begin(struct bpftrace_record *record, enum bpftrace_state state, const char *head,
                  size_t len)
{
    reset(record);
    record->state = state;
    record->start_number = record->place.number;
    record->start_offset = record->place.offset;
    bytes_append(&record->head, head, len);
}

void bpftrace_record_lost(struct bpftrace_record *record, uint64_t count)
{
    if (!record->lost)
        record->lost_from_ns = record->last_ns;
    record->lost += count;
    record->decoder->report.lost += count;
}

static int say_hello(struct bpftrace_record *record, struct err *err)
{
    if (record->hello_said)
        return 0;
    record->hello_said = true;
    struct hello hello = {.collector = "bpftrace", .clock = CLOCK_KIND_MONOTONIC}; // its nsecs
    return sink_hello(record->decoder->sink, &hello, err);
}

int bpftrace_record_flush(struct bpftrace_record *record, struct err *err)
{
    size_t count = record->sample_count;
    if (!count)
        return 0;
    int code = say_hello(record, err);
    record->sample_count = 0;
    return code ? code : sink_samples(record->decoder->sink, record->samples, count, err);
}

// What was lost lies somewhere between the sample before it and the one after it.
static int hand_over_loss(struct bpftrace_record *record, struct err *err)
{
    if (!record->lost)
        return 0;
    struct loss loss = {.from_ns = record->lost_from_ns,
                        .to_ns = record->last_ns,
                        .count = record->lost,
                        .cpu = -1,
                        .where = LOSS_RING};
    record->lost = 0;
    int code = bpftrace_record_flush(record, err);
    if (!code)
        code = say_hello(record, err);
    return code ? code : sink_loss(record->decoder->sink, &loss, err);
}

// --- stacks --------------------------------------------------------------------------------------

// A lone block without addresses: these are where the kernel is entered, its outermost frames.
static bool is_kernel_entry(const struct bpftrace_frame *frame)
{
    static const char *const ENTRIES[] = {"entry_",        "asm_",
                                          "ret_from_fork", "secondary_startup",
                                          "el0",           "cpu_startup_entry",
                                          "start_kernel",  "x86_64_start"};
    for (size_t i = 0; frame->name && i < sizeof ENTRIES / sizeof *ENTRIES; i++) {
        size_t len = strlen(ENTRIES[i]);
        if (frame->name_len >= len && !memcmp(frame->name, ENTRIES[i], len))
            return true;
    }
    return false;
}

static bool parse_frame(struct bpftrace_frame *out, const char *line, size_t len)
{
    return bpftrace_frame_parse(out, line, len) || bpftrace_frame_parse_bare(out, line, len);
}

static bool parse_line(const struct bpftrace_record *record, size_t i, struct bpftrace_frame *out)
{
    const struct bpftrace_line *line = record->lines + i;
    return parse_frame(out, record->stack.data + line->start, line->len);
}

// What has no name has an address, among names that have none.
static bool has_user_address(const struct bpftrace_record *record, uint32_t block)
{
    struct bpftrace_frame frame;
    for (size_t i = 0; i < record->line_count; i++) {
        if (record->lines[i].block == block && parse_line(record, i, &frame) && frame.has_address &&
            frame.address < KERNEL_ADDRESS_MIN)
            return true;
    }
    return false;
}

// The block whose frames are the kernel's, where there are no addresses; UINT32_MAX: none. Its
// outermost frame tells; where it is cut off, two blocks are the kernel's and the user's.
static uint32_t kernel_block(const struct bpftrace_record *record)
{
    size_t count = record->line_count;
    bool others = false; // user frames with addresses
    for (size_t i = 0; i < count; i++) {
        struct bpftrace_frame frame;
        bool outermost = i + 1 == count || record->lines[i + 1].block != record->lines[i].block;
        if (!outermost || !parse_line(record, i, &frame))
            continue;
        if (frame.has_address ? frame.address >= KERNEL_ADDRESS_MIN : is_kernel_entry(&frame))
            return record->lines[i].block;
        others |= frame.has_address;
    }
    bool several = count && record->lines[count - 1].block != record->lines[0].block;
    bool by_place = several || record->state == BPFTRACE_OWN || others;
    return count && by_place && record->lines[0].block == 0 && !has_user_address(record, 0)
               ? 0
               : UINT32_MAX;
}

static bool is_kernel(const struct bpftrace_frame *frame, uint32_t block, uint32_t kernel)
{
    return frame->has_address ? frame->address >= KERNEL_ADDRESS_MIN : block == kernel;
}

static uint32_t frame_number(struct bpftrace_record *record, const struct bpftrace_frame *printed,
                             bool kernel, int32_t pid)
{
    struct dict *dict = record->decoder->sink->dict;
    struct frame frame = {.kind = kernel ? FRAME_KERNEL : FRAME_USER};
    if (printed->name)
        frame.name = dict_string(dict, printed->name, printed->name_len);
    else
        frame.address = printed->address;
    if (printed->module)
        frame.module = dict_string(dict, printed->module, printed->module_len);
    else if (kernel)
        frame.module = dict_string_z(dict, "[kernel]");
    if (printed->file) {
        frame.file = dict_string(dict, printed->file, printed->file_len);
        frame.line = printed->line;
    }
    if (!printed->name && !printed->module && !kernel && record->options.symbolise)
        record->options.symbolise(record->options.symbolise_arg, dict, pid, printed->address,
                                  &frame);
    struct decode_report *report = &record->decoder->report;
    report->frames++;
    report->unresolved += frame_is_unresolved(&frame);
    return dict_frame(dict, &frame);
}

// Root first: the comm, the user's frames, the kernel's.
static uint32_t stack_node(struct bpftrace_record *record, uint32_t comm, int32_t pid)
{
    struct dict *dict = record->decoder->sink->dict;
    uint32_t node = dict_comm_node(dict, comm), kernel = kernel_block(record);
    for (int want_kernel = 0; want_kernel < 2; want_kernel++) {
        for (size_t i = record->line_count; i-- > 0;) {
            struct bpftrace_frame frame;
            if (parse_line(record, i, &frame) &&
                is_kernel(&frame, record->lines[i].block, kernel) == want_kernel)
                node = dict_node(dict, node, frame_number(record, &frame, want_kernel, pid));
        }
    }
    return node;
}

// --- records -------------------------------------------------------------------------------------

static uint32_t event_number(const struct bpftrace_record *record, bool is_map, bool has_value)
{
    struct dict *dict = record->decoder->sink->dict;
    const struct decode_options *options = &record->options;
    const char *name = options->event_name ? options->event_name : "samples";
    const char *unit = options->event_unit ? options->event_unit : is_map ? "samples" : "";
    struct event event = {.name = dict_string_z(dict, name),
                          .unit = dict_string_z(dict, unit),
                          .by_value = options->event_by_value || is_map || has_value};
    return dict_event(dict, &event);
}

static int add_sample(struct bpftrace_record *record, const struct bpftrace_header *header,
                      struct err *err)
{
    struct dict *dict = record->decoder->sink->dict;
    struct decode_report *report = &record->decoder->report;
    if (record->too_deep)
        skip(record, "a stack of more than 2048 frames was cut");
    if (header->time_ns != SAMPLE_NO_TIME)
        record->last_ns = header->time_ns;
    int code = hand_over_loss(record, err);
    if (code)
        return code;
    struct thread thread = {
        .pid = header->pid,
        .tid = header->tid,
        .comm = header->comm ? dict_string(dict, header->comm, header->comm_len)
                             : dict_string_z(dict, "[unknown]"),
    };
    report->samples++;
    report->no_stack += !record->line_count;
    record->samples[record->sample_count++] = (struct sample){
        .time_ns = header->time_ns,
        .value = header->has_value ? header->value : 1,
        .node = stack_node(record, thread.comm, header->pid),
        .thread = dict_thread(dict, &thread),
        .cpu = header->cpu,
        .event = (uint16_t)event_number(record, record->state == BPFTRACE_MAP, header->has_value),
    };
    reset(record);
    return record->sample_count == BPFTRACE_BATCH ? bpftrace_record_flush(record, err) : 0;
}

// Ends the record in hand: it becomes a sample, or was a line for people.
static int end_record(struct bpftrace_record *record, struct err *err)
{
    struct bpftrace_header header;
    const char *head = bytes_text(&record->head);
    switch (record->state) {
    case BPFTRACE_OWN:
        if (bpftrace_header_own(&header, head, record->head.len))
            return add_sample(record, &header, err);
        break;
    case BPFTRACE_LOOSE:
        bpftrace_header_guess(&header, head, record->head.len, record->last_ns);
        // Two empty stacks are two blank lines.
        if (record->line_count ||
            (record->blanks >= 2 && header.pid >= 0 && header.time_ns != SAMPLE_NO_TIME))
            return add_sample(record, &header, err);
        bpftrace_record_text(record, head, record->head.len);
        break;
    case BPFTRACE_MAP:
        skip(record, "the keys of a map have no end");
        break;
    case BPFTRACE_IDLE:
        break;
    }
    reset(record);
    return 0;
}

// A frame at the address 0, the end of a chain of frame pointers: "0" alone, or "0 0 ([unknown])".
static bool is_chain_end(const char *line, size_t len)
{
    size_t at = 0;
    while (at < len && (line[at] == ' ' || line[at] == '\t'))
        at++;
    return at < len && line[at] == '0' &&
           (len == at + 1 || (len - at > 5 && !memcmp(line + at, "0 0 (", 5)));
}

static void add_frame(struct bpftrace_record *record, const char *line, size_t len)
{
    // Our own program prints an empty kernel stack as one blank line more.
    if (record->state == BPFTRACE_OWN && !record->line_count)
        record->block = record->blanks > 1;
    else if (record->blanks && record->line_count && record->state != BPFTRACE_MAP)
        record->block++;
    record->blanks = 0;
    record->bare = *line != ' ' && *line != '\t';
    if (is_chain_end(line, len))
        return;
    if (record->line_count == BPFTRACE_FRAMES_MAX) {
        record->too_deep = true;
        return;
    }
    array_reserve(&record->lines, &record->line_capacity, record->line_count + 1);
    record->lines[record->line_count++] = (struct bpftrace_line){
        .start = (uint32_t)record->stack.len, .len = (uint32_t)len, .block = record->block};
    bytes_append(&record->stack, line, len);
}

// --- values --------------------------------------------------------------------------------------

int64_t bpftrace_record_map_time(struct bpftrace_record *record)
{
    if (record->map_ns != SAMPLE_NO_TIME)
        return record->map_ns;
    if (!record->options.now_ns || (record->ended && !record->map_timed))
        return SAMPLE_NO_TIME;
    record->map_timed = true;
    return record->options.now_ns(record->options.now_arg);
}

static uint32_t named_node(struct dict *dict, uint32_t parent, const char *name, size_t len)
{
    struct frame frame = {.name = dict_string(dict, name, len), .kind = FRAME_INTERPRETED};
    return dict_node(dict, parent, dict_frame(dict, &frame));
}

int bpftrace_record_value(struct bpftrace_record *record, const struct bpftrace_value *value,
                          struct err *err)
{
    struct dict *dict = record->decoder->sink->dict;
    uint32_t name = dict_string_z(dict, value->map), node = dict_comm_node(dict, name);
    struct thread thread = {.pid = -1, .tid = -1, .comm = name};
    struct event event = {.name = name, .by_value = true};
    if (value->key)
        node = named_node(dict, node, value->key, value->key_len);
    if (value->bucket)
        node = named_node(dict, node, value->bucket, strlen(value->bucket));
    uint32_t number = dict_event(dict, &event);
    if (number > UINT16_MAX) {
        skip(record, "more than 65536 different events");
        return 0;
    }
    int code = hand_over_loss(record, err);
    if (code)
        return code;
    record->decoder->report.samples++;
    record->samples[record->sample_count++] = (struct sample){
        .time_ns = bpftrace_record_map_time(record),
        .value = value->value,
        .node = node,
        .thread = dict_thread(dict, &thread),
        .cpu = SAMPLE_NO_CPU,
        .event = (uint16_t)number,
    };
    return record->sample_count == BPFTRACE_BATCH ? bpftrace_record_flush(record, err) : 0;
}

// --- maps ----------------------------------------------------------------------------------------

// "...]: 12": the end of a map's entry. *keys_len is what lies before the bracket.
static bool ends_entry(const char *line, size_t len, size_t *keys_len, uint64_t *value)
{
    size_t digits = len;
    while (digits && line[digits - 1] >= '0' && line[digits - 1] <= '9')
        digits--;
    if (digits < 3 || memcmp(line + digits - 3, "]: ", 3) ||
        !bpftrace_number(line + digits, len - digits, value))
        return false;
    *keys_len = digits - 3;
    return true;
}

// "...]:": below it comes a histogram. Both are for people.
static bool ends_before_hist(const char *line, size_t len)
{
    len -= len && line[len - 1] == ' ';
    return len > 1 && line[len - 2] == ']' && line[len - 1] == ':';
}

static void tell_entry(struct bpftrace_record *record, const char *line, size_t len)
{
    for (size_t i = 0; i < record->line_count; i++)
        bpftrace_record_text(record, record->stack.data + record->lines[i].start,
                             record->lines[i].len);
    bpftrace_record_text(record, line, len);
    reset(record);
}

// What lies between the stacks of a map's keys.
static int map_line(struct bpftrace_record *record, const char *line, size_t len, struct err *err)
{
    size_t keys_len = len;
    uint64_t value;
    bool ends = ends_entry(line, len, &keys_len, &value);
    if (!ends && ends_before_hist(line, len)) {
        tell_entry(record, line, len);
        return 0;
    }
    if (record->head.len + keys_len < HEAD_MAX_BYTES) {
        bytes_append(&record->head, line, keys_len);
        bytes_append_char(&record->head, ' ');
    }
    record->block++;
    if (!ends)
        return 0;
    struct bpftrace_header header;
    bpftrace_header_guess(&header, record->head.data, record->head.len, record->last_ns);
    if (header.time_ns == SAMPLE_NO_TIME)
        header.time_ns = bpftrace_record_map_time(record);
    header.value = value;
    header.has_value = true;
    return add_sample(record, &header, err);
}

// "@name[..." without an end on the line: stacks follow. Anything else is for people.
static void map_begin(struct bpftrace_record *record, const char *line, size_t len)
{
    const char *bracket = memchr(line, '[', len);
    size_t keys_len;
    uint64_t value;
    if (!bracket || ends_entry(line, len, &keys_len, &value) || line[len - 1] == ':' ||
        (len > 1 && !memcmp(line + len - 2, ": ", 2))) {
        bpftrace_record_text(record, line, len);
        return;
    }
    size_t keys = (size_t)(bracket - line) + 1;
    begin(record, BPFTRACE_MAP, line + keys, len - keys);
    bytes_append_char(&record->head, ' ');
    // "4029, spin, , ": an empty stack was first, so that what follows is the user's.
    size_t end = record->head.len;
    unsigned commas = 0;
    for (const char *head = record->head.data;
         end && (head[end - 1] == ' ' || head[end - 1] == ',');)
        commas += head[--end] == ',';
    record->block = commas > 1 || (commas == 1 && !end);
}

// --- lines ---------------------------------------------------------------------------------------

static bool starts_with(const char *line, size_t len, const char *start)
{
    size_t start_len = strlen(start);
    return len >= start_len && !memcmp(line, start, start_len);
}

// "WORD NUMBER" or "WORD NUMBER REST".
static bool word_and_number(const char *line, size_t len, const char *word, const char *rest,
                            uint64_t *out)
{
    size_t start = strlen(word), end = strlen(rest);
    return len > start + end && !memcmp(line, word, start) &&
           !memcmp(line + len - end, rest, end) &&
           bpftrace_number(line + start, len - start - end, out);
}

// A line that stands on its own or opens a record.
static int fresh_line(struct bpftrace_record *record, const char *line, size_t len)
{
    uint64_t number;
    struct bpftrace_header header;
    bool ready = word_and_number(line, len, "READY ", "", &number);
    if ((ready || word_and_number(line, len, "T ", "", &number)) && number <= INT64_MAX) {
        record->last_ns = (int64_t)number;
        if (ready)
            bpftrace_record_text(record, line, len);
        else
            record->map_ns = (int64_t)number;
    } else if (line[0] == '@') {
        map_begin(record, line, len);
    } else if (bpftrace_header_own(&header, line, len)) {
        begin(record, BPFTRACE_OWN, line, len);
    } else if (len == 3 && !memcmp(line, "END", 3)) {
        record->ended = true;
        bpftrace_record_text(record, line, len);
    } else if (starts_with(line, len, "READY") || starts_with(line, len, "Attaching ")) {
        bpftrace_record_text(record, line, len); // at once: someone waits for it
    } else {
        begin(record, BPFTRACE_LOOSE, line, len);
    }
    return 0;
}

// Among other lines: not just a number or a short word.
static bool looks_like_address(const char *line, size_t len)
{
    size_t digits = 0;
    while (digits < len && line[digits] >= '0' && line[digits] <= '9')
        digits++;
    return len >= 12 || (len >= 5 && digits < len);
}

// "%d %s %llu %s" with a stack(raw) in its last place: no blank line is between.
static bool follows_header(const struct bpftrace_record *record, const char *line, size_t len)
{
    struct bpftrace_header header;
    bool letter = false;
    for (size_t i = 0; i < len; i++)
        letter |= line[i] >= 'a';
    if (len < 12 || !letter)
        return false;
    bpftrace_header_guess(&header, record->head.data, record->head.len, record->last_ns);
    return header.pid >= 0 && header.time_ns != SAMPLE_NO_TIME;
}

// An address alone.
static bool is_bare_frame(const struct bpftrace_record *record, const char *line, size_t len)
{
    struct bpftrace_frame frame;
    if (!bpftrace_frame_parse_bare(&frame, line, len))
        return false;
    switch (record->state) {
    case BPFTRACE_MAP:
        return true;
    case BPFTRACE_OWN:
        return record->blanks || record->line_count;
    case BPFTRACE_LOOSE:
        if (record->blanks || record->line_count)
            return record->blanks ? looks_like_address(line, len) : record->bare;
        return follows_header(record, line, len);
    case BPFTRACE_IDLE:
        break;
    }
    return false;
}

static bool is_frame(const struct bpftrace_record *record, const char *line, size_t len)
{
    struct bpftrace_frame frame;
    if (!bpftrace_frame_parse(&frame, line, len))
        return is_bare_frame(record, line, len);
    // Before our own program's first blank line there is only the comm.
    return record->state != BPFTRACE_OWN || record->blanks || record->line_count;
}

// Stacks without any header: each is a sample, but for a kernel's that is followed by a user's.
static bool starts_next(const struct bpftrace_record *record, const char *line, size_t len)
{
    struct bpftrace_frame first, frame;
    if (record->state != BPFTRACE_LOOSE || record->head.len || !record->line_count ||
        !record->blanks)
        return false;
    bool pair = record->block == 0 && parse_line(record, 0, &first) && first.has_address &&
                first.address >= KERNEL_ADDRESS_MIN && parse_frame(&frame, line, len) &&
                frame.has_address && frame.address < KERNEL_ADDRESS_MIN;
    return !pair;
}

int bpftrace_record_line(struct bpftrace_record *record, const char *line, size_t len,
                         struct err *err)
{
    uint64_t lost;
    if (word_and_number(line, len, "Lost ", " events", &lost)) {
        bpftrace_record_lost(record, lost);
        return 0;
    }
    if (is_frame(record, line, len)) {
        int code = starts_next(record, line, len) ? end_record(record, err) : 0;
        if (record->state == BPFTRACE_IDLE)
            begin(record, BPFTRACE_LOOSE, "", 0);
        add_frame(record, line, len);
        return code;
    }
    if (record->state == BPFTRACE_MAP && line[0] != '@')
        return len ? map_line(record, line, len, err) : 0;
    if (!len) {
        record->blanks++;
        return 0;
    }
    struct bpftrace_header header;
    bool continues = record->state == BPFTRACE_OWN && !record->blanks && !record->line_count &&
                     !bpftrace_header_own(&header, line, len);
    if (continues) { // a comm may hold newlines
        if (record->head.len + len < HEAD_MAX_BYTES) {
            bytes_append_char(&record->head, '\n');
            bytes_append(&record->head, line, len);
        }
        return 0;
    }
    bool ends = len == 1 && line[0] == 'E' &&
                (record->state == BPFTRACE_OWN || record->state == BPFTRACE_LOOSE);
    int code = end_record(record, err);
    return code || ends ? code : fresh_line(record, line, len);
}

int bpftrace_record_end(struct bpftrace_record *record, struct err *err)
{
    return end_record(record, err);
}

int bpftrace_record_quiet(struct bpftrace_record *record, struct err *err)
{
    bool is_sample = record->line_count || record->blanks;
    return record->state == BPFTRACE_LOOSE && !is_sample ? end_record(record, err) : 0;
}

bool bpftrace_record_is_whole(const struct bpftrace_record *record, const char *line, size_t len)
{
    size_t keys_len;
    uint64_t value;
    switch (record->state) {
    case BPFTRACE_OWN:
        return len == 1 && line[0] == 'E';
    case BPFTRACE_MAP:
        return ends_entry(line, len, &keys_len, &value);
    case BPFTRACE_LOOSE:
        return !record->line_count;
    case BPFTRACE_IDLE:
        break;
    }
    return true;
}

int bpftrace_record_finish(struct bpftrace_record *record, bool cut, struct err *err)
{
    if (record->state == BPFTRACE_OWN || record->state == BPFTRACE_MAP ||
        (cut && record->line_count)) {
        skip(record, "the stream is cut within a sample");
        reset(record);
    }
    int code = end_record(record, err);
    if (!code)
        code = hand_over_loss(record, err);
    if (!code)
        code = bpftrace_record_flush(record, err);
    return code ? code : say_hello(record, err);
}
