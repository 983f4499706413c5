// One running collector: drains its pipes into its decoder, drives its start and its stop.
#include "collectors/recording.h"

#include "collectors/collector_set.h"
#include "collectors/host.h"
#include "collectors/line_reader.h"
#include "collectors/pipeline.h"
#include "collectors/recording_setup.h"
#include "collectors/symbols.h"
#include "collectors/tool.h"
#include "proto/alloc.h"
#include "proto/fks.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    TICK_MS = 40,
    // While nobody looks, and so little comes that the pipe would take many times as much: most of
    // what a tick costs is waking up.
    CALM_TICK_MS = 250,
    CALM_BYTES_PER_S = PIPELINE_PIPE_BYTES * (1000 / CALM_TICK_MS) / 8,
    BITE_BYTES = 256 * 1024,
    BITES_PER_TICK = 16, // a flood must not keep the loop from the keyboard
};

#define MS_NS INT64_C(1000000)
// A SIGINT is lost now and then while bpftrace attaches: it is sent again until the stream ends or
// says END; one more while it prints its last maps would kill it.
static const int64_t resend_ns = 300 * MS_NS;
static const int64_t leave_ns = 5000 * MS_NS; // from the request, or the last byte after END
static const int64_t linger_ns = 1000 * MS_NS;
static const int64_t quiet_ns = 250 * MS_NS;  // after which a line is not the start of a sample
static const int64_t stall_ns = 5000 * MS_NS; // of a message of .fks
static const int64_t begin_ns = 2000 * MS_NS; // after which one that never says so has begun

struct recording {
    struct sink tap; // what the decoder writes to: passes on, first sample noted
    struct sink *sink;
    struct launcher *launcher;
    struct recording_events events;
    struct symbols *symbols;
    struct decoder *decoder;
    const struct collector *collector;
    stderr_judge_fn *judge;
    bool (*judge_rest)(void *arg, struct bytes *line);
    void *judge_arg;
    void (*judge_free)(void *arg);
    struct launched child;
    struct line_reader stderr_lines;
    struct sample_pick pick;
    bool picks;     // something is left out by it
    uint64_t taken; // where it picks: samples that went on
    char *command;
    char *event_name, *event_unit; // NULL: the format's own; the decoder borrows them
    char *buffer;
    double rate_hz;
    uint64_t sample_value;
    bool says_ready_and_end, interrupt_once, brings_hello, comes_in_rounds;
    int64_t for_ns;
    int target_fd; // of the process with which it ends, readable once that has; -1: none

    enum recording_state state;
    bool out_eof, err_eof, end_seen, killed, decoder_failed;
    int64_t now_ns, before_ns; // of the running tick, and of the one before
    uint64_t bytes_before;     // pushed until then
    bool calm;                 // little came since
    int64_t started_ns, running_ns, ended_ns, first_sample_ns;
    int64_t stop_ns, signal_ns, eof_ns, killed_ns;
    int64_t data_ns; // of the last bytes of its stream; 0: the decoder knows that it is quiet
    const char *stop_reason;
    uint64_t timeless; // samples without a time
    bool timeless_map; // they came from a map
    bool said_words;   // it printed lines that are no samples
    char said_map[64]; // one of the maps that it printed; "": none
    uint64_t lost_where[LOSS_WHERES];
    uint64_t lost; // beside what the decoder counted
    struct decode_report report;
    int exit_status;
    char why_ended[256];
};

static struct recording *of_tap(struct sink *sink)
{
    return (struct recording *)sink;
}

static void say(const struct recording *recording, bool is_error, const char *line)
{
    if (recording->events.message)
        recording->events.message(recording->events.arg, is_error, line);
}

static void PRINTF_LIKE(3, 4)
    sayf(const struct recording *recording, bool is_error, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    say(recording, is_error, line);
}

// The recording itself says hello, unless the stream knows better.
static int tap_hello(struct sink *sink, const struct hello *hello, struct err *err)
{
    struct recording *recording = of_tap(sink);
    if (!recording->brings_hello)
        return 0;
    struct hello full = *hello;
    full.command = full.command && *full.command ? full.command : recording->command;
    return sink_hello(recording->sink, &full, err);
}

static int pass_on(struct recording *recording, const struct sample *samples, size_t count,
                   struct err *err)
{
    const struct dict *dict = recording->tap.dict;
    if (!recording->first_sample_ns && count)
        recording->first_sample_ns = recording->now_ns;
    for (size_t i = 0; i < count; i++) {
        if (samples[i].time_ns == SAMPLE_NO_TIME) {
            recording->timeless++;
            recording->timeless_map |= dict->events[samples[i].event].by_value;
        }
    }
    return sink_samples(recording->sink, samples, count, err);
}

static int tap_samples(struct sink *sink, const struct sample *samples, size_t count,
                       struct err *err)
{
    enum { BATCH = 128 };
    struct recording *recording = of_tap(sink);
    if (!recording->sample_value && !recording->picks)
        return pass_on(recording, samples, count, err);
    struct sample changed[BATCH];
    int status = 0;
    for (size_t at = 0; at < count && !status;) {
        size_t taken = 0;
        for (; at < count && taken < BATCH; at++) {
            if (recording->picks && !sample_pick_takes(&recording->pick, sink->dict, &samples[at]))
                continue;
            changed[taken] = samples[at];
            if (recording->sample_value)
                changed[taken].value = recording->sample_value;
            taken++;
        }
        status = pass_on(recording, changed, taken, err);
        recording->taken += taken;
    }
    return status;
}

static int tap_loss(struct sink *sink, const struct loss *loss, struct err *err)
{
    of_tap(sink)->lost_where[loss->where] += loss->count;
    return sink_loss(of_tap(sink)->sink, loss, err);
}

static const struct sink_ops tap_ops = {
    .hello = tap_hello, .samples = tap_samples, .loss = tap_loss};

static void tell_rest(struct recording *recording)
{
    struct bytes line = {0};
    while (recording->judge_rest && recording->judge_rest(recording->judge_arg, &line)) {
        say(recording, false, bytes_text(&line));
        bytes_clear(&line);
    }
    bytes_dispose(&line);
}

static void begin_running(struct recording *recording)
{
    if (recording->state != RECORDING_STARTING)
        return;
    tell_rest(recording);
    recording->state = RECORDING_RUNNING;
    recording->running_ns = recording->now_ns;
}

static int64_t stream_now(void *arg)
{
    const struct recording *recording = arg;
    return recording->now_ns;
}

static void count_loss(struct recording *recording, uint64_t lost)
{
    struct loss loss = {.from_ns = recording->before_ns,
                        .to_ns = recording->now_ns,
                        .count = lost,
                        .cpu = -1,
                        .where = LOSS_KERNEL};
    struct err err = {0};
    recording->lost += lost;
    recording->lost_where[LOSS_KERNEL] += lost;
    if (sink_loss(recording->sink, &loss, &err))
        say(recording, true, err.message);
}

static void stderr_line(void *arg, const char *line, size_t len)
{
    struct recording *recording = arg;
    uint64_t lost = 0;
    if (!len)
        return;
    struct bytes judged = {0};
    bytes_append(&judged, line, len);
    switch (recording->judge ? recording->judge(recording->judge_arg, &judged, &lost)
                             : STDERR_MESSAGE) {
    case STDERR_NOISE:
        break;
    case STDERR_MESSAGE:
        say(recording, false, bytes_text(&judged));
        break;
    case STDERR_ERROR:
        say(recording, true, bytes_text(&judged));
        break;
    case STDERR_LOSS:
        count_loss(recording, lost);
        break;
    }
    bytes_dispose(&judged);
}

// Words that a program of the user's prints; the name of a map among them.
static void note_words(struct recording *recording, const char *line, size_t len)
{
    size_t name = 0;
    if (!recording->says_ready_and_end)
        return;
    recording->said_words = true;
    while (name < len && !strchr(":[ \n", line[name]))
        name++;
    if (*line == '@' && name < sizeof recording->said_map)
        snprintf(recording->said_map, sizeof recording->said_map, "%.*s", (int)name, line);
}

// Lines of the stream that are not samples.
static void stream_text(void *arg, const char *line, size_t len)
{
    struct recording *recording = arg;
    if (recording->says_ready_and_end && len >= 6 && !memcmp(line, "READY ", 6)) {
        begin_running(recording);
        return;
    }
    if (recording->says_ready_and_end && len == 3 && !memcmp(line, "END", 3)) {
        recording->end_seen = true;
        return;
    }
    // What it says of the program before that runs, or of a place in it, is judged as if it came on
    // stderr.
    if (recording->says_ready_and_end &&
        (recording->state == RECORDING_STARTING || (len > 6 && !memcmp(line, "stdin:", 6)))) {
        stderr_line(recording, line, len);
        return;
    }
    note_words(recording, line, len);
    char *text = xstrndup(line, len);
    say(recording, false, text);
    free(text);
}

static void send_signal(struct recording *recording, int signal)
{
    int status = launcher_signal(recording->launcher, recording->child.id, signal);
    (void)status; // gone already: the pipes say so
    recording->signal_ns = recording->now_ns;
    if (signal == SIGKILL && !recording->killed) {
        recording->killed = true;
        recording->killed_ns = recording->now_ns;
    }
}

static void begin_stop(struct recording *recording, const char *reason)
{
    if (recording->state >= RECORDING_STOPPING)
        return;
    recording->state = RECORDING_STOPPING;
    recording->stop_reason = reason;
    recording->stop_ns = recording->now_ns;
    send_signal(recording, SIGINT);
}

static void decoder_broke(struct recording *recording, const struct err *err)
{
    recording->decoder_failed = true;
    sayf(recording, true, "%s: what it sends cannot be read: %s", recording->collector->name,
         err->message);
    begin_stop(recording, "what it sent could not be read");
    send_signal(recording, SIGKILL);
}

// Reads one bite. 1: more may come at once, 0: nothing now, -1: the end.
static int read_bite(struct recording *recording, int fd, size_t *len)
{
    ssize_t got = read(fd, recording->buffer, BITE_BYTES);
    *len = got > 0 ? (size_t)got : 0;
    if (got > 0)
        return got == BITE_BYTES; // less: the pipe is empty
    return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

// Some lines are the head of a sample if stacks follow, and else for people: who waits for the next
// line to tell would not show the last one.
static void tell_quiet(struct recording *recording)
{
    struct err err = {0};
    if (!recording->says_ready_and_end || !recording->data_ns || recording->decoder_failed ||
        recording->now_ns - recording->data_ns < quiet_ns)
        return;
    recording->data_ns = 0;
    if (recording->decoder->ops->push(recording->decoder, "", 0, &err))
        decoder_broke(recording, &err);
}

// One that lies may have begun a message that never ends: it is not waited for.
static void heed_stall(struct recording *recording)
{
    struct err err = {0};
    if (!recording->brings_hello || recording->decoder_failed || !recording->data_ns ||
        recording->now_ns - recording->data_ns < stall_ns || !fks_decoder_waits(recording->decoder))
        return;
    err_set(&err, -EBADMSG, "a message has begun and does not go on; what came before it was read");
    decoder_broke(recording, &err);
}

static void drain_stdout(struct recording *recording)
{
    size_t len = 0;
    int more = 1;
    for (int i = 0; i < BITES_PER_TICK && more > 0 && !recording->out_eof; i++) {
        more = read_bite(recording, recording->child.stdout_fd, &len);
        if (len && !recording->says_ready_and_end)
            begin_running(recording);
        struct err err = {0};
        if (len && !recording->decoder_failed &&
            recording->decoder->ops->push(recording->decoder, recording->buffer, len, &err))
            decoder_broke(recording, &err);
        recording->out_eof = more < 0;
        recording->data_ns = len ? recording->now_ns : recording->data_ns;
        if (len && recording->end_seen) // its last maps: as long as they flow they are waited for
            recording->stop_ns = recording->now_ns;
    }
    tell_quiet(recording);
    heed_stall(recording);
}

static void drain_stderr(struct recording *recording)
{
    size_t len = 0;
    int more = 1;
    for (int i = 0; i < BITES_PER_TICK && more > 0 && !recording->err_eof; i++) {
        more = read_bite(recording, recording->child.stderr_fd, &len);
        line_reader_push(&recording->stderr_lines, recording->buffer, len, stderr_line, recording);
        recording->err_eof = more < 0;
    }
    if (recording->err_eof)
        line_reader_finish(&recording->stderr_lines, stderr_line, recording);
}

static void describe_status(char *out, size_t size, int status)
{
    if (WIFSIGNALED(status))
        snprintf(out, size, "killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status))
        snprintf(out, size, "failed with exit status %d", WEXITSTATUS(status));
    else
        snprintf(out, size, "it ended by itself");
}

// What reads the stream broke it off. One that was stopped before there was anything lost nothing.
static bool is_broken_off(const struct recording *recording)
{
    return recording->exit_status & LAUNCHER_OF_READER &&
           (!recording->stop_reason || recording->decoder->report.bytes);
}

static void describe_end(struct recording *recording)
{
    int status = recording->exit_status;
    char *why = recording->why_ended, how[128];
    const size_t size = sizeof recording->why_ended;
    describe_status(how, sizeof how, status);
    if (recording->killed)
        snprintf(why, size, "%s; it did not leave by itself and was killed",
                 recording->stop_reason ? recording->stop_reason : "stopped");
    else if (is_broken_off(recording))
        snprintf(why, size, "%s%sperf script, which reads it: %s; what came after that is lost",
                 recording->stop_reason ? recording->stop_reason : "",
                 recording->stop_reason ? ", but " : "", how);
    else
        snprintf(why, size, "%s", recording->stop_reason ? recording->stop_reason : how);
}

// Samples without a time, and programs that print no samples: what to add.
static void explain_timeless(const struct recording *recording)
{
    uint64_t samples = recording->decoder->report.samples;
    if (recording->timeless)
        sayf(recording, false, "%" PRIu64 " %s can be folded, not sliced. For a time axis add",
             recording->timeless,
             recording->timeless == 1 ? "sample has no time: it" : "samples have no time: they");
    else if (recording->said_words && !samples)
        say(recording, false, "what it printed is no samples, and has no time axis. For one, add");
    else
        return;
    if (*recording->said_map)
        sayf(recording, false, "    interval:s:1 { print(%s); clear(%s); }", recording->said_map,
             recording->said_map);
    else if (recording->timeless_map)
        say(recording, false,
            "    interval:s:1 { print(@); clear(@); }    (with the name of the map)");
    else
        say(recording, false,
            "    printf(\"%llu %d %d %d %s\\n%s%s\\n\", nsecs, pid, tid, cpu, comm, kstack, "
            "ustack);");
}

static void end(struct recording *recording)
{
    struct err err = {0};
    if (!recording->decoder_failed && recording->decoder->ops->finish(recording->decoder, &err))
        say(recording, true, err.message);
    recording->state = RECORDING_ENDED;
    recording->ended_ns = recording->now_ns;
    tell_rest(recording);
    explain_timeless(recording);
    describe_end(recording);
}

// Both pipes have ended; the processes follow at once, or are made to.
static void await_end(struct recording *recording)
{
    if (!recording->eof_ns)
        recording->eof_ns = recording->now_ns;
    if (launcher_ended(recording->launcher, recording->child.id, &recording->exit_status)) {
        end(recording);
        return;
    }
    if (!recording->killed && recording->now_ns - recording->eof_ns > linger_ns)
        send_signal(recording, SIGKILL);
    if (recording->killed && recording->now_ns - recording->killed_ns > linger_ns)
        end(recording);
}

static void drive_stop(struct recording *recording)
{
    int64_t now_ns = recording->now_ns;
    if (recording->killed) {
        // Whoever still holds the pipes will not be waited for.
        if (now_ns - recording->killed_ns > linger_ns)
            recording->out_eof = recording->err_eof = true;
        return;
    }
    if (now_ns - recording->stop_ns > leave_ns)
        send_signal(recording, SIGKILL);
    else if (!recording->end_seen && !recording->interrupt_once &&
             now_ns - recording->signal_ns >= resend_ns)
        send_signal(recording, SIGINT);
}

// Whether it says that it records; of any other, the first sample does.
static bool says_when(const struct recording *recording)
{
    return recording->says_ready_and_end || recording->brings_hello;
}

// When for= begins: with the first thing heard of it, unless that comes much later than the first
// sample was taken, as perf's does.
static int64_t counts_from_ns(const struct recording *recording)
{
    return says_when(recording) ? recording->running_ns : recording->started_ns;
}

static void measure_flow(struct recording *recording)
{
    uint64_t bytes = recording->decoder->report.bytes;
    int64_t passed_ns = recording->now_ns - recording->before_ns;
    if (passed_ns > 0)
        recording->calm = (double)(bytes - recording->bytes_before) * 1e9 <
                          (double)CALM_BYTES_PER_S * (double)passed_ns;
    recording->bytes_before = bytes;
}

static void watch_target(struct recording *recording)
{
    struct pollfd target = {.fd = recording->target_fd, .events = POLLIN};
    if (recording->target_fd >= 0 && poll(&target, 1, 0) > 0)
        begin_stop(recording, "its process has ended");
}

bool recording_tick(struct recording *recording, int64_t now_ns)
{
    if (recording->state == RECORDING_ENDED)
        return false;
    recording->before_ns = recording->now_ns ? recording->now_ns : now_ns - TICK_MS * MS_NS;
    recording->now_ns = now_ns;
    drain_stderr(recording);
    drain_stdout(recording);
    measure_flow(recording);
    if (!says_when(recording) && !recording->out_eof && now_ns - recording->started_ns > begin_ns)
        begin_running(recording); // of a process that sleeps perf has nothing to say
    if (recording->state == RECORDING_RUNNING && recording->for_ns &&
        now_ns - counts_from_ns(recording) >= recording->for_ns)
        begin_stop(recording, "its time was up");
    watch_target(recording);
    if (recording->state == RECORDING_STOPPING)
        drive_stop(recording);
    if (recording->out_eof && recording->err_eof)
        await_end(recording);
    return recording->state != RECORDING_ENDED;
}

size_t recording_fds(const struct recording *recording, int fds[RECORDING_FDS])
{
    size_t count = 0;
    if (!recording->err_eof)
        fds[count++] = recording->child.stderr_fd;
    if (recording->comes_in_rounds && !recording->out_eof)
        fds[count++] = recording->child.stdout_fd;
    if (recording->target_fd >= 0 && recording->state < RECORDING_STOPPING)
        fds[count++] = recording->target_fd;
    return count;
}

int recording_interval_ms(const struct recording *recording, bool watched)
{
    if (watched || !recording->calm || recording->state != RECORDING_RUNNING)
        return TICK_MS;
    if (!recording->for_ns)
        return CALM_TICK_MS;
    int64_t left_ms = (counts_from_ns(recording) + recording->for_ns - recording->now_ns) / MS_NS;
    return left_ms < TICK_MS ? TICK_MS : left_ms < CALM_TICK_MS ? (int)left_ms : CALM_TICK_MS;
}

void recording_stop(struct recording *recording)
{
    if (recording->state == RECORDING_ENDED)
        return;
    recording->now_ns = host_now_ns();
    if (recording->state == RECORDING_STOPPING)
        send_signal(recording, SIGKILL);
    else
        begin_stop(recording, "stopped");
}

void recording_status(const struct recording *recording, struct recording_status *out)
{
    struct recording *own = (struct recording *)recording; // the report's copy is a cache
    own->report = recording->decoder->report;
    own->report.lost += recording->lost;
    if (recording->picks)
        own->report.samples = recording->taken;
    *out = (struct recording_status){
        .state = recording->state,
        .ran = recording->running_ns != 0,
        .in_order =
            recording->stop_reason && !recording->decoder_failed && !is_broken_off(recording),
        .garbled = recording->decoder_failed,
        .collector = recording->collector,
        .command = recording->command,
        .pid = recording->child.pid,
        .last_pid = recording->child.last_pid,
        .started_ns = recording->started_ns,
        .running_ns = recording->running_ns,
        .ended_ns = recording->ended_ns,
        .first_sample_ns = recording->first_sample_ns,
        .report = recording->report.bytes ? &recording->report : NULL,
        .exit_status = recording->exit_status,
    };
    memcpy(out->lost, recording->lost_where, sizeof out->lost);
    memcpy(out->why_ended, recording->why_ended, sizeof out->why_ended);
}

const char *recording_state_name(enum recording_state state)
{
    static const char *const names[] = {
        [RECORDING_STARTING] = "starting",
        [RECORDING_RUNNING] = "recording",
        [RECORDING_STOPPING] = "stopping",
        [RECORDING_ENDED] = "ended",
    };
    return names[state];
}

void recording_free(struct recording *recording)
{
    if (!recording)
        return;
    int status = 0;
    if (recording->child.id && recording->state != RECORDING_ENDED) {
        recording->now_ns = host_now_ns();
        send_signal(recording, SIGKILL);
        launcher_ended(recording->launcher, recording->child.id, &status);
    }
    if (recording->child.stdout_fd >= 0)
        close(recording->child.stdout_fd);
    if (recording->child.stderr_fd >= 0)
        close(recording->child.stderr_fd);
    if (recording->target_fd >= 0)
        close(recording->target_fd);
    decoder_free(recording->decoder);
    symbols_free(recording->symbols);
    line_reader_dispose(&recording->stderr_lines);
    if (recording->judge_free)
        recording->judge_free(recording->judge_arg);
    free(recording->command);
    free(recording->event_name);
    free(recording->event_unit);
    free(recording->buffer);
    free(recording);
}

// The command as a shell line that can be pasted.
static char *shell_line(const struct recording_setup *setup)
{
    struct bytes line = {0};
    bool is_program = false;
    bytes_append_text(&line,
                      setup->tool == LAUNCHER_PERF_RECORD ? "perf record" : setup->collector->name);
    for (const char *const *args = setup->args; *args; args++) {
        bytes_append_char(&line, ' ');
        bytes_append_quoted(&line, is_program ? setup->shown_program : *args);
        is_program = setup->shown_program && !strcmp(*args, "-e");
    }
    return line.data;
}

static int say_hello(struct recording *recording, struct err *err)
{
    struct utsname names;
    struct hello hello = {.collector = recording->collector->name,
                          .command = recording->command,
                          .rate_hz = recording->rate_hz};
    host_hello(&hello, &names);
    hello.cpus = sample_pick_cpus(&recording->pick, hello.cpus);
    return sink_hello(recording->sink, &hello, err);
}

static int open_target(int *fd, pid_t pid, struct err *err)
{
    *fd = pid ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (pid && *fd < 0 && errno == ESRCH)
        return err_set(err, -ESRCH, "there is no process %d", (int)pid);
    return 0; // an older kernel cannot tell
}

static int describe(const struct recording_setup *setup, struct err *err)
{
    int status =
        collector_set_describe(setup->dry_run, setup->tool, setup->args, setup->environment, err);
    if (setup->judge_free) // the program's text is its
        setup->judge_free(setup->judge_arg);
    return status;
}

int recording_start(struct recording **out, struct launcher *launcher,
                    const struct recording_setup *setup, struct sink *sink,
                    const struct recording_events *events, struct err *err)
{
    *out = NULL;
    if (setup->dry_run)
        return describe(setup, err);
    const struct format *format = format_by_name(setup->format);
    if (!format || !format->decoder_new) {
        if (setup->judge_free)
            setup->judge_free(setup->judge_arg);
        return err_set(err, -ENOSYS, "no decoder for '%s'", setup->format);
    }
    struct recording *recording = xcalloc(1, sizeof *recording);
    *recording = (struct recording){
        .tap = {&tap_ops, sink->dict},
        .sink = sink,
        .launcher = launcher,
        .events = *events,
        .collector = setup->collector,
        .judge = setup->judge,
        .judge_rest = setup->judge_rest,
        .judge_arg = setup->judge_arg,
        .judge_free = setup->judge_free,
        .child = {.stdout_fd = -1, .stderr_fd = -1},
        .rate_hz = setup->rate_hz,
        .sample_value = setup->sample_value,
        .says_ready_and_end = setup->says_ready_and_end,
        .interrupt_once = setup->interrupt_once,
        .brings_hello = setup->brings_hello,
        .comes_in_rounds = setup->comes_in_rounds,
        .pick = setup->pick,
        .picks = !sample_pick_takes_all(&setup->pick),
        .for_ns = setup->for_ns,
        .started_ns = host_now_ns(),
        .command = shell_line(setup),
        .event_name = setup->event_name ? xstrdup(setup->event_name) : NULL,
        .event_unit = setup->event_unit ? xstrdup(setup->event_unit) : NULL,
        .buffer = xmalloc(BITE_BYTES),
    };
    recording->now_ns = recording->started_ns;
    recording->symbols = setup->wants_symbols ? symbols_new(launcher) : NULL;
    const struct decode_options options = {
        .symbolise = recording->symbols ? symbols_resolve : NULL,
        .symbolise_arg = recording->symbols,
        .now_ns = setup->says_ready_and_end ? stream_now : NULL,
        .now_arg = recording,
        .text = stream_text,
        .text_arg = recording,
        .event_name = recording->event_name,
        .event_unit = recording->event_unit,
        .flush_each_push = true,
    };
    recording->decoder = format->decoder_new(&recording->tap, &options);
    int status = open_target(&recording->target_fd, setup->target_pid, err);
    if (!status)
        status = launcher_start(launcher, setup->tool, setup->args, setup->environment,
                                &recording->child, err);
    if (!status && !recording->brings_hello)
        status = say_hello(recording, err);
    if (status)
        recording_free(recording);
    else
        *out = recording;
    return status;
}
