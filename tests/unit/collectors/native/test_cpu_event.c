// What is sampled when no event is named, on hosts of all kinds.
#include "collectors/native/cpu_event.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

struct host {
    int answer;
    struct perf_event_attr asked;
};

static int answer(void *arg, const struct perf_event_attr *attr)
{
    struct host *host = arg;
    host->asked = *attr;
    return host->answer;
}

static struct native_options parsed(const char *more)
{
    const char *const words[] = {"flicker-collect", "cpu", "hz=1000", more};
    struct native_options options;
    struct err err;
    assert_int_equal(native_options_parse(&options, more ? 4 : 3, (char *const *)words, &err), 0);
    return options;
}

static struct native_options choose(struct host *host, uint64_t cycles_hz, const char *more,
                                    struct err *note)
{
    struct native_options options = parsed(more);
    const struct cpu_event_probe probe = {answer, host, cycles_hz};
    cpu_event_choose(&options, &probe, note);
    return options;
}

static void a_pmu_counts_cycles_of_fixed_length(void **state)
{
    (void)state;
    struct host host = {.answer = 0};
    struct err note;
    struct native_options options = choose(&host, 2500000000, NULL, &note);
    assert_int_equal(host.asked.type, PERF_TYPE_HARDWARE);
    assert_int_equal(host.asked.config, PERF_COUNT_HW_REF_CPU_CYCLES);
    assert_string_equal(options.event, "ref-cycles");
    assert_int_equal(options.period, 2500000);
    assert_int_equal(options.sample_ns, 1000000);
    assert_int_equal(note.code, 0);
}

static void without_a_pmu_it_is_the_clock(void **state)
{
    (void)state;
    const int answers[] = {-ENOENT, -EOPNOTSUPP, -ENODEV, -EACCES};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct host host = {.answer = answers[i]};
        struct err note;
        struct native_options options = choose(&host, 2500000000, NULL, &note);
        assert_null(options.event);
        assert_int_equal(options.period, 0);
        assert_int_equal(options.sample_ns, 0);
        assert_int_equal(note.code, 0); // `doctor` tells
    }
}

static void a_pmu_that_cannot_be_used_is_told(void **state)
{
    (void)state;
    struct host busy = {.answer = -EBUSY}, unknown = {.answer = 0};
    struct err note;
    assert_null(choose(&busy, 2500000000, NULL, &note).event);
    assert_int_equal(note.code, -EBUSY);
    assert_non_null(strstr(note.message, "cpu-clock is sampled"));
    assert_null(choose(&unknown, 0, NULL, &note).event);
    assert_non_null(strstr(note.message, "how fast"));
}

static void who_names_an_event_gets_it(void **state)
{
    (void)state;
    struct host host = {.answer = 0};
    struct err note;
    struct native_options options = choose(&host, 2500000000, "event=cpu-clock", &note);
    assert_string_equal(options.event, "cpu-clock");
    assert_int_equal(options.sample_ns, 0);
    assert_int_equal(host.asked.size, 0); // nobody was asked
}

static void this_host_gives_an_answer(void **state)
{
    (void)state;
    struct native_options options = parsed(NULL);
    const struct cpu_event_probe probe = cpu_event_host();
    struct err note;
    cpu_event_choose(&options, &probe, &note);
    assert_true(!options.event == !options.sample_ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pmu_counts_cycles_of_fixed_length),
        cmocka_unit_test(without_a_pmu_it_is_the_clock),
        cmocka_unit_test(a_pmu_that_cannot_be_used_is_told),
        cmocka_unit_test(who_names_an_event_gets_it),
        cmocka_unit_test(this_host_gives_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
