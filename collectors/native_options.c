// What flicker-collect was asked for.
#include "collectors/native_options.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

const char native_usage[] =
    "usage: flicker-collect WHAT [--OPTION VALUE | OPTION=VALUE]...\n"
    "  WHAT    cpu, offcpu, wakeup, runq, faults, malloc (with pid), tp=SYSTEM:NAME,\n"
    "          kprobe=FUNCTION, kretprobe=FUNCTION, uprobe=FILE:FUNCTION, "
    "uretprobe=FILE:FUNCTION,\n"
    "          usdt=FILE:PROVIDER:NAME\n"
    "  whom    pid tid comm cgroup, cpu=0,2-3\n"
    "  stacks  kernel=on|off user=on|off depth=N; inlines=on: with source lines and inlined "
    "functions\n"
    "  times   for=TIME (10s, 500ms); min=TIME: shorter ones are not told\n"
    "  cpu     hz=N, event=NAME (any that perf lists) with hz=N or period=N; without a name it is\n"
    "          the PMU's ref-cycles, or cpu-clock where there is none\n"
    "  malloc  every=BYTES: about one sample for so many (1: each allocation), live=on: what is\n"
    "          not freed, min=TIME after it was allocated or else by the end\n"
    "  probes  value=FIELD of a tracepoint, arg0 to arg4, or retval\n"
    "Writes a flicker stream (.fks) to stdout until its time is over, its stdin, when a pipe, is\n"
    "closed, or it is interrupted. Needs root.\n";

static const char *const kind_names[NATIVE_KINDS] = {
    [NATIVE_CPU] = "cpu",       [NATIVE_OFFCPU] = "offcpu", [NATIVE_WAKEUP] = "wakeup",
    [NATIVE_RUNQ] = "runq",     [NATIVE_FAULTS] = "faults", [NATIVE_MALLOC] = "malloc",
    [NATIVE_PROBE] = "a probe",
};

static const char *const probe_names[PROBES] = {
    [PROBE_TRACEPOINT] = "tp", [PROBE_KPROBE] = "kprobe",       [PROBE_KRETPROBE] = "kretprobe",
    [PROBE_UPROBE] = "uprobe", [PROBE_URETPROBE] = "uretprobe", [PROBE_USDT] = "usdt",
};

const char *native_kind_name(enum native_kind kind)
{
    return kind_names[kind];
}

const char *native_probe_name(enum native_probe probe)
{
    return probe_names[probe];
}

bool native_wants_cpu(const struct native_options *options, uint32_t cpu)
{
    return !options->has_cpus ||
           (cpu / 64 < NATIVE_CPU_WORDS && options->cpus[cpu / 64] >> (cpu % 64) & 1);
}

enum value_kind { VALUE_NUMBER, VALUE_TIME, VALUE_SIZE, VALUE_SWITCH, VALUE_TEXT, VALUE_CPUS };

// Which kinds of recording heed an option, by bits.
#define OF(kind) (1u << (kind))
#define OF_ALL   (OF(NATIVE_KINDS) - 1)

struct option {
    const char *name;
    enum value_kind kind;
    size_t at; // of struct native_options
    long min, max;
    unsigned kinds;
};

#define AT(field) offsetof(struct native_options, field)
static const struct option options_table[] = {
    {"hz", VALUE_NUMBER, AT(hz), 1, 100000, OF(NATIVE_CPU)},
    {"period", VALUE_NUMBER, AT(period), 1, 1L << 60, OF(NATIVE_CPU)},
    {"event", VALUE_TEXT, AT(event), 0, 0, OF(NATIVE_CPU)},
    {"min", VALUE_TIME, AT(min_ns), 0, 0,
     OF(NATIVE_OFFCPU) | OF(NATIVE_WAKEUP) | OF(NATIVE_RUNQ) | OF(NATIVE_MALLOC)},
    {"every", VALUE_SIZE, AT(every_bytes), 1, 1L << 40, OF(NATIVE_MALLOC)},
    {"live", VALUE_SWITCH, AT(live), 0, 0, OF(NATIVE_MALLOC)},
    {"value", VALUE_TEXT, AT(value), 0, 0, OF(NATIVE_PROBE)},
    {"pid", VALUE_NUMBER, AT(pid), 1, 1 << 22, OF_ALL},
    {"tid", VALUE_NUMBER, AT(tid), 1, 1 << 22, OF_ALL},
    {"comm", VALUE_TEXT, AT(comm), 0, 0, OF_ALL},
    {"cgroup", VALUE_TEXT, AT(cgroup), 0, 0, OF_ALL},
    {"cpu", VALUE_CPUS, 0, 0, 0, OF_ALL},
    {"kernel", VALUE_SWITCH, AT(kernel), 0, 0, OF_ALL},
    {"user", VALUE_SWITCH, AT(user), 0, 0, OF_ALL},
    {"inlines", VALUE_SWITCH, AT(inlines), 0, 0, OF_ALL},
    {"depth", VALUE_NUMBER, AT(depth), 1, NATIVE_STACK_MAX, OF_ALL},
    {"for", VALUE_TIME, AT(for_ns), 0, 0, OF_ALL},
};
#undef AT

static int parse_number(int64_t *out, const struct option *option, const char *text,
                        struct err *err)
{
    char *end = NULL;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (option->kind == VALUE_SIZE && end != text && *end) {
        const char *suffixes = "KMG", *suffix = strchr(suffixes, *end);
        long unit = suffix && !end[1] ? 1L << (10 * (suffix - suffixes + 1)) : 0;
        end += unit && number <= option->max / unit;
        number *= unit && !*end ? unit : 1;
    }
    if (errno || end == text || *end || number < option->min || number > option->max)
        return err_set(err, -EINVAL, "%s: '%s' is not a number from %ld to %ld", option->name, text,
                       option->min, option->max);
    *out = number;
    return 0;
}

static int parse_time(int64_t *out, const char *option, const char *text, struct err *err)
{
    static const struct {
        const char *unit;
        double ns;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
    char *end = NULL;
    double value = strtod(text, &end);
    for (size_t i = 0; end != text && i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].unit) || !(value > 0) || value * units[i].ns > 1e18)
            continue;
        *out = (int64_t)(value * units[i].ns);
        return 0;
    }
    return err_set(err, -EINVAL, "%s: '%s' is not a time (10s, 500ms)", option, text);
}

static int parse_switch(bool *out, const char *option, const char *text, struct err *err)
{
    *out = !strcmp(text, "on");
    if (*out || !strcmp(text, "off"))
        return 0;
    return err_set(err, -EINVAL, "%s: '%s' is neither on nor off", option, text);
}

// "0,2-3"
static int parse_cpus(struct native_options *options, const char *text, struct err *err)
{
    const char *at = text;
    char *end = NULL;
    options->has_cpus = true;
    for (;;) {
        long from = strtol(at, &end, 10), to = from;
        bool good = end != at;
        if (good && *end == '-') {
            at = end + 1;
            to = strtol(at, &end, 10);
            good = end != at;
        }
        if (!good || from < 0 || to < from || to >= NATIVE_CPU_WORDS * 64 || (*end && *end != ','))
            return err_set(err, -EINVAL, "cpu: '%s' is not a list of CPUs (0,2-3)", text);
        for (long cpu = from; cpu <= to; cpu++)
            options->cpus[cpu / 64] |= UINT64_C(1) << (cpu % 64);
        if (!*end)
            return 0;
        at = end + 1;
    }
}

static int parse_value(struct native_options *options, const struct option *option,
                       const char *text, struct err *err)
{
    char *at = (char *)options + option->at;
    switch (option->kind) {
    case VALUE_NUMBER:
    case VALUE_SIZE:
        return parse_number((int64_t *)(void *)at, option, text, err);
    case VALUE_TIME:
        return parse_time((int64_t *)(void *)at, option->name, text, err);
    case VALUE_SWITCH:
        return parse_switch((bool *)at, option->name, text, err);
    case VALUE_CPUS:
        return parse_cpus(options, text, err);
    case VALUE_TEXT:
        break;
    }
    *(const char **)(void *)at = text;
    return *text ? 0 : err_set(err, -EINVAL, "%s: a value is missing", option->name);
}

static bool is_word(const char *name, const char *word, size_t len)
{
    return strlen(name) == len && !memcmp(name, word, len);
}

// "cpu", "tp=sched:sched_switch".
static int parse_what(struct native_options *options, const char *word, struct err *err)
{
    size_t len = strcspn(word, "=");
    for (int probe = 0; probe < PROBES; probe++) {
        if (!is_word(probe_names[probe], word, len))
            continue;
        options->kind = NATIVE_PROBE;
        options->probe = (enum native_probe)probe;
        options->target = word[len] ? word + len + 1 : "";
        return *options->target ? 0 : err_set(err, -EINVAL, "%s: which one?", word);
    }
    for (int kind = 0; kind < NATIVE_PROBE; kind++) {
        if (!strcmp(kind_names[kind], word)) {
            options->kind = (enum native_kind)kind;
            return 0;
        }
    }
    return err_set(err, -EINVAL, "'%s' cannot be recorded", word);
}

static const struct option *find_option(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof options_table / sizeof *options_table; i++) {
        if (is_word(options_table[i].name, name, len))
            return &options_table[i];
    }
    return NULL;
}

static void set_defaults(struct native_options *options)
{
    options->hz_given = options->hz != 0;
    if (!options->hz && !options->period)
        options->hz = 99;
    // Shorter ones are many, and add up to little.
    if (!options->min_ns && (options->kind == NATIVE_OFFCPU || options->kind == NATIVE_WAKEUP))
        options->min_ns = 10000;
    if (!options->min_ns && options->kind == NATIVE_RUNQ)
        options->min_ns = 1000;
}

static int check(const struct native_options *options, struct err *err)
{
    if (options->hz_given && options->period)
        return err_set(err, -EINVAL, "hz, period: samples come by one of them");
    if (options->kind == NATIVE_MALLOC && !options->pid)
        return err_set(err, -EINVAL, "malloc: which process? pid=PID is wanted");
    if (options->min_ns && options->kind == NATIVE_MALLOC && !options->live)
        return err_set(err, -EINVAL, "min: malloc has a time with live=on only");
    if (!options->kernel && !options->user && options->depth != NATIVE_STACK_MAX)
        return err_set(err, -EINVAL, "depth: with kernel=off and user=off there is no stack");
    return 0;
}

static int allow(const struct option **out, enum native_kind kind, const char *word, size_t len,
                 struct err *err)
{
    const struct option *option = *out = find_option(word, len);
    if (!option)
        return err_set(err, -EINVAL, "unknown option '%.*s'", (int)len, word);
    if (!(option->kinds & OF(kind)))
        return err_set(err, -EINVAL, "%s has no option '%s'", kind_names[kind], option->name);
    return 0;
}

int native_options_allow(const char *what, const char *word, struct err *err)
{
    struct native_options options = {0};
    const struct option *option;
    int status = parse_what(&options, what, err);
    return status ? status : allow(&option, options.kind, word, strcspn(word, "="), err);
}

int native_options_parse(struct native_options *options, int argc, char *const *argv,
                         struct err *err)
{
    *options = (struct native_options){
        .every_bytes = 64 << 10, .depth = NATIVE_STACK_MAX, .kernel = true, .user = true};
    if (argc < 2)
        return err_set(err, -EINVAL, "what is to be recorded?");
    int status = parse_what(options, argv[1], err);
    for (int i = 2; !status && i < argc; i++) {
        const char *word = !strncmp(argv[i], "--", 2) ? argv[i] + 2 : argv[i];
        size_t len = strcspn(word, "=");
        const struct option *option;
        const char *value = word[len] ? word + len + 1 : i + 1 < argc ? argv[++i] : "";
        if (allow(&option, options->kind, word, len, err))
            return -EINVAL;
        status = parse_value(options, option, value, err);
    }
    set_defaults(options);
    return status ? status : check(options, err);
}
