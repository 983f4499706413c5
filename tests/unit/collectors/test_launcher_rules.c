// What the launcher may be asked to run, and what it refuses.
#include "collectors/launcher_rules.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static int check(enum launcher_tool tool, const char *const *args, struct err *err)
{
    *err = (struct err){0};
    int status = launcher_check_args(tool, args, err);
    assert_int_equal(status, err->code);
    return status;
}

static void perf_options_pass(void **state)
{
    (void)state;
    struct err err;
    const char *const *good[] = {
        ARGS("-F", "99", "-a", "-g"),
        ARGS("-F99", "-ag"),
        ARGS("-agF99", "-e", "cpu-clock"),
        ARGS("-agF", "99"),
        ARGS("--call-graph", "dwarf,8192", "-p", "1"),
        ARGS("--call-graph=dwarf,8192", "--pid=1"),
        ARGS("-e", "sched:sched_switch", "--filter", "prev_state == 1"),
        ARGS("-e", "cpu/event=0x3c/,mem_load_retired.l3_miss"),
        ARGS("-e", "{cycles,instructions}:S"),
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(check(LAUNCHER_PERF_RECORD, good[i], &err), 0);
}

static void perf_options_that_write_or_run_are_refused(void **state)
{
    (void)state;
    struct err err;
    const char *const *bad[] = {
        ARGS("-o", "/etc/passwd"),
        ARGS("-o/etc/passwd"),
        ARGS("-ago", "/etc/passwd"),
        ARGS("--output=/etc/passwd"),
        ARGS("--outp", "/etc/passwd"),
        ARGS("--clang-path", "/tmp/x"),
        ARGS("--control", "fifo:/tmp/x"),
        ARGS("--switch-output"),
        ARGS("--kcore"),
        ARGS("--debuginfod=http://x"),
        ARGS("-e", "/tmp/evil.o"),
        ARGS("-e", "cycles,/tmp/evil.c/x=1/"),
        ARGS("-ae", "/tmp/evil.bpf"),
        ARGS("-e/tmp/evil.o"),
        ARGS("--event=./evil.o"),
        ARGS("--event", "./evil.o"),
        ARGS("-a", "sleep", "1"),
        ARGS("-a", "--", "sleep", "1"),
        ARGS("-"),
        ARGS("--exec-path=/tmp"),
        ARGS("--all-cpus=1"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(check(LAUNCHER_PERF_RECORD, bad[i], &err), -EINVAL);
        assert_non_null(strstr(err.message, "perf"));
    }
}

static void a_missing_value_is_said(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(check(LAUNCHER_PERF_RECORD, ARGS("-a", "-F"), &err), -EINVAL);
    assert_non_null(strstr(err.message, "'-F'"));
    assert_int_equal(check(LAUNCHER_BPFTRACE, ARGS("-e"), &err), -EINVAL);
}

static void bpftrace_runs_a_given_program_only(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(check(LAUNCHER_BPFTRACE, ARGS("-f", "json", "-e", "BEGIN{}"), &err), 0);
    assert_int_equal(check(LAUNCHER_BPFTRACE, ARGS("-e", "BEGIN{}", "123", "x"), &err), 0);
    assert_int_equal(check(LAUNCHER_BPFTRACE, ARGS("-l"), &err), 0); // lists its probes
    assert_int_equal(check(LAUNCHER_BPFTRACE, ARGS("--version"), &err), 0);
    const char *const *bad[] = {
        ARGS("-l", "*"),
        ARGS("-l", "-e", "BEGIN{}"),
        ARGS("--unsafe", "-e", "BEGIN{}"),
        ARGS("-e", "BEGIN{}", "--unsafe"),
        ARGS("-e", "BEGIN{}", "1", "-o", "/etc/passwd"),
        ARGS("-o", "/etc/passwd", "-e", "BEGIN{}"),
        ARGS("-c", "id", "-e", "BEGIN{}"),
        ARGS("-I", "/tmp", "-e", "BEGIN{}"),
        ARGS("/tmp/file.bt"),
        ARGS("-q"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(check(LAUNCHER_BPFTRACE, bad[i], &err), -EINVAL);
}

static void only_known_variables_pass(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(launcher_check_environment(NULL, &err), 0);
    assert_int_equal(launcher_check_environment(ARGS("BPFTRACE_NO_USER_SYMBOLS=1"), &err), 0);
    assert_int_equal(launcher_check_environment(ARGS("LD_PRELOAD=/tmp/x.so"), &err), -EINVAL);
    assert_int_equal(launcher_check_environment(ARGS("BPFTRACE_NO_USER_SYMBOLS"), &err), -EINVAL);
    assert_int_equal(launcher_check_environment(ARGS("BPFTRACE_VMLINUX=/x"), &err), -EINVAL);
}

static void an_unknown_tool_is_refused(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(check((enum launcher_tool)77, ARGS("-a"), &err), -EPERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(perf_options_pass),
        cmocka_unit_test(perf_options_that_write_or_run_are_refused),
        cmocka_unit_test(a_missing_value_is_said),
        cmocka_unit_test(bpftrace_runs_a_given_program_only),
        cmocka_unit_test(only_known_variables_pass),
        cmocka_unit_test(an_unknown_tool_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
