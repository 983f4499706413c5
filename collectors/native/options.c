// What flicker-collect was asked for.
#include "collectors/native/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char native_usage[] =
    "usage: flicker-collect cpu|offcpu|faults [--hz N] [--min TIME] [--pid PID] [--for TIME]\n"
    "                       [--no-kernel] [--no-user]\n"
    "Writes a flicker stream (.fks) to stdout until TIME (10s, 500ms) is over, its stdin, when a\n"
    "pipe, is closed, or it is interrupted. Needs root.\n";

static const char *const kind_names[NATIVE_KINDS] = {
    [NATIVE_CPU] = "cpu",
    [NATIVE_OFFCPU] = "offcpu",
    [NATIVE_FAULTS] = "faults",
};

const char *native_kind_name(enum native_kind kind)
{
    return kind_names[kind];
}

static int parse_kind(struct native_options *options, const char *word, struct err *err)
{
    for (int kind = 0; kind < NATIVE_KINDS; kind++) {
        if (!strcmp(kind_names[kind], word)) {
            options->kind = (enum native_kind)kind;
            return 0;
        }
    }
    return err_set(err, -EINVAL, "'%s' cannot be recorded", word);
}

static int parse_number(long *out, const char *option, const char *text, long min, long max,
                        struct err *err)
{
    char *end = NULL;
    errno = 0;
    *out = text ? strtol(text, &end, 10) : 0;
    if (text && !errno && end != text && !*end && *out >= min && *out <= max)
        return 0;
    return err_set(err, -EINVAL, "%s: '%s' is not a number from %ld to %ld", option,
                   text ? text : "", min, max);
}

static int parse_time(int64_t *out, const char *option, const char *text, struct err *err)
{
    static const struct {
        const char *unit;
        double ns;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
    char *end = NULL;
    double value = text ? strtod(text, &end) : 0;
    for (size_t i = 0; text && end != text && i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].unit) || !(value > 0) || value * units[i].ns > 1e18)
            continue;
        *out = (int64_t)(value * units[i].ns);
        return 0;
    }
    return err_set(err, -EINVAL, "%s: '%s' is not a time (10s, 500ms)", option, text ? text : "");
}

int native_options_parse(struct native_options *options, int argc, char *const *argv,
                         struct err *err)
{
    *options = (struct native_options){.hz = 99, .min_ns = 10000, .kernel = true, .user = true};
    if (argc < 2)
        return err_set(err, -EINVAL, "what is to be recorded?");
    int status = parse_kind(options, argv[1], err);
    for (int i = 2; !status && i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        long number = 0;
        if (!strcmp(argv[i], "--hz")) {
            status = parse_number(&number, argv[i++], value, 1, 100000, err);
            options->hz = (uint32_t)number;
        } else if (!strcmp(argv[i], "--pid")) {
            status = parse_number(&number, argv[i++], value, 1, 4194304, err);
            options->pid = (int32_t)number;
        } else if (!strcmp(argv[i], "--for")) {
            status = parse_time(&options->for_ns, argv[i++], value, err);
        } else if (!strcmp(argv[i], "--min")) {
            status = parse_time(&options->min_ns, argv[i++], value, err);
        } else if (!strcmp(argv[i], "--no-kernel")) {
            options->kernel = false;
        } else if (!strcmp(argv[i], "--no-user")) {
            options->user = false;
        } else {
            status = err_set(err, -EINVAL, "unknown option '%s'", argv[i]);
        }
    }
    return status;
}
