// The demo's workload: its threads, its names, and that nothing of it stays behind.
#include "shell/demo_workload.h"
#include "tests/test.h"

#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_S = 60 };

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

static pid_t start(int *stdin_end)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(fds[0], STDIN_FILENO);
        close(fds[0]);
        close(fds[1]);
        _exit(demo_workload_run());
    }
    close(fds[0]);
    *stdin_end = fds[1];
    return pid;
}

static size_t threads_named(pid_t pid, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *dir = opendir(path);
    size_t found = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
        char comm_path[512], comm[64] = "";
        snprintf(comm_path, sizeof comm_path, "%s/%s/comm", path, entry->d_name);
        FILE *file = fopen(comm_path, "r");
        if (!file)
            continue;
        if (fgets(comm, sizeof comm, file))
            comm[strcspn(comm, "\n")] = '\0';
        fclose(file);
        found += strcmp(comm, name) == 0;
    }
    if (dir)
        closedir(dir);
    return found;
}

// Itself and four workers.
static bool wait_for_workers(pid_t pid)
{
    for (int i = 0; i < WAIT_S * 100; i++) {
        if (threads_named(pid, "demo") >= 5)
            return true;
        nap();
    }
    return false;
}

static void test_four_workers_called_demo_end_with_stdin(void **state)
{
    (void)state;
    int stdin_end;
    pid_t pid = start(&stdin_end);
    assert_true(wait_for_workers(pid));
    assert_int_equal(getsid(pid), pid); // Ctrl-C in the shell's terminal does not reach it
    close(stdin_end);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_it_ends_with_its_parent(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t parent = fork();
    assert_true(parent >= 0);
    if (parent == 0) {
        int stdin_end; // lives on in our own parent's sight: only the death of this process counts
        pid_t pid = start(&stdin_end);
        if (!wait_for_workers(pid) || write(fds[1], &pid, sizeof pid) != sizeof pid)
            _exit(1);
        pause();
        _exit(0);
    }
    pid_t workload;
    assert_int_equal(read(fds[0], &workload, sizeof workload), sizeof workload);
    kill(parent, SIGKILL);
    waitpid(parent, NULL, 0);
    for (int i = 0; i < WAIT_S * 100 && threads_named(workload, "demo"); i++)
        nap();
    assert_int_equal(threads_named(workload, "demo"), 0);
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_four_workers_called_demo_end_with_stdin),
        cmocka_unit_test(test_it_ends_with_its_parent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
