// Chrome's Trace Event format: spans of every kind, in order and not.
#include "tests/capture.h"

#include <errno.h>

static void check(const char *text, const char *expected, uint64_t skipped)
{
    struct capture capture;
    struct decode_report report;
    capture_init(&capture);
    assert_int_equal(
        capture_decode(&capture, &format_trace_event, NULL, text, strlen(text), 0, &report), 0);
    const char *hello = strchr(bytes_text(&capture.text), '\n'); // the first line
    assert_non_null(hello);
    assert_string_equal(hello + 1, expected);
    assert_int_equal(report.skipped, skipped);
    capture_dispose(&capture);
    capture_check_splits(&format_trace_event, NULL, text, strlen(text), 1);
    capture_check_damage(&format_trace_event, text, strlen(text), 1, 1000);
}

#define SPAN(phase, name, ts)                                                                      \
    "{\"ph\": \"" phase "\", \"name\": \"" name "\", \"ts\": " ts ", \"pid\": 1, \"tid\": 2},"
#define X(name, ts, dur)                                                                           \
    "{\"ph\": \"X\", \"name\": \"" name "\", \"ts\": " ts ", \"dur\": " dur                        \
    ", \"pid\": 1, \"tid\": 2},"
#define HEAD "[thread] 1/2 trace "

static void test_begin_and_end(void **state)
{
    (void)state;
    check("[" SPAN("B", "a", "1") SPAN("B", "b", "2.5") SPAN("E", "b", "4") SPAN("E", "", "10") "]",
          "0.000001000 " HEAD "1500ns!: [thread];a\n"
          "0.000002500 " HEAD "1500ns!: [thread];a;b\n"
          "0.000004000 " HEAD "6000ns!: [thread];a\n",
          0);
}

static void test_whole_spans_written_inside_out(void **state)
{
    (void)state;
    check("{\"traceEvents\": [" X("c", "0", "2") X("b", "0", "5") X("a", "0", "9") "], \"x\": 1}",
          "0.000000000 " HEAD "2000ns!: [thread];a;b;c\n"
          "0.000002000 " HEAD "3000ns!: [thread];a;b\n"
          "0.000005000 " HEAD "4000ns!: [thread];a\n",
          0);
}

static void test_crossed_spans(void **state)
{
    (void)state;
    check("[" X("a", "0", "5") X("b", "3", "5") "]",
          "0.000000000 " HEAD "3000ns!: [thread];a\n"
          "0.000003000 " HEAD "2000ns!: [thread];a;b\n"
          "0.000005000 " HEAD "3000ns!: [thread];b\n",
          0);
}

static void test_lost_ends_and_beginnings(void **state)
{
    (void)state;
    check("[" SPAN("B", "a", "0") SPAN("E", "z", "1") X("b", "1", "1") SPAN("B", "c", "4"),
          "0.000000000 " HEAD "1000ns!: [thread];a\n"
          "0.000001000 " HEAD "1000ns!: [thread];a;b\n"
          "0.000002000 " HEAD "2000ns!: [thread];a\n",
          3); // an end, a thread with open spans, and the file's own end
}

static void test_names_of_threads(void **state)
{
    (void)state;
    check("[{\"ph\": \"M\", \"name\": \"process_name\", \"pid\": 1, \"args\": {\"name\": \"app\"}},"
          "{\"ph\": \"M\", \"name\": \"thread_name\", \"pid\": 1, \"tid\": 3, \"args\": {\"name\": "
          "\"io\"}},"
          "{\"ph\": \"X\", \"name\": \"r\", \"pid\": 1, \"tid\": 3, \"ts\": 1, \"dur\": 1}," X(
              "a", "0", "1") "]",
          "0.000001000 io 1/3 trace 1000ns!: io;r\n"
          "0.000000000 app 1/2 trace 1000ns!: app;a\n",
          0);
}

// A span of a second is a hundred pieces, one of an hour a thousand: the total is exact.
static void test_long_spans_are_cut(void **state)
{
    (void)state;
    struct capture capture;
    static const char TEXT[] = "[" X("a", "0", "1000000") X("b", "2000000", "3600000000") "]";
    capture_init(&capture);
    assert_int_equal(
        capture_decode(&capture, &format_trace_event, NULL, TEXT, sizeof TEXT - 1, 0, NULL), 0);
    assert_int_equal(capture.value, 3601000000000);
    assert_true(capture.samples >= 1000 && capture.samples <= 1101);
    capture_dispose(&capture);
}

static void test_no_spans_is_an_error(void **state)
{
    (void)state;
    struct capture capture;
    capture_init(&capture);
    assert_int_equal(
        capture_decode(&capture, &format_trace_event, NULL, "[{\"ph\": \"i\"}]", 13, 0, NULL),
        -EBADMSG);
    capture_dispose(&capture);
}

static void test_files_of_others(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t total_ns; // of all spans' self time
    } FILES[] = {{"simple", 14000},           {"matching-x", 10000},
                 {"multiprocess", 0},         {"bex-interaction", 0},
                 {"end-non-top-of-stack", 0}, {"too-many-end-events", 14000}};
    const char *corpus = getenv("FLICKER_CORPUS");
    if (!corpus || !*corpus) {
        print_message("skipped: FLICKER_CORPUS names no folder with profiles of others\n");
        if (getenv("FLICKER_REQUIRE_CORPUS"))
            fail_msg("FLICKER_REQUIRE_CORPUS is set");
        skip();
    }
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        char path[512], *data;
        size_t len;
        snprintf(path, sizeof path, "%s/speedscope/trace-event/%s.json", corpus, FILES[i].name);
        read_whole(path, &data, &len);
        struct capture capture;
        capture_init(&capture);
        assert_ptr_equal(format_probe(data, len, NULL), &format_trace_event);
        assert_int_equal(capture_decode(&capture, &format_trace_event, NULL, data, len, 0, NULL),
                         0);
        assert_true(capture.samples > 0);
        if (FILES[i].total_ns)
            assert_int_equal(capture.value, FILES[i].total_ns);
        capture_dispose(&capture);
        free(data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_begin_and_end),
        cmocka_unit_test(test_whole_spans_written_inside_out),
        cmocka_unit_test(test_crossed_spans),
        cmocka_unit_test(test_lost_ends_and_beginnings),
        cmocka_unit_test(test_names_of_threads),
        cmocka_unit_test(test_long_spans_are_cut),
        cmocka_unit_test(test_no_spans_is_an_error),
        cmocka_unit_test(test_files_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
