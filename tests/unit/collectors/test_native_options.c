// What flicker-collect understands of its arguments.
#include "collectors/native_options.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

static struct native_options options;
static struct err err;

static int parse(const char *const *words)
{
    int count = 0;
    const char *argv[16] = {"flicker-collect"};
    while (words[count] && count < 15) {
        argv[count + 1] = words[count];
        count++;
    }
    memset(&err, 0, sizeof err);
    return native_options_parse(&options, count + 1, (char *const *)argv, &err);
}
#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static void words_are_given_in_three_ways(void **state)
{
    (void)state;
    assert_int_equal(PARSE("cpu", "--hz", "499", "--for=1.5s", "depth=7", "kernel=off"), 0);
    assert_int_equal(options.kind, NATIVE_CPU);
    assert_int_equal(options.hz, 499);
    assert_int_equal(options.for_ns, 1500000000);
    assert_int_equal(options.depth, 7);
    assert_false(options.kernel);
    assert_true(options.user);
}

static void what_is_not_said_has_a_default(void **state)
{
    (void)state;
    assert_int_equal(PARSE("cpu"), 0);
    assert_int_equal(options.hz, 99);
    assert_int_equal(PARSE("cpu", "event=cycles", "period=1000000"), 0);
    assert_int_equal(options.hz, 0);
    assert_int_equal(PARSE("offcpu"), 0);
    assert_int_equal(options.min_ns, 10000);
    assert_int_equal(PARSE("offcpu", "min=1ns"), 0);
    assert_int_equal(options.min_ns, 1);
    assert_int_equal(PARSE("malloc", "pid=1"), 0);
    assert_int_equal(options.every_bytes, 64 << 10);
}

static void cpus_are_a_list(void **state)
{
    (void)state;
    assert_int_equal(PARSE("cpu"), 0);
    assert_true(native_wants_cpu(&options, 77));
    assert_int_equal(PARSE("cpu", "cpu=0,63-65,4095"), 0);
    assert_true(native_wants_cpu(&options, 0));
    assert_false(native_wants_cpu(&options, 1));
    assert_true(native_wants_cpu(&options, 64));
    assert_true(native_wants_cpu(&options, 4095));
    assert_false(native_wants_cpu(&options, 4096));
    const char *const bad[] = {"cpu=",    "cpu=x",    "cpu=1,",     "cpu=2-1",
                               "cpu=1-x", "cpu=4096", "cpu=0-4096", "cpu=-1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(PARSE("cpu", bad[i]), -EINVAL);
}

static void probes_name_their_target(void **state)
{
    (void)state;
    assert_int_equal(PARSE("uprobe=/lib/x.so:f", "value=arg0"), 0);
    assert_int_equal(options.kind, NATIVE_PROBE);
    assert_int_equal(options.probe, PROBE_UPROBE);
    assert_string_equal(options.target, "/lib/x.so:f");
    assert_string_equal(options.value, "arg0");
    assert_int_equal(PARSE("tp="), -EINVAL);
    assert_int_equal(PARSE("tp"), -EINVAL);
    assert_int_equal(PARSE("probe=x"), -EINVAL);
    assert_int_equal(PARSE("a probe"), -EINVAL);
}

static void sizes_have_suffixes(void **state)
{
    (void)state;
    assert_int_equal(PARSE("malloc", "pid=1", "every=2M"), 0);
    assert_int_equal(options.every_bytes, 2 << 20);
    assert_int_equal(PARSE("malloc", "pid=1", "every=1"), 0);
    assert_int_equal(options.every_bytes, 1);
    assert_int_equal(PARSE("malloc", "pid=1", "every=2000G"), -EINVAL);
    assert_int_equal(PARSE("malloc", "pid=1", "every=2T"), -EINVAL);
    assert_int_equal(PARSE("malloc", "pid=1K"), -EINVAL);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    assert_int_equal(PARSE("sounds"), -EINVAL);
    assert_non_null(strstr(err.message, "'sounds'"));
    assert_int_equal(PARSE("malloc"), -EINVAL);
    assert_non_null(strstr(err.message, "pid="));
    assert_int_equal(PARSE("offcpu", "hz=9"), -EINVAL);
    assert_non_null(strstr(err.message, "offcpu has no option 'hz'"));
    assert_int_equal(PARSE("malloc", "pid=1", "min=1s"), -EINVAL);
    assert_int_equal(PARSE("malloc", "pid=1", "min=1s", "live=on"), 0);
    assert_int_equal(PARSE("cpu", "pid=0"), -EINVAL);
    assert_int_equal(PARSE("cpu", "pid=9999999999999999999"), -EINVAL);
    assert_int_equal(PARSE("cpu", "for=5"), -EINVAL);
    assert_int_equal(PARSE("cpu", "for=-5s"), -EINVAL);
    assert_int_equal(PARSE("cpu", "kernel=maybe"), -EINVAL);
    assert_int_equal(PARSE("cpu", "comm="), -EINVAL);
    assert_int_equal(PARSE("cpu", "--depth"), -EINVAL);
    assert_int_equal(PARSE("cpu", "nonsense=1"), -EINVAL);
    assert_int_equal(PARSE("cpu", "depth=128"), -EINVAL);
    assert_int_equal(native_options_parse(&options, 1, NULL, &err), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_given_in_three_ways),
        cmocka_unit_test(what_is_not_said_has_a_default),
        cmocka_unit_test(cpus_are_a_list),
        cmocka_unit_test(probes_name_their_target),
        cmocka_unit_test(sizes_have_suffixes),
        cmocka_unit_test(what_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
