// Starting, signalling and reaping the programs of one collector.
#include "collectors/pipeline.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

// What a child gets: its descriptors 0, 1, 2, and the pipe that tells that exec failed.
struct child_fds {
    int in, out, err;
    int failed;
};

static _Noreturn void fail_child(int fd)
{
    int code = errno;
    ssize_t written = write(fd, &code, sizeof code);
    _exit(written == sizeof code ? 127 : 126);
}

// Runs between fork and exec: async-signal-safe calls only, the parent may have threads.
static _Noreturn void run_child(const struct child_fds *fds, const struct pipeline_stage *stage,
                                char *const *environment, pid_t parent)
{
    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int signal = 1; signal < NSIG; signal++)
        sigaction(signal, &standard, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    // The parent may have died before the request took hold.
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
        fail_child(fds->failed);
    // High copies first, so that no descriptor is overwritten before it was used.
    int in = fcntl(fds->in, F_DUPFD_CLOEXEC, 10);
    int out = fcntl(fds->out, F_DUPFD_CLOEXEC, 10);
    int error = fcntl(fds->err, F_DUPFD_CLOEXEC, 10);
    int failed = fcntl(fds->failed, F_DUPFD_CLOEXEC, 10);
    if (in < 0 || out < 0 || error < 0 || failed < 0)
        fail_child(fds->failed);
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(error, 2) < 0)
        fail_child(failed);
    close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
    execve(stage->argv[0], stage->argv, environment);
    fail_child(failed);
}

static int start_stage(pid_t *pid, const struct child_fds *fds, const struct pipeline_stage *stage,
                       char *const *environment)
{
    int failed[2];
    if (pipe2(failed, O_CLOEXEC))
        return -errno;
    struct child_fds own = *fds;
    own.failed = failed[1];
    pid_t parent = getpid();
    *pid = fork();
    if (*pid == 0)
        run_child(&own, stage, environment, parent);
    int status = *pid < 0 ? -errno : 0;
    close(failed[1]);
    int code = 0;
    ssize_t got = 0;
    if (!status) {
        do
            got = read(failed[0], &code, sizeof code);
        while (got < 0 && errno == EINTR);
    }
    if (got == sizeof code) {
        waitpid(*pid, NULL, 0);
        *pid = 0;
        status = -code;
    }
    close(failed[0]);
    return status;
}

static int open_pipe(int fds[2])
{
    if (pipe2(fds, O_CLOEXEC)) {
        fds[0] = fds[1] = -1;
        return -errno;
    }
    fcntl(fds[1], F_SETPIPE_SZ, PIPELINE_PIPE_BYTES); // smaller still works
    return 0;
}

int pipeline_start(struct pipeline *pipeline, const struct pipeline_stage *stages, size_t count,
                   char *const *environment, bool hold_stdin, int *stdout_fd, int *stderr_fd,
                   struct err *err)
{
    *pipeline = (struct pipeline){.stdin_fd = -1};
    *stdout_fd = *stderr_fd = -1;
    int in = -1, out[2] = {-1, -1}, error[2] = {-1, -1}, hold[2] = {-1, -1};
    int status = open_pipe(error);
    if (!status && hold_stdin) {
        status = open_pipe(hold);
        in = hold[0];
        hold[0] = -1;
    } else if (!status) {
        in = open("/dev/null", O_RDONLY | O_CLOEXEC);
        status = in < 0 ? -errno : 0;
    }
    for (size_t i = 0; !status && i < count; i++) {
        status = open_pipe(out);
        if (status)
            break;
        struct child_fds fds = {.in = in, .out = out[1], .err = error[1]};
        status = start_stage(&pipeline->pids[i], &fds, &stages[i], environment);
        close_fd(&out[1]);
        close_fd(&in);
        in = out[0];
        out[0] = -1;
        if (status)
            err_set(err, status, "cannot run '%s': %s", stages[i].argv[0], strerror(-status));
    }
    close_fd(&error[1]);
    if (status) {
        if (err && !err->code)
            err_set(err, status, "cannot start a collector: %s", strerror(-status));
        close_fd(&in);
        close_fd(&out[0]);
        close_fd(&error[0]);
        close_fd(&hold[1]);
        pipeline_signal(pipeline, SIGKILL);
        for (size_t i = 0; i < PIPELINE_STAGES; i++) {
            if (pipeline->pids[i] > 0)
                waitpid(pipeline->pids[i], NULL, 0);
        }
        return status;
    }
    pipeline->first = pipeline->pids[0];
    pipeline->stdin_fd = hold[1];
    fcntl(in, F_SETFL, O_NONBLOCK);
    fcntl(error[0], F_SETFL, O_NONBLOCK);
    *stdout_fd = in;
    *stderr_fd = error[0];
    return 0;
}

int pipeline_signal(struct pipeline *pipeline, int signal)
{
    int status = -ESRCH;
    if (signal == SIGINT && pipeline->stdin_fd >= 0) {
        close_fd(&pipeline->stdin_fd);
        return 0;
    }
    for (size_t i = 0; i < PIPELINE_STAGES; i++) {
        if (pipeline->pids[i] > 0 && (i == 0 || signal == SIGKILL))
            status = kill(pipeline->pids[i], signal) ? -errno : 0;
    }
    return status;
}

bool pipeline_reap(struct pipeline *pipeline)
{
    bool all = true;
    for (size_t i = 0; i < PIPELINE_STAGES; i++) {
        if (pipeline->pids[i] <= 0)
            continue;
        int status = 0;
        pid_t got = waitpid(pipeline->pids[i], &status, WNOHANG);
        if (got == 0 || (got < 0 && errno == EINTR)) {
            all = false;
            continue;
        }
        pipeline->pids[i] = 0;
        status = got > 0 ? status : 0;
        if (i == 0) {
            pipeline->status = status;
            pipeline->first_ended = true;
        } else {
            pipeline->reader_status = status;
        }
    }
    if (all)
        close_fd(&pipeline->stdin_fd);
    return all;
}

int pipeline_status(const struct pipeline *pipeline)
{
    int first = pipeline->status, reader = pipeline->reader_status;
    bool broken = WIFSIGNALED(first) && WTERMSIG(first) == SIGPIPE;
    bool good = WIFSIGNALED(first) ? WTERMSIG(first) == SIGINT : !WEXITSTATUS(first);
    return broken || (good && reader) ? reader | LAUNCHER_OF_READER : first;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool reap_all(struct pipeline *const *pipelines, size_t count)
{
    bool all = true;
    for (size_t i = 0; i < count; i++)
        all = pipeline_reap(pipelines[i]) && all;
    return all;
}

void pipeline_end(struct pipeline *const *pipelines, size_t count, int patience_ms)
{
    for (size_t i = 0; i < count; i++) {
        close_fd(&pipelines[i]->stdin_fd);
        pipeline_signal(pipelines[i], SIGINT);
    }
    int64_t deadline_ms = now_ms() + patience_ms;
    while (!reap_all(pipelines, count) && now_ms() < deadline_ms)
        poll(NULL, 0, 10);
    // A second loop, as a SIGKILL is prompt but not instant.
    for (size_t i = 0; i < count; i++)
        pipeline_signal(pipelines[i], SIGKILL);
    while (!reap_all(pipelines, count) && now_ms() < deadline_ms + 5000)
        poll(NULL, 0, 5);
}
