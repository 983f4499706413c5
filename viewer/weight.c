// A weight as people read it.
#include "viewer/weight.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

// A number with three digits, without zeros that say nothing: "1.26", "50", "10.5".
static void append_number(struct bytes *out, double number)
{
    char text[32];
    int decimals = number >= 99.95 ? 0 : number >= 9.995 ? 1 : 2;
    snprintf(text, sizeof text, "%.*f", decimals, number);
    if (strchr(text, '.')) {
        size_t len = strlen(text);
        while (text[len - 1] == '0')
            text[--len] = '\0';
        if (text[len - 1] == '.')
            text[len - 1] = '\0';
    }
    bytes_append_text(out, text);
}

void weight_append_duration(struct bytes *out, uint64_t duration_ns)
{
    static const struct {
        uint64_t ns;
        const char *unit;
    } units[] = {{60000000000, "min"}, {1000000000, "s"}, {1000000, "ms"}, {1000, "us"}, {1, "ns"}};
    size_t i = 0;
    while (units[i].ns > 1 && duration_ns < units[i].ns * (i == 0 ? 10 : 1))
        i++;
    append_number(out, (double)duration_ns / (double)units[i].ns);
    bytes_printf(out, " %s", units[i].unit);
}

static void append_size(struct bytes *out, uint64_t size_bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double size = (double)size_bytes;
    size_t i = 0;
    for (; size >= 1024 && i + 1 < sizeof units / sizeof units[0]; i++)
        size /= 1024;
    append_number(out, size);
    bytes_printf(out, " %s", units[i]);
}

void weight_append(struct bytes *out, uint64_t weight, const struct totals *totals,
                   const struct dict *dict)
{
    const char *unit = totals->by_value && totals->event < dict->event_count
                           ? dict_text(dict, dict->events[totals->event].unit)
                           : "samples";
    if (strcmp(unit, "ns") == 0)
        weight_append_duration(out, weight);
    else if (strcmp(unit, "bytes") == 0)
        append_size(out, weight);
    else if (strcmp(unit, "samples") == 0)
        bytes_printf(out, "%" PRIu64 " sample%s", weight, weight == 1 ? "" : "s");
    else
        bytes_printf(out, "%" PRIu64 "%s%s", weight, *unit ? " " : "", unit);
}

void weight_append_share(struct bytes *out, double share, bool compact)
{
    double percent = share * 100;
    int decimals = percent > 0 && percent < 9.95 ? 1 : 0;
    bytes_printf(out, "%.*f%s%%", decimals, percent, compact ? "" : " ");
}
