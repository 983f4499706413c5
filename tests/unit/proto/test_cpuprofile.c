// V8 CPU profiles of all ages, in and out.
#include "proto/v8_nodes.h"
#include "tests/capture.h"

#include <errno.h>

static void check(const char *text, const char *expected, uint64_t skipped)
{
    struct capture capture;
    struct decode_report report;
    capture_init(&capture);
    assert_int_equal(
        capture_decode(&capture, &format_cpuprofile, NULL, text, strlen(text), 0, &report), 0);
    const char *hello = strchr(bytes_text(&capture.text), '\n'); // the first line
    assert_non_null(hello);
    assert_string_equal(hello + 1, expected);
    assert_int_equal(report.skipped, skipped);
    capture_dispose(&capture);
}

static void test_nodes_with_children(void **state)
{
    (void)state;
    check(
        "{\"nodes\": ["
        "{\"id\": 1, \"callFrame\": {\"functionName\": \"(root)\"}, \"children\": [2, 9]},"
        "{\"id\": 9, \"callFrame\": {\"functionName\": \"(idle)\"}},"
        "{\"id\": 2, \"callFrame\": {\"functionName\": \"\", \"url\": \"file:///a.js\","
        " \"lineNumber\": 0}, \"children\": [3]},"
        "{\"id\": 3, \"callFrame\": {\"functionName\": \"f\", \"url\": \"\", \"lineNumber\": 4}}],"
        "\"startTime\": 1000, \"endTime\": 2000, \"samples\": [3, 9, 2], \"timeDeltas\": [10, 100, "
        "200]}",
        "0.001010000 (root) -1/-1 cpu-profile 100000ns: (root);(anonymous) file:///a.js:1_[j];f\n"
        "0.001110000 (root) -1/-1 cpu-profile 200000ns: (root);(idle)\n"
        "0.001310000 (root) -1/-1 cpu-profile 690000ns: (root);(anonymous) file:///a.js:1_[j]\n",
        0);
}

static void test_nodes_with_parents_and_samples_first(void **state)
{
    (void)state;
    check("{\"samples\": [2], \"timeDeltas\": [5], \"startTime\": 0, \"endTime\": 6, \"nodes\": ["
          "{\"id\": 2, \"parent\": 1, \"callFrame\": {\"functionName\": \"g\"}},"
          "{\"id\": 1, \"callFrame\": {\"functionName\": \"f\"}}]}",
          "0.000005000 (root) -1/-1 cpu-profile 1000ns: (root);f;g\n", 0);
}

static void test_the_old_tree(void **state)
{
    (void)state;
    check(
        "{\"head\": {\"functionName\": \"(root)\", \"id\": 1, \"children\": [{\"functionName\": "
        "\"f\","
        "\"url\": \"x.js\", \"lineNumber\": 7, \"id\": 2, \"children\": [{\"functionName\": \"g\", "
        "\"id\": 3,"
        "\"url\": \"\", \"lineNumber\": 0, \"children\": []}]}]}, \"startTime\": 1, \"endTime\": 1,"
        "\"samples\": [2, 3], \"timestamps\": [1000000, 1000500]}",
        "1.000000000 (root) -1/-1 cpu-profile 500000ns: (root);f x.js:8_[j]\n"
        "1.000500000 (root) -1/-1 cpu-profile 0ns: (root);f x.js:8_[j];g\n",
        0);
}

static void test_several_profiles_are_processes(void **state)
{
    (void)state;
    check("[{\"nodes\": [{\"id\": 1, \"callFrame\": {\"functionName\": \"f\"}}], \"samples\": [1],"
          "\"timeDeltas\": [1], \"startTime\": 0, \"endTime\": 3}, {\"nodes\": [{\"id\": 1,"
          "\"callFrame\": {\"functionName\": \"g\"}}], \"samples\": [1], \"timeDeltas\": [2],"
          "\"startTime\": 0, \"endTime\": 3}]",
          "0.000001000 (root) 1/1 cpu-profile 2000ns: (root);f\n"
          "0.000002000 (root) 2/2 cpu-profile 1000ns: (root);g\n",
          0);
}

// Samples out of order are sorted, none is worth less than nothing.
static void test_negative_deltas(void **state)
{
    (void)state;
    check("{\"nodes\": [{\"id\": 1, \"callFrame\": {\"functionName\": \"f\"}}], \"samples\": [1, "
          "1, 1],"
          "\"timeDeltas\": [10, -5, 15], \"startTime\": 0, \"endTime\": 3}",
          "0.000005000 (root) -1/-1 cpu-profile 5000ns: (root);f\n"
          "0.000010000 (root) -1/-1 cpu-profile 10000ns: (root);f\n"
          "0.000020000 (root) -1/-1 cpu-profile 0ns: (root);f\n",
          0);
}

// Microseconds since 1970, as some writers have them, with a fraction.
static void test_times_of_day(void **state)
{
    (void)state;
    check("{\"startTime\": 1700000000000000.5, \"timeDeltas\": [0, 1000.25], \"samples\": [1, 1],"
          "\"endTime\": 1700000000002000, \"nodes\": [{\"id\": 1, \"callFrame\": "
          "{\"functionName\": \"f\"}}]}",
          "1700000000.000000500 (root) -1/-1 cpu-profile 1000250ns: (root);f\n"
          "1700000000.001000750 (root) -1/-1 cpu-profile 999250ns: (root);f\n",
          0);
    check("{\"timestamps\": [1700000000000000.5, 1700000000001000.25], \"samples\": [1, 1],"
          "\"endTime\": 1700000000.002, \"nodes\": [{\"id\": 1, \"callFrame\": "
          "{\"functionName\": \"f\"}}]}",
          "1700000000.000000500 (root) -1/-1 cpu-profile 999750ns: (root);f\n"
          "1700000000.001000250 (root) -1/-1 cpu-profile 0ns: (root);f\n",
          0);
}

// A thousand samples out of order, whole microseconds and not, with timestamps and with deltas.
static void test_many_out_of_order(void **state)
{
    (void)state;
    for (int stamps = 0; stamps < 2; stamps++) {
        struct bytes text = {0};
        bytes_printf(&text, "{\"%s\": [", stamps ? "timestamps" : "timeDeltas");
        double last = 0;
        for (int i = 0; i < 1000; i++) {
            double at = 1000 + i * 389 % 1000 * 1.5; // 389 and 1000 have no common factor
            bytes_printf(&text, "%s%.1f", i ? "," : "", stamps ? at : at - last);
            last = at;
        }
        bytes_append_text(&text, "], \"samples\": [1");
        for (int i = 1; i < 1000; i++)
            bytes_append_text(&text, i % 2 ? ", 2" : ", 1");
        bytes_append_text(&text, "], \"startTime\": 0, \"endTime\": 2500, \"nodes\": ["
                                 "{\"id\": 1, \"callFrame\": {\"functionName\": \"f\"}},"
                                 "{\"id\": 2, \"callFrame\": {\"functionName\": \"g\"}}]}");
        struct bytes expected = {0};
        for (int i = 0; i < 1000; i++) {
            int from = 0; // where in the file the i-th in time was
            while (from * 389 % 1000 != i)
                from++;
            int ns = 1000000 + i * 1500;
            bytes_printf(&expected, "0.%09d (root) -1/-1 cpu-profile 1500ns: (root);%s\n", ns,
                         from % 2 ? "g" : "f");
        }
        check(bytes_text(&text), bytes_text(&expected), 0);
        bytes_dispose(&text);
        bytes_dispose(&expected);
    }
}

static void test_lies_are_counted(void **state)
{
    (void)state;
    // A sample of no node; fewer deltas than samples; a circle of children; a child that is not.
    check(
        "{\"nodes\": [{\"id\": 1, \"callFrame\": {\"functionName\": \"f\"}, \"children\": [2, 7]},"
        "{\"id\": 2, \"callFrame\": {\"functionName\": \"g\"}, \"children\": [1]}],"
        "\"samples\": [1, 5, 2, 2], \"timeDeltas\": [1, 1, 1], \"startTime\": 0, \"endTime\": 9}",
        "0.000001000 (root) -1/-1 cpu-profile 1000ns: (root);g;f\n"
        "0.000003000 (root) -1/-1 cpu-profile 6000ns: (root);g\n",
        3);
}

static void test_a_cut_file_keeps_what_came(void **state)
{
    (void)state;
    static const char TEXT[] =
        "{\"nodes\": [{\"id\": 1, \"callFrame\": {\"functionName\": \"f\"}}],"
        "\"samples\": [1, 1, 1], \"timeDeltas\": [1, 1, 1";
    check(TEXT,
          "0.000001000 (root) -1/-1 cpu-profile 1000ns: (root);f\n"
          "0.000002000 (root) -1/-1 cpu-profile 0ns: (root);f\n",
          2);
    struct capture capture;
    capture_init(&capture);
    assert_int_equal(capture_decode(&capture, &format_cpuprofile, NULL, TEXT, 30, 0, NULL),
                     -EBADMSG);
    capture_dispose(&capture);
}

static void test_recording_of_node(void **state)
{
    (void)state;
    char *data;
    size_t len;
    read_whole(FLICKER_TESTS "/fixtures/node.cpuprofile", &data, &len);
    assert_ptr_equal(format_probe(data, len, NULL), &format_cpuprofile);
    struct capture capture;
    struct decode_report report;
    capture_init(&capture);
    assert_int_equal(capture_decode(&capture, &format_cpuprofile, NULL, data, len, 1000, &report),
                     0);
    assert_int_equal(report.samples, 133);
    assert_int_equal(report.skipped, 0);
    assert_non_null(strstr(bytes_text(&capture.text), ";busy file:///opt/load.js:2_[j];fib"));

    // Written and read again: the same samples, to the microsecond.
    struct bytes written = {0};
    capture_convert(&format_cpuprofile, data, len, &format_cpuprofile, &written);
    struct capture again;
    capture_init(&again);
    assert_int_equal(
        capture_decode(&again, &format_cpuprofile, NULL, written.data, written.len, 0, NULL), 0);
    assert_string_equal(bytes_text(&again.text), bytes_text(&capture.text));
    bytes_dispose(&written);
    capture_dispose(&again);
    capture_dispose(&capture);
    capture_check_splits(&format_cpuprofile, NULL, data, len, 13);
    capture_check_damage(&format_cpuprofile, data, len, 31, 2000);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nodes_with_children),
        cmocka_unit_test(test_nodes_with_parents_and_samples_first),
        cmocka_unit_test(test_the_old_tree),
        cmocka_unit_test(test_several_profiles_are_processes),
        cmocka_unit_test(test_negative_deltas),
        cmocka_unit_test(test_times_of_day),
        cmocka_unit_test(test_many_out_of_order),
        cmocka_unit_test(test_lies_are_counted),
        cmocka_unit_test(test_a_cut_file_keeps_what_came),
        cmocka_unit_test(test_recording_of_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
