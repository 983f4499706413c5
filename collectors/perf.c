// The perf collector: `perf record -o - | perf script`, with any arguments of `perf record`.
#include "collectors/collector.h"
#include "collectors/recording_setup.h"
#include "collectors/tool.h"
#include "proto/alloc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double default_hz = 99;

// /proc/sys/kernel/perf_event_paranoid; 2, the kernel's default, when it cannot be read.
static int paranoid_level(void)
{
    int level = 2;
    FILE *file = fopen("/proc/sys/kernel/perf_event_paranoid", "re");
    if (file && fscanf(file, "%d", &level) != 1)
        level = 2;
    if (file)
        fclose(file);
    return level;
}

static int perf_probe(struct launcher *launcher, struct err *why_not)
{
    char path[PATH_MAX];
    if (tool_find(path, LAUNCHER_PERF_RECORD, why_not))
        return err_set(why_not, -ENOENT, "'perf' is not installed\ninstall the package linux-perf");
    int level = paranoid_level();
    if (!launcher_is_privileged(launcher) && level > 0)
        return err_set(why_not, -EPERM,
                       "not root, and kernel.perf_event_paranoid is %d (the whole host needs 0 or "
                       "less)\nstart flicker with sudo, or: sudo sysctl "
                       "kernel.perf_event_paranoid=0",
                       level);
    return 0;
}

static bool perf_serves(const struct collect_request *request)
{
    bool own_args = request->arg_count && !request->what;
    bool cpu = request->what && !strcmp(request->what, "cpu");
    return !request->program && !request->file && (own_args || cpu);
}

static enum stderr_meaning perf_judge(void *arg, struct bytes *line, uint64_t *lost)
{
    (void)arg;
    (void)lost; // what is lost comes in the stream, with its time
    static const char *const noise[] = {
        "[ perf record:",
        "Warning:",
        "Processed ",
        "Check IO/CPU overload!",
        "Couldn't record kernel reference relocation symbol",
        "Symbol resolution may be skewed",
        "Check /proc/kallsyms permission",
        "incompatible file format", // perf script, when perf record wrote nothing
    };
    for (size_t i = 0; i < sizeof noise / sizeof *noise; i++) {
        if (!strncmp(bytes_text(line), noise[i], strlen(noise[i])))
            return STDERR_NOISE;
    }
    return STDERR_MESSAGE;
}

// Which of the defaults the given arguments leave open.
struct perf_needs {
    bool event, rate, target, call_graph;
    double rate_hz;
};

static const char *value_of(const char *const *args, size_t count, size_t i, const char *letter,
                            const char *name)
{
    size_t len = strlen(name);
    if (!strncmp(args[i], letter, 2) && args[i][1] != '-')
        return args[i][2] ? args[i] + 2 : i + 1 < count ? args[i + 1] : "";
    if (!strncmp(args[i], name, len) && args[i][len] == '=')
        return args[i] + len + 1;
    return !strcmp(args[i], name) ? (i + 1 < count ? args[i + 1] : "") : NULL;
}

static struct perf_needs needs_of(const char *const *args, size_t count)
{
    struct perf_needs needs = {true, true, true, true, 0};
    for (size_t i = 0; i < count; i++) {
        const char *arg = args[i];
        bool is_short = arg[0] == '-' && arg[1] && arg[1] != '-';
        // Letters before the first one that takes a value: -ag, -agF99.
        size_t flags = is_short ? strcspn(arg + 1, "CcDeFGjkmprtu") : 0;
        const char *rate = value_of(args, count, i, "-F", "--freq");
        if (is_short && memchr(arg + 1, 'a', flags))
            needs.target = false;
        if (is_short && memchr(arg + 1, 'g', flags))
            needs.call_graph = false;
        if (rate) {
            needs.rate = false;
            needs.rate_hz = atof(rate);
        }
        if (value_of(args, count, i, "-c", "--count"))
            needs.rate = false;
        if (value_of(args, count, i, "-e", "--event"))
            needs.event = false;
        if (value_of(args, count, i, "-p", "--pid") || value_of(args, count, i, "-t", "--tid") ||
            value_of(args, count, i, "-u", "--uid") || value_of(args, count, i, "-C", "--cpu") ||
            !strcmp(arg, "--all-cpus") || !strcmp(arg, "--per-thread"))
            needs.target = false;
        if (!strncmp(arg, "--call-graph", 12))
            needs.call_graph = false;
    }
    return needs;
}

// Options that are given as "name=value", and those of `perf record` that do the same.
static const struct {
    const char *name, *argument;
    const char *when; // the value with which it is given; NULL: any, and the value follows
} translations[] = {
    {"tid", "-t", NULL},
    {"cpu", "-C", NULL},
    {"event", "-e", NULL},
    {"period", "-c", NULL},
    {"kernel", "--all-user", "off"},
    {"user", "--all-kernel", "off"},
};

static size_t translate(const char **args, const struct collect_request *request)
{
    size_t count = 0;
    for (size_t i = 0; i < request->option_count; i++) {
        const char *option = request->options[i], *value = strchr(option, '=') + 1;
        for (size_t k = 0; k < sizeof translations / sizeof *translations; k++) {
            const char *when = translations[k].when;
            if (strncmp(option, translations[k].name, (size_t)(value - option - 1)) != 0 ||
                strlen(translations[k].name) != (size_t)(value - option - 1) ||
                (when && strcmp(value, when) != 0))
                continue;
            args[count++] = translations[k].argument;
            if (!when)
                args[count++] = value;
        }
    }
    return count;
}

static int perf_start(struct recording **out, struct launcher *launcher,
                      const struct collect_request *request, struct sink *sink,
                      const struct recording_events *events, struct err *err)
{
    // What was asked for by name stands first, then what the user gave, or neither.
    const char **own = xcalloc(request->arg_count + 2 * request->option_count + 1, sizeof *own);
    size_t own_count = translate(own, request);
    for (size_t i = 0; i < request->arg_count; i++)
        own[own_count++] = request->args[i];
    const char **args = xcalloc(own_count + 16, sizeof *args);
    size_t count = 0;
    char hz_text[32], pid_text[16];
    struct perf_needs needs = needs_of(own, own_count);
    double hz = request->hz > 0 ? request->hz : default_hz;
    if (needs.event) {
        args[count++] = "-e";
        args[count++] = "cpu-clock";
    }
    if (needs.rate) {
        snprintf(hz_text, sizeof hz_text, "%.0f", hz);
        args[count++] = "-F";
        args[count++] = hz_text;
        needs.rate_hz = hz;
    }
    if (request->pid && needs.target) {
        snprintf(pid_text, sizeof pid_text, "%d", request->pid);
        args[count++] = "-p";
        args[count++] = pid_text;
    } else if (needs.target) {
        args[count++] = "-a";
    }
    if (needs.call_graph)
        args[count++] = "-g";
    for (size_t i = 0; i < own_count; i++)
        args[count++] = own[i];
    const struct recording_setup setup = {
        .collector = &collector_perf,
        .tool = LAUNCHER_PERF_RECORD,
        .args = args,
        .format = "perf-script",
        .rate_hz = needs.rate_hz,
        .for_ns = request->for_ns,
        .dry_run = request->dry_run,
        .judge = perf_judge,
    };
    int status = recording_start(out, launcher, &setup, sink, events, err);
    free(args);
    free(own);
    return status;
}

const struct collector collector_perf = {
    .name = "perf",
    .summary = "perf record, read live through perf script",
    .measures = "cpu-clock, or any event that perf lists",
    .options = "tid cpu event period kernel user",
    .probe = perf_probe,
    .serves = perf_serves,
    .start = perf_start,
};
