// Time words against an axis with and without a wall clock.
#include "shell/timewords.h"
#include "shell/units.h"
#include "tests/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// 2026-11-22 13:08:00 UTC at 1000 s of the monotonic clock; 90 s of samples.
#define WALL INT64_C(1795352880)
static const struct axis walled = {
    .has_time = true,
    .start_ns = 1000 * NS_PER_S,
    .first_ns = 1000 * NS_PER_S + 250 * NS_PER_MS,
    .last_ns = 1090 * NS_PER_S,
    .wall_known = true,
    .wall_offset_ns = (WALL - 1000) * NS_PER_S,
};

static void assert_ranges(const struct axis *axis, const char *text, const char *expected)
{
    struct range *ranges;
    size_t count, bad_at = 0;
    struct err err = {0};
    int code = timewords_parse(&ranges, &count, text, axis, 1090 * NS_PER_S, &bad_at, &err);
    if (code)
        fail_msg("'%s' at %zu: %s", text, bad_at, err.message);
    struct bytes out = {0};
    for (size_t i = 0; i < count; i++) {
        if (i)
            bytes_append_char(&out, ',');
        timewords_put_typed(&out, axis, &ranges[i]);
    }
    assert_string_equal(bytes_text(&out), expected);
    bytes_dispose(&out);
    free(ranges);
}

static void assert_refused(const struct axis *axis, const char *text, size_t at, const char *why)
{
    struct range *ranges;
    size_t count, bad_at = 0;
    struct err err = {0};
    int code = timewords_parse(&ranges, &count, text, axis, 1090 * NS_PER_S, &bad_at, &err);
    assert_int_equal(code, -EINVAL);
    if (!strstr(err.message, why))
        fail_msg("'%s': '%s' does not say '%s'", text, err.message, why);
    assert_int_equal(bad_at, at);
    free(ranges);
}

static void relative(void **state)
{
    (void)state;
    assert_ranges(&walled, "7.2 7.5", "7.200-7.500");
    assert_ranges(&walled, "7.2-7.5", "7.200-7.500");
    assert_ranges(&walled, "7.2s - 7500ms", "7.200-7.500");
    assert_ranges(&walled, "7.2+300ms", "7.200-7.500");
    assert_ranges(&walled, "1m+1m", "60.000-120.000");
    assert_ranges(&walled, "80", "80.000-90.000");
    assert_ranges(&walled, "1-2, 5+500ms,7 8", "1.000-2.000,5.000-5.500,7.000-8.000");
}

static void before_the_end(void **state)
{
    (void)state;
    assert_ranges(&walled, "@-10s", "80.000-90.000");
    assert_ranges(&walled, "@-10s @-5s", "80.000-85.000");
    assert_ranges(&walled, "@-10s-@-5s", "80.000-85.000");
    assert_ranges(&walled, "@-10s-@", "80.000-90.000");
    assert_ranges(&walled, "@-2m+30s", "-30.000-0.000");
}

static void on_the_wall(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    assert_ranges(&walled, "13:08:44.86+380ms", "44.860-45.240");
    assert_ranges(&walled, "13:08:12.5 13:08:13", "12.500-13.000");
    assert_ranges(&walled, "13:08:12-13:08:13", "12.000-13.000");
    assert_ranges(&walled, "13:08 13:09", "0.000-60.000");
    assert_ranges(&walled, "2026-11-22T13:08:01Z+1s", "1.000-2.000");
    setenv("TZ", "Asia/Kolkata", 1); // +5:30: another half hour, another day
    tzset();
    assert_ranges(&walled, "18:38:44.86+380ms", "44.860-45.240");
    assert_ranges(&walled, "13:08:44.86Z+380ms", "44.860-45.240");
    struct bytes out = {0};
    timewords_put_range(&out, &walled, &(struct range){1044860 * NS_PER_MS, 1045240 * NS_PER_MS});
    assert_string_equal(bytes_text(&out), "44.860-45.240 s, 2026-11-22T18:38:44.860-18:38:45.240 "
                                          "local, 13:08:44.860-13:08:45.240 UTC");
    bytes_dispose(&out);
    setenv("TZ", "UTC", 1);
    tzset();
}

static void across_midnight(void **state)
{
    (void)state;
    struct axis late = walled; // starts at 23:59:30
    late.wall_offset_ns += (10 * 3600 + 51 * 60 + 30) * NS_PER_S;
    assert_ranges(&late, "23:59:40-00:00:10", "10.000-40.000");
}

// A day is said where it is not today's, or where a range ends on another.
static void the_day_is_said(void **state)
{
    (void)state;
    struct axis late = walled; // starts at 23:59:30
    late.wall_offset_ns += (10 * 3600 + 51 * 60 + 30) * NS_PER_S;
    struct range range = {1010 * NS_PER_S, 1040 * NS_PER_S};
    struct bytes out = {0};
    timewords_put_point(&out, &late, range.to_ns);
    assert_string_equal(bytes_text(&out), "2026-11-23T00:00:10.000");
    assert_ranges(&late, "2026-11-22T23:59:40.000-2026-11-23T00:00:10.000", "10.000-40.000");
    bytes_clear(&out);
    timewords_put_range(&out, &late, &range);
    assert_non_null(strstr(bytes_text(&out), ", 23:59:40.000-2026-11-23T00:00:10.000 UTC"));
    bytes_clear(&out);
    struct axis today = walled;
    int64_t day_ns = INT64_C(86400) * NS_PER_S;
    today.wall_offset_ns = time(NULL) * NS_PER_S / day_ns * day_ns; // 1000 s: 00:16:40
    timewords_put_range(&out, &today, &range);
    assert_string_equal(bytes_text(&out), "10.000-40.000 s, 00:16:50.000-00:17:20.000 local, "
                                          "00:16:50.000-00:17:20.000 UTC");
    bytes_clear(&out);
    range.to_ns += day_ns; // tomorrow
    timewords_put_range(&out, &today, &range);
    assert_non_null(strstr(bytes_text(&out), "s, 00:16:50.000-20"));
    bytes_dispose(&out);
}

static void without_a_wall_clock(void **state)
{
    (void)state;
    struct axis bare = walled;
    bare.wall_known = false;
    assert_ranges(&bare, "7.2-7.5", "7.200-7.500");
    assert_refused(&bare, "13:08:12 13:08:13", 0, "no wall-clock");
    struct bytes out = {0};
    timewords_put_point(&out, &bare, 1007 * NS_PER_S);
    assert_string_equal(bytes_text(&out), "7.000 s");
    bytes_dispose(&out);
    struct axis timeless = {0};
    assert_refused(&timeless, "1 2", 0, "no times");
}

// Of a recording of the next century, and asked for by who mistypes a year.
static void times_beyond_all_clocks(void **state)
{
    (void)state;
    struct axis far = walled;
    far.start_ns = far.first_ns = INT64_C(4000000000) * NS_PER_S;
    assert_ranges(&far, "0 9000000000", "0.000-5223372036.854");
    assert_ranges(&far, "0+9000000000s", "0.000-5223372036.854");
    assert_refused(&far, "8000000000 9000000000", 0, "empty");
    assert_ranges(&walled, "2026-11-22T13:08 9999-01-01T00:00", "0.000-7428019156.854");
    assert_ranges(&walled, "0001-01-01T00:00 13:08:01", "-9223372036.854-1.000");
    assert_refused(&walled, "9999-01-01T00:00 9999-01-01T00:01", 0, "empty");
}

static void errors_point_at_the_byte(void **state)
{
    (void)state;
    assert_refused(&walled, "x", 0, "a time is expected");
    assert_refused(&walled, "1 y", 2, "a time is expected");
    assert_refused(&walled, "7.5-7.2", 0, "empty");
    assert_refused(&walled, "7+x", 2, "duration");
    assert_refused(&walled, "@-x", 2, "duration");
    assert_refused(&walled, "1-2 3", 4, "comma");
    assert_refused(&walled, "1-2,", 4, "a time is expected");
    assert_refused(&walled, "2026-11-22Tx", 11, "14:03:12.5");
    assert_refused(&walled, "", 0, "a time is expected");
    assert_refused(&walled, "2026-02-30T13:08", 0, "no such day");
    assert_refused(&walled, "2026-13-01T13:08", 0, "no such day");
    assert_refused(&walled, "13:-8 13:09", 2, "a time is expected");
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(relative),
        cmocka_unit_test(before_the_end),
        cmocka_unit_test(on_the_wall),
        cmocka_unit_test(across_midnight),
        cmocka_unit_test(the_day_is_said),
        cmocka_unit_test(without_a_wall_clock),
        cmocka_unit_test(times_beyond_all_clocks),
        cmocka_unit_test(errors_point_at_the_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
