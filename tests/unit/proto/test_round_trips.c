// Every format that is written, from every format that is written: what a stack is worth stays
// exact, in what the format holds.
#include "proto/inventory.h"
#include "tests/capture.h"

#include <stdio.h>
#include <zlib.h>

// What one stack is worth, by its frames' names.
struct sum {
    char *stack;
    uint64_t count, value, nonzero;
};

struct sums {
    struct capture capture;
    struct sum *items;
    size_t count, capacity;
};

static int on_samples(struct sink *sink, const struct sample *samples, size_t count,
                      struct err *err)
{
    struct sums *sums = (struct sums *)sink;
    const struct dict *dict = sink->dict;
    (void)err;
    for (size_t i = 0; i < count; i++) {
        struct bytes stack = {0}; // leaf first; "(root)" is no thread's name, V8's files have none
        size_t frames = 0;
        uint32_t node = samples[i].node;
        for (; node != DICT_ROOT; node = dict->nodes[node].parent, frames++) {
            const struct frame *frame = dict->frames + dict->nodes[node].frame;
            const char *name = dict_text(dict, frame->name);
            if (frame->kind != FRAME_COMM && (!*name || *name == '[' || !strncmp(name, "0x", 2)))
                name = "[?]"; // however a format writes what has no name
            bool again = frames == 1 && stack.len > 1 && stack.len == strlen(name) + 1 &&
                         !memcmp(stack.data, name, stack.len - 1); // without a stack: the thread
            if (strcmp(name, "(root)") != 0 && !again)
                bytes_printf(&stack, "%s;", name);
        }
        size_t at = 0;
        while (at < sums->count && strcmp(sums->items[at].stack, bytes_text(&stack)) != 0)
            at++;
        if (at == sums->count) {
            array_reserve(&sums->items, &sums->capacity, at + 1);
            sums->items[sums->count++] = (struct sum){.stack = xstrdup(bytes_text(&stack))};
        }
        sums->items[at].count++;
        sums->items[at].value += samples[i].value;
        sums->items[at].nonzero += samples[i].value != 0;
        bytes_dispose(&stack);
    }
    return 0;
}

static void sums_init(struct sums *sums)
{
    static struct sink_ops ops;
    memset(sums, 0, sizeof *sums);
    capture_init(&sums->capture);
    ops = *sums->capture.sink.ops;
    ops.samples = on_samples;
    sums->capture.sink.ops = &ops;
}

static void sums_dispose(struct sums *sums)
{
    for (size_t i = 0; i < sums->count; i++)
        free(sums->items[i].stack);
    free(sums->items);
    capture_dispose(&sums->capture);
}

static const struct sum *find(const struct sums *sums, const char *stack)
{
    static const struct sum NONE;
    for (size_t i = 0; i < sums->count; i++) {
        if (!strcmp(sums->items[i].stack, stack))
            return sums->items + i;
    }
    return &NONE;
}

// What reader.h does for files: formats that are packed are decoded from the plain bytes.
static void unpack(struct bytes *bytes)
{
    if (bytes->len < 2 || (unsigned char)bytes->data[0] != 0x1f)
        return;
    size_t room = 1 << 22;
    struct bytes plain = {.data = xmalloc(room), .capacity = room};
    z_stream zlib = {.next_in = (Bytef *)bytes->data,
                     .avail_in = (uInt)bytes->len,
                     .next_out = (Bytef *)plain.data,
                     .avail_out = (uInt)room};
    assert_int_equal(inflateInit2(&zlib, 15 + 16), Z_OK);
    assert_int_equal(inflate(&zlib, Z_FINISH), Z_STREAM_END);
    plain.len = zlib.total_out;
    inflateEnd(&zlib);
    bytes_dispose(bytes);
    *bytes = plain;
}

static void read_sums(struct sums *out, const struct format *format, const struct bytes *text)
{
    struct decode_report report;
    sums_init(out);
    if (capture_decode(&out->capture, format, NULL, bytes_text(text), text->len, 0, &report))
        fail_msg("%s cannot be read back: %.200s", format->name, bytes_text(text));
    if (report.skipped)
        fail_msg("%s: %s", format->name, report.first_skipped_why);
}

// All samples of these fixtures and formats are of one event, except pprof's second column.
static void compare(const struct sums *before, const struct sums *after, const struct format *to,
                    const char *what)
{
    const struct event *event = before->capture.dict.events;
    bool columns = false; // how many, and what they are worth
    for (size_t i = 0; i < before->count; i++)
        columns |= to == &format_pprof && !event->by_value &&
                   before->items[i].value != before->items[i].count;
    for (size_t i = 0; i < before->count; i++) {
        const struct sum *x = before->items + i, *y = find(after, x->stack);
        uint64_t count = x->count, value = x->value;
        if (columns) { // nothing is not written
            count += x->nonzero;
            value += x->count;
        }
        if (to == &format_folded)
            value = event->by_value ? x->value : x->count;
        if (to == &format_speedscope || to == &format_trace_event)
            count = x->nonzero; // what is worth nothing cannot be seen in them
        bool counts = !(to->loses & (HOLD_SAMPLE | HOLD_COUNT));
        bool values = !(to->loses & HOLD_VALUE) || to == &format_folded;
        if ((counts && y->count != count) || (values && y->value != value))
            fail_msg("%s: '%s': %llu samples worth %llu became %llu worth %llu", what, x->stack,
                     (unsigned long long)x->count, (unsigned long long)x->value,
                     (unsigned long long)y->count, (unsigned long long)y->value);
    }
}

static void check_all_pairs(const struct format *source, const char *text, size_t len)
{
    for (const struct format *const *a = format_table; *a; a++) {
        if (!(*a)->encoder_new)
            continue;
        struct bytes first = {0};
        struct sums before;
        capture_convert(source, text, len, *a, &first);
        unpack(&first);
        read_sums(&before, *a, &first);
        for (const struct format *const *b = format_table; *b; b++) {
            if (!(*b)->encoder_new)
                continue;
            char what[64];
            struct bytes second = {0};
            struct sums after;
            snprintf(what, sizeof what, "%s to %s", (*a)->name, (*b)->name);
            capture_convert(*a, bytes_text(&first), first.len, *b, &second);
            unpack(&second);
            read_sums(&after, *b, &second);
            compare(&before, &after, *b, what);
            sums_dispose(&after);
            bytes_dispose(&second);
        }
        sums_dispose(&before);
        bytes_dispose(&first);
    }
}

static void test_recorded(void **state)
{
    static const char *const FILES[] = {"perf-collector.txt", "perf-system.txt"};
    (void)state;
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        char path[512], *data;
        size_t len;
        snprintf(path, sizeof path, FLICKER_TESTS "/fixtures/%s", FILES[i]);
        read_whole(path, &data, &len);
        check_all_pairs(&format_perf_script, data, len);
        free(data);
    }
}

// Blocked times and counts, some of them large, without times and with.
static void test_values(void **state)
{
    (void)state;
    const char *folded = "a;b;c 1\na;b 9007199254740991\nx;c 18014398509481984\na;b;c;d 7\n";
    check_all_pairs(&format_folded, folded, strlen(folded));
    const char *spans = "[{\"ph\":\"M\",\"name\":\"thread_name\",\"args\":{\"name\":\"t\"}},"
                        "{\"ph\":\"X\",\"ts\":8000000000000.001,\"dur\":0.001,\"name\":\"a\"},"
                        "{\"ph\":\"X\",\"ts\":8000000000005.5,\"dur\":12.345,\"name\":\"b\"},"
                        "{\"ph\":\"X\",\"ts\":8000000000006,\"dur\":0.25,\"name\":\"c\"}]";
    check_all_pairs(&format_trace_event, spans, strlen(spans));
}

// The events of one format in another: a name that does not come through is said to be lost.
static void check_names(const struct format *to)
{
    static const char SCRIPT[] = "a 12 1.000000: 5 page-faults: \n\tffff f (/bin/a)\n\n";
    struct bytes text = {0};
    struct sums sums;
    bool kept = false;
    capture_convert(&format_perf_script, SCRIPT, sizeof SCRIPT - 1, to, &text);
    unpack(&text);
    read_sums(&sums, to, &text);
    const struct dict *dict = &sums.capture.dict;
    for (size_t i = 0; i < dict->event_count; i++)
        kept |= !strcmp(dict_text(dict, dict->events[i].name), "page-faults");
    if (kept == !!(to->loses & HOLD_EVENT_NAME))
        fail_msg("%s keeps the event's name: %d, which is not what it says", to->name, kept);
    if (!kept)
        assert_string_equal(dict_text(dict, dict->events[0].name), to->event);
    sums_dispose(&sums);
    bytes_dispose(&text);
}

static void test_names_of_events(void **state)
{
    (void)state;
    for (const struct format *const *to = format_table; *to; to++) {
        if ((*to)->encoder_new)
            check_names(*to);
    }
}

static void lost(const struct format *from, const char *text, const struct format *to,
                 const char *expected)
{
    struct dict dict;
    struct bytes out = {0}, said = {0};
    struct output_bytes output;
    struct inventory inventory;
    struct err err = {0};
    dict_init(&dict);
    output_bytes_init(&output, &out);
    struct encoder *encoder = to->encoder_new(&dict, &output.base);
    inventory_init(&inventory, &encoder->sink, to, NULL);
    struct decoder *decoder = from->decoder_new(&inventory.sink, NULL);
    assert_int_equal(decoder->ops->push(decoder, text, strlen(text), &err), 0);
    assert_int_equal(decoder->ops->finish(decoder, &err), 0);
    inventory_put_lost(&said, &inventory);
    assert_string_equal(bytes_text(&said), expected);
    decoder_free(decoder);
    encoder_free(encoder);
    inventory_dispose(&inventory);
    dict_dispose(&dict);
    bytes_dispose(&out);
    bytes_dispose(&said);
}

// Only what was there is called lost.
static void test_what_is_lost_is_said(void **state)
{
    (void)state;
    const char *folded = "a;b;c 3\n";
    for (const struct format *const *to = format_table; *to; to++) {
        if ((*to)->encoder_new && !((*to)->loses & (HOLD_VALUE | HOLD_COUNT)))
            lost(&format_folded, folded, *to, "");
    }
    lost(&format_folded, folded, &format_cpuprofile, "values and the event's name are lost");
    lost(&format_folded, folded, &format_nflxprofile, "");
    const char *script = "a 12 1.000000: 5 cycles:\n\tffff f (/bin/a)\n\n";
    lost(&format_perf_script, script, &format_fks, "");
    lost(&format_perf_script, script, &format_folded,
         "time, process and thread ids, values, the event's name and modules are lost");
    const char *spans = "[{\"ph\":\"X\",\"ts\":8,\"dur\":1,\"name\":\"a\"}]";
    lost(&format_trace_event, spans, &format_trace_event, "the number of samples is lost");
    // nflxprofile has a column of these, or none.
    static const char some[] =
        "a 7/7 [001] 1.5: 1 e: \n\t1 f (/x)\n\nb 7 2.5: 1 e: \n\t1 f (/x)\n\n";
    lost(&format_perf_script, some, &format_pprof, "");
    lost(&format_perf_script, some, &format_nflxprofile,
         "process and thread ids (not every sample has it), CPUs (not every sample has it), the "
         "event's name and modules are lost");
    lost(&format_perf_script, "a 7 1.5: e: \n\t1 f (/x)\n\na 7 e: \n\t1 f (/x)\n\n",
         &format_nflxprofile,
         "time (not every sample has it), the event's name and modules are lost");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_names_of_events),
        cmocka_unit_test(test_what_is_lost_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
