// Every collector of `cpu` finds the shares of a load of known shape, and names its functions.
//
//     test_shares COLLECTOR
#include "tests/live/live.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

static struct launcher *launcher;
static const char *name;

struct wanted {
    const struct live *live;
    int32_t pid;
    size_t count;
};

// On a crowded host a load gets little time: what is waited for is samples, not seconds.
static bool has_wanted(const struct recording *recording, void *arg)
{
    (void)recording;
    const struct wanted *wanted = arg;
    return live_count(wanted->live, wanted->pid, NULL) >= wanted->count;
}

static void shares_are_found(void **state)
{
    (void)state;
    struct live live;
    live_init(&live);
    const struct collector *collector = live_need(launcher, name);
    pid_t spin = live_workload("spin", (const char *const[]){"600", "2", NULL});
    const struct collect_request request = {.what = "cpu", .hz = 499};
    struct wanted wanted = {&live, spin, 1200};
    struct recording *recording = live_start(&live, launcher, collector, &request);
    assert_true(live_run(recording, has_wanted, &wanted, 200));
    recording_stop(recording);
    assert_true(live_run(recording, NULL, NULL, 60));
    live_workload_end(spin);
    printf("%s", bytes_text(&live.messages));
    assert_true(live.hello);
    assert_string_equal(live.collector, name);
    live_assert_spin(&live, spin, 1000);
    struct recording_status status;
    recording_status(recording, &status);
    assert_int_equal(status.state, RECORDING_ENDED);
    assert_string_equal(status.why_ended, "stopped");
    assert_non_null(status.report);
    assert_int_equal(status.report->skipped, 0);
    // Times are CLOCK_MONOTONIC of this recording; CPU samples carry their period.
    for (size_t i = 0; i < live.count; i++) {
        const struct sample *sample = &live.samples[i];
        assert_in_range(sample->time_ns, status.started_ns, status.ended_ns);
        assert_in_range(sample->value, 1000000000 / 499 - 2000, 1000000000 / 499 + 2000);
        assert_true(sample->cpu < 4096);
    }
    recording_free(recording);
    live_dispose(&live);
}

static void one_process_is_watched(void **state)
{
    (void)state;
    struct live live;
    live_init(&live);
    const struct collector *collector = live_need(launcher, name);
    pid_t spin = live_workload("spin", (const char *const[]){"600", NULL});
    pid_t other = live_workload("spin", (const char *const[]){"600", NULL});
    const struct collect_request request = {.what = "cpu", .hz = 199, .pid = spin};
    struct recording *recording = live_start(&live, launcher, collector, &request);
    struct wanted wanted = {&live, spin, 50};
    assert_true(live_run(recording, has_wanted, &wanted, 200));
    live_workload_end(spin); // the recording ends with its target
    assert_true(live_run(recording, NULL, NULL, 60));
    live_workload_end(other);
    printf("%s", bytes_text(&live.messages));
    size_t own = live_count(&live, spin, NULL);
    assert_true(own >= 50);
    assert_int_equal(own, live_count(&live, 0, NULL));
    recording_free(recording);
    live_dispose(&live);
}

static void it_ends_when_its_time_is_up(void **state)
{
    (void)state;
    struct live live;
    live_init(&live);
    const struct collect_request request = {.what = "cpu", .for_ns = INT64_C(700000000)};
    struct recording *recording = live_start(&live, launcher, live_need(launcher, name), &request);
    assert_true(live_run(recording, NULL, NULL, 60));
    struct recording_status status;
    recording_status(recording, &status);
    assert_string_equal(status.why_ended, "its time was up");
    assert_true(live.count > 0);
    recording_free(recording);
    live_dispose(&live);
}

int main(int argc, char **argv)
{
    launcher = live_launcher();
    name = argc > 1 ? argv[1] : "perf";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_found),
        cmocka_unit_test(one_process_is_watched),
        cmocka_unit_test(it_ends_when_its_time_is_up),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    launcher_free(launcher);
    return failed;
}
