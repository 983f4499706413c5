// Durations, sizes and counts as people write and read them.
#include "shell/units.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t units_scan_seconds(const char *text, int64_t *ns)
{
    const char *at = text;
    int64_t whole = 0, fraction = 0, scale = NS_PER_S;
    size_t digits = 0;
    for (; isdigit((unsigned char)*at); at++, digits++) {
        if (whole > INT64_C(9000000000)) // 285 years: the range of int64_t in ns
            return 0;
        whole = whole * 10 + (*at - '0');
    }
    if (*at == '.' && isdigit((unsigned char)at[1])) {
        for (at++; isdigit((unsigned char)*at); at++, digits++) {
            scale /= 10;
            fraction += (*at - '0') * scale; // digits past the ns weigh nothing
        }
    }
    if (!digits || whole > INT64_C(9000000000))
        return 0;
    *ns = whole * NS_PER_S + fraction;
    return (size_t)(at - text);
}

size_t units_scan_duration(const char *text, int64_t *ns)
{
    static const struct {
        const char *name;
        int64_t multiply, divide; // of seconds
    } units[] = {
        {"ns", 1, 1000000000}, {"us", 1, 1000000}, {"ms", 1, 1000}, {"s", 1, 1},
        {"m", 60, 1},          {"h", 3600, 1},     {"d", 86400, 1},
    };
    size_t len = units_scan_seconds(text, ns);
    if (!len)
        return 0;
    size_t letters = 0;
    while (isalpha((unsigned char)text[len + letters]))
        letters++;
    if (!letters)
        return len;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strlen(units[i].name) != letters || strncmp(units[i].name, text + len, letters))
            continue;
        if (units[i].divide == NS_PER_S) // a number of ns was read as seconds
            *ns = *ns / NS_PER_S;
        else if (*ns > INT64_MAX / units[i].multiply)
            return 0;
        else
            *ns = *ns * units[i].multiply / units[i].divide;
        return len + letters;
    }
    return 0;
}

bool units_parse_duration(const char *text, int64_t *ns)
{
    const int64_t most_ns = INT64_C(36525) * 86400 * NS_PER_S;
    size_t len = units_scan_duration(text, ns);
    return len && !text[len] && *ns <= most_ns;
}

bool units_parse_size(const char *text, uint64_t *bytes)
{
    if (!isdigit((unsigned char)*text))
        return false;
    char *end;
    double number = strtod(text, &end);
    static const char letters[] = "KMGT";
    int power = 0;
    const char *letter = *end ? strchr(letters, toupper((unsigned char)*end)) : NULL;
    if (letter) {
        power = (int)(letter - letters) + 1;
        end++;
        if (*end == 'i')
            end++;
    }
    if (*end == 'B')
        end++;
    double scaled = ldexp(number, 10 * power);
    if (*end || !(scaled >= 0 && scaled < 9e18))
        return false;
    *bytes = (uint64_t)scaled;
    return true;
}

bool units_parse_count(const char *text, uint64_t *count)
{
    if (!isdigit((unsigned char)*text))
        return false;
    char *end;
    errno = 0;
    *count = strtoull(text, &end, 10);
    return !*end && !errno;
}

void units_put_duration(struct bytes *out, int64_t ns)
{
    static const struct {
        double least, unit;
        const char *name;
    } units[] = {{1e9, 1e9, "s"}, {1e6, 1e6, "ms"}, {1e3, 1e3, "us"}, {0, 1, "ns"}};
    if (ns < 0) {
        bytes_append_char(out, '-');
        ns = -ns;
    }
    if (ns >= 60 * NS_PER_S) {
        int64_t seconds = ns / NS_PER_S;
        if (seconds >= 3600)
            bytes_printf(out, "%" PRId64 ":%02d:%02d", seconds / 3600, (int)(seconds / 60 % 60),
                         (int)(seconds % 60));
        else
            bytes_printf(out, "%d:%02d", (int)(seconds / 60), (int)(seconds % 60));
        return;
    }
    size_t i = 0;
    while ((double)ns < units[i].least)
        i++;
    bytes_printf(out, "%.4g %s", (double)ns / units[i].unit, units[i].name);
}

void units_put_size(struct bytes *out, uint64_t bytes)
{
    static const char *const names[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double number = (double)bytes;
    size_t i = 0;
    for (; number >= 1024 && i < 4; i++)
        number /= 1024;
    bytes_printf(out, number < 10 && i ? "%.1f %s" : "%.0f %s", number, names[i]);
}

void units_put_count(struct bytes *out, uint64_t count)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, count);
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0 && len > 4)
            bytes_append_char(out, ' ');
        bytes_append_char(out, digits[i]);
    }
}

const char *units_s(uint64_t count)
{
    return count == 1 ? "" : "s";
}

void units_put_things(struct bytes *out, uint64_t count, const char *thing)
{
    units_put_count(out, count);
    bytes_printf(out, " %s%s", thing, units_s(count));
}

void units_put_short(struct bytes *out, double count)
{
    if (count < 999.5)
        bytes_printf(out, "%.0f", count);
    else if (count < 999.5e3)
        bytes_printf(out, count < 9950 ? "%.1fk" : "%.0fk", count / 1e3);
    else
        bytes_printf(out, count < 9.95e6 ? "%.1fM" : "%.0fM", count / 1e6);
}

void units_put_percent(struct bytes *out, double share)
{
    double percent = share * 100;
    bytes_printf(out, percent > 0 && percent < 9.95 ? "%.1f" : "%.0f", percent);
}
