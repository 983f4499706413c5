// The perf collector: `perf record -o - | perf script`, with any arguments of `perf record`.
#include "collectors/collector.h"
#include "collectors/recording_setup.h"
#include "collectors/tool.h"
#include "proto/alloc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

// Whether a process runs as this user; one that is not there does, as far as rights go.
static bool is_ours(pid_t pid)
{
    char path[32];
    struct stat stat_of;
    snprintf(path, sizeof path, "/proc/%d", (int)pid);
    return stat(path, &stat_of) || stat_of.st_uid == geteuid();
}

// An ordinary user's own processes can be sampled up to level 2, and the kernel's side of their
// stacks up to level 1; the whole host up to level 0.
static int probe_rights(const struct launcher *launcher, const struct collect_request *request,
                        struct err *why_not)
{
    enum { OWN_PROCESSES_MOST = 2 };
    int level = paranoid_level();
    struct err rights = {0};
    if (!launcher_check_tracing(launcher, &rights))
        return 0;
    const char *help = strchr(rights.message, '\n');
    const int who = (int)strcspn(rights.message, "\n");
    if (request && request->pid && !is_ours(request->pid))
        return err_set(why_not, -EPERM, "%.*s, and process %d is not yours%s", who, rights.message,
                       request->pid, help);
    bool whole_host = request && !request->pid && !request->arg_count;
    for (size_t i = 0; request && i < request->option_count; i++)
        whole_host &= strncmp(request->options[i], "tid=", 4) != 0;
    if (level <= 0 || (level <= OWN_PROCESSES_MOST && !whole_host))
        return 0;
    const char *reach = !whole_host                   ? "your own processes need 2 or less"
                        : level <= OWN_PROCESSES_MOST ? "the whole host needs 0 or less; 'record "
                                                        "pid=PID' of a process of yours works"
                                                      : "the whole host needs 0 or less, your own "
                                                        "processes 2";
    return err_set(why_not, -EPERM,
                   "%.*s, and kernel.perf_event_paranoid is %d (%s)%s, or: sudo sysctl "
                   "kernel.perf_event_paranoid=%d",
                   who, rights.message, level, reach, help, whole_host ? 0 : OWN_PROCESSES_MOST);
}

static int perf_probe(struct launcher *launcher, const struct collect_request *request,
                      struct err *why_not)
{
    char path[PATH_MAX];
    if (tool_find(path, LAUNCHER_PERF_RECORD, why_not))
        return err_set(why_not, -ENOENT, "'perf' is not installed\nsudo apt install linux-perf");
    return probe_rights(launcher, request, why_not);
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

// The value of an option, in one of its forms: -F 99, -F99, -agF99, --freq 99, --freq=99. NULL:
// argument i is not this option.
static const char *value_of(const char *const *args, size_t count, size_t i, char letter,
                            const char *name)
{
    const char *next = i + 1 < count ? args[i + 1] : "", *arg = args[i];
    size_t len = strlen(name);
    if (arg[0] == '-' && arg[1] && arg[1] != '-') {
        // Letters before the first one that takes a value.
        const char *at = arg + 1 + strcspn(arg + 1, "CcDeFGjkmprtu");
        return *at != letter || !letter ? NULL : at[1] ? at + 1 : next;
    }
    if (!strncmp(arg, name, len) && arg[len] == '=')
        return arg + len + 1;
    return !strcmp(arg, name) ? next : NULL;
}

static bool has_flag(const char *arg, char letter)
{
    bool is_short = arg[0] == '-' && arg[1] && arg[1] != '-';
    return is_short && memchr(arg + 1, letter, strcspn(arg + 1, "CcDeFGjkmprtu"));
}

static struct perf_needs needs_of(const char *const *args, size_t count)
{
    struct perf_needs needs = {true, true, true, true, 0};
    for (size_t i = 0; i < count; i++) {
        const char *arg = args[i], *rate = value_of(args, count, i, 'F', "--freq");
        needs.rate &= !rate && !value_of(args, count, i, 'c', "--count");
        needs.rate_hz = rate ? atof(rate) : needs.rate_hz;
        needs.event &= !value_of(args, count, i, 'e', "--event");
        needs.target &= !value_of(args, count, i, 'p', "--pid") &&
                        !value_of(args, count, i, 't', "--tid") &&
                        !value_of(args, count, i, 'u', "--uid") &&
                        !value_of(args, count, i, 'C', "--cpu") && !has_flag(arg, 'a') &&
                        strcmp(arg, "--all-cpus") != 0 && strcmp(arg, "--per-thread") != 0;
        needs.call_graph &= !has_flag(arg, 'g') && strncmp(arg, "--call-graph", 12) != 0;
    }
    return needs;
}

// Options that are given as "name=value", and those of `perf record` that do the same. What perf
// does not choose itself is picked from what it writes: comm=, and cpu= of a process.
static const struct {
    const char *name, *argument;
    const char *when; // the value with which it is given; NULL: any, and the value follows
} translations[] = {
    {"tid", "-t", NULL},
    {"cpu", "-C", NULL},
    {"event", "-e", NULL},
    {"period", "-c", NULL},
    {"cgroup", "-G", NULL},
    {"kernel", "--user-callchains", "off"},
    {"user", "--kernel-callchains", "off"},
};

static const char *option_value(const struct collect_request *request, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < request->option_count; i++) {
        if (!strncmp(request->options[i], name, len) && request->options[i][len] == '=')
            return request->options[i] + len + 1;
    }
    return NULL;
}

static bool has_target(const struct collect_request *request)
{
    return request->pid || option_value(request, "tid");
}

static int perf_heeds(const struct collect_request *request, const char *option, struct err *err)
{
    struct perf_needs needs = needs_of(request->args, request->arg_count);
    if (!strcmp(option, "hz") && (!needs.rate || option_value(request, "period")))
        return err_set(err, -EINVAL, "hz: a rate or a period is given already");
    if (!strncmp(option, "depth=", 6))
        return err_set(err, -EINVAL, "depth: perf record takes whole stacks only");
    if (!strncmp(option, "cgroup=", 7) && has_target(request))
        return err_set(err, -EINVAL,
                       "cgroup: perf has it for the whole host only, without pid= "
                       "and tid=");
    return 0;
}

static double perf_rate(const struct collect_request *request)
{
    struct perf_needs needs = needs_of(request->args, request->arg_count);
    double hz = needs.rate ? request->hz > 0 ? request->hz : default_hz : needs.rate_hz;
    if (option_value(request, "period"))
        return 0;
    return request->hz_most >= 1 && request->hz_most < hz ? request->hz_most : hz;
}

struct perf_args {
    const char **words;
    size_t count;
    char hz[32], pid[16];
};

static void add(struct perf_args *args, const char *word, const char *value)
{
    args->words[args->count++] = word;
    if (value)
        args->words[args->count++] = value;
}

static void translate(struct perf_args *args, const struct collect_request *request)
{
    for (size_t k = 0; k < sizeof translations / sizeof *translations; k++) {
        const char *value = option_value(request, translations[k].name);
        const char *when = translations[k].when;
        bool is_cpu = !strcmp(translations[k].name, "cpu");
        if (!value || (when && strcmp(value, when) != 0) || (is_cpu && has_target(request)))
            continue;
        add(args, translations[k].argument, when ? NULL : value);
    }
}

// Defaults first, then what was asked for by name, then what the user gave.
static void make_args(struct perf_args *args, struct launcher *launcher,
                      const struct collect_request *request, const struct perf_needs *needs)
{
    double hz = perf_rate(request);
    *args = (struct perf_args){
        .words = xcalloc(request->arg_count + 2 * request->option_count + 24, sizeof *args->words)};
    snprintf(args->hz, sizeof args->hz, "%.0f", hz);
    snprintf(args->pid, sizeof args->pid, "%d", request->pid);
    // Of an ordinary user's processes only what they do themselves.
    bool own_only = launcher_check_tracing(launcher, NULL) && paranoid_level() > 1;
    if (needs->event && !option_value(request, "event"))
        add(args, "-e", own_only ? "cpu-clock:u" : "cpu-clock");
    if (needs->rate && !option_value(request, "period"))
        add(args, "-F", args->hz);
    if (needs->target && request->pid && !option_value(request, "tid"))
        add(args, "-p", args->pid);
    else if (needs->target && !has_target(request) && !option_value(request, "cpu"))
        add(args, "-a", NULL);
    if (needs->call_graph)
        add(args, "-g", NULL);
    translate(args, request);
    for (size_t i = 0; i < request->arg_count; i++)
        add(args, request->args[i], NULL);
    if (!needs->rate && hz < needs->rate_hz) // the last one counts
        add(args, "-F", args->hz);
}

static int perf_start(struct recording **out, struct launcher *launcher,
                      const struct collect_request *request, struct sink *sink,
                      const struct recording_events *events, struct err *err)
{
    struct perf_needs needs = needs_of(request->args, request->arg_count);
    struct native_options options;
    struct perf_args args;
    int status = sample_pick_options(&options, request, err);
    if (status)
        return status;
    make_args(&args, launcher, request, &needs);
    struct recording_setup setup = {
        .collector = &collector_perf,
        .tool = LAUNCHER_PERF_RECORD,
        .args = args.words,
        .format = "perf-script",
        .rate_hz = perf_rate(request),
        .for_ns = request->for_ns,
        .dry_run = request->dry_run,
        .judge = perf_judge,
    };
    sample_pick_init(&setup.pick, &options);
    status = recording_start(out, launcher, &setup, sink, events, err);
    free(args.words);
    return status;
}

const struct collector collector_perf = {
    .name = "perf",
    .summary = "perf record, read live through perf script",
    .measures = "cpu-clock, or any event that perf lists",
    .options = "hz pid tid comm cpu cgroup event period kernel user",
    .probe = perf_probe,
    .serves = perf_serves,
    .heeds = perf_heeds,
    .rate_hz = perf_rate,
    .start = perf_start,
};
