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

// What is not known gets ids that viewers take, none of a process that there may be, and is not
// known again when it is read.
static void test_unknown_ids(void **state)
{
    (void)state;
    static const char SCRIPT[] = "   a  1.000000: cpu-clock: \n\t401 f (/a)\n\n"
                                 "   b  1.000000: cpu-clock: \n\t401 g (/a)\n\n"
                                 "   c  7 1.000000: cpu-clock: \n\t401 h (/a)\n\n";
    struct bytes text = {0};
    capture_convert(&format_perf_script, SCRIPT, sizeof SCRIPT - 1, &format_trace_event, &text);
    assert_null(strstr(bytes_text(&text), "\":-"));
    assert_non_null(strstr(bytes_text(&text), "\"pid\":4194304,\"tid\":4194305,"));
    assert_non_null(strstr(bytes_text(&text), "\"pid\":4194304,\"tid\":4194306,"));
    assert_non_null(strstr(bytes_text(&text), "\"pid\":4194304,\"tid\":7,"));
    check(bytes_text(&text),
          "1.000000000 a -1/-1 trace 1ns!: a;f\n"
          "1.000000000 b -1/-1 trace 1ns!: b;g\n"
          "1.000000000 c -1/7 trace 1ns!: c;h\n",
          0);
    bytes_dispose(&text);
    check("[{\"ph\": \"X\", \"name\": \"x\", \"ts\": 0, \"dur\": 1}]",
          "0.000000000 [thread] -1/-1 trace 1000ns!: [thread];x\n", 0);
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
        uint64_t total_ns; // in which a span is open, per thread
    } FILES[] = {{"bex-interaction", 12000},        {"end-non-top-of-stack", 11000},
                 {"hermes-multiple-frames", 14000}, {"matching-x", 10000},
                 {"mismatched-name", 10000},        {"multiprocess", 8000},
                 {"not-enough-end-events", 11000},  {"out-of-order-unbalanced-name", 10000},
                 {"simple-hermes", 14000},          {"simple-partial-trailing-comma", 14000},
                 {"simple-partial", 14000},         {"simple", 14000},
                 {"too-many-end-events", 14000},    {"unbalanced-name", 10000},
                 {"x-events-matching-start", 20000}};
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
        if (capture.value != FILES[i].total_ns)
            fail_msg("%s: %d ns, not %d", FILES[i].name, (int)capture.value,
                     (int)FILES[i].total_ns);
        capture_dispose(&capture);
        free(data);
    }
}

// A profile in pieces: chunks come from V8's own thread (9), the profile says whose it is (2). Keys
// come in any order, deltas go on from piece to piece, and so do parents.
static void test_cpu_profile_in_chunks(void **state)
{
    (void)state;
    check(
        "{\"traceEvents\": [{\"args\": {\"data\": {\"startTime\": 1000}}, \"id\": \"0xb\", "
        "\"name\": \"Profile\", \"ph\": \"P\", \"pid\": 1, \"tid\": 2, \"ts\": 1001},"
        "{\"args\": {\"data\": {\"cpuProfile\": {\"nodes\": [{\"callFrame\": {\"functionName\": "
        "\"(root)\"}, \"id\": 1}, {\"callFrame\": {\"functionName\": \"f\", \"url\": \"a.js\", "
        "\"lineNumber\": 4}, \"id\": 2, \"parent\": 1}], \"samples\": [2, 2]}, \"timeDeltas\": "
        "[10, 20]}}, \"id\": \"0xb\", \"name\": \"ProfileChunk\", \"ph\": \"P\", \"pid\": 1, "
        "\"tid\": 9, \"ts\": 1002},"
        "{\"name\": \"ProfileChunk\", \"ph\": \"P\", \"pid\": 7, \"tid\": 8, \"id\": \"0xb\", "
        "\"args\": {\"data\": {\"startTime\": 0, \"cpuProfile\": {\"nodes\": [{\"callFrame\": "
        "{\"functionName\": \"other\"}, \"id\": 2}], \"samples\": [2]}, \"timeDeltas\": [5], "
        "\"endTime\": 9}}},"
        "{\"ph\": \"P\", \"pid\": 1, \"tid\": 9, \"id\": \"0xb\", \"name\": \"ProfileChunk\", "
        "\"args\": {\"data\": {\"timeDeltas\": [30], \"cpuProfile\": {\"samples\": [3], \"nodes\": "
        "[{\"id\": 3, \"parent\": 2, \"callFrame\": {\"functionName\": \"g\"}}], \"endTime\": "
        "1100}}}}]}",
        "0.001010000 [thread] 1/2 cpu-profile 20000ns: [thread];f a.js:5_[j]\n"
        "0.001030000 [thread] 1/2 cpu-profile 30000ns: [thread];f a.js:5_[j]\n"
        "0.001060000 [thread] 1/2 cpu-profile 40000ns: [thread];f a.js:5_[j];g\n"
        "0.000005000 [thread] 7/8 cpu-profile 4000ns: [thread];other\n",
        0);
}

// Until 2016: one event with the whole tree. Spans are an event beside it.
static void test_whole_cpu_profile(void **state)
{
    (void)state;
    check("[" X("span", "5",
                "2") "{\"ph\": \"I\", \"name\": \"CpuProfile\", \"pid\": 1, \"tid\": 2, "
                     "\"args\": {\"data\": {\"cpuProfile\": {\"head\": {\"functionName\": "
                     "\"(root)\", \"id\": 1, "
                     "\"children\": [{\"functionName\": \"f\", \"id\": 2, \"children\": []}]}, "
                     "\"startTime\": 1, "
                     "\"endTime\": 1, \"samples\": [2, 2], \"timestamps\": [1000, 1500]}}}}]",
          "0.001000000 [thread] 1/2 cpu-profile 500000ns: [thread];f\n"
          "0.001500000 [thread] 1/2 cpu-profile 0ns: [thread];f\n"
          "0.000005000 [thread] 1/2 trace 2000ns!: [thread];span\n",
          0);
}

// What a profiler of 100 Hz would have seen: ticks at whole multiples of 10 ms, the same for all
// threads; spans between two ticks are not seen, and the gap is empty.
static void test_resampled(void **state)
{
    (void)state;
    const struct decode_options options = {.resample_hz = 100};
    const char *text =
        "[" X("a", "-1000", "25000") X("b", "9000", "2000") X("unseen", "21000", "2000")
            X("short", "30000", "5000") "{\"ph\": \"X\", \"name\": \"t\", \"ts\": 39000, \"dur\": "
                                        "2000, \"pid\": 1, \"tid\": 3}]";
    struct capture capture;
    capture_init(&capture);
    assert_int_equal(
        capture_decode(&capture, &format_trace_event, &options, text, strlen(text), 0, NULL), 0);
    assert_string_equal(strchr(bytes_text(&capture.text), '\n') + 1,
                        "0.000000000 " HEAD "10000000ns: [thread];a\n"
                        "0.010000000 " HEAD "10000000ns: [thread];a;b\n"
                        "0.020000000 " HEAD "10000000ns: [thread];a\n"
                        "0.030000000 " HEAD "10000000ns: [thread];short\n"
                        "0.040000000 [thread] 1/3 trace 10000000ns: [thread];t\n");
    assert_non_null(strstr(bytes_text(&capture.text), " 100 Hz "));
    capture_dispose(&capture);
}

// A name for a thread that has one: another thread from there on.
static void test_renamed_threads(void **state)
{
    (void)state;
#define NAMED(name)                                                                                \
    "{\"ph\": \"M\", \"name\": \"thread_name\", \"pid\": 1, \"tid\": 2, \"args\": {\"name\": "     \
    "\"" name "\"}},"
    check("[" X("x", "0", "1") NAMED("sh") X("y", "1", "1") NAMED("sh") NAMED("ls")
              X("z", "2", "1") "]",
          "0.000000000 sh 1/2 trace 1000ns!: sh;x\n"
          "0.000001000 sh 1/2 trace 1000ns!: sh;y\n"
          "0.000002000 ls 1/2 trace 1000ns!: ls;z\n",
          0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_begin_and_end),
        cmocka_unit_test(test_whole_spans_written_inside_out),
        cmocka_unit_test(test_crossed_spans),
        cmocka_unit_test(test_lost_ends_and_beginnings),
        cmocka_unit_test(test_names_of_threads),
        cmocka_unit_test(test_unknown_ids),
        cmocka_unit_test(test_long_spans_are_cut),
        cmocka_unit_test(test_no_spans_is_an_error),
        cmocka_unit_test(test_cpu_profile_in_chunks),
        cmocka_unit_test(test_whole_cpu_profile),
        cmocka_unit_test(test_resampled),
        cmocka_unit_test(test_renamed_threads),
        cmocka_unit_test(test_files_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
