// record: starts a collector.
#include "collectors/collector.h"
#include "collectors/preset.h"
#include "proto/alloc.h"
#include "shell/session.h"
#include "shell/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static bool ends_in(const char *text, const char *ending)
{
    size_t len = strlen(text), tail = strlen(ending);
    return len > tail && !strcmp(text + len - tail, ending);
}

// Of what could be meant by a word, what is nearest to it.
struct nearest {
    const char *typed, *name; // NULL: nothing is near
    size_t distance;
};

static void consider(struct nearest *nearest, const char *name)
{
    size_t distance = grammar_distance(nearest->typed, name);
    if (distance >= nearest->distance)
        return;
    nearest->distance = distance;
    nearest->name = name;
}

// "bt:NAME". Without a name, or with one that is not there: all are listed.
static int find_preset(struct invocation *run, struct collect_request *request, const char *name,
                       struct err *err)
{
    const struct preset *preset = preset_by_name(name);
    request->preset = name;
    request->program = preset ? preset->text : NULL;
    if (preset)
        return 0;
    struct nearest nearest = {name, NULL, SIZE_MAX};
    for (preset = preset_table; preset->name; preset++)
        consider(&nearest, preset->name);
    if (nearest.name)
        invocation_usage(run, run->words[0]->at + 3, err,
                         "there is no preset '%s'; did you mean 'bt:%s'? 'record bt:' lists them",
                         name, nearest.name);
    else
        invocation_usage(run, run->words[0]->at + 3, err,
                         "there is no preset '%s'; 'record bt:' lists them", name);
    return -EINVAL;
}

static void list_presets(struct bytes *out)
{
    for (const struct preset *preset = preset_table; preset->name; preset++) {
        char event[PROGRAM_NOTE_BYTES] = "", needs[PROGRAM_NOTE_BYTES] = "";
        program_note(preset->text, "event", event);
        bool wants_pid = program_note(preset->text, "needs", needs);
        const char *unit = strchr(event, ' ');
        bytes_printf(out, "bt:%-12s %-9s ", preset->name, unit ? unit + 1 : "");
        preset_put_summary(out, preset);
        bytes_append_text(out, wants_pid ? "; needs pid=\n" : "\n");
    }
}

static int refuse_word(struct invocation *run, const char *what, struct err *err)
{
    static const char *const words[] = {"cpu",    "offcpu", "wakeup", "runq",
                                        "faults", "malloc", "perf",   "bt"};
    // What perf lists is an event of `record event=`; the best known are.
    static const char *const events[] = {
        "context-switches", "migrations",    "page-faults", "instructions",
        "cache-misses",     "branch-misses", "cycles"};
    if (run->words[0]->key)
        return invocation_unknown_key(run, run->words[0], err);
    struct nearest word = {what, NULL, SIZE_MAX}, preset = word, event = word;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        consider(&word, words[i]);
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        consider(&event, events[i]);
    for (const struct preset *row = preset_table; row->name; row++)
        consider(&preset, row->name);
    const char *before = "", *meant = NULL;
    if (word.name && word.distance <= preset.distance && word.distance <= event.distance) {
        meant = word.name;
    } else if (event.name && event.distance <= preset.distance) {
        before = "event=";
        meant = event.name;
    } else if (preset.name) {
        before = "bt:";
        meant = preset.name;
    }
    if (meant)
        invocation_usage(run, run->words[0]->at, err,
                         "'%s' cannot be recorded; did you mean '%s%s'?", what, before, meant);
    else
        invocation_usage(run, run->words[0]->at, err,
                         "'%s' cannot be recorded; expected cpu, offcpu, wakeup, runq, faults, "
                         "malloc, tp=, kprobe=, uprobe= or usdt=, event=, bt:PRESET, bt 'PROGRAM', "
                         "FILE.bt or perf ARGUMENTS",
                         what);
    return -EINVAL;
}

static bool is_measured(const char *what)
{
    const struct collect_request request = {.what = what};
    for (size_t i = 0; collector_table[i]; i++) {
        if (collector_table[i]->serves(&request))
            return true;
    }
    return false;
}

// What the words ask for. Arguments are borrowed from the statement; *args is the caller's to free.
static int understand(struct invocation *run, struct collect_request *request, const char ***args,
                      const struct collector **collector, struct err *err)
{
    size_t first_arg = 1;
    const char *what = invocation_word(run, 0);
    if (!what) {
        request->what = "cpu";
    } else if (is_measured(what)) {
        request->what = what;
        if (run->word_count > 1 && run->words[1]->key)
            return invocation_unknown_key(run, run->words[1], err);
        if (run->word_count > 1) {
            invocation_usage(run, run->words[1]->at, err, "'%s' is not expected after '%s'",
                             invocation_word(run, 1), what);
            return -EINVAL;
        }
    } else if (!strcmp(what, "bt")) {
        request->program = invocation_word(run, 1);
        first_arg = 2;
        if (!request->program) {
            invocation_usage(run, run->words[0]->at + 2, err,
                             "a bpftrace program in quotes is expected after 'bt'");
            return -EINVAL;
        }
    } else if (!strncmp(what, "bt:", 3)) {
        if (find_preset(run, request, what + 3, err))
            return -EINVAL;
    } else if (ends_in(what, ".bt")) {
        request->file = what;
        if (access(what, R_OK)) {
            run->bad_at = run->words[0]->at;
            return err_set(err, -errno, "cannot read '%s': %s", what, strerror(errno));
        }
    } else if (!strcmp(what, "perf")) {
        // Alone, it is a collector of what is recorded without any word.
        request->what = run->word_count == 1 ? "cpu" : NULL;
        *collector = collector_by_name("perf");
    } else {
        return refuse_word(run, what, err);
    }
    *args = xcalloc(run->word_count + 1, sizeof **args);
    for (size_t i = first_arg; i < run->word_count; i++)
        (*args)[request->arg_count++] = invocation_word(run, i);
    request->args = *args;
    return 0;
}

// Probes are asked for by a key, which is part of what is recorded: "tp=sched:sched_switch".
static const char *const probe_keys[] = {"tp",     "kprobe",    "kretprobe",
                                         "uprobe", "uretprobe", "usdt"};
// Keys that are handed on to the collector as they are.
static const char *const option_keys[] = {"tid",    "comm",  "cpu",  "cgroup", "kernel",
                                          "user",   "depth", "min",  "value",  "event",
                                          "period", "live",  "every"};
enum {
    PROBE_KEYS = sizeof probe_keys / sizeof *probe_keys,
    OPTION_KEYS = sizeof option_keys / sizeof *option_keys,
};

// Text that the request borrows.
struct record_words {
    const char **args;
    char *what;
    char *options[OPTION_KEYS];
};

static void record_words_dispose(struct record_words *words)
{
    free(words->args);
    free(words->what);
    for (size_t i = 0; i < OPTION_KEYS; i++)
        free(words->options[i]);
}

static int understand_probe(struct invocation *run, struct collect_request *request,
                            struct record_words *words, struct err *err)
{
    for (size_t i = 0; i < PROBE_KEYS; i++) {
        const struct word *word = invocation_key(run, probe_keys[i]);
        if (!word)
            continue;
        if (run->word_count || words->what) {
            invocation_usage(run, word->at, err,
                             "one thing is recorded at a time, and '%s=' is one", probe_keys[i]);
            return -EINVAL;
        }
        words->what = xasprintf("%s=%s", probe_keys[i], word->value);
        request->what = words->what;
    }
    return 0;
}

static void understand_options(struct invocation *run, struct collect_request *request,
                               struct record_words *words)
{
    for (size_t i = 0; i < OPTION_KEYS; i++) {
        const struct word *word = invocation_key(run, option_keys[i]);
        if (word && !(request->preset && !strcmp(option_keys[i], "min")))
            words->options[request->option_count++] =
                xasprintf("%s=%s", option_keys[i], word->value);
    }
    request->options = (const char *const *)words->options;
}

// min= is a duration, or a number in the unit of what is measured: min=1ms, min=4096.
static int understand_least(struct invocation *run, struct collect_request *request,
                            struct err *err)
{
    const struct word *least = invocation_key(run, "min");
    uint64_t count = 0;
    if (!least)
        return 0;
    if (units_parse_count(least->value, &count) && count <= INT64_MAX) {
        request->min_ns = (int64_t)count;
        return 0;
    }
    return invocation_duration(run, "min", &request->min_ns, err);
}

static int understand_keys(struct invocation *run, struct collect_request *request,
                           const struct collector **collector, struct err *err)
{
    uint64_t pid = 0;
    request->hz = run->settings.hz;
    request->inlines = run->settings.inlines;
    request->hz_given = invocation_key(run, "hz") != NULL;
    int code = invocation_duration(run, "for", &request->for_ns, err);
    if (!code && request->preset)
        code = understand_least(run, request, err);
    if (!code)
        code = invocation_count(run, "pid", 1, 1 << 22, &pid, err);
    request->pid = (int32_t)pid;
    const struct word *with = invocation_key(run, "with");
    if (code || (!with && !*collector))
        return code;
    struct err why = {0};
    if (with)
        *collector = collector_by_name(with->value);
    if (*collector && !collector_serves(*collector, request, &why))
        return 0;
    run->exit_code = EXIT_USAGE;
    if (!with)
        return err_set(err, -EINVAL, "%s: %s", (*collector)->name, why.message);
    invocation_usage(run, with->value_at, err, "'%s' is no collector that records this%s%s",
                     with->value, *collector ? ": " : "", *collector ? why.message : "");
    return -EINVAL;
}

static int choose(struct session *session, const struct collect_request *request,
                  const struct collector **collector, struct err *err)
{
    if (*collector) {
        if ((*collector)->probe(session->launcher, request, err))
            return err_prefix(err, "%s", (*collector)->name);
        return 0;
    }
    struct bytes passed_over = {0};
    *collector = collector_choose(session->launcher, request, &passed_over, err);
    for (const char *line = bytes_text(&passed_over); *line;) {
        size_t len = strcspn(line, "\n");
        session_say(session, "%s%.*s", *line == ' ' ? "" : "not ", (int)len, line);
        line += len + (line[len] == '\n');
    }
    bytes_dispose(&passed_over);
    return *collector ? 0 : err->code;
}

// perf leaves with 129 when it does not like its options.
static bool was_refused(const struct jobs *jobs)
{
    return WIFEXITED(jobs->failed_status) && WEXITSTATUS(jobs->failed_status) == 129;
}

// The run that waits has the job's number only: the job may end and be freed meanwhile.
static enum run_result step(struct session *session, struct invocation *run, int64_t now_ns,
                            struct err *err)
{
    (void)now_ns;
    unsigned number = *(unsigned *)run->state;
    struct job *job = job_by_number(&session->jobs, number);
    if (!job) {
        if (!session->jobs.failed)
            return RUN_OK;
        run->exit_code = was_refused(&session->jobs) ? EXIT_USAGE : EXIT_FAILED;
        err_set(err, -EIO, "%s", session->jobs.failed_text);
        return RUN_ERROR;
    }
    struct recording_status status;
    recording_status(job->recording, &status);
    if (status.state == RECORDING_STARTING) {
        if (!atomic_load(&session->signals.interrupted))
            return RUN_WAIT;
        job->awaited = false;
        job_stop(job);
        err_set(err, -ECANCELED, "stopped before it began");
        return RUN_ERROR;
    }
    job->awaited = false;
    if (status.state == RECORDING_RUNNING)
        session_say(session, "[%u] recording with %s: %s\n    'stop' ends it; Ctrl-C does not",
                    number, status.collector->name, status.command);
    return RUN_OK;
}

// Takes the word out of the arguments.
static bool take_dry_run(struct invocation *run)
{
    bool taken = false;
    for (size_t i = 0; i < run->word_count; i++) {
        if (!strcmp(run->words[i]->text, "--dry-run")) {
            run->word_count--;
            memmove(run->words + i, run->words + i + 1, (run->word_count - i) * sizeof *run->words);
            taken = true;
        }
    }
    return taken;
}

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    struct collect_request request = {0};
    const struct collector *collector = NULL;
    struct record_words words = {0};
    struct job *job = NULL;
    session->jobs.failed = false;
    if (take_dry_run(run))
        request.dry_run = &run->out.text;
    const char *what = invocation_word(run, 0);
    if (what && !strcmp(what, "bt:")) {
        list_presets(&run->out.text);
        return RUN_OK;
    }
    int code = understand(run, &request, &words.args, &collector, err);
    if (!code)
        code = understand_probe(run, &request, &words, err);
    if (!code)
        understand_options(run, &request, &words);
    if (!code)
        code = understand_keys(run, &request, &collector, err);
    if (!code) {
        code = choose(session, &request, &collector, err);
        run->exit_code = code == -EINVAL ? EXIT_USAGE : EXIT_NO_COLLECTOR;
    }
    if (!code && request.inlines && !collector_heeds(collector, "inlines"))
        session_say(session, "without inlined functions and lines: %s does not find them",
                    collector->name);
    if (!code) {
        code = job_start(&job, session, collector, &request, err);
        run->exit_code = code == -EINVAL                                        ? EXIT_USAGE
                         : code == -ENOENT || code == -EPERM || code == -EACCES ? EXIT_NO_COLLECTOR
                                                                                : EXIT_FAILED;
    }
    record_words_dispose(&words);
    if (code)
        return RUN_ERROR;
    if (request.dry_run)
        return RUN_OK;
    unsigned *number = xmalloc(sizeof *number);
    *number = job->number;
    job->awaited = true;
    run->state = number;
    run->dispose = free;
    run->step = step;
    run->wake_ns = INT64_MAX;
    return RUN_WAIT;
}

const struct command command_record = {
    .name = "record",
    .group = "collect",
    .usage = "record [cpu | offcpu | wakeup | runq | faults | malloc | tp=PROBE... |\n"
             "               bt:PRESET | bt 'PROGRAM' [ARG...] | FILE.bt [ARG...] | perf ARG...]\n"
             "               [for=DURATION] [KEY=VALUE...] [--dry-run]",
    .summary = "start a collector: CPU stacks, blocked time, any probe, bpftrace, perf",
    .details =
        "Without words: the stacks that run on the CPUs, by the best collector that works here.\n"
        "  offcpu   how long threads do not run, and why     runq     how long they wait for a "
        "CPU\n"
        "  wakeup   who wakes them, below where they sleep   faults   page faults\n"
        "  malloc   allocations of pid=, one for about every=64K bytes; live=on: what is not "
        "freed\n"
        "  tp=sched:sched_process_fork, uprobe=FILE:FUNCTION, usdt=FILE:PROVIDER:NAME, kprobe=:\n"
        "           stacks there; value=FIELD, arg0 to arg4 or retval is then summed up\n"
        "inlines=on: with the functions that were inlined and source lines, of what has debug "
        "information\n"
        "  cpu event=context-switches: any event that perf lists, period=N or hz=N\n"
        "A sample of a bpftrace program is a line with its time and thread, then its stacks:\n"
        "  profile:hz:99 { printf(\"%llu %d %d %d %s\\n%s%s\\n\", nsecs, pid, tid, cpu, comm, "
        "kstack, ustack) }\n"
        "'record bt:' lists the programs that come with flicker: bt:offcpu, bt:block, bt:futex...\n"
        "perf takes the options of 'perf record'. --dry-run prints what would be run.\n"
        "Returns once samples can come; 'wait stop' waits for the end.",
    .example = "record for=5s hz=199",
    .words = {ARG_RECORDED},
    .choices = "cpu offcpu wakeup runq faults malloc bt perf",
    .max_words = -1,
    .keys = {{"for", ARG_DURATION, NULL, "stop after this long"},
             {"pid", ARG_PID, NULL, "this process only"},
             {"tid", ARG_TID, NULL, "this thread only"},
             {"comm", ARG_COMM, NULL, "threads of this name only"},
             {"cpu", ARG_CPU, NULL, "these CPUs only: 0,2-3"},
             {"cgroup", ARG_CGROUP, NULL, "this cgroup, and those below it, only"},
             {"kernel", ARG_CHOICE, "on off", "off: without the kernel's side of stacks"},
             {"user", ARG_CHOICE, "on off", "off: without the user's side of stacks"},
             {"depth", ARG_COUNT, NULL, "at most so many frames of each side"},
             {"min", ARG_DURATION, NULL, "only what lasts so long; of a preset: is so much"},
             {"event", ARG_NONE, NULL, "cpu: an event that perf lists"},
             {"period", ARG_COUNT, NULL, "cpu: one sample for so many events"},
             {"every", ARG_NONE, NULL, "malloc: one sample for so many bytes; 1: all"},
             {"live", ARG_CHOICE, "on off", "malloc: only what is not freed by the end, or min="},
             {"tp", ARG_NONE, NULL, "at a tracepoint, SYSTEM:NAME"},
             {"kprobe", ARG_NONE, NULL, "at a function of the kernel"},
             {"kretprobe", ARG_NONE, NULL, "where it returns"},
             {"uprobe", ARG_NONE, NULL, "at a function of a program, FILE:FUNCTION"},
             {"uretprobe", ARG_NONE, NULL, "where it returns"},
             {"usdt", ARG_NONE, NULL, "at a probe built into a program, FILE:PROVIDER:NAME"},
             {"value", ARG_NONE, NULL, "of a probe: a field, arg0 to arg4, retval"},
             {"with", ARG_COLLECTOR, NULL, "this collector, not the best one"}},
    .settings = "hz inlines",
    .raw = true,
    .run = run,
};
