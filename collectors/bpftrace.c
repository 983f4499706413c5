// The bpftrace collector: a sampling program of our own, or any program of the user's.
#include "collectors/bpftrace_program.h"
#include "collectors/bpftrace_version.h"
#include "collectors/collector.h"
#include "collectors/facts.h"
#include "collectors/preset.h"
#include "collectors/recording_setup.h"
#include "collectors/tool.h"
#include "proto/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const double default_hz = 99;

// One sample is four lines and an end, the form that the decoder reads; the comm comes last as it
// may hold anything. %s is the filter.
static const char cpu_program[] =
    "profile:hz:%u %s{ printf(\"S %%llu %%d %%d %%d %%s\\n%%s\\n%%s\\nE\\n\", nsecs, pid, tid, "
    "cpu, comm, kstack(perf), ustack(perf)); }";
// As our programs write stacks: see adapt_stacks.
static const char kernel_stack[] = "kstack(perf)", user_stack[] = "ustack(perf)";

static int bpftrace_probe(struct launcher *launcher, const struct collect_request *request,
                          struct err *why_not)
{
    char path[PATH_MAX];
    if (tool_find(path, LAUNCHER_BPFTRACE, why_not))
        return err_set(why_not, -ENOENT, "'bpftrace' is not installed\nsudo apt install bpftrace");
    int status = launcher_check_tracing(launcher, why_not);
    if (status)
        return status;
    struct bpftrace_version version;
    bpftrace_version_ask(&version, launcher);
    if (bpftrace_is_too_old(&version))
        return err_set(
            why_not, -ENOTSUP,
            "bpftrace %u.%u is too old: 0.17 or newer is needed\ninstall a newer bpftrace",
            version.major, version.minor);
    if (bpftrace_needs_tracefs(&version) && !facts_has_tracefs())
        return err_set(why_not, -ENOENT,
                       "this bpftrace runs no program without tracefs, which is not mounted\n"
                       "sudo mount -t tracefs nodev /sys/kernel/tracing");
    return facts_check_process(request ? request->pid : 0, why_not);
}

static bool bpftrace_serves(const struct collect_request *request)
{
    return request->program || request->file || (request->what && !strcmp(request->what, "cpu"));
}

static bool is_own_program(const struct collect_request *request)
{
    return request->what || request->preset;
}

static int bpftrace_heeds(const struct collect_request *request, const char *option,
                          struct err *err)
{
    int len = (int)strcspn(option, "=");
    if (!strcmp(option, "pid"))
        return 0;
    if (!is_own_program(request))
        return err_set(err, -EINVAL,
                       "%.*s: such a program says itself what it tells of, as in "
                       "profile:hz:99 /comm == \"nginx\"/ { ... }",
                       len, option);
    if (!strcmp(option, "hz") && request->preset)
        return err_set(err, -EINVAL, "hz: bt:%s has no rate, it tells of each event",
                       request->preset);
    return 0;
}

static double bpftrace_rate(const struct collect_request *request)
{
    double hz = request->hz >= 1 ? request->hz : default_hz;
    if (!request->what)
        return 0;
    return round(request->hz_most >= 1 && request->hz_most < hz ? request->hz_most : hz);
}

// What is said of a probe that cannot be attached: up to 0.20 with quotes, 0.21 to 0.23 without,
// then in other words.
static const struct {
    const char *start;
    bool fatal;
} missing_words[] = {
    {"ERROR: Error attaching probe: '", true},    {"ERROR: Error attaching probe: ", true},
    {"ERROR: Unable to attach probe: ", true},    {"WARNING: could not attach probe ", false},
    {"WARNING: Unable to attach probe: ", false},
};

static void put_missing(struct bytes *out, const struct bpftrace_program *program,
                        const char *probe, bool fatal)
{
    bool is_kprobe = !strncmp(probe, "kprobe:", 7) || !strncmp(probe, "kretprobe:", 10);
    bytes_printf(out, "%s is missing here%s%s", probe,
                 is_kprobe && (program->no_kprobes || !facts_has_kprobes())
                     ? ": this kernel has no kprobes"
                     : "",
                 fatal ? "" : "; the program runs without it");
}

// It takes three lines; one is enough. Returns whether the line was about that; it is then empty,
// or says it.
static bool judge_missing(struct bpftrace_program *program, struct bytes *line)
{
    static const char *const details[] = {"Could not read symbols from",
                                          "create_probe_event: open("};
    enum { WORDS = sizeof missing_words / sizeof *missing_words };
    const char *text = bytes_text(line);
    bool no_kprobes = strstr(text, "kprobe_events): No such file") != NULL;
    program->no_kprobes |= no_kprobes;
    for (size_t i = 0; i < sizeof details / sizeof *details; i++)
        no_kprobes |= strstr(text, details[i]) != NULL;
    if (no_kprobes) {
        bytes_clear(line);
        return true;
    }
    if (strcasestr(text, "tracepoint not found") && !facts_has_tracefs()) {
        bytes_append_text(line, "; tracefs is not mounted: sudo mount -t tracefs nodev "
                                "/sys/kernel/tracing");
        return true;
    }
    size_t words = 0;
    while (words < WORDS &&
           strncmp(text, missing_words[words].start, strlen(missing_words[words].start)) != 0)
        words++;
    if (words == WORDS)
        return false;
    text += strlen(missing_words[words].start);
    const char *sentence = strstr(text, ". "); // names hold dots, too
    size_t len = strcspn(text, ",'\n");
    if (sentence && (size_t)(sentence - text) < len)
        len = (size_t)(sentence - text);
    struct bytes said = {0}, probe = {0};
    bytes_append(&probe, text, len);
    put_missing(&said, program, bytes_text(&probe), missing_words[words].fatal);
    bytes_dispose(&probe);
    bytes_dispose(line);
    *line = said;
    return true;
}

// "stdin:1:1-16: ERROR: No matches for kprobe vfs_read." and "...: WARNING: ... vfs_read.
// Skipping." in those words, too (0.26); the source follows, as it does all errors.
static void translate_no_matches(const struct bpftrace_program *program, struct bytes *line)
{
    static const char words[] = ": No matches for ", skipping[] = " Skipping.";
    const char *text = bytes_text(line), *at = strstr(text, words);
    if (!at)
        return;
    const char *type = at + sizeof words - 1, *target = strchr(type, ' ');
    bool skipped =
        line->len > sizeof skipping && !strcmp(text + line->len - sizeof skipping + 1, skipping);
    if (!target)
        return;
    size_t len = strlen(target + 1) - (skipped ? sizeof skipping - 1 : 0);
    len -= len && target[len] == '.';
    struct bytes said = {0}, probe = {0};
    bytes_printf(&probe, "%.*s:%.*s", (int)(target - type), type, (int)len, target + 1);
    bytes_printf(&said, "%.*s: ", (int)(at - text), text);
    put_missing(&said, program, bytes_text(&probe), !skipped);
    bytes_dispose(&probe);
    bytes_dispose(line);
    *line = said;
}

// What 0.24 and later say on stderr, where earlier ones say it in the stream.
static bool judge_stream_words(const char *text, enum stderr_meaning *meaning, uint64_t *lost)
{
    unsigned count = 0;
    int end = 0;
    *meaning = STDERR_NOISE;
    if ((sscanf(text, "Attached %u probe%n", &count, &end) == 1 ||
         sscanf(text, "Attaching %u probe%n", &count, &end) == 1) &&
        end)
        return true;
    *meaning = STDERR_LOSS;
    *lost = 1;
    // A map that is full, where no JSON says it.
    if (!strcmp(text, "Additional Info - helper: map_update_elem, retcode: -7"))
        return true;
    if (sscanf(text, "Lost %u events%n", &count, &end) != 1 || !end)
        return false;
    *lost = count;
    return true;
}

// What needs no saying, whatever the program.
static bool is_noise(const char *text)
{
    static const char *const parts[] = {
        // Without CAP_SYS_RESOURCE; since 5.11 nothing depends on it.
        "couldn't set RLIMIT_",
        // Said by 0.20 and 0.21 of every tracepoint; who needs headers is told so, too.
        "WARNING: Could not find kernel headers",
        // Said by 0.26 of every program where the kernel has no ftrace; so is who needs it.
        "WARNING: Could not read functions from ",
        // Of a probe that was missing.
        "ERROR: failed to detach probe: ",
        // The sum of what was said before.
        "WARNING: Total lost event count: ",
        // In the stream: the thread has no user stack.
        "WARNING: Bad address (get_stack: -14)",
        "WARNING: Error reading ustack.",
        "WARNING: Error reading kstack.",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (strstr(text, parts[i]))
            return true;
    }
    return false;
}

// A message may have more lines: the place in the source, hints.
static enum stderr_meaning judge_other(struct bpftrace_program *program, const char *text)
{
    if (strstr(text, "WARNING:"))
        program->in_warning = true;
    else if (strstr(text, "ERROR:") || !strncmp(text, "FATAL:", 6) || !strncmp(text, "BUG:", 4))
        program->in_warning = false;
    return program->in_warning ? STDERR_MESSAGE : STDERR_ERROR;
}

static enum stderr_meaning bpftrace_judge(void *arg, struct bytes *line, uint64_t *lost)
{
    enum stderr_meaning meaning;
    struct bpftrace_program *program = arg;
    bpftrace_program_unmark(program, line);
    const char *text = bytes_text(line);
    if (judge_stream_words(text, &meaning, lost))
        return meaning;
    if (bpftrace_warnings_drop(&program->warnings, text, program->ours) || is_noise(text))
        return STDERR_NOISE;
    if (judge_missing(program, line))
        return line->len ? STDERR_MESSAGE : STDERR_NOISE;
    // Two stacks under one number: one of them is lost. Other numbers mean that there was none.
    if (strstr(text, "failed to look up stack id")) {
        if (!strstr(text, "id -17 "))
            return STDERR_NOISE;
        *lost = 1;
        return STDERR_LOSS;
    }
    translate_no_matches(program, line);
    text = bytes_text(line);
    // With missing_probes = "ignore" nothing else is said of them (0.26).
    if (strstr(text, "ERROR: Undefined map: ") && strstr(program->text, "missing_probes"))
        bytes_append_text(line, "; perhaps the probes that fill it are missing here");
    return judge_other(program, bytes_text(line));
}

static bool bpftrace_judge_rest(void *arg, struct bytes *line)
{
    return bpftrace_warnings_rest(&((struct bpftrace_program *)arg)->warnings, line);
}

static void free_program(void *arg)
{
    bpftrace_program_dispose(arg);
    free(arg);
}

static int read_program(char **text, const char *path, struct err *err)
{
    enum { MAX_BYTES = LAUNCHER_MAX_PROGRAM_BYTES };
    struct stat stat;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &stat)) {
        int status = -errno;
        if (fd >= 0)
            close(fd);
        return err_set(err, status, "'%s': %s", path, strerror(-status));
    }
    char *data = xmalloc(MAX_BYTES + 1);
    ssize_t len = S_ISREG(stat.st_mode) ? read(fd, data, MAX_BYTES) : -1;
    close(fd);
    data[len > 0 ? len : 0] = '\0';
    *text = data;
    if (len > 0 && stat.st_size <= MAX_BYTES && !memchr(data, '\0', (size_t)len))
        return 0;
    free(data);
    *text = NULL;
    return err_set(err, -EINVAL, "'%s': not a bpftrace program of 1 to %d bytes of text", path,
                   MAX_BYTES);
}

// The text to run, the user's or ours; the caller frees it.
static int program_text(char **text, const struct collect_request *request,
                        const struct native_options *options, unsigned hz, struct err *err)
{
    static const char harmless[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789 _-./:+#@()[]";
    if (request->file)
        return read_program(text, request->file, err);
    if (request->program) {
        if (strlen(request->program) > LAUNCHER_MAX_PROGRAM_BYTES)
            return err_set(err, -E2BIG, "the program is too long: at most %d bytes",
                           LAUNCHER_MAX_PROGRAM_BYTES);
        *text = xstrdup(request->program);
        return 0;
    }
    struct bytes filter = {0};
    if (options->pid)
        bytes_printf(&filter, "pid == %d", (int)options->pid);
    if (options->tid)
        bytes_printf(&filter, "%stid == %d", filter.len ? " && " : "", (int)options->tid);
    // Any other name is picked from what comes.
    if (options->comm && !options->comm[strspn(options->comm, harmless)])
        bytes_printf(&filter, "%scomm == \"%.15s\"", filter.len ? " && " : "", options->comm);
    char *condition = filter.len ? xasprintf("/%s/ ", bytes_text(&filter)) : xstrdup("");
    *text = xasprintf(cpu_program, hz, condition);
    free(condition);
    bytes_dispose(&filter);
    return 0;
}

static char *replaced(char *text, const char *old, const char *new)
{
    struct bytes out = {0};
    const char *at = text, *next;
    for (; (next = strstr(at, old)); at = next + strlen(old)) {
        bytes_append(&out, at, (size_t)(next - at));
        bytes_append_text(&out, new);
    }
    bytes_append_text(&out, at);
    free(text);
    return out.data;
}

// Of a program of ours, the stacks as they were asked for.
static char *adapt_stacks(char *text, const struct native_options *options)
{
    char kernel[32], user[32];
    snprintf(kernel, sizeof kernel, "kstack(perf, %d)", (int)options->depth);
    snprintf(user, sizeof user, "ustack(perf, %d)", (int)options->depth);
    bool whole = options->depth == NATIVE_STACK_MAX;
    if (!whole || !options->kernel)
        text = replaced(text, kernel_stack, options->kernel ? kernel : "\"\"");
    if (!whole || !options->user)
        text = replaced(text, user_stack, options->user ? user : "\"\"");
    return text;
}

// What is run, and what is known of it before it runs.
struct plan {
    struct bpftrace_version version;
    char *text;   // the author's
    bool own;     // our sampling program
    bool attach;  // bpftrace itself is told the process
    bool names;   // bpftrace must give the names of user functions
    bool is_text; // its output is read, not its JSON
    unsigned hz;
    struct native_options options;
    char event[PROGRAM_NOTE_BYTES]; // "" or a name
    const char *unit;               // within it
    char pid[16], least[24];
    const char **args;
    const char *environment[BPFTRACE_VARIABLES + 1];
};

static void plan_dispose(struct plan *plan)
{
    free(plan->text);
    free(plan->args);
}

static void read_event(struct plan *plan)
{
    if (plan->own)
        snprintf(plan->event, sizeof plan->event, "cpu-clock ns");
    else if (!program_note(plan->text, "event", plan->event))
        return;
    char *blank = strchr(plan->event, ' ');
    if (blank)
        *blank = '\0';
    plan->unit = blank ? blank + 1 : "";
}

// Options end at the program: what follows are its own arguments. Presets take the process and the
// least value.
static void make_args(struct plan *plan, const struct collect_request *request,
                      const struct bpftrace_program *program)
{
    size_t count = 0;
    const char **args = plan->args = xcalloc(request->arg_count + 9, sizeof *args);
    snprintf(plan->pid, sizeof plan->pid, "%d", request->pid);
    snprintf(plan->least, sizeof plan->least, "%" PRId64, request->min_ns);
    args[count++] = "-f";
    args[count++] = plan->is_text ? "text" : "json";
    if (plan->attach) { // it then ends with its process
        args[count++] = "-p";
        args[count++] = plan->pid;
    }
    args[count++] = "-e";
    args[count++] = program->text;
    for (size_t i = 0; !plan->own && i < request->arg_count; i++)
        args[count++] = request->args[i];
    if (request->preset && !request->arg_count) {
        args[count++] = plan->pid;
        args[count++] = plan->least;
    }
}

// Before 0.20 a variable tells bpftrace to leave user addresses to us; later the program must say
// so, which ours do.
static void plan_names(struct plan *plan, const struct collect_request *request)
{
    bool ours = plan->own || request->preset;
    bool obeys = bpftrace_obeys_no_user_symbols(&plan->version);
    plan->names = !plan->own && (bpftrace_program_wants_names(plan->text) || (!obeys && !ours));
    if (!ours || obeys)
        return;
    char *bare = bpftrace_program_bare_stacks(plan->text);
    free(plan->text);
    plan->text = bare;
}

static bool needs_process(const char *text)
{
    char needs[PROGRAM_NOTE_BYTES];
    return program_note(text, "needs", needs) && !strcmp(needs, "pid");
}

static int make_plan(struct plan *plan, struct launcher *launcher,
                     const struct collect_request *request, struct err *err)
{
    *plan = (struct plan){.own = request->what != NULL};
    plan->hz = (unsigned)bpftrace_rate(request);
    int status = sample_pick_options(&plan->options, request, err);
    if (!status)
        status = program_text(&plan->text, request, &plan->options, plan->hz, err);
    if (status)
        return status;
    if (is_own_program(request))
        plan->text = adapt_stacks(plan->text, &plan->options);
    if (!request->pid && !request->arg_count && needs_process(plan->text))
        return err_set(err, -EINVAL, "bt:%s needs a process: pid=PID",
                       request->preset ? request->preset : "this program");
    // Since 0.24 a probe then fires in that process only, which is not where it is woken, say; and
    // a profile: probe sees none of the threads that are there. Ours choose by themselves.
    plan->attach = request->pid && (!is_own_program(request) || needs_process(plan->text));
    bpftrace_version_ask(&plan->version, launcher);
    plan_names(plan, request);
    plan->is_text =
        !bpftrace_json_keeps_keys(&plan->version) && bpftrace_program_has_stack_keys(plan->text);
    read_event(plan);
    bpftrace_environment(plan->environment, &plan->version, plan->names, plan->text);
    return 0;
}

static int bpftrace_start(struct recording **out, struct launcher *launcher,
                          const struct collect_request *request, struct sink *sink,
                          const struct recording_events *events, struct err *err)
{
    struct plan plan;
    int status = make_plan(&plan, launcher, request, err);
    if (status) {
        plan_dispose(&plan);
        return status;
    }
    struct bpftrace_program *program = xmalloc(sizeof *program);
    bpftrace_program_init(program, plan.text);
    program->ours = is_own_program(request);
    make_args(&plan, request, program);
    struct recording_setup setup = {
        .collector = &collector_bpftrace,
        .tool = LAUNCHER_BPFTRACE,
        .args = plan.args,
        .environment = plan.environment,
        .shown_program = request->preset ? request->preset
                         : request->file ? request->file
                                         : plan.text,
        .format = plan.is_text ? "bpftrace" : "bpftrace-json",
        .rate_hz = plan.own ? plan.hz : 0,
        .sample_value = plan.own ? 1000000000 / plan.hz : 0,
        .event_name = *plan.event ? plan.event : NULL,
        .event_unit = plan.unit,
        .for_ns = request->for_ns,
        .target_pid = plan.attach ? 0 : request->pid,
        .dry_run = request->dry_run,
        .says_ready_and_end = true,
        .interrupt_once = bpftrace_heeds_interrupts(&plan.version),
        .wants_symbols = !plan.names,
        .judge = bpftrace_judge,
        .judge_rest = bpftrace_judge_rest,
        .judge_arg = program,
        .judge_free = free_program,
    };
    // A preset knows its process better: it tells of who is woken, say.
    if (request->preset)
        plan.options.pid = 0;
    sample_pick_init(&setup.pick, &plan.options);
    status = recording_start(out, launcher, &setup, sink, events, err);
    plan_dispose(&plan);
    return status;
}

const struct collector collector_bpftrace = {
    .name = "bpftrace",
    .summary = "a bpftrace program, ours for cpu or any of yours",
    .measures = "cpu-clock, or what the program prints",
    .options = "hz pid tid comm cpu kernel user depth",
    .probe = bpftrace_probe,
    .serves = bpftrace_serves,
    .heeds = bpftrace_heeds,
    .rate_hz = bpftrace_rate,
    .start = bpftrace_start,
};
