// The launcher: what runs as whom, what it starts, and that nothing outlives it.
#include "collectors/launcher.h"
#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define PROGRAM   ARGS("-e", "BEGIN{}")

static char tools_dir[] = "/tmp/flicker-test-XXXXXX";

// A program of this name in a directory that is all of $PATH but the system's.
static void write_tool(const char *name, const char *script)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", tools_dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\n%s\n", script);
    fclose(file);
    assert_int_equal(chmod(path, 0755), 0);
}

static void use_tool(const char *name, const char *script)
{
    char path[256];
    write_tool(name, script);
    snprintf(path, sizeof path, "%s:/usr/bin:/bin", tools_dir);
    setenv("PATH", path, 1);
}

// Reads until the end or until `want` bytes came; the descriptor does not block.
static size_t read_some(int fd, char *text, size_t size, size_t want)
{
    size_t len = 0;
    while (len < want && len < size - 1) {
        struct pollfd wait = {fd, POLLIN, 0};
        if (poll(&wait, 1, 20000) <= 0)
            break;
        ssize_t got = read(fd, text + len, size - 1 - len);
        if (got <= 0)
            break;
        len += (size_t)got;
    }
    text[len] = '\0';
    return len;
}

static bool wait_ended(struct launcher *launcher, uint64_t id, int *status)
{
    for (int i = 0; i < 2000; i++) {
        if (launcher_ended(launcher, id, status))
            return true;
        poll(NULL, 0, 10);
    }
    return false;
}

static bool wait_gone(pid_t pid)
{
    for (int i = 0; i < 2000; i++) {
        waitpid(pid, NULL, WNOHANG); // an orphan is ours: see make_dir
        if (kill(pid, 0) && errno == ESRCH)
            return true;
        poll(NULL, 0, 10);
    }
    return false;
}

// Runs a part in a process behind a split launcher; its return value is the exit status.
static int run_split_with(enum launcher_power power,
                          int (*part)(struct launcher *launcher, int pipe_fd), int pipe_fd)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct launcher *launcher = NULL;
        struct err err = {0};
        if (launcher_split(&launcher, power, &err)) {
            fprintf(stderr, "%s\n", err.message);
            _exit(99);
        }
        int status = part(launcher, pipe_fd);
        launcher_free(launcher);
        _exit(status);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static int run_split(int (*part)(struct launcher *launcher, int pipe_fd), int pipe_fd)
{
    return run_split_with(LAUNCHER_COLLECTS, part, pipe_fd);
}

static bool status_has(const char *line)
{
    char text[4096];
    FILE *file = fopen("/proc/self/status", "r");
    size_t len = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[len] = '\0';
    return strstr(text, line) != NULL;
}

static int check_rights(struct launcher *launcher, int fd)
{
    (void)launcher;
    (void)fd;
    if (!status_has("CapEff:\t0000000000000000") || !status_has("CapPrm:\t0000000000000000") ||
        !status_has("CapBnd:\t0000000000000000") || !status_has("NoNewPrivs:\t1"))
        return 1;
    if (getenv("SUDO_UID") && (getuid() != 65534 || geteuid() != 65534 || getgid() != 65534))
        return 2;
    if (getenv("SUDO_UID") && setresuid(0, 0, 0) == 0)
        return 3;
    return launcher_is_privileged(launcher) ? 7 : 4;
}

static void the_shell_has_no_rights(void **state)
{
    (void)state;
    if (geteuid())
        skip();
    unsetenv("SUDO_UID");
    assert_int_equal(WEXITSTATUS(run_split(check_rights, -1)), 7);
    setenv("SUDO_UID", "65534", 1);
    setenv("SUDO_GID", "65534", 1);
    assert_int_equal(WEXITSTATUS(run_split(check_rights, -1)), 7);
    unsetenv("SUDO_UID");
    unsetenv("SUDO_GID");
}

static int start_and_read(struct launcher *launcher, int fd)
{
    (void)fd;
    struct launched child;
    struct err err = {0};
    char text[256];
    int status = 0;
    if (launcher_start(launcher, LAUNCHER_BPFTRACE, PROGRAM, ARGS("BPFTRACE_STRLEN=64"), &child,
                       &err))
        return 1;
    read_some(child.stdout_fd, text, sizeof text, sizeof text);
    if (strcmp(text, "out -e BEGIN{} 64 0\n"))
        return 2;
    read_some(child.stderr_fd, text, sizeof text, sizeof text);
    if (strcmp(text, "err\n"))
        return 3;
    if (!wait_ended(launcher, child.id, &status) || !WIFEXITED(status) || WEXITSTATUS(status) != 5)
        return 4;
    close(child.stdout_fd);
    close(child.stderr_fd);
    if (launcher_signal(launcher, child.id, SIGINT) != -ESRCH)
        return 5;
    return 0;
}

static void a_tool_is_started_and_reaped(void **state)
{
    (void)state;
    use_tool("bpftrace", "echo out \"$@\" $BPFTRACE_STRLEN $(wc -c); echo err >&2; exit 5");
    assert_int_equal(run_split(start_and_read, -1), 0);
    struct launcher *launcher = launcher_local();
    assert_int_equal(start_and_read(launcher, -1), 0);
    launcher_free(launcher);
}

static int start_refused(struct launcher *launcher, int fd)
{
    (void)fd;
    struct launched child;
    struct err err = {0};
    if (launcher_start(launcher, LAUNCHER_BPFTRACE, ARGS("--unsafe", "-e", "BEGIN{}"), NULL, &child,
                       &err) != -EINVAL ||
        !strstr(err.message, "--unsafe"))
        return 1;
    if (launcher_start(launcher, LAUNCHER_BPFTRACE, PROGRAM, ARGS("LD_PRELOAD=x"), &child, &err) !=
        -EINVAL)
        return 2;
    return child.stdout_fd == -1 ? 0 : 3;
}

static void a_bad_request_is_refused_by_the_parent(void **state)
{
    (void)state;
    assert_int_equal(run_split(start_refused, -1), 0);
}

static int start_absent(struct launcher *launcher, int fd)
{
    (void)fd;
    struct launched child;
    struct err err = {0};
    int status = launcher_start(launcher, LAUNCHER_BPFTRACE, PROGRAM, NULL, &child, &err);
    return status == -ENOENT && strstr(err.message, "'bpftrace'") ? 0 : 1;
}

static void an_absent_tool_is_named(void **state)
{
    (void)state;
    setenv("PATH", "", 1);
    assert_int_equal(run_split(start_absent, -1), 0);
    setenv("PATH", ".:bin", 1); // relative directories are not looked at
    assert_int_equal(run_split(start_absent, -1), 0);
}

// Starts a tool that will not leave by itself nor on SIGINT, tells its pid, and goes.
static int leave_one_behind(struct launcher *launcher, int fd)
{
    struct launched child;
    struct err err = {0};
    char text[16];
    if (launcher_start(launcher, LAUNCHER_BPFTRACE, PROGRAM, NULL, &child, &err))
        return 1;
    read_some(child.stdout_fd, text, sizeof text, 3); // it has set its trap
    if (write(fd, &child.pid, sizeof child.pid) != sizeof child.pid)
        return 2;
    if (fd % 2)
        raise(SIGKILL);
    return 0;
}

static void nothing_is_left_behind(void **state)
{
    (void)state;
    use_tool("bpftrace", "trap '' INT; echo up; while :; do sleep 1; done");
    for (int i = 0; i < 2; i++) {
        int fds[2], high = 0;
        assert_int_equal(pipe(fds), 0);
        high = fcntl(fds[1], F_DUPFD, i ? 101 : 100); // odd: the part kills itself
        int status = run_split(leave_one_behind, high);
        assert_int_equal(WEXITSTATUS(status), geteuid() ? 0 : i && high % 2 ? 128 + SIGKILL : 0);
        pid_t pid = 0;
        assert_int_equal(read(fds[0], &pid, sizeof pid), sizeof pid);
        assert_true(wait_gone(pid));
        close(fds[0]);
        close(fds[1]);
        close(high);
    }
}

static int wait_forever(struct launcher *launcher, int fd)
{
    struct launched child;
    struct err err = {0};
    if (launcher_start(launcher, LAUNCHER_BPFTRACE, PROGRAM, NULL, &child, &err))
        return 1;
    pid_t pids[2] = {getpid(), child.pid};
    if (write(fd, pids, sizeof pids) != sizeof pids)
        return 2;
    for (;;)
        pause();
}

// The launcher itself killed: collectors and shell go too, by PR_SET_PDEATHSIG.
static void a_killed_launcher_takes_all_along(void **state)
{
    (void)state;
    if (geteuid())
        skip();
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    use_tool("bpftrace", "trap '' INT; while :; do sleep 1; done");
    pid_t pid = fork();
    if (pid == 0)
        _exit(run_split(wait_forever, fds[1]) ? 1 : 0);
    pid_t pids[2];
    assert_int_equal(read(fds[0], pids, sizeof pids), sizeof pids);
    // The launcher is the parent of the collector.
    char path[64], text[256];
    snprintf(path, sizeof path, "/proc/%d/stat", pids[1]);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    int launcher = atoi(strrchr(text, ')') + 4);
    assert_int_equal(kill(launcher, SIGKILL), 0);
    assert_true(wait_gone(pids[0]));
    assert_true(wait_gone(pids[1]));
    waitpid(pid, NULL, 0);
    close(fds[0]);
    close(fds[1]);
}

static int open_files(struct launcher *launcher, int fd)
{
    (void)fd;
    int maps = launcher_open_maps(launcher, getpid());
    int own = launcher_open_mapped(launcher, getpid(), (uint64_t)(uintptr_t)&open_files);
    char magic[4] = {0};
    int heap = launcher_open_mapped(launcher, getpid(), (uint64_t)(uintptr_t)launcher);
    if (maps < 0)
        return 1;
    if (own < 0 || read(own, magic, 4) != 4 || memcmp(magic, "\177ELF", 4))
        return 2;
    if (heap != -EACCES) // not executable: none of the symboliser's business
        return 3;
    if (launcher_open_maps(launcher, -1) >= 0 || launcher_open_jit(launcher, 0) >= 0)
        return 4;
    close(maps);
    close(own);
    return 0;
}

static void files_of_processes_are_opened(void **state)
{
    (void)state;
    assert_int_equal(run_split(open_files, -1), 0);
    struct launcher *launcher = launcher_local();
    assert_int_equal(open_files(launcher, -1), 0);
    launcher_free(launcher);
}

static int start_nothing(struct launcher *launcher, int fd)
{
    (void)fd;
    struct launched child;
    struct err err = {0};
    if (launcher_start(launcher, LAUNCHER_BPFTRACE, PROGRAM, NULL, &child, &err) != -EPERM)
        return 1;
    return child.stdout_fd < 0 && open_files(launcher, -1) == 0 ? 0 : 2;
}

static void a_launcher_that_opens_files_starts_nothing(void **state)
{
    (void)state;
    if (geteuid())
        skip();
    use_tool("bpftrace", "sleep 60");
    assert_int_equal(run_split_with(LAUNCHER_OPENS, start_nothing, -1), 0);
}

static void jit_maps_must_be_plain_files_of_the_process_user(void **state)
{
    (void)state;
    char path[64];
    snprintf(path, sizeof path, "/tmp/perf-%d.map", getpid());
    struct launcher *launcher = launcher_local();
    assert_int_equal(launcher_open_jit(launcher, getpid()), -ENOENT);
    assert_int_equal(symlink("/etc/hostname", path), 0);
    assert_int_equal(launcher_open_jit(launcher, getpid()), -ELOOP);
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(launcher_open_jit(launcher, getpid()), -EACCES);
    unlink(path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    int fd = launcher_open_jit(launcher, getpid());
    assert_true(fd >= 0);
    close(fd);
    if (!geteuid()) {
        assert_int_equal(chown(path, 65534, 65534), 0);
        assert_int_equal(launcher_open_jit(launcher, getpid()), -EACCES);
    }
    unlink(path);
    launcher_free(launcher);
}

static int make_dir(void **state)
{
    (void)state;
    prctl(PR_SET_CHILD_SUBREAPER, 1); // orphans come here, so that they can be waited for
    return mkdtemp(tools_dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    char command[128];
    setenv("PATH", "/usr/bin:/bin", 1);
    snprintf(command, sizeof command, "rm -rf '%s'", tools_dir);
    return system(command);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shell_has_no_rights),
        cmocka_unit_test(a_tool_is_started_and_reaped),
        cmocka_unit_test(a_bad_request_is_refused_by_the_parent),
        cmocka_unit_test(an_absent_tool_is_named),
        cmocka_unit_test(nothing_is_left_behind),
        cmocka_unit_test(a_killed_launcher_takes_all_along),
        cmocka_unit_test(files_of_processes_are_opened),
        cmocka_unit_test(a_launcher_that_opens_files_starts_nothing),
        cmocka_unit_test(jit_maps_must_be_plain_files_of_the_process_user),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
