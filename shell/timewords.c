// Time as it is typed, and as it is shown.
#include "shell/timewords.h"

#include "proto/alloc.h"
#include "shell/units.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct words {
    const char *text;
    size_t at;
    const struct axis *axis;
    int64_t end_ns;
    size_t *bad_at;
    struct err *err;
};

static int fail(struct words *words, size_t at, const char *message)
{
    *words->bad_at = at;
    return err_set(words->err, -EINVAL, "%s", message);
}

// Times that no recording has (the year 9999) end where int64_t does.
static int64_t plus(int64_t a, int64_t b)
{
    int64_t sum;
    return !__builtin_add_overflow(a, b, &sum) ? sum : b < 0 ? INT64_MIN : INT64_MAX;
}

static int64_t minus(int64_t a, int64_t b)
{
    int64_t difference;
    return !__builtin_sub_overflow(a, b, &difference) ? difference : b > 0 ? INT64_MIN : INT64_MAX;
}

static int64_t wall_floor_seconds(int64_t wall_ns)
{
    return wall_ns / NS_PER_S - (wall_ns % NS_PER_S < 0);
}

// "HH:MM[:SS[.fraction]]" as ns since midnight; the bytes taken, 0 when it is none.
static size_t scan_clock(const char *text, int64_t *ns)
{
    int hours, minutes, len = 0;
    size_t hours_len = strspn(text, "0123456789");
    if (!hours_len || text[hours_len] != ':' || !isdigit((unsigned char)text[hours_len + 1]) ||
        sscanf(text, "%2d:%2d%n", &hours, &minutes, &len) != 2 || !len || hours > 23 ||
        minutes > 59)
        return 0;
    int64_t seconds_ns = 0;
    size_t taken = (size_t)len;
    if (text[taken] == ':') {
        size_t more = units_scan_seconds(text + taken + 1, &seconds_ns);
        if (!more || seconds_ns >= 61 * NS_PER_S)
            return 0;
        taken += 1 + more;
    }
    *ns = (int64_t)(hours * 60 + minutes) * 60 * NS_PER_S + seconds_ns;
    return taken;
}

// The moment at which a wall clock (local, or UTC) shows this date and time of the day.
static int64_t wall_of(struct tm day, int64_t since_midnight_ns, bool utc)
{
    day.tm_hour = (int)(since_midnight_ns / (3600 * NS_PER_S));
    day.tm_min = (int)(since_midnight_ns / (60 * NS_PER_S) % 60);
    day.tm_sec = (int)(since_midnight_ns / NS_PER_S % 60);
    day.tm_isdst = -1;
    time_t seconds = utc ? timegm(&day) : mktime(&day);
    int64_t ns;
    if (__builtin_mul_overflow((int64_t)seconds, NS_PER_S, &ns))
        return seconds < 0 ? INT64_MIN : INT64_MAX;
    return plus(ns, since_midnight_ns % NS_PER_S);
}

static int64_t distance(int64_t time_ns, int64_t from_ns, int64_t to_ns)
{
    return time_ns < from_ns ? minus(from_ns, time_ns)
           : time_ns > to_ns ? minus(time_ns, to_ns)
                             : 0;
}

// Without a date: of yesterday, today and tomorrow (as the recording began) the nearest.
static int64_t nearest_day(const struct words *words, int64_t since_midnight_ns, bool utc)
{
    const struct axis *axis = words->axis;
    int64_t best = 0, best_distance = INT64_MAX;
    for (int shift = -1; shift <= 1; shift++) {
        struct tm day;
        time_t start = (time_t)wall_floor_seconds(plus(axis->first_ns, axis->wall_offset_ns));
        if (utc)
            gmtime_r(&start, &day);
        else
            localtime_r(&start, &day);
        day.tm_mday += shift;
        int64_t time_ns = minus(wall_of(day, since_midnight_ns, utc), axis->wall_offset_ns);
        int64_t away = distance(time_ns, axis->first_ns, words->end_ns);
        if (away < best_distance) {
            best = time_ns;
            best_distance = away;
        }
    }
    return best;
}

// Whether there is such a day: not the 30th of February.
static bool is_date(const struct tm *given)
{
    struct tm day = {.tm_year = given->tm_year - 1900,
                     .tm_mon = given->tm_mon - 1,
                     .tm_mday = given->tm_mday,
                     .tm_hour = 12};
    (void)timegm(&day);
    return day.tm_mon == given->tm_mon - 1 && day.tm_mday == given->tm_mday;
}

// A wall-clock point; 0 with *is_clock false when the text is none.
static int scan_wall(struct words *words, int64_t *time_ns, bool *is_clock)
{
    const char *text = words->text + words->at;
    struct tm day = {0};
    int date_len = 0;
    bool dated =
        sscanf(text, "%4d-%2d-%2d%n", &day.tm_year, &day.tm_mon, &day.tm_mday, &date_len) == 3 &&
        text[date_len] == 'T';
    size_t taken = dated ? (size_t)date_len + 1 : 0;
    int64_t since_midnight_ns;
    if (dated && !is_date(&day))
        return fail(words, words->at, "there is no such day; a date like 2026-11-22 is expected");
    size_t clock_len = scan_clock(text + taken, &since_midnight_ns);
    *is_clock = clock_len > 0;
    if (!clock_len)
        return dated ? fail(words, words->at + taken, "a time like 14:03:12.5 is expected") : 0;
    taken += clock_len;
    bool utc = text[taken] == 'Z';
    taken += utc;
    if (!words->axis->wall_known)
        return fail(words, words->at,
                    "this recording has no wall-clock time; use seconds from its start");
    if (dated) {
        day.tm_year -= 1900;
        day.tm_mon -= 1;
        *time_ns = minus(wall_of(day, since_midnight_ns, utc), words->axis->wall_offset_ns);
    } else {
        *time_ns = nearest_day(words, since_midnight_ns, utc);
    }
    words->at += taken;
    return 0;
}

static int scan_point(struct words *words, int64_t *time_ns)
{
    size_t start = words->at;
    int64_t duration_ns = 0;
    if (words->text[words->at] == '@') {
        words->at++;
        if (words->text[words->at] == '-' && words->text[words->at + 1] != '@') {
            size_t len = units_scan_duration(words->text + words->at + 1, &duration_ns);
            if (!len)
                return fail(words, words->at + 1, "a duration like 10s or 500ms is expected");
            words->at += 1 + len;
        }
        *time_ns = minus(words->end_ns, duration_ns);
        return 0;
    }
    bool is_clock = false;
    int code = scan_wall(words, time_ns, &is_clock);
    if (code || is_clock)
        return code;
    size_t len = units_scan_duration(words->text + words->at, &duration_ns);
    if (!len)
        return fail(words, start,
                    "a time is expected: 7.2 (seconds from the start), @-10s (before the end), "
                    "14:03:12.5");
    words->at += len;
    *time_ns = plus(words->axis->start_ns, duration_ns);
    return 0;
}

static void skip_blanks(struct words *words)
{
    words->at += strspn(words->text + words->at, " \t");
}

static int scan_range(struct words *words, struct range *range)
{
    size_t start = words->at;
    int code = scan_point(words, &range->from_ns);
    if (code)
        return code;
    skip_blanks(words);
    char c = words->text[words->at];
    if (c == '+') {
        int64_t duration_ns;
        size_t len = units_scan_duration(words->text + words->at + 1, &duration_ns);
        if (!len)
            return fail(words, words->at + 1, "a duration like 380ms is expected after '+'");
        words->at += 1 + len;
        range->to_ns = plus(range->from_ns, duration_ns);
    } else if (c == '-' || (c && c != ',')) {
        if (c == '-')
            words->at++;
        skip_blanks(words);
        code = scan_point(words, &range->to_ns);
        if (code)
            return code;
    } else {
        range->to_ns = words->end_ns;
        if (range->from_ns >= range->to_ns)
            return fail(words, start, "this is after the end of what is held");
    }
    if (range->to_ns <= range->from_ns)
        return fail(words, start, "this range is empty: its end is not after its start");
    return 0;
}

int timewords_parse(struct range **ranges, size_t *count, const char *text, const struct axis *axis,
                    int64_t end_ns, size_t *bad_at, struct err *err)
{
    struct words words = {
        .text = text, .axis = axis, .end_ns = end_ns, .bad_at = bad_at, .err = err};
    size_t capacity = 0;
    *ranges = NULL;
    *count = 0;
    if (!axis->has_time)
        return fail(&words, 0, "these samples have no times, so there is nothing to slice");
    for (;;) {
        skip_blanks(&words);
        array_reserve(ranges, &capacity, *count + 1);
        int code = scan_range(&words, &(*ranges)[*count]);
        if (code)
            return code;
        ++*count;
        skip_blanks(&words);
        if (!words.text[words.at])
            return 0;
        if (words.text[words.at] != ',')
            return fail(&words, words.at, "a comma or the end is expected after a range");
        words.at++;
    }
}

static struct tm day_of(time_t seconds, bool utc)
{
    struct tm day = {0};
    if (utc)
        gmtime_r(&seconds, &day);
    else
        localtime_r(&seconds, &day);
    return day;
}

static bool is_same_day(const struct tm *a, const struct tm *b)
{
    return a->tm_yday == b->tm_yday && a->tm_year == b->tm_year;
}

// With its date where that is another than `known`'s, as it can be typed: 2026-11-22T13:08:44.860.
static struct tm put_clock(struct bytes *out, int64_t wall_ns, bool utc, const struct tm *known)
{
    time_t seconds = (time_t)wall_floor_seconds(wall_ns);
    int ms = (int)((wall_ns - (int64_t)seconds * NS_PER_S) / NS_PER_MS);
    struct tm day = day_of(seconds, utc);
    if (!is_same_day(&day, known))
        bytes_printf(out, "%04d-%02d-%02dT", day.tm_year + 1900, day.tm_mon + 1, day.tm_mday);
    bytes_printf(out, "%02d:%02d:%02d.%03d", day.tm_hour, day.tm_min, day.tm_sec, ms);
    return day;
}

// The day that both begin on is said once.
static struct tm put_clocks(struct bytes *out, int64_t from_ns, int64_t to_ns, bool utc,
                            const struct tm *known)
{
    struct tm from = put_clock(out, from_ns, utc, known);
    bytes_append_char(out, '-');
    put_clock(out, to_ns, utc, &from);
    return from;
}

static void put_seconds(struct bytes *out, const struct axis *axis, int64_t time_ns)
{
    int64_t ms = minus(time_ns, axis->start_ns) / NS_PER_MS;
    bytes_printf(out, "%s%" PRId64 ".%03d", ms < 0 ? "-" : "", (ms < 0 ? -ms : ms) / 1000,
                 (int)((ms < 0 ? -ms : ms) % 1000));
}

void timewords_put_point(struct bytes *out, const struct axis *axis, int64_t time_ns)
{
    if (axis->wall_known) {
        struct tm today = day_of(time(NULL), false);
        put_clock(out, plus(time_ns, axis->wall_offset_ns), false, &today);
    } else {
        put_seconds(out, axis, time_ns);
        bytes_append_text(out, " s");
    }
}

void timewords_put_range(struct bytes *out, const struct axis *axis, const struct range *range)
{
    put_seconds(out, axis, range->from_ns);
    bytes_append_char(out, '-');
    put_seconds(out, axis, range->to_ns);
    bytes_append_text(out, " s");
    if (!axis->wall_known)
        return;
    int64_t from_ns = plus(range->from_ns, axis->wall_offset_ns);
    int64_t to_ns = plus(range->to_ns, axis->wall_offset_ns);
    bytes_append_text(out, ", ");
    struct tm today = day_of(time(NULL), false);
    struct tm from = put_clocks(out, from_ns, to_ns, false, &today);
    bytes_append_text(out, " local, ");
    (void)put_clocks(out, from_ns, to_ns, true, &from);
    bytes_append_text(out, " UTC");
}

void timewords_put_typed(struct bytes *out, const struct axis *axis, const struct range *range)
{
    put_seconds(out, axis, range->from_ns);
    bytes_append_char(out, '-');
    put_seconds(out, axis, range->to_ns);
}
