// Query parameters. They come from outside: every number is checked before it is used.
#include "viewer/api_params.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// A decimal integer at *at; moves on behind it. strtoll alone would take spaces and "+".
static bool integer(int64_t *out, const char **at)
{
    char *end;

    if (!(**at == '-' || (**at >= '0' && **at <= '9')))
        return false;
    errno = 0;
    long long value = strtoll(*at, &end, 10);
    if (errno || end == *at)
        return false;
    *out = value;
    *at = end;
    return true;
}

int api_int(int64_t *out, const struct api_params *params, const char *name, int64_t least,
            int64_t most, int64_t otherwise, struct err *err)
{
    const char *text = params->get(params->arg, name), *at = text;

    *out = otherwise;
    if (!text)
        return 0;
    if (!integer(out, &at) || *at || *out < least || *out > most)
        return err_set(err, -EINVAL, "%s='%.40s': expected a whole number from %lld to %lld", name,
                       text, (long long)least, (long long)most);
    return 0;
}

int api_share(double *out, const struct api_params *params, const char *name, double otherwise,
              struct err *err)
{
    const char *text = params->get(params->arg, name);
    char *end;

    *out = otherwise;
    if (!text)
        return 0;
    *out = strtod(text, &end);
    if (end == text || *end || !(*out >= 0 && *out <= 1))
        return err_set(err, -EINVAL, "%s='%.40s': expected a share from 0 to 1", name, text);
    return 0;
}

static int by_start(const void *a, const void *b)
{
    const struct range *left = a, *right = b;

    return (left->from_ns > right->from_ns) - (left->from_ns < right->from_ns);
}

static size_t merged(struct range *ranges, size_t count)
{
    size_t kept = 0;

    qsort(ranges, count, sizeof *ranges, by_start);
    for (size_t i = 0; i < count; i++) {
        if (kept && ranges[i].from_ns <= ranges[kept - 1].to_ns) {
            if (ranges[i].to_ns > ranges[kept - 1].to_ns)
                ranges[kept - 1].to_ns = ranges[i].to_ns;
        } else {
            ranges[kept++] = ranges[i];
        }
    }
    return kept;
}

int api_ranges(struct range *ranges, size_t *count, const struct api_params *params,
               const char *name, const struct axis *axis, struct err *err)
{
    const char *text = params->get(params->arg, name), *at = text;
    size_t n = 0;

    *count = 0;
    if (!text)
        return 0;
    do {
        int64_t from, to;
        if (n == API_RANGES_MAX)
            return err_set(err, -EINVAL, "%s: more than %d ranges", name, API_RANGES_MAX);
        if (!integer(&from, &at) || *at++ != ':' || !integer(&to, &at) || from >= to ||
            __builtin_add_overflow(from, axis->start_ns, &ranges[n].from_ns) ||
            __builtin_add_overflow(to, axis->start_ns, &ranges[n].to_ns))
            return err_set(err, -EINVAL, "%s='%.60s': expected FROM:TO,... in ns from the start",
                           name, text);
        n++;
    } while (*at++ == ',');
    if (at[-1])
        return err_set(err, -EINVAL, "%s='%.60s': expected ',' or the end at '%.20s'", name, text,
                       at - 1);
    *count = merged(ranges, n);
    return 0;
}
