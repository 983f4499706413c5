// What our own collector measures beside CPU time, against a program that knows the truth.
#include "collectors/host.h"
#include "tests/live/live.h"
#include "tests/test.h"

#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct launcher *launcher;

// Sum of the values of a process' samples with this frame.
static uint64_t total(const struct live *live, int32_t pid, const char *frame)
{
    struct live one = *live;
    uint64_t sum = 0;
    one.count = 1;
    for (size_t i = 0; i < live->count; i++) {
        one.samples = live->samples + i;
        if (live_count(&one, pid, frame))
            sum += one.samples->value;
    }
    return sum;
}

// The workload with its stdout in *out.
static pid_t start_known(int *out)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    dup2(fds[1], STDOUT_FILENO);
    pid_t pid = live_workload("known", NULL);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(fds[1]);
    *out = fds[0];
    return pid;
}

// Lets it do its work while it is recorded; returns what it says.
static int64_t work(struct recording *recording, pid_t pid, int out)
{
    char text[64] = "";
    assert_true(live_run(recording, live_is_running, NULL, 60));
    assert_int_equal(kill(pid, SIGUSR1), 0);
    struct pollfd wait = {out, POLLIN, 0};
    while (!poll(&wait, 1, 20))
        assert_true(recording_tick(recording, host_now_ns()));
    assert_true(read(out, text, sizeof text - 1) > 0);
    recording_stop(recording);
    assert_true(live_run(recording, NULL, NULL, 60));
    return atoll(text);
}

static void blocked_time_is_what_it_was(void **state)
{
    (void)state;
    struct live live;
    live_init(&live);
    int out = -1;
    pid_t pid = start_known(&out);
    const struct collect_request request = {.what = "offcpu", .pid = pid};
    struct recording *recording =
        live_start(&live, launcher, live_need(launcher, "native"), &request);
    int64_t truth_ns = work(recording, pid, out);
    uint64_t found_ns = total(&live, pid, "do_sleeps");
    printf("%s", bytes_text(&live.messages));
    printf("blocked %.2f ms by its own clock, %.2f ms found\n", (double)truth_ns / 1e6,
           (double)found_ns / 1e6);
    assert_true(found_ns >= 10 * UINT64_C(50000000));
    assert_true((double)found_ns >= (double)truth_ns * 0.98 - 5e6);
    assert_true((double)found_ns <= (double)truth_ns * 1.02 + 5e6);
    live_workload_end(pid);
    close(out);
    recording_free(recording);
    live_dispose(&live);
}

static bool second_is_told(const struct recording *recording, void *arg)
{
    (void)recording;
    return total(arg, 0, NULL) > UINT64_C(1800000000);
}

// A thread that hangs is seen while it hangs, and in pieces.
static void a_hanging_thread_is_seen(void **state)
{
    (void)state;
    struct live live;
    live_init(&live);
    int out = -1;
    pid_t pid = start_known(&out);
    const struct collect_request request = {.what = "offcpu", .pid = pid};
    struct recording *recording =
        live_start(&live, launcher, live_need(launcher, "native"), &request);
    assert_true(live_run(recording, live_is_running, NULL, 60));
    assert_int_equal(kill(pid, SIGUSR1), 0); // it works, and then waits for ever
    assert_true(live_run(recording, second_is_told, &live, 60));
    for (size_t i = 0; i < live.count; i++)
        assert_true(live.samples[i].value < UINT64_C(1500000000));
    recording_stop(recording);
    assert_true(live_run(recording, NULL, NULL, 60));
    live_workload_end(pid);
    close(out);
    recording_free(recording);
    live_dispose(&live);
}

static void every_fault_is_counted(void **state)
{
    (void)state;
    struct live live;
    live_init(&live);
    int out = -1;
    pid_t pid = start_known(&out);
    const struct collect_request request = {.what = "faults", .pid = pid};
    struct recording *recording =
        live_start(&live, launcher, live_need(launcher, "native"), &request);
    work(recording, pid, out);
    assert_int_equal(live_count(&live, pid, "touch_pages"), 256);
    assert_int_equal(total(&live, pid, "touch_pages"), 256);
    assert_int_equal(live.lost, 0);
    live_workload_end(pid);
    close(out);
    recording_free(recording);
    live_dispose(&live);
}

int main(void)
{
    launcher = live_launcher();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocked_time_is_what_it_was),
        cmocka_unit_test(a_hanging_thread_is_seen),
        cmocka_unit_test(every_fault_is_counted),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    launcher_free(launcher);
    return failed;
}
