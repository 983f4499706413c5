// The shell killed at random moments: nothing of it goes on running. And who has which rights while
// it records.
//
//     test_orphans COLLECTOR [ROUNDS]
#include "collectors/host.h"
#include "tests/live/live.h"
#include "tests/test.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *name;
static int rounds = 20;

// The shell: records until it is killed. Tells its pid and the collector's.
static _Noreturn void be_shell(int fd, bool wait_samples)
{
    struct live live;
    live_init(&live);
    struct launcher *launcher = live_launcher();
    const struct collector *collector = collector_by_name(name);
    const struct collect_request request = {.what = "cpu", .hz = 99};
    pid_t pids[2] = {getpid(), 0};
    if (!wait_samples && write(fd, pids, sizeof pids) < 0)
        _exit(1);
    struct recording *recording = live_start(&live, launcher, collector, &request);
    if (wait_samples) {
        struct recording_status status;
        live_run(recording, live_has_samples, NULL, 60);
        recording_status(recording, &status);
        pids[1] = status.pid;
        if (write(fd, pids, sizeof pids) < 0)
            _exit(1);
    }
    live_run(recording, NULL, NULL, 3600);
    _exit(0);
}

static pid_t start_shell(pid_t pids[2], bool wait_samples)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        be_shell(fds[1], wait_samples);
    close(fds[1]);
    assert_int_equal(read(fds[0], pids, 2 * sizeof *pids), 2 * sizeof *pids);
    close(fds[0]);
    return pid;
}

// All descendants come to this process when their parents die; returns ms until the last has gone.
static int64_t wait_all_gone(void)
{
    int64_t start_ns = host_now_ns(), now_ns = start_ns;
    for (;;) {
        pid_t pid = waitpid(-1, NULL, WNOHANG);
        now_ns = host_now_ns();
        if (pid < 0 && errno == ECHILD)
            return (now_ns - start_ns) / 1000000;
        assert_true(now_ns - start_ns < INT64_C(20000000000));
        if (pid == 0)
            poll(NULL, 0, 2);
    }
}

static void nothing_outlives_the_shell(void **state)
{
    (void)state;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    srandom((unsigned)getpid());
    int64_t longest_ms = 0;
    for (int i = 0; i < rounds; i++) {
        pid_t pids[2];
        start_shell(pids, false);
        poll(NULL, 0, (int)(random() % 1200));
        assert_int_equal(kill(pids[0], SIGKILL), 0);
        int64_t took_ms = wait_all_gone();
        longest_ms = took_ms > longest_ms ? took_ms : longest_ms;
    }
    printf("%d kills, the last process gone after at most %d ms\n", rounds, (int)longest_ms);
}

static void read_status(pid_t pid, char uid[64], char cap[64])
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        if (!strncmp(line, "Uid:", 4))
            sscanf(line, "Uid: %63s", uid);
        if (!strncmp(line, "CapEff:", 7))
            sscanf(line, "CapEff: %63s", cap);
    }
    fclose(file);
}

static void only_the_launcher_and_collectors_have_rights(void **state)
{
    (void)state;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    setenv("SUDO_UID", "65534", 1);
    setenv("SUDO_GID", "65534", 1);
    pid_t pids[2];
    pid_t launcher = start_shell(pids, true);
    unsetenv("SUDO_UID");
    unsetenv("SUDO_GID");
    char uid[3][64], cap[3][64];
    const pid_t all[] = {launcher, pids[0], pids[1]};
    static const char *const who[] = {"launcher", "shell", "collector"};
    for (int i = 0; i < 3; i++) {
        read_status(all[i], uid[i], cap[i]);
        printf("%-10s uid %s CapEff %s\n", who[i], uid[i], cap[i]);
    }
    assert_string_equal(uid[0], "0");
    assert_string_equal(uid[1], "65534");
    assert_string_equal(cap[1], "0000000000000000");
    assert_string_equal(uid[2], "0");
    kill(pids[0], SIGKILL);
    wait_all_gone();
}

int main(int argc, char **argv)
{
    name = argc > 1 ? argv[1] : "perf";
    rounds = argc > 2 ? atoi(argv[2]) : rounds;
    if (geteuid())
        live_skip("needs root");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_launcher_and_collectors_have_rights),
        cmocka_unit_test(nothing_outlives_the_shell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
