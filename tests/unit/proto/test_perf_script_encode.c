// perf script's text, written and read back: nothing that it can hold is lost.
#include "tests/capture.h"

static void test_round_trip(void **state)
{
    (void)state;
    static const char *const FIXTURES[] = {"perf-collector.txt", "perf-system.txt",
                                           "perf-notime.txt"};
    for (size_t i = 0; i < sizeof FIXTURES / sizeof *FIXTURES; i++) {
        char path[512], *data;
        size_t len;
        snprintf(path, sizeof path, FLICKER_TESTS "/fixtures/%s", FIXTURES[i]);
        read_whole(path, &data, &len);
        struct bytes written = {0};
        capture_convert(&format_perf_script, data, len, &format_perf_script, &written);
        struct capture before, after;
        capture_init(&before);
        capture_init(&after);
        assert_int_equal(capture_decode(&before, &format_perf_script, NULL, data, len, 0, NULL), 0);
        assert_int_equal(
            capture_decode(&after, &format_perf_script, NULL, written.data, written.len, 0, NULL),
            0);
        const char *x = strchr(bytes_text(&before.text), '\n'),
                   *y = strchr(bytes_text(&after.text), '\n');
        assert_string_equal(x, y);
        capture_dispose(&before);
        capture_dispose(&after);
        bytes_dispose(&written);
        free(data);
    }
}

static void test_names_that_would_break_a_line(void **state)
{
    (void)state;
    static const char TEXT[] = "S 1000000005 2 3 0 a\nb\n\n\n\t7f00 f+1 (/x)\n\nE\n";
    struct bytes written = {0};
    capture_convert(&format_bpftrace_text, TEXT, sizeof TEXT - 1, &format_perf_script, &written);
    assert_string_equal(bytes_text(&written), "a b     2/3     [000] 1.000000005: samples:\n"
                                              "\t               0 f (/x)\n\n");
    bytes_dispose(&written);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_names_that_would_break_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
