// The lists of options that may be passed to the programs that run as root.
//
// perf and bpftrace accept unique prefixes of long options; here only whole names pass, so that no
// prefix of a refused option slips through.
#include "collectors/launcher_rules.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

struct option_rule {
    const char *name;                                       // "-F", "--pid"
    enum { TAKES_NONE, TAKES_VALUE, MAY_JOIN_VALUE } value; // MAY_JOIN: only as --name=VALUE
};

static const struct option_rule perf_options[] = {
    {"-a", TAKES_NONE},
    {"--all-cpus", TAKES_NONE},
    {"-b", TAKES_NONE},
    {"--branch-any", TAKES_NONE},
    {"-C", TAKES_VALUE},
    {"--cpu", TAKES_VALUE},
    {"-c", TAKES_VALUE},
    {"--count", TAKES_VALUE},
    {"-D", TAKES_VALUE},
    {"--delay", TAKES_VALUE},
    {"-d", TAKES_NONE},
    {"--data", TAKES_NONE},
    {"-e", TAKES_VALUE},
    {"--event", TAKES_VALUE},
    {"-F", TAKES_VALUE},
    {"--freq", TAKES_VALUE},
    {"-G", TAKES_VALUE},
    {"--cgroup", TAKES_VALUE},
    {"-g", TAKES_NONE},
    {"--call-graph", TAKES_VALUE},
    {"-i", TAKES_NONE},
    {"--no-inherit", TAKES_NONE},
    {"-j", TAKES_VALUE},
    {"--branch-filter", TAKES_VALUE},
    {"-k", TAKES_VALUE},
    {"--clockid", TAKES_VALUE},
    {"-m", TAKES_VALUE},
    {"--mmap-pages", TAKES_VALUE},
    {"-N", TAKES_NONE},
    {"--no-buildid-cache", TAKES_NONE},
    {"-P", TAKES_NONE},
    {"--period", TAKES_NONE},
    {"-p", TAKES_VALUE},
    {"--pid", TAKES_VALUE},
    {"-q", TAKES_NONE},
    {"--quiet", TAKES_NONE},
    {"-r", TAKES_VALUE},
    {"--realtime", TAKES_VALUE},
    {"-s", TAKES_NONE},
    {"--stat", TAKES_NONE},
    {"-T", TAKES_NONE},
    {"--timestamp", TAKES_NONE},
    {"-t", TAKES_VALUE},
    {"--tid", TAKES_VALUE},
    {"-u", TAKES_VALUE},
    {"--uid", TAKES_VALUE},
    {"-W", TAKES_NONE},
    {"--weight", TAKES_NONE},
    {"--all-cgroups", TAKES_NONE},
    {"--all-kernel", TAKES_NONE},
    {"--all-user", TAKES_NONE},
    {"--buildid-mmap", TAKES_NONE},
    {"--exclude-perf", TAKES_NONE},
    {"--filter", TAKES_VALUE},
    {"--group", TAKES_NONE},
    {"--kernel-callchains", TAKES_NONE},
    {"--max-stack", TAKES_VALUE},
    {"--mmap-flush", TAKES_VALUE},
    {"--namespaces", TAKES_NONE},
    {"--no-bpf-event", TAKES_NONE},
    {"--no-buffering", TAKES_NONE},
    {"--per-thread", TAKES_NONE},
    {"--phys-data", TAKES_NONE},
    {"--proc-map-timeout", TAKES_VALUE},
    {"--running-time", TAKES_NONE},
    {"--sample-cpu", TAKES_NONE},
    {"--strict-freq", TAKES_NONE},
    {"--synth", TAKES_VALUE},
    {"--transaction", TAKES_NONE},
    {"--user-callchains", TAKES_NONE},
    {"--user-regs", MAY_JOIN_VALUE},
    {NULL, TAKES_NONE},
};

static const struct option_rule bpftrace_options[] = {
    {"-B", TAKES_VALUE}, {"-e", TAKES_VALUE}, {"-f", TAKES_VALUE}, {"-p", TAKES_VALUE},
    {"-q", TAKES_NONE},  {"-k", TAKES_NONE},  {NULL, TAKES_NONE},
};

static const char *const environment_names[] = {
    "BPFTRACE_BTF",
    "BPFTRACE_CACHE_USER_SYMBOLS",
    "BPFTRACE_LOG_SIZE",
    "BPFTRACE_MAP_KEYS_MAX",
    "BPFTRACE_MAX_BPF_PROGS",
    "BPFTRACE_MAX_MAP_KEYS",
    "BPFTRACE_MAX_PROBES",
    "BPFTRACE_MAX_STRLEN",
    "BPFTRACE_NO_CPP_DEMANGLE",
    "BPFTRACE_NO_USER_SYMBOLS",
    "BPFTRACE_PERF_RB_PAGES",
    "BPFTRACE_STRLEN",
    NULL,
};

static const struct option_rule *rule_of(const struct option_rule *rules, const char *name,
                                         size_t len)
{
    for (; rules->name; rules++) {
        if (strlen(rules->name) == len && !memcmp(rules->name, name, len))
            return rules;
    }
    return NULL;
}

static int refuse(const char *program, const char *arg, const char *why, struct err *err)
{
    return err_set(err, -EINVAL, "%s: '%s' is not allowed here%s%s", program, arg, *why ? ": " : "",
                   why);
}

// perf loads and even compiles events that end in .o, .c or .bpf.
static bool event_is_code(const char *event)
{
    static const char *const endings[] = {".o", ".c", ".bpf", NULL};
    for (size_t i = 0; endings[i]; i++) {
        const char *at = event;
        while ((at = strstr(at, endings[i]))) {
            at += strlen(endings[i]);
            if (!isalnum((unsigned char)*at) && *at != '_')
                return true;
        }
    }
    return false;
}

static int check_perf_value(const char *option, size_t len, const char *value, struct err *err)
{
    bool is_event = (len == 2 && option[1] == 'e') || (len == 7 && !memcmp(option, "--event", 7));
    if (is_event && event_is_code(value))
        return refuse("perf", value, "an event that is code", err);
    return 0;
}

// One cluster of short options, "-agF99". *takes_next: its last option wants the next argument.
static int check_short(const char *arg, bool *takes_next, struct err *err)
{
    for (const char *at = arg + 1; *at; at++) {
        char name[3] = {'-', *at, '\0'};
        const struct option_rule *rule = rule_of(perf_options, name, 2);
        if (!rule)
            return refuse("perf", arg, "", err);
        if (rule->value == TAKES_NONE)
            continue;
        *takes_next = !at[1];
        return at[1] ? check_perf_value(name, 2, at + 1, err) : 0;
    }
    return 0;
}

static int check_perf(const char *const *args, struct err *err)
{
    for (size_t i = 0; args[i]; i++) {
        const char *arg = args[i];
        bool takes_next = false;
        size_t len = strlen(arg);
        if (arg[0] != '-' || !arg[1] || !strcmp(arg, "--"))
            return refuse("perf", arg, "only options are, no command to run", err);
        if (arg[1] != '-') {
            int status = check_short(arg, &takes_next, err);
            if (status)
                return status;
            len = 2;
            arg += takes_next ? strlen(arg) - 1 : 0; // the letter that takes the next argument
        } else {
            len = strcspn(arg, "=");
            const struct option_rule *rule = rule_of(perf_options, arg, len);
            if (!rule || (rule->value == TAKES_NONE && arg[len]))
                return refuse("perf", arg, "", err);
            takes_next = rule->value == TAKES_VALUE && !arg[len];
            if (arg[len] && check_perf_value(arg, len, arg + len + 1, err))
                return err->code;
        }
        if (!takes_next)
            continue;
        if (!args[++i])
            return err_set(err, -EINVAL, "perf: '%s' wants a value", args[i - 1]);
        char letter[3] = {'-', *arg, '\0'};
        bool is_long = args[i - 1][1] == '-';
        if (check_perf_value(is_long ? arg : letter, is_long ? len : 2, args[i], err))
            return err->code;
    }
    return 0;
}

static int check_bpftrace(const char *const *args, struct err *err)
{
    bool has_program = false;
    if (args[0] && (!strcmp(args[0], "-l") || !strcmp(args[0], "--version")) && !args[1])
        return 0; // lists its probes; says its version
    for (size_t i = 0; args[i]; i++) {
        const char *arg = args[i];
        // Options end at the program: what follows it are its own arguments, which must not look
        // like options to getopt.
        if (arg[0] != '-' && has_program)
            continue;
        const struct option_rule *rule = rule_of(bpftrace_options, arg, strlen(arg));
        if (!rule)
            return refuse("bpftrace", arg, "", err);
        if (rule->value == TAKES_NONE)
            continue;
        if (!args[++i])
            return err_set(err, -EINVAL, "bpftrace: '%s' wants a value", arg);
        if (!strcmp(arg, "-e"))
            has_program = true;
    }
    return has_program ? 0 : err_set(err, -EINVAL, "bpftrace: a program must be given with -e");
}

// Our own collector checks its words itself and has no option that writes or runs anything.
static int check_native(const char *const *args, struct err *err)
{
    for (size_t i = 0; args[i]; i++) {
        for (const char *at = args[i]; *at; at++) {
            if ((unsigned char)*at < ' ')
                return refuse("flicker-collect", args[i], "control characters", err);
        }
    }
    return 0;
}

int launcher_check_args(enum launcher_tool tool, const char *const *args, struct err *err)
{
    struct err unused = {0};
    err = err ? err : &unused;
    switch (tool) {
    case LAUNCHER_PERF_RECORD:
        return check_perf(args, err);
    case LAUNCHER_BPFTRACE:
        return check_bpftrace(args, err);
    case LAUNCHER_NATIVE:
        return check_native(args, err);
    case LAUNCHER_TOOLS:
        break;
    }
    return err_set(err, -EPERM, "no such tool: %d", (int)tool);
}

int launcher_check_environment(const char *const *environment, struct err *err)
{
    for (size_t i = 0; environment && environment[i]; i++) {
        size_t len = strcspn(environment[i], "=");
        bool known = false;
        for (size_t k = 0; environment_names[k] && !known; k++)
            known = strlen(environment_names[k]) == len &&
                    !memcmp(environment_names[k], environment[i], len);
        if (!known || !environment[i][len])
            return err_set(err, -EINVAL, "the variable '%s' is not allowed here", environment[i]);
    }
    return 0;
}
