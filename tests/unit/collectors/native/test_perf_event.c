// Perf events by name.
#include "collectors/native/perf_event.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

static struct err err;

static int find(struct perf_event_attr *attr, const char *name)
{
    memset(attr, 0, sizeof *attr);
    return perf_event_find(attr, name, &err);
}

static void names_are_those_of_perf(void **state)
{
    (void)state;
    struct perf_event_attr attr;
    assert_int_equal(find(&attr, "cpu-clock"), 0);
    assert_true(perf_event_is_clock(&attr) && !perf_event_is_counted(&attr));
    assert_int_equal(find(&attr, "context-switches"), 0);
    assert_true(!perf_event_is_clock(&attr) && perf_event_is_counted(&attr));
    assert_int_equal(find(&attr, "instructions"), 0);
    assert_int_equal(attr.type, PERF_TYPE_HARDWARE);
    assert_false(perf_event_is_counted(&attr));
    assert_int_equal(find(&attr, "LLC-load-misses"), 0);
    assert_int_equal(attr.type, PERF_TYPE_HW_CACHE);
    assert_int_equal(attr.config, 0x10002);
    assert_int_equal(find(&attr, "r1A8"), 0);
    assert_int_equal(attr.type, PERF_TYPE_RAW);
    assert_int_equal(attr.config, 0x1a8);
}

static void others_are_not_there(void **state)
{
    (void)state;
    struct perf_event_attr attr;
    const char *const bad[] = {"",     "cpu-clocks", "r",   "rxyz",       "r1a8x",
                               "LLC-", "no/such/",   "cpu", "../type/x/", "msr/../x/",
                               "a:b",  "/",          "//",  "LLC-loads-x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(find(&attr, bad[i]), -ENOENT);
    assert_int_equal(find(&attr, "sched:sched_switch"), -ENOENT);
    assert_non_null(strstr(err.message, "tp=SYSTEM:NAME"));
}

static void it_is_said_why_not(void **state)
{
    (void)state;
    struct perf_event_attr attr;
    assert_int_equal(find(&attr, "cycles"), 0);
    assert_int_equal(perf_event_why_not(&attr, "cycles", -EACCES, &err), -EACCES);
    assert_non_null(strstr(err.message, "root"));
    assert_int_equal(perf_event_why_not(&attr, "cycles", -EINVAL, &err), -EINVAL);
    assert_non_null(strstr(err.message, "'cycles'"));
    assert_int_equal(perf_event_why_not(&attr, "cycles", -ENOENT, &err), -ENOENT);
    assert_non_null(strstr(err.message, "'cycles'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_those_of_perf),
        cmocka_unit_test(others_are_not_there),
        cmocka_unit_test(it_is_said_why_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
