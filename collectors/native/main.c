// flicker-collect: samples stacks with BPF programs of our own and writes a flicker stream.
//
// It loads and attaches as root, then splits: what is left with root only opens files that
// symbolising needs (collectors/launcher.h), and what reads the ring, parses symbol tables and
// writes runs without any right.
#include "collectors/host.h"
#include "collectors/inline_worker.h"
#include "collectors/native/collect.h"
#include "collectors/native/cpu_event.h"
#include "proto/fks.h"
#include "proto/standard_fds.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// How long a round waits for source lines; events are held back for longer.
#define PATIENCE_NS      INT64_C(20000000)
#define LAST_PATIENCE_NS INT64_C(3000000000)

enum { ROUND_MS = 50, FIRST_ROUND_MS = 10, LAST_ROUNDS = 64, USAGE = 2, NO_RIGHTS = 3 };

struct ends {
    int signal_fd;
    bool watch_stdin; // a pipe: who started us holds its other end
    int64_t deadline_ns;
    int target_fd; // becomes readable when the watched process ends; -1: the whole host
};

static void ends_init(struct ends *ends, const struct native_options *options)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    struct stat stat;
    bool pipe = !fstat(STDIN_FILENO, &stat) && (S_ISFIFO(stat.st_mode) || S_ISSOCK(stat.st_mode));
    *ends = (struct ends){
        .signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK),
        .watch_stdin = pipe,
        .target_fd = options->pid ? (int)syscall(SYS_pidfd_open, (pid_t)options->pid, 0) : -1,
        .deadline_ns = options->for_ns ? host_now_ns() + options->for_ns : INT64_MAX,
    };
}

static bool stdin_closed(void)
{
    char byte;
    ssize_t got = read(STDIN_FILENO, &byte, 1);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

// Sleeps until the next round; true when it is the last one.
static bool wait_round(const struct ends *ends, int round_ms)
{
    int64_t left_ms = (ends->deadline_ns - host_now_ns()) / 1000000;
    struct pollfd fds[3] = {{ends->signal_fd, POLLIN, 0},
                            {ends->watch_stdin ? STDIN_FILENO : -1, POLLIN, 0},
                            {ends->target_fd, POLLIN, 0}};
    if (poll(fds, 3, left_ms < round_ms ? (int)(left_ms > 0 ? left_ms : 0) : round_ms) < 0)
        return errno != EINTR;
    return fds[0].revents || (fds[1].revents && stdin_closed()) || fds[2].revents ||
           host_now_ns() >= ends->deadline_ns;
}

// What the collector has to say of source lines goes to people as it is.
static void tell(struct bytes *text)
{
    for (const char *line = bytes_text(text); *line;) {
        size_t len = strcspn(line, "\n");
        fprintf(stderr, "note: %.*s\n", (int)len, line);
        line += len + (line[len] == '\n');
    }
    bytes_clear(text);
}

// A round, in which some time may be spent on waiting for lines; `inlines` may be NULL.
static int round_of(struct collect *collect, struct inlines *inlines, bool last, struct err *err)
{
    if (inlines)
        inlines_be_patient(inlines, last ? LAST_PATIENCE_NS : PATIENCE_NS);
    int status = collect_round(collect, last, err);
    struct bytes text = {0};
    if (inlines && inlines_complaint(inlines, &text))
        tell(&text);
    bytes_dispose(&text);
    return status;
}

static int record(struct collect *collect, struct encoder *encoder, struct inlines *inlines,
                  const struct native_options *options, struct err *err)
{
    struct ends ends;
    ends_init(&ends, options);
    int status = collect_hello(collect, err);
    bool last = false;
    for (int round_ms = FIRST_ROUND_MS; status >= 0 && !last; round_ms = status ? 0 : ROUND_MS) {
        last = wait_round(&ends, round_ms);
        status = round_of(collect, inlines, last, err);
    }
    // A flood that outruns us has an end too.
    for (int i = 0; status > 0 && i < LAST_ROUNDS; i++)
        status = round_of(collect, inlines, true, err);
    status = status > 0 ? 0 : status;
    if (!status)
        status = encoder->ops->finish(encoder, err);
    close(ends.signal_fd);
    return status;
}

static int run(const struct native_options *options, struct source *source,
               struct sideband *sideband, struct kernel_symbols *kernel, struct launcher *launcher,
               struct err *err)
{
    int status = sideband ? sideband_map(sideband, err) : 0;
    if (status)
        return status;
    struct dict dict;
    struct output_fd output;
    dict_init(&dict);
    output_fd_init(&output, STDOUT_FILENO, "the stream");
    struct encoder *encoder = fks_encoder_new(&dict, &output.base);
    struct symbols *symbols = symbols_new(launcher);
    struct inlines *inlines = options->inlines ? inlines_new(INLINES_HANG_NS) : NULL;
    symbols_set_inlines(symbols, inlines);
    struct collect *collect = collect_new(options, source, sideband, kernel, symbols, encoder);
    status = record(collect, encoder, inlines, options, err);
    if (inlines) {
        struct bytes text = {0};
        inlines_summary(inlines, &text);
        tell(&text);
        bytes_dispose(&text);
    }
    collect_free(collect);
    symbols_free(symbols);
    inlines_free(inlines);
    encoder_free(encoder);
    dict_dispose(&dict);
    return status == -EPIPE ? 0 : status; // who read it has enough
}

static int complain(const struct err *err, int status)
{
    fprintf(stderr, "flicker-collect: %s\n", err->message);
    return status;
}

static void choose_event(struct native_options *options)
{
    const struct cpu_event_probe probe = cpu_event_host();
    struct err note;
    cpu_event_choose(options, &probe, &note);
    if (note.code)
        fprintf(stderr, "note: %s\n", note.message);
}

static bool is_help_asked(int argc, char *const *argv)
{
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
            return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    struct native_options options;
    struct err err = {0};
    standard_fds_hold();
    if (inline_worker_is_asked(argc, argv))
        inline_worker_serve();
    if (is_help_asked(argc, argv))
        return fputs(native_usage, stdout) < 0 || fflush(stdout) ? 1 : 0;
    if (native_options_parse(&options, argc, argv, &err)) {
        complain(&err, 0);
        fputs(native_usage, stderr);
        return USAGE;
    }
    struct source *source = NULL;
    struct sideband *sideband = NULL;
    struct launcher *launcher = NULL;
    struct kernel_symbols kernel;
    int status = 0;
    if (options.pid && kill((pid_t)options.pid, 0))
        status = err_set(&err, -errno, "no process %" PRId64 ": %s", options.pid, strerror(errno));
    if (!status && options.kind == NATIVE_MALLOC)
        fprintf(stderr,
                "note: each allocation of process %" PRId64 " takes about %d us longer while this "
                "runs\n",
                options.pid, options.live ? 15 : 7);
    if (!status)
        choose_event(&options);
    if (!status)
        status = source_open(&source, &options, &err);
    if (!status)
        status = sideband_open(&sideband, source_cpus(source), &err);
    if (status)
        return complain(&err, status == -EPERM || status == -EACCES ? NO_RIGHTS : 1);
    kernel_symbols_init(&kernel);
    if (launcher_split(&launcher, LAUNCHER_OPENS, &err))
        return complain(&err, 1);
    // Nothing is worth keeping when the other half is killed.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    status = run(&options, source, sideband, &kernel, launcher, &err);
    kernel_symbols_dispose(&kernel);
    sideband_close(sideband);
    source_close(source);
    launcher_free(launcher);
    return status ? complain(&err, 1) : 0;
}
