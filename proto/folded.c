// Folded stacks: "comm;caller;callee 12" a line, as stackcollapse-*.pl and others write them.
//
// The first name is taken for the thread's comm, as stackcollapse-perf.pl and every other writer of
// system profiles put it there. Counts may be fractions: each line gets whole units and the rest
// is carried to the next, so that the total is right to one unit. A file in which every line has
// two counts is a differential (difffolded.pl): its samples are of the events "before" and
// "after". The suffixes _[k], _[j], _[i] tell kernel, JIT and inlined frames.
#include "proto/alloc.h"
#include "proto/bytes.h"
#include "proto/format.h"
#include "proto/sort.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH = 512,
    LINE_MAX_BYTES = 4 << 20,
    DECIDE_BYTES = 64 << 10, // one or two counts: decided on the lines in the first so many bytes
};

// Apart, so that no digit is lost of a whole number that a double cannot hold.
struct count {
    uint64_t whole;
    double rest; // below 1
};

struct counts {
    struct count value[2];
    int count;
    size_t stack_len; // what is left of the line
};

struct folded {
    struct decoder base;
    char *event_name, *event_unit;
    struct bytes carry;
    bool decided, differential;
    bool in_long_line;
    uint64_t line, byte;
    double rest[2]; // fractions carried over
    int failed;
    bool hello_sent;
    struct sample batch[BATCH];
    size_t batch_count;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static size_t without_blanks(const char *text, size_t len)
{
    while (len && is_blank(text[len - 1]))
        len--;
    return len;
}

// A count of any other form than plain digits: "12.5", "1e3".
static bool read_fraction(struct count *out, const char *text, size_t len)
{
    char number[64], *after;
    if (len >= sizeof number)
        return false;
    memcpy(number, text, len);
    number[len] = '\0';
    double value = strtod(number, &after);
    if (*after || !isfinite(value) || value < 0 || value > 1e18)
        return false;
    *out = (struct count){(uint64_t)value, value - floor(value)};
    return true;
}

// Of plain digits; false when there are too many for 64 bits.
static bool read_whole(struct count *out, const char *text, size_t len)
{
    *out = (struct count){0};
    for (size_t i = 0; i < len; i++) {
        if (__builtin_mul_overflow(out->whole, (uint64_t)10, &out->whole) ||
            __builtin_add_overflow(out->whole, (uint64_t)(text[i] - '0'), &out->whole))
            return false;
    }
    return true;
}

// Splits " 12.5" off the end of text. False when there is none.
static bool take_count(struct count *out, const char *text, size_t *len)
{
    size_t end = without_blanks(text, *len), at = end;
    while (at && is_digit(text[at - 1]))
        at--;
    bool plain = at < end && at && is_blank(text[at - 1]);
    while (!plain && at && text[at - 1] &&
           (is_digit(text[at - 1]) || strchr(".eE+-", text[at - 1])))
        at--;
    if (at == end || !at || !is_blank(text[at - 1]))
        return false;
    if (plain ? !read_whole(out, text + at, end - at) : !read_fraction(out, text + at, end - at))
        return false;
    *len = without_blanks(text, at);
    return *len > 0;
}

static bool split_counts(struct counts *out, const char *line, size_t len)
{
    out->count = 0;
    out->stack_len = len;
    if (!take_count(&out->value[1], line, &out->stack_len))
        return false;
    size_t shorter = out->stack_len;
    out->count = 1 + take_count(&out->value[0], line, &shorter);
    return true;
}

static size_t text_len(const char *line, size_t len)
{
    while (len && (line[len - 1] == '\r' || line[len - 1] == ' ' || line[len - 1] == '\t'))
        len--;
    return len;
}

static bool is_comment(const char *line, size_t len)
{
    return len >= 2 && line[0] == '#' && line[1] == ' ';
}

static void flush(struct folded *folded, struct err *err)
{
    if (folded->failed)
        return;
    if (!folded->hello_sent) {
        folded->hello_sent = true;
        struct hello hello = {.collector = "folded", .clock = CLOCK_KIND_NONE};
        folded->failed = sink_hello(folded->base.sink, &hello, err);
    }
    if (!folded->failed)
        folded->failed = sink_samples(folded->base.sink, folded->batch, folded->batch_count, err);
    folded->batch_count = 0;
}

// The frame of one name of a stack, whose kind a suffix may tell.
static uint32_t frame_of(struct dict *dict, const char *name, size_t len, bool *unresolved)
{
    struct frame frame = {.kind = FRAME_USER};
    if (len > 4 && !memcmp(name + len - 4, "_[", 2) && name[len - 1] == ']') {
        char mark = name[len - 2];
        if (mark == 'k' || mark == 'j' || mark == 'i') {
            frame.kind = mark == 'k' ? FRAME_KERNEL : mark == 'j' ? FRAME_JIT : FRAME_INLINED;
            len -= 4;
        }
    }
    *unresolved = !len || (len == 9 && !memcmp(name, "[unknown]", 9));
    if (!*unresolved)
        frame.name = dict_string(dict, name, len);
    return dict_frame(dict, &frame);
}

// Interns the stack; fills node, thread and the report's counts.
static void take_stack(struct folded *folded, const char *stack, size_t len, struct sample *sample)
{
    struct dict *dict = folded->base.sink->dict;
    struct decode_report *report = &folded->base.report;
    const char *end = stack + len;
    const char *semicolon = memchr(stack, ';', len);
    const char *after = semicolon ? semicolon : end;
    uint32_t comm = dict_string(dict, stack, (size_t)(after - stack));
    struct thread thread = {.pid = -1, .tid = -1, .comm = comm};
    sample->thread = dict_thread(dict, &thread);
    sample->node = dict_comm_node(dict, comm);
    report->no_stack += after == end;
    while (after < end) {
        const char *name = after + 1;
        semicolon = memchr(name, ';', (size_t)(end - name));
        after = semicolon ? semicolon : end;
        bool unresolved;
        uint32_t frame = frame_of(dict, name, (size_t)(after - name), &unresolved);
        sample->node = dict_node(dict, sample->node, frame);
        report->frames++;
        report->unresolved += unresolved;
    }
}

static uint32_t event_of(struct folded *folded, const char *name)
{
    struct dict *dict = folded->base.sink->dict;
    struct event event = {
        .name = dict_string_z(dict, name),
        .unit = dict_string_z(dict, folded->event_unit ? folded->event_unit : ""),
        .by_value = true,
    };
    return dict_event(dict, &event);
}

static void add_sample(struct folded *folded, struct sample sample, const char *event, int column,
                       struct count count, struct err *err)
{
    double rest = count.rest + folded->rest[column];
    double whole = floor(rest + 1e-9);
    folded->rest[column] = rest - whole;
    sample.value = count.whole + (uint64_t)whole;
    sample.event = (uint16_t)event_of(folded, event);
    folded->batch[folded->batch_count++] = sample;
    folded->base.report.samples++;
    if (folded->batch_count == BATCH)
        flush(folded, err);
}

static void take_line(struct folded *folded, const char *line, size_t len, struct err *err)
{
    len = text_len(line, len);
    if (!len || is_comment(line, len))
        return;
    struct counts counts;
    if (!split_counts(&counts, line, len)) {
        decode_report_skip(&folded->base.report, folded->line, folded->byte,
                           "no count at the end of the line");
        return;
    }
    if (folded->differential && counts.count == 2)
        take_count(&counts.value[0], line, &counts.stack_len);
    struct sample sample = {.time_ns = SAMPLE_NO_TIME, .cpu = SAMPLE_NO_CPU};
    take_stack(folded, line, counts.stack_len, &sample);
    if (folded->differential) {
        if (counts.count == 2)
            add_sample(folded, sample, "before", 0, counts.value[0], err);
        add_sample(folded, sample, "after", 1, counts.value[1], err);
    } else {
        const char *event = folded->event_name ? folded->event_name : "samples";
        add_sample(folded, sample, event, 1, counts.value[1], err);
    }
}

// Whether all lines (at least one) have two counts.
static bool is_differential(const char *text, size_t len)
{
    bool some = false;
    for (const char *at = text, *end = text + len; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        if (!newline && some)
            break;
        const char *line_end = newline ? newline : end;
        size_t line_len = text_len(at, (size_t)(line_end - at));
        struct counts counts;
        if (line_len && !is_comment(at, line_len)) {
            if (!split_counts(&counts, at, line_len) || counts.count < 2)
                return false;
            some = true;
        }
        at = line_end + 1;
    }
    return some;
}

static size_t take_lines(struct folded *folded, const char *text, size_t len, bool final,
                         struct err *err)
{
    size_t at = 0;
    while (at < len && !folded->failed) {
        const char *newline = memchr(text + at, '\n', len - at);
        if (!newline && !final && !folded->in_long_line && len - at <= LINE_MAX_BYTES)
            break;
        size_t next = newline ? (size_t)(newline - text) + 1 : len;
        if (folded->in_long_line) {
            folded->in_long_line = !newline;
        } else if (!newline && !final) {
            decode_report_skip(&folded->base.report, folded->line, folded->byte,
                               "the line is longer than 4 MiB");
            folded->in_long_line = true;
        } else {
            take_line(folded, text + at, next - at - (newline != NULL), err);
        }
        folded->line += newline != NULL;
        folded->byte += next - at;
        at = next;
    }
    return at;
}

static int push(struct decoder *decoder, const void *data, size_t len, struct err *err)
{
    struct folded *folded = (struct folded *)decoder;
    decoder->report.bytes += len;
    if (folded->failed)
        return err_set(err, folded->failed, "the stream has failed before");
    bytes_append(&folded->carry, data, len);
    if (!folded->decided && folded->carry.len >= DECIDE_BYTES) {
        folded->differential = is_differential(folded->carry.data, DECIDE_BYTES);
        folded->decided = true;
    }
    if (folded->decided && (memchr(data, '\n', len) || folded->carry.len > LINE_MAX_BYTES))
        bytes_consume(&folded->carry,
                      take_lines(folded, folded->carry.data, folded->carry.len, false, err));
    flush(folded, err);
    return folded->failed;
}

static int finish(struct decoder *decoder, struct err *err)
{
    struct folded *folded = (struct folded *)decoder;
    if (folded->failed)
        return err_set(err, folded->failed, "the stream has failed before");
    const char *text = bytes_text(&folded->carry);
    if (!folded->decided)
        folded->differential = is_differential(text, folded->carry.len);
    folded->decided = true;
    take_lines(folded, text, folded->carry.len, true, err);
    bytes_clear(&folded->carry);
    flush(folded, err);
    return folded->failed;
}

static void folded_free(struct decoder *decoder)
{
    struct folded *folded = (struct folded *)decoder;
    if (!folded)
        return;
    bytes_dispose(&folded->carry);
    free(folded->event_name);
    free(folded->event_unit);
    free(folded);
}

static struct decoder *decoder_new(struct sink *sink, const struct decode_options *options)
{
    static const struct decoder_ops ops = {push, finish, folded_free};
    struct folded *folded = xcalloc(1, sizeof *folded);
    folded->base = (struct decoder){.ops = &ops, .sink = sink};
    folded->line = 1;
    if (options && options->event_name)
        folded->event_name = xstrdup(options->event_name);
    if (options && options->event_unit)
        folded->event_unit = xstrdup(options->event_unit);
    return &folded->base;
}

// Every whole line among the first ones must be a stack and a count; semicolons make it sure.
static int probe(const void *head, size_t len)
{
    const char *at = head, *end = at + len;
    size_t stacks = 0, deep = 0;
    for (int lines = 0; at < end && lines < 100; lines++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        if (!newline && stacks)
            break;
        const char *line_end = newline ? newline : end;
        size_t line_len = text_len(at, (size_t)(line_end - at));
        struct counts counts;
        if (line_len && !is_comment(at, line_len)) {
            if (memchr(at, '\0', line_len) || !split_counts(&counts, at, line_len))
                return 0;
            stacks++;
            deep += memchr(at, ';', counts.stack_len) != NULL;
        }
        at = line_end + 1;
    }
    return deep * 2 > stacks ? 85 : deep ? 60 : stacks ? 20 : 0;
}

// The encoder adds up values per node and writes sorted lines at the end.
struct folded_encoder {
    struct encoder base;
    uint64_t *values; // per node, since `generation`
    bool *seen;
    size_t value_capacity, seen_capacity, count;
};

static int encode_hello(struct sink *sink, const struct hello *hello, struct err *err)
{
    (void)sink, (void)hello, (void)err;
    return 0;
}

static int encode_loss(struct sink *sink, const struct loss *loss, struct err *err)
{
    (void)sink, (void)loss, (void)err;
    return 0;
}

static int encode_samples(struct sink *sink, const struct sample *samples, size_t count,
                          struct err *err)
{
    (void)err;
    struct folded_encoder *encoder = (struct folded_encoder *)sink;
    size_t nodes = sink->dict->node_count;
    if (encoder->count < nodes) {
        array_reserve(&encoder->values, &encoder->value_capacity, nodes);
        array_reserve(&encoder->seen, &encoder->seen_capacity, nodes);
        memset(encoder->values + encoder->count, 0, (nodes - encoder->count) * sizeof(uint64_t));
        memset(encoder->seen + encoder->count, 0, (nodes - encoder->count) * sizeof(bool));
        encoder->count = nodes;
    }
    for (size_t i = 0; i < count; i++) {
        bool by_value = sink->dict->events[samples[i].event].by_value;
        encoder->values[samples[i].node] += by_value ? samples[i].value : 1;
        encoder->seen[samples[i].node] = true;
    }
    return 0;
}

static void append_name(struct bytes *out, const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)name[i];
        bytes_append_char(out, c == ';' ? ':' : c < ' ' || c == 0x7f ? '?' : (char)c);
    }
}

static void append_frame(struct bytes *out, const struct dict *dict, uint32_t id)
{
    const struct frame *frame = &dict->frames[id];
    if (!frame_is_unresolved(frame) || frame->kind == FRAME_COMM) {
        append_name(out, dict_text(dict, frame->name), dict_text_len(dict, frame->name));
        return;
    }
    const char *module = dict_text(dict, frame->module);
    const char *slash = strrchr(module, '/');
    module = slash ? slash + 1 : module;
    bytes_append_char(out, '[');
    append_name(out, *module ? module : "unknown", strlen(*module ? module : "unknown"));
    bytes_append_char(out, ']');
}

struct line {
    size_t stack; // where its text begins
    uint64_t value;
};

struct lines {
    struct line *items;
    size_t count, capacity;
    struct bytes text; // each stack's ends in a NUL
};

static const char *stack_of(const struct lines *lines, size_t at)
{
    return lines->text.data + lines->items[at].stack;
}

static int compare_lines(const void *a, const void *b, void *arg)
{
    const char *text = ((const struct lines *)arg)->text.data;
    return strcmp(text + ((const struct line *)a)->stack, text + ((const struct line *)b)->stack);
}

static void append_stack(struct bytes *out, const struct dict *dict, uint32_t node)
{
    size_t depth = 0;
    for (uint32_t at = node; at != DICT_ROOT; at = dict->nodes[at].parent)
        depth++;
    uint32_t *path = xcalloc(depth + 1, sizeof *path); // leaf first
    for (size_t i = 0; node != DICT_ROOT; node = dict->nodes[node].parent)
        path[i++] = dict->nodes[node].frame;
    while (depth-- > 0) {
        append_frame(out, dict, path[depth]);
        if (depth)
            bytes_append_char(out, ';');
    }
    bytes_append_char(out, '\0');
    free(path);
}

enum { STEPS = 1 << 12, PIECE_BYTES = 1 << 18 }; // between two looks at who waits; of text

static int make_lines(struct lines *out, const struct folded_encoder *encoder, struct err *err)
{
    int code = 0;
    for (uint32_t node = 0; node < encoder->count && !code; node++) {
        if (node % STEPS == 0)
            code = output_canceled(encoder->base.output, err);
        if (!encoder->seen[node])
            continue;
        array_reserve(&out->items, &out->capacity, out->count + 1);
        out->items[out->count++] = (struct line){out->text.len, encoder->values[node]};
        append_stack(&out->text, encoder->base.sink.dict, node);
    }
    return code;
}

static int put_lines(struct output *output, const struct lines *lines, struct err *err)
{
    struct bytes text = {0};
    int code = 0;
    for (size_t i = 0; i < lines->count && !code; i++) {
        const char *stack = stack_of(lines, i);
        uint64_t value = lines->items[i].value;
        while (i + 1 < lines->count && !strcmp(stack, stack_of(lines, i + 1)))
            value += lines->items[++i].value; // other addresses, modules or kinds, the same names
        bytes_printf(&text, "%s %llu\n", stack, (unsigned long long)value);
        if (text.len < PIECE_BYTES && i + 1 < lines->count)
            continue;
        code = output_write(output, text.data, text.len, err);
        bytes_clear(&text);
    }
    bytes_dispose(&text);
    return code;
}

static int encode_finish(struct encoder *base, struct err *err)
{
    struct output *output = base->output;
    struct lines lines = {0};
    int code = make_lines(&lines, (const struct folded_encoder *)base, err);
    if (!code && !sort_unless(output->cancel, lines.items, lines.count, sizeof *lines.items,
                              compare_lines, &lines))
        code = output_canceled(output, err);
    if (!code)
        code = put_lines(output, &lines, err);
    bytes_dispose(&lines.text);
    free(lines.items);
    return code;
}

static void encoder_dispose(struct encoder *base)
{
    struct folded_encoder *encoder = (struct folded_encoder *)base;
    if (!encoder)
        return;
    free(encoder->values);
    free(encoder->seen);
    free(encoder);
}

static struct encoder *encoder_new(struct dict *dict, struct output *output)
{
    static const struct sink_ops sink_ops = {
        .hello = encode_hello, .samples = encode_samples, .loss = encode_loss};
    static const struct encoder_ops ops = {encode_finish, encoder_dispose};
    struct folded_encoder *encoder = xcalloc(1, sizeof *encoder);
    encoder->base = (struct encoder){.sink = {&sink_ops, dict}, .ops = &ops, .output = output};
    return &encoder->base;
}

const struct format format_folded = {
    .name = "folded",
    .summary = "folded stacks, \"comm;caller;callee 12\" a line",
    .extension = ".folded",
    .probe = probe,
    .decoder_new = decoder_new,
    .encoder_new = encoder_new,
    .loses = HOLD_UNIT | HOLD_TIME | HOLD_TIME_NS | HOLD_THREAD | HOLD_CPU | HOLD_COUNT |
             HOLD_PERIOD | HOLD_EVENT | HOLD_MODULE | HOLD_ADDRESS | HOLD_KIND | HOLD_LINE |
             HOLD_LOSS | HOLD_EVENT_NAME,
    .event = "samples",
};
