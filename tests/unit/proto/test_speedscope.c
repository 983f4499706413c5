// speedscope's format: sampled and evented, in and out.
#include "tests/capture.h"

static void check(const char *text, const char *expected, uint64_t skipped)
{
    struct capture capture;
    struct decode_report report;
    capture_init(&capture);
    assert_ptr_equal(format_probe(text, strlen(text), NULL), &format_speedscope);
    assert_int_equal(
        capture_decode(&capture, &format_speedscope, NULL, text, strlen(text), 3, &report), 0);
    const char *hello = strchr(bytes_text(&capture.text), '\n'); // the first line
    assert_non_null(hello);
    assert_string_equal(hello + 1, expected);
    assert_int_equal(report.skipped, skipped);
    capture_dispose(&capture);
    capture_check_splits(&format_speedscope, NULL, text, strlen(text), 1);
    capture_check_damage(&format_speedscope, text, strlen(text), 1, 2000);
}

#define SCHEMA "{\"$schema\": \"https://www.speedscope.app/file-format-schema.json\","
#define FRAMES                                                                                     \
    "\"shared\": {\"frames\": [{\"name\": \"a\"}, {\"name\": \"b\", \"file\": \"b.c\", \"line\": " \
    "7}]}"

static void test_sampled(void **state)
{
    (void)state;
    check(SCHEMA FRAMES
          ", \"profiles\": [{\"type\": \"sampled\", \"name\": \"web (3/4)\", \"unit\": "
          "\"milliseconds\", \"startValue\": 1000, \"endValue\": 1010, \"samples\": [[0, 1], [], "
          "[0], [7]], "
          "\"weights\": [2.5, 3, 1, 1]}]}",
          "1.000000000 web 3/4 samples 2500000ns!: web;a;b b.c:7\n"
          "1.005500000 web 3/4 samples 1000000ns!: web;a\n",
          1);
}

static void test_evented(void **state)
{
    (void)state;
    check(SCHEMA "\"profiles\": [{\"type\": \"evented\", \"name\": \"t\", \"unit\": \"none\", "
                 "\"startValue\": 0,"
                 "\"endValue\": 14, \"events\": [{\"type\": \"O\", \"frame\": 0, \"at\": 0}, "
                 "{\"type\": \"O\","
                 "\"frame\": 1, \"at\": 2}, {\"type\": \"C\", \"frame\": 1, \"at\": 7}, {\"type\": "
                 "\"C\", \"frame\": 0,"
                 "\"at\": 14}, {\"type\": \"C\", \"frame\": 1, \"at\": 15}]}]," FRAMES "}",
          "- t -1/-1 samples 2!: t;a\n"
          "- t -1/-1 samples 5!: t;a;b b.c:7\n"
          "- t -1/-1 samples 7!: t;a\n",
          1);
}

// A stack that came before is known by its text; what it is does not depend on where frames lie.
static void test_stacks_that_come_again(void **state)
{
    (void)state;
    check(SCHEMA
          "\"profiles\": [{\"type\": \"sampled\", \"name\": \"t\", \"unit\": \"none\","
          "\"samples\": [[0, 1], [0], [0, 1], [0,1], [], [9], [0], [9], []],"
          "\"weights\": [1, 2, 3, 4, 5, 6, 7, 8, 9]}, {\"type\": \"sampled\", \"name\": \"u\","
          "\"unit\": \"none\", \"samples\": [[0, 1], [1]], \"weights\": [1, 2.25]}]," FRAMES "}",
          "- t -1/-1 samples 1!: t;a;b b.c:7\n"
          "- t -1/-1 samples 2!: t;a\n"
          "- t -1/-1 samples 3!: t;a;b b.c:7\n"
          "- t -1/-1 samples 4!: t;a;b b.c:7\n"
          "- t -1/-1 samples 7!: t;a\n"
          "- u -1/-1 samples 1!: u;a;b b.c:7\n"
          "- u -1/-1 samples 2!: u;b b.c:7\n",
          2);
}

// Events of one spelling are read at once; others, and those of a frame without a name, as well.
static void test_events_of_any_spelling(void **state)
{
    (void)state;
    check(SCHEMA
          "\"profiles\": [{\"type\": \"evented\", \"name\": \"t\", \"unit\": \"milliseconds\", "
          "\"startValue\": 1, \"events\": [{\"type\":\"O\",\"frame\":0,\"at\":1},"
          "{\"type\":\"O\",\"frame\":2,\"at\":2.5},{\"type\":\"C\",\"frame\":2,\"at\":4e0},"
          "{\"at\":5,\"frame\":1,\"type\":\"O\"},{\"type\": \"C\", \"frame\": 1, \"at\": 6},"
          "{\"type\":\"C\",\"frame\":0,\"at\":7.25}]}],"
          "\"shared\": {\"frames\": [{\"name\": \"a\"}, {\"name\": \"b\"}, {}]}}",
          "0.001000000 t -1/-1 samples 1500000ns!: t;a\n"
          "0.002500000 t -1/-1 samples 1500000ns!: t;a;0x0\n"
          "0.004000000 t -1/-1 samples 1000000ns!: t;a\n"
          "0.005000000 t -1/-1 samples 1000000ns!: t;a;b\n"
          "0.006000000 t -1/-1 samples 1250000ns!: t;a\n",
          0);
}

static void test_round_trip(void **state)
{
    (void)state;
    static const char PERF[] =
        "web 7  12/13 [001]  10.000000001:    2000 cpu-clock: \n"
        "\t            1201 leaf (/opt/a)\n\t            1301 main (/opt/a)\n\n"
        "web 7  12/12 [000]  10.000000500:    3000 cpu-clock: \n"
        "\t            1301 main (/opt/a)\n\n"
        "web 7  12/13 [001]  10.000009001:    2000 cpu-clock: \n"
        "\t            1301 main (/opt/a)\n\n";
    struct bytes written = {0};
    capture_convert(&format_perf_script, PERF, sizeof PERF - 1, &format_speedscope, &written);
    struct capture capture;
    capture_init(&capture);
    assert_int_equal(
        capture_decode(&capture, &format_speedscope, NULL, written.data, written.len, 0, NULL), 0);
    assert_int_equal(capture.value, 7000);
    const char *text = bytes_text(&capture.text);
    assert_non_null(strstr(text, "10.000000001 web 7 12/13 samples 2000ns!: web 7;main;leaf\n"));
    assert_non_null(strstr(text, "10.000009001 web 7 12/13 samples 2000ns!: web 7;main\n"));
    assert_non_null(strstr(text, "10.000000500 web 7 12/12 samples 3000ns!: web 7;main\n"));
    capture_dispose(&capture);
    bytes_dispose(&written);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sampled),
        cmocka_unit_test(test_evented),
        cmocka_unit_test(test_stacks_that_come_again),
        cmocka_unit_test(test_events_of_any_spelling),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
