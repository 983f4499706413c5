// nflxprofile in and out: the three encodings as Python's protobuf wrote them, round trips, damage.
#include "tests/capture.h"

#include <errno.h>

static void test_three_encodings_of_the_same(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"stack", "parent", "children"};
    for (size_t i = 0; i < 3; i++) {
        char path[512], *data;
        size_t len;
        snprintf(path, sizeof path, FLICKER_TESTS "/fixtures/nflxprofile-%s.nflxprofile", NAMES[i]);
        read_whole(path, &data, &len);
        assert_ptr_equal(format_probe(data, len, NULL), &format_nflxprofile);
        struct capture capture;
        struct decode_report report;
        capture_init(&capture);
        assert_int_equal(capture_decode(&capture, &format_nflxprofile, NULL, data, len, 7, &report),
                         0);
        assert_string_equal(bytes_text(&capture.text),
                            "hello nflxprofile - - - 0 Hz 0 cpus clock 0\n"
                            "1.500000000 app -1/-1 samples 1: app;main a.js:3_[j]\n"
                            "1.750000000 app -1/-1 samples 1: app;main a.js:3_[j];f a.js:3_[j]\n"
                            "2.000000000 app -1/-1 samples 1: app;main a.js:3_[j]\n");
        assert_int_equal(report.skipped, 0);
        capture_dispose(&capture);
        capture_check_splits(&format_nflxprofile, NULL, data, len, 1);
        capture_check_damage(&format_nflxprofile, data, len, 1, 5000);
        free(data);
    }
}

// Times to the nanosecond however many there are: the deltas are doubles that a reader adds up.
static void test_round_trip_is_exact(void **state)
{
    (void)state;
    struct bytes folded = {0}, script = {0}, written = {0};
    for (unsigned i = 0; i < 5000; i++)
        bytes_printf(&script,
                     "we b 7  12/%u [00%u]  94760%u.%09u:    %u cpu-clock: \n"
                     "\tffffffff816b846a vfs_read ([k])\n\t            1201 f%u (/opt/a)\n\n",
                     12 + i % 3, i % 2, i / 1000, i % 1000 * 999983, 6711409 + i % 5, i % 7);
    capture_convert(&format_perf_script, script.data, script.len, &format_nflxprofile, &written);
    struct capture before, after;
    capture_init(&before);
    capture_init(&after);
    assert_int_equal(
        capture_decode(&before, &format_perf_script, NULL, script.data, script.len, 0, NULL), 0);
    assert_int_equal(
        capture_decode(&after, &format_nflxprofile, NULL, written.data, written.len, 0, NULL), 0);
    assert_int_equal(after.samples, 5000);
    assert_true(after.value == before.value);
    assert_true(after.first.time_ns == before.first.time_ns);
    assert_true(after.last.time_ns == before.last.time_ns);
    // Each line is the same but for what the format cannot hold: modules and the event.
    const char *x = strchr(bytes_text(&before.text), '\n') + 1;
    const char *y = strchr(bytes_text(&after.text), '\n') + 1;
    while (*x && *y) {
        size_t until = strcspn(x, "u"); // "... cpu 0"
        assert_memory_equal(x, y, until);
        x = strchr(x, '\n') + 1;
        y = strchr(y, '\n') + 1;
    }
    assert_true(!*x && !*y);
    assert_non_null(strstr(bytes_text(&after.text), "samples 6711409!: we b 7;f0;vfs_read_[k]\n"));
    capture_dispose(&before);
    capture_dispose(&after);
    bytes_dispose(&folded);
    bytes_dispose(&script);
    bytes_dispose(&written);
}

static void test_other_bytes_are_an_error(void **state)
{
    (void)state;
    struct capture capture;
    capture_init(&capture);
    assert_int_equal(capture_decode(&capture, &format_nflxprofile, NULL, "junk", 4, 1, NULL),
                     -EBADMSG);
    capture_dispose(&capture);
}

static void test_the_profile_of_others(void **state)
{
    (void)state;
    const char *corpus = getenv("FLICKER_CORPUS");
    char path[512], *data;
    size_t len;
    if (!corpus || !*corpus) {
        print_message("skipped: FLICKER_CORPUS names no folder with profiles of others\n");
        if (getenv("FLICKER_REQUIRE_CORPUS"))
            fail_msg("FLICKER_REQUIRE_CORPUS is set");
        skip();
    }
    snprintf(path, sizeof path, "%s/nflxprofile/nodejs1.nflxprofile", corpus);
    read_whole(path, &data, &len);
    struct capture capture;
    struct decode_report report;
    capture_init(&capture);
    assert_int_equal(capture_decode(&capture, &format_nflxprofile, NULL, data, len, 0, &report), 0);
    assert_int_equal(report.samples, 6);
    assert_int_equal(report.skipped, 0);
    assert_true(capture.first.time_ns == 136087100000000);
    assert_non_null(strstr(bytes_text(&capture.text), " node 12783/12785 "));
    capture_dispose(&capture);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_encodings_of_the_same),
        cmocka_unit_test(test_round_trip_is_exact),
        cmocka_unit_test(test_other_bytes_are_an_error),
        cmocka_unit_test(test_the_profile_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
