// The comment lines at the top of `perf script --header` (perf's util/header.c prints them).
#include "proto/perf_hello.h"

#include "proto/alloc.h"
#include "proto/perf_line.h"

#include <stdlib.h>
#include <string.h>

void perf_hello_dispose(struct perf_hello *hello)
{
    free(hello->host);
    free(hello->kernel);
    free(hello->command);
    *hello = (struct perf_hello){0};
}

// The value of "# key : value"; empty when the line has another key.
static struct span value_of(struct span line, const char *key)
{
    size_t len = strlen(key);
    struct span none = {line.at, 0};
    if (line.len < len + 2 || memcmp(line.at, "# ", 2) || memcmp(line.at + 2, key, len))
        return none;
    size_t at = len + 2;
    while (at < line.len && line.at[at] == ' ')
        at++;
    if (at == line.len || line.at[at] != ':')
        return none;
    at++;
    while (at < line.len && line.at[at] == ' ')
        at++;
    while (line.len > at && line.at[line.len - 1] == ' ')
        line.len--;
    return (struct span){line.at + at, line.len - at};
}

static void keep(char **slot, struct span value)
{
    if (!value.len || *slot)
        return;
    *slot = xstrndup(value.at, value.len);
}

static double number_after(struct span text, const char *key)
{
    const char *at = memmem(text.at, text.len, key, strlen(key));
    if (!at)
        return 0;
    at += strlen(key);
    const char *end = text.at + text.len;
    while (at < end && *at == ' ')
        at++;
    double value = 0;
    for (; at < end && *at >= '0' && *at <= '9' && value < 1e12; at++)
        value = value * 10 + (*at - '0');
    return value;
}

// "2026-11-22 19:17:43.755312 = 1795375063.755312 (TOD) = 8467.027146612 (monotonic)"
static void take_reference(struct perf_hello *hello, struct span value)
{
    const char *end = value.at + value.len;
    const char *wall = memmem(value.at, value.len, " = ", 3);
    const char *wall_end = memmem(value.at, value.len, " (TOD) = ", 9);
    if (!wall || !wall_end || wall_end < wall)
        return;
    const char *own = wall_end + 9;
    const char *own_end = memchr(own, ' ', (size_t)(end - own));
    if (!own_end)
        return;
    int64_t wall_ns = perf_time_parse(wall + 3, (size_t)(wall_end - wall - 3));
    int64_t own_ns = perf_time_parse(own, (size_t)(own_end - own));
    if (wall_ns < 0 || own_ns < 0)
        return;
    hello->wall_known = true;
    hello->wall_offset_ns = wall_ns - own_ns;
}

void perf_hello_line(struct perf_hello *hello, const char *text, size_t len)
{
    struct span line = {text, len};
    struct span value;
    keep(&hello->host, value_of(line, "hostname"));
    keep(&hello->kernel, value_of(line, "os release"));
    keep(&hello->command, value_of(line, "cmdline"));
    if ((value = value_of(line, "nrcpus online")).len && !hello->cpus)
        hello->cpus = (uint32_t)number_after(value, "");
    if ((value = value_of(line, "cmdline")).len && !hello->rate_hz) {
        hello->rate_hz = number_after(value, " -F ");
        if (!hello->rate_hz)
            hello->rate_hz = number_after(value, " -F");
    }
    if ((value = value_of(line, "event")).len && !hello->rate_hz &&
        memmem(value.at, value.len, "freq = 1", 8))
        hello->rate_hz = number_after(value, "sample_freq } =");
    if ((value = value_of(line, "clockid")).len && value.len >= 9)
        hello->monotonic = !memcmp(value.at, "monotonic", 9) && !memchr(value.at, '_', value.len);
    if ((value = value_of(line, "reference time")).len)
        take_reference(hello, value);
}

void perf_hello_get(const struct perf_hello *hello, bool has_time, struct hello *out)
{
    *out = (struct hello){
        .collector = "perf",
        .command = hello->command,
        .host = hello->host,
        .kernel = hello->kernel,
        .rate_hz = hello->rate_hz,
        .cpus = hello->cpus,
        .clock = !has_time          ? CLOCK_KIND_NONE
                 : hello->monotonic ? CLOCK_KIND_MONOTONIC
                                    : CLOCK_KIND_UNKNOWN,
        .wall_known = has_time && hello->wall_known,
        .wall_offset_ns = hello->wall_offset_ns,
    };
}
