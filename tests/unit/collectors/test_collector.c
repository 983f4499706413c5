// Which options each collector heeds, and at which rate it samples: nothing is ignored.
#include "collectors/collector.h"
#include "tests/test.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static struct err err;

// Of "native" and the like, whether it serves this request, its options a NULL-terminated list.
static int serves(const char *collector, struct collect_request request, const char *const *options)
{
    err = (struct err){0};
    request.options = options;
    while (options && options[request.option_count])
        request.option_count++;
    return collector_serves(collector_by_name(collector), &request, &err);
}
#define OPTIONS(...)                                                                               \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

static const struct collect_request cpu = {.what = "cpu", .hz = 99};
static const struct collect_request preset = {.program = "BEGIN { }", .preset = "offcpu", .hz = 99};
static const struct collect_request program = {.program = "BEGIN { }", .hz = 99};

static void every_kind_of_ours_has_who_and_what(void **state)
{
    (void)state;
    static const char *const kinds[] = {"cpu",    "offcpu",        "wakeup",         "runq",
                                        "faults", "tp=sched:fork", "kprobe=vfs_read"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct collect_request request = {.what = kinds[i], .pid = 1};
        assert_int_equal(serves("native", request,
                                OPTIONS("tid=1", "comm=x", "cpu=0", "cgroup=/x", "kernel=off",
                                        "user=off", "depth=3")),
                         0);
    }
}

static void an_option_that_a_kind_lacks_is_refused(void **state)
{
    (void)state;
    struct collect_request offcpu = {.what = "offcpu"};
    assert_int_equal(serves("native", offcpu, OPTIONS("min=1ms")), 0);
    assert_int_equal(serves("native", offcpu, OPTIONS("live=on")), -EINVAL);
    assert_string_equal(err.message, "offcpu has no option 'live'");
    assert_int_equal(serves("native", cpu, OPTIONS("min=1ms")), -EINVAL);
    assert_string_equal(err.message, "cpu has no option 'min'");
    offcpu.hz_given = true;
    assert_int_equal(serves("native", offcpu, NULL), -EINVAL);
    assert_string_equal(err.message, "offcpu has no option 'hz'");
    assert_int_equal(serves("perf", cpu, OPTIONS("min=1ms")), -EINVAL);
    assert_string_equal(err.message, "it has no option 'min'");
    assert_int_equal(serves("bpftrace", cpu, OPTIONS("cgroup=/x")), -EINVAL);
}

static void perf_has_what_it_can_do_alone(void **state)
{
    (void)state;
    struct collect_request request = cpu;
    assert_int_equal(serves("perf", cpu, OPTIONS("comm=x", "cpu=0", "tid=1", "kernel=off")), 0);
    assert_int_equal(serves("perf", cpu, OPTIONS("cgroup=/x")), 0);
    assert_int_equal(serves("perf", cpu, OPTIONS("cgroup=/x", "tid=1")), -EINVAL);
    assert_int_equal(serves("perf", cpu, OPTIONS("depth=3")), -EINVAL);
    assert_string_equal(err.message, "depth: perf record takes whole stacks only");
    request.hz_given = true;
    assert_int_equal(serves("perf", request, NULL), 0);
    assert_int_equal(serves("perf", request, OPTIONS("period=1000")), -EINVAL);
    request.what = NULL;
    request.args = OPTIONS("-F", "99");
    request.arg_count = 2;
    assert_int_equal(serves("perf", request, NULL), -EINVAL);
}

static void a_program_of_the_users_is_left_as_it_is(void **state)
{
    (void)state;
    assert_int_equal(serves("bpftrace", preset, OPTIONS("tid=1", "comm=x", "depth=3")), 0);
    assert_int_equal(serves("bpftrace", program, OPTIONS("tid=1")), -EINVAL);
    assert_non_null(strstr(err.message, "says itself what it tells of"));
    struct collect_request request = preset;
    request.hz_given = true;
    assert_int_equal(serves("bpftrace", request, NULL), -EINVAL);
    assert_non_null(strstr(err.message, "bt:offcpu has no rate"));
}

static double rate(const char *collector, struct collect_request request,
                   const char *const *options)
{
    request.options = options;
    while (options && options[request.option_count])
        request.option_count++;
    return collector_by_name(collector)->rate_hz(&request);
}

static void a_rate_can_be_lowered_where_there_is_one(void **state)
{
    (void)state;
    struct collect_request request = {.what = "cpu", .hz = 999, .hz_most = 499};
    static const char *const names[] = {"native", "perf", "bpftrace"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(lround(rate(names[i], cpu, OPTIONS("comm=x"))), 99);
        assert_int_equal(lround(rate(names[i], request, OPTIONS("comm=x"))), 499);
    }
    assert_int_equal(lround(rate("native", cpu, OPTIONS("period=1000"))), 0);
    assert_int_equal(lround(rate("native", cpu, OPTIONS("event=migrations"))), 0);
    assert_int_equal(lround(rate("perf", cpu, OPTIONS("period=1000"))), 0);
    assert_int_equal(lround(rate("bpftrace", preset, NULL)), 0);
    assert_int_equal(lround(rate("bpftrace", program, NULL)), 0);
    const struct collect_request offcpu = {.what = "offcpu", .hz = 99};
    assert_int_equal(lround(rate("native", offcpu, NULL)), 0);
    struct collect_request own = {.args = OPTIONS("-aF", "999"), .arg_count = 2, .hz = 99};
    assert_int_equal(lround(rate("perf", own, NULL)), 999);
    own.args = OPTIONS("-F", "999");
    assert_int_equal(lround(rate("perf", own, NULL)), 999);
    own.hz_most = 249;
    assert_int_equal(lround(rate("perf", own, NULL)), 249);
    own.args = OPTIONS("-c", "1000");
    assert_int_equal(lround(rate("perf", own, NULL)), 0);
}

static void a_copy_stands_alone(void **state)
{
    (void)state;
    char what[] = "cpu", arg[] = "-g", option[] = "tid=1";
    const char *const args[] = {arg}, *const options[] = {option};
    struct collect_request copy, request = {.what = what,
                                            .args = args,
                                            .arg_count = 1,
                                            .options = options,
                                            .option_count = 1,
                                            .hz = 7};
    collect_request_copy(&copy, &request);
    memset(what, 'x', 3);
    memset(arg, 'x', 2);
    memset(option, 'x', 5);
    assert_string_equal(copy.what, "cpu");
    assert_string_equal(copy.args[0], "-g");
    assert_string_equal(copy.options[0], "tid=1");
    assert_null(copy.program);
    assert_int_equal(lround(copy.hz), 7);
    collect_request_dispose(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_ours_has_who_and_what),
        cmocka_unit_test(an_option_that_a_kind_lacks_is_refused),
        cmocka_unit_test(perf_has_what_it_can_do_alone),
        cmocka_unit_test(a_program_of_the_users_is_left_as_it_is),
        cmocka_unit_test(a_rate_can_be_lowered_where_there_is_one),
        cmocka_unit_test(a_copy_stands_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
