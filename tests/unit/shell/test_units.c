// Durations, sizes and counts, read and written.
#include "shell/units.h"
#include "tests/test.h"

#include <string.h>

static void durations_are_exact(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {
        {"0", 0},
        {"7.2", 7200000000},
        {"10s", 10 * NS_PER_S},
        {"380ms", 380000000},
        {"1.5ms", 1500000},
        {"12us", 12000},
        {"7ns", 7},
        {"2m", 120 * NS_PER_S},
        {"1.5h", 5400 * NS_PER_S},
        {".5", 500000000},
        {"3.1234567891", 3123456789},
        {"1d", 86400 * NS_PER_S},
        {"36525d", INT64_C(36525) * 86400 * NS_PER_S},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t ns = -1;
        assert_true(units_parse_duration(good[i].text, &ns));
        assert_int_equal(ns, good[i].ns);
    }
    static const char *const bad[] = {
        "",           "s",        "-1",         "1x",
        "1 s",        "1e3",      ".",          "99999999999999999999",
        "300000000h", "36525.1d", "3155760001", "2562047h"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t ns;
        if (units_parse_duration(bad[i], &ns))
            fail_msg("'%s' was taken", bad[i]);
    }
}

static void sizes(void **state)
{
    (void)state;
    uint64_t bytes;
    assert_true(units_parse_size("512M", &bytes));
    assert_int_equal(bytes, 512ull << 20);
    assert_true(units_parse_size("1.5KiB", &bytes));
    assert_int_equal(bytes, 1536);
    assert_true(units_parse_size("7", &bytes));
    assert_int_equal(bytes, 7);
    assert_false(units_parse_size("-7", &bytes));
    assert_false(units_parse_size("7X", &bytes));
    assert_false(units_parse_size("9e99", &bytes));
    uint64_t count;
    assert_true(units_parse_count("42", &count));
    assert_false(units_parse_count("42x", &count));
    assert_false(units_parse_count("99999999999999999999999", &count));
}

static void assert_text(struct bytes *out, const char *expected)
{
    assert_string_equal(bytes_text(out), expected);
    bytes_clear(out);
}

static void written_for_people(void **state)
{
    (void)state;
    struct bytes out = {0};
    units_put_duration(&out, 380 * NS_PER_MS);
    assert_text(&out, "380 ms");
    units_put_duration(&out, 12500 * NS_PER_MS);
    assert_text(&out, "12.5 s");
    units_put_duration(&out, 96 * NS_PER_S);
    assert_text(&out, "1:36");
    units_put_duration(&out, 7380 * NS_PER_S);
    assert_text(&out, "2:03:00");
    units_put_duration(&out, 0);
    assert_text(&out, "0 ns");
    units_put_size(&out, 512ull << 20);
    assert_text(&out, "512 MiB");
    units_put_things(&out, 1, "call path");
    assert_text(&out, "1 call path");
    units_put_things(&out, 0, "call path");
    assert_text(&out, "0 call paths");
    units_put_things(&out, 1234, "sample");
    assert_text(&out, "1234 samples");
    units_put_count(&out, 1234567);
    assert_text(&out, "1 234 567");
    units_put_count(&out, 1234);
    assert_text(&out, "1234");
    units_put_short(&out, 1349);
    assert_text(&out, "1.3k");
    units_put_short(&out, 999.7);
    assert_text(&out, "1.0k");
    units_put_percent(&out, 0.0044);
    assert_text(&out, "0.4");
    units_put_percent(&out, 0.66);
    assert_text(&out, "66");
    units_put_percent(&out, 0);
    assert_text(&out, "0");
    bytes_dispose(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_exact),
        cmocka_unit_test(sizes),
        cmocka_unit_test(written_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
