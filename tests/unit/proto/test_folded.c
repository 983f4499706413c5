// Folded stacks, read and written.
#include "proto/output.h"
#include "tests/collect.h"
#include "tests/test.h"

extern const struct format format_folded;

struct decoded {
    struct collect collect;
    struct decode_report report;
    struct bytes text;
};

static void decode_pieces(struct decoded *out, const char *data, size_t len, size_t first,
                          size_t piece)
{
    collect_init(&out->collect);
    out->text = (struct bytes){0};
    struct decoder *decoder = format_folded.decoder_new(&out->collect.sink, NULL);
    struct err err = {0};
    for (size_t at = 0; at < len;) {
        size_t want = at == 0 && first ? first : piece;
        size_t take = want < len - at ? want : len - at;
        assert_int_equal(decoder->ops->push(decoder, data + at, take, &err), 0);
        at += take;
    }
    assert_int_equal(decoder->ops->finish(decoder, &err), 0);
    out->report = decoder->report;
    decoder_free(decoder);
    collect_text(&out->collect, &out->text);
}

static void dispose(struct decoded *decoded)
{
    collect_dispose(&decoded->collect);
    bytes_dispose(&decoded->text);
}

static void expect(const char *text, const char *wanted)
{
    struct decoded decoded;
    decode_pieces(&decoded, text, strlen(text), 0, SIZE_MAX);
    assert_string_equal(bytes_text(&decoded.text), wanted);
    assert_int_equal(decoded.report.skipped, 0);
    assert_int_equal(decoded.collect.hello.clock, CLOCK_KIND_NONE);
    dispose(&decoded);
}

static void test_stacks_and_counts(void **state)
{
    (void)state;
    expect("sh;main;read 12\nsh 3\nV8 Worker 7;f(int, char);[unknown] 1",
           "- - -1/-1 {sh} samples/ 12 sh;main||u;read||u\n"
           "- - -1/-1 {sh} samples/ 3 sh\n"
           "- - -1/-1 {V8 Worker 7} samples/ 1 V8 Worker 7;f(int, char)||u;||u\n");
}

// Nanoseconds of a fleet, as we may write them: no digit is lost.
static void test_counts_of_64_bits_are_exact(void **state)
{
    (void)state;
    expect("a;b 9007199254740993\na;c 18446744073709551615\na;d 0.75\na;e 1234567890123456789\n"
           "a;f 0.25\n",
           "- - -1/-1 {a} samples/ 9007199254740993 a;b||u\n"
           "- - -1/-1 {a} samples/ 18446744073709551615 a;c||u\n"
           "- - -1/-1 {a} samples/ 0 a;d||u\n"
           "- - -1/-1 {a} samples/ 1234567890123456789 a;e||u\n"
           "- - -1/-1 {a} samples/ 1 a;f||u\n");
    struct decoded decoded;
    static const char text[] = "a;b 1\na;c 18446744073709551616\n";
    decode_pieces(&decoded, text, sizeof text - 1, 0, SIZE_MAX);
    assert_int_equal(decoded.report.skipped, 1);
    dispose(&decoded);
}

static void test_carriage_returns_comments_and_blank_lines_are_nothing(void **state)
{
    (void)state;
    expect("# made by hand\r\n\r\na;b 1\r\n  \na;c 2 \r\n",
           "- - -1/-1 {a} samples/ 1 a;b||u\n- - -1/-1 {a} samples/ 2 a;c||u\n");
}

static void test_suffixes_tell_the_kind(void **state)
{
    (void)state;
    expect("a;main;vfs_read_[k] 1\na;L;::run_[j];x_[i];y_[z] 2\n",
           "- - -1/-1 {a} samples/ 1 a;main||u;vfs_read||k\n"
           "- - -1/-1 {a} samples/ 2 a;L||u;::run||j;x||i;y_[z]||u\n");
}

static void test_fractions_add_up(void **state)
{
    (void)state;
    struct decoded decoded;
    struct bytes text = {0};
    for (int i = 0; i < 1000; i++)
        bytes_printf(&text, "a;f%d 0.1\n", i);
    decode_pieces(&decoded, text.data, text.len, 0, SIZE_MAX);
    uint64_t sum = 0;
    for (size_t i = 0; i < decoded.collect.count; i++)
        sum += decoded.collect.samples[i].value;
    assert_int_equal(decoded.collect.count, 1000);
    assert_int_equal(sum, 100);
    assert_true(decoded.collect.dict.events[0].by_value);
    dispose(&decoded);
    bytes_dispose(&text);
}

static void test_two_counts_in_every_line_are_a_differential(void **state)
{
    (void)state;
    expect("a;b 1 5\na;c 0 7\n", "- - -1/-1 {a} before/ 1 a;b||u\n- - -1/-1 {a} after/ 5 a;b||u\n"
                                 "- - -1/-1 {a} before/ 0 a;c||u\n- - -1/-1 {a} after/ 7 a;c||u\n");
    expect("a;worker 1 5\na;c 7\n",
           "- - -1/-1 {a} samples/ 5 a;worker 1||u\n- - -1/-1 {a} samples/ 7 a;c||u\n");
}

static void test_lines_without_a_count_are_skipped_and_counted(void **state)
{
    (void)state;
    struct decoded decoded;
    static const char text[] = "a;b 1\nwhat;is this\na;c 2\n 4\n17\na;c -1\na;c nan\na 1e30\n";
    decode_pieces(&decoded, text, sizeof text - 1, 0, SIZE_MAX);
    assert_int_equal(decoded.collect.count, 2);
    assert_int_equal(decoded.report.skipped, 6);
    assert_int_equal(decoded.report.first_skipped_line, 2);
    assert_int_equal(decoded.report.first_skipped_byte, 6);
    dispose(&decoded);
}

static void test_any_cut_gives_the_same_samples(void **state)
{
    (void)state;
    static const char text[] = "# c\na;b 1.25\nwhat\r\na;b;c_[k] 2.5\n\nd e 7\na;b 12 13\n";
    struct decoded whole, cut;
    decode_pieces(&whole, text, sizeof text - 1, 0, SIZE_MAX);
    for (size_t at = 0; at < sizeof text - 1; at++) {
        decode_pieces(&cut, text, sizeof text - 1, at, at ? SIZE_MAX : 1);
        assert_string_equal(whole.text.data, cut.text.data);
        assert_memory_equal(&whole.report, &cut.report, sizeof whole.report);
        dispose(&cut);
    }
    dispose(&whole);
}

static void test_flipped_bits_do_no_harm(void **state)
{
    (void)state;
    static const char text[] = "a;b 1.25\na;b;c_[k] 2.5\n\nd e 7\na;b 12 13\na;b;c;d;e 99\n";
    for (size_t bit = 0; bit < (sizeof text - 1) * 8; bit++) {
        char copy[sizeof text];
        memcpy(copy, text, sizeof text);
        copy[bit / 8] ^= (char)(1 << bit % 8);
        struct decoded decoded;
        decode_pieces(&decoded, copy, sizeof text - 1, 0, SIZE_MAX);
        assert_true(decoded.collect.count >= 3);
        dispose(&decoded);
    }
}

static void test_a_line_without_an_end_is_bounded(void **state)
{
    (void)state;
    struct collect collect;
    collect_init(&collect);
    struct decoder *decoder = format_folded.decoder_new(&collect.sink, NULL);
    static char junk[1 << 20];
    memset(junk, 'x', sizeof junk);
    struct err err = {0};
    for (int i = 0; i < 32; i++)
        assert_int_equal(decoder->ops->push(decoder, junk, sizeof junk, &err), 0);
    assert_int_equal(decoder->ops->push(decoder, "\na;b 4\n", 7, &err), 0);
    assert_int_equal(decoder->ops->finish(decoder, &err), 0);
    assert_int_equal(collect.count, 1);
    assert_int_equal(decoder->report.skipped, 1);
    decoder_free(decoder);
    collect_dispose(&collect);
}

static void test_what_is_written_reads_back(void **state)
{
    (void)state;
    static const char text[] = "b;x 1\na;main;read 12\na;main;read 3\na 3\na;main 0\n";
    struct decoded decoded;
    decode_pieces(&decoded, text, sizeof text - 1, 0, SIZE_MAX);
    struct bytes written = {0};
    struct output_bytes output;
    output_bytes_init(&output, &written);
    struct encoder *encoder = format_folded.encoder_new(&decoded.collect.dict, &output.base);
    struct err err = {0};
    assert_int_equal(sink_hello(&encoder->sink, &decoded.collect.hello, &err), 0);
    assert_int_equal(
        sink_samples(&encoder->sink, decoded.collect.samples, decoded.collect.count, &err), 0);
    assert_int_equal(encoder->ops->finish(encoder, &err), 0);
    assert_string_equal(written.data, "a 3\na;main 0\na;main;read 15\nb;x 1\n");
    encoder_free(encoder);
    bytes_dispose(&written);
    dispose(&decoded);
}

static void test_names_cannot_break_a_line(void **state)
{
    (void)state;
    struct collect collect;
    collect_init(&collect);
    struct dict *dict = &collect.dict;
    uint32_t node = dict_comm_node(dict, dict_string_z(dict, "a;b\nc"));
    struct frame frame = {.module = dict_string_z(dict, "/lib/libc.so.6"), .address = 0x17};
    node = dict_node(dict, node, dict_frame(dict, &frame));
    struct event event = {.name = dict_string_z(dict, "cpu-clock")};
    struct sample sample = {.value = 7, .node = node, .event = (uint16_t)dict_event(dict, &event)};
    struct bytes written = {0};
    struct output_bytes output;
    output_bytes_init(&output, &written);
    struct encoder *encoder = format_folded.encoder_new(dict, &output.base);
    struct err err = {0};
    for (int i = 0; i < 3; i++)
        assert_int_equal(sink_samples(&encoder->sink, &sample, 1, &err), 0);
    assert_int_equal(encoder->ops->finish(encoder, &err), 0);
    assert_string_equal(written.data,
                        "a:b?c;[libc.so.6] 3\n"); // counted, the event is not by value
    encoder_free(encoder);
    bytes_dispose(&written);
    collect_dispose(&collect);
}

static void test_probe(void **state)
{
    (void)state;
    assert_true(format_folded.probe("a;b 1\na;c 2\n", 12) > 80);
    assert_true(format_folded.probe("a;b 1.5\r\n", 9) > 80);
    assert_int_equal(format_folded.probe("{\"a\": 1}\n", 9), 0);
    assert_int_equal(format_folded.probe("", 0), 0);
    assert_int_equal(format_folded.probe("dd 2 1.0: 1 cycles: \n\t0 a (b)\n", 31), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stacks_and_counts),
        cmocka_unit_test(test_counts_of_64_bits_are_exact),
        cmocka_unit_test(test_carriage_returns_comments_and_blank_lines_are_nothing),
        cmocka_unit_test(test_suffixes_tell_the_kind),
        cmocka_unit_test(test_fractions_add_up),
        cmocka_unit_test(test_two_counts_in_every_line_are_a_differential),
        cmocka_unit_test(test_lines_without_a_count_are_skipped_and_counted),
        cmocka_unit_test(test_any_cut_gives_the_same_samples),
        cmocka_unit_test(test_flipped_bits_do_no_harm),
        cmocka_unit_test(test_a_line_without_an_end_is_bounded),
        cmocka_unit_test(test_what_is_written_reads_back),
        cmocka_unit_test(test_names_cannot_break_a_line),
        cmocka_unit_test(test_probe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
