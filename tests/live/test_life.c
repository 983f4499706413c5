// A collector's life and death: stopped at any moment, killed, hung; the prompt never waits for it.
//
//     test_life COLLECTOR
#include "collectors/host.h"
#include "tests/live/live.h"
#include "tests/test.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static struct launcher *launcher;
static const char *name;
static const struct collect_request whole_host = {.what = "cpu", .hz = 99};

static struct recording_status status_of(const struct recording *recording)
{
    struct recording_status status;
    recording_status(recording, &status);
    return status;
}

static bool waited(const struct recording *recording, void *arg)
{
    return host_now_ns() - status_of(recording).started_ns >= *(int64_t *)arg;
}

// Every start is followed by a stop a little later: before, while and after it attaches.
static void twenty_of_twenty_stop(void **state)
{
    (void)state;
    const struct collector *collector = live_need(launcher, name);
    int64_t longest_ms = 0;
    for (int i = 0; i < 20; i++) {
        struct live live;
        live_init(&live);
        int64_t delay_ns = i * INT64_C(25000000);
        struct recording *recording = live_start(&live, launcher, collector, &whole_host);
        assert_true(live_run(recording, waited, &delay_ns, 60));
        int64_t stop_ns = host_now_ns();
        recording_stop(recording);
        assert_true(live_run(recording, NULL, NULL, 60));
        struct recording_status status = status_of(recording);
        assert_int_equal(status.state, RECORDING_ENDED);
        assert_string_equal(status.why_ended, "stopped"); // by itself, not killed
        int64_t took_ms = (status.ended_ns - stop_ns) / 1000000;
        longest_ms = took_ms > longest_ms ? took_ms : longest_ms;
        recording_free(recording);
        live_dispose(&live);
    }
    printf("20 of 20 stopped, the slowest in %d ms\n", (int)longest_ms);
}

static void a_killed_collector_is_said_and_its_data_kept(void **state)
{
    (void)state;
    struct live live;
    live_init(&live);
    const struct collector *collector = live_need(launcher, name);
    struct recording *recording = live_start(&live, launcher, collector, &whole_host);
    assert_true(live_run(recording, live_has_samples, NULL, 60));
    assert_int_equal(kill(status_of(recording).pid, SIGKILL), 0);
    assert_true(live_run(recording, NULL, NULL, 60));
    assert_non_null(strstr(status_of(recording).why_ended, "killed by signal 9"));
    assert_true(live.count > 0);
    recording_free(recording);
    live_dispose(&live);
}

static void a_hung_collector_is_killed_in_the_end(void **state)
{
    (void)state;
    struct live live;
    live_init(&live);
    const struct collector *collector = live_need(launcher, name);
    struct recording *recording = live_start(&live, launcher, collector, &whole_host);
    assert_true(live_run(recording, live_has_samples, NULL, 60));
    assert_int_equal(kill(status_of(recording).pid, SIGSTOP), 0);
    recording_stop(recording);
    assert_true(live_run(recording, NULL, NULL, 60));
    assert_non_null(strstr(status_of(recording).why_ended, "was killed"));
    recording_free(recording);
    live_dispose(&live);
    // A second stop does not wait.
    live_init(&live);
    recording = live_start(&live, launcher, collector, &whole_host);
    assert_int_equal(kill(status_of(recording).pid, SIGSTOP), 0);
    recording_stop(recording);
    recording_stop(recording);
    assert_true(live_run(recording, NULL, NULL, 60));
    recording_free(recording);
    live_dispose(&live);
}

// The handle may be dropped at any time; the launcher ends the rest.
static void a_dropped_recording_leaves_nothing(void **state)
{
    (void)state;
    struct live live;
    live_init(&live);
    const struct collector *collector = live_need(launcher, name);
    struct recording *recording = live_start(&live, launcher, collector, &whole_host);
    pid_t pid = status_of(recording).pid;
    recording_free(recording);
    bool gone = false;
    for (int i = 0; i < 1000 && !gone; i++) {
        gone = kill(pid, 0) != 0;
        poll(NULL, 0, 10);
    }
    assert_true(gone);
    live_dispose(&live);
}

int main(int argc, char **argv)
{
    launcher = live_launcher();
    name = argc > 1 ? argv[1] : "perf";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twenty_of_twenty_stop),
        cmocka_unit_test(a_killed_collector_is_said_and_its_data_kept),
        cmocka_unit_test(a_hung_collector_is_killed_in_the_end),
        cmocka_unit_test(a_dropped_recording_leaves_nothing),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    launcher_free(launcher);
    return failed;
}
