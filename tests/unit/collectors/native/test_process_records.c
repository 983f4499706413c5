// Records of processes: put in order, and without those that nobody will ask for.
#include "collectors/native/process_records.h"
#include "tests/test.h"

#include <linux/perf_event.h>
#include <string.h>
#include <sys/mman.h>

struct task { // a fork, or an exit
    struct perf_event_header header;
    uint32_t pid, parent_pid, tid, parent_tid;
    uint64_t started_ns, time_ns;
};

struct exec {
    struct perf_event_header header;
    uint32_t pid, tid;
    char comm[8];
    uint64_t time_ns;
};

struct map {
    struct perf_event_header header;
    uint32_t pid, tid;
    uint64_t start, len, file_offset;
    uint32_t major, minor;
    uint64_t inode, inode_generation;
    uint32_t protection, flags;
    char path[8];
    uint64_t time_ns;
};

static void add_task(struct process_records *records, uint32_t type, uint32_t parent, uint32_t pid,
                     uint32_t tid, uint64_t time_ns)
{
    const struct task task = {
        .header = {.type = type, .size = sizeof task},
        .pid = pid,
        .parent_pid = parent,
        .tid = tid,
        .parent_tid = parent,
        .started_ns = time_ns,
        .time_ns = time_ns,
    };
    process_records_add(records, &task, sizeof task);
}

static void fork_at(struct process_records *records, uint32_t parent, uint32_t pid,
                    uint64_t time_ns)
{
    add_task(records, PERF_RECORD_FORK, parent, pid, pid, time_ns);
}

static void exit_at(struct process_records *records, uint32_t pid, uint64_t time_ns)
{
    add_task(records, PERF_RECORD_EXIT, 1, pid, pid, time_ns);
}

static void exec_at(struct process_records *records, uint32_t pid, uint64_t time_ns)
{
    const struct exec exec = {
        .header = {PERF_RECORD_COMM, PERF_RECORD_MISC_COMM_EXEC, sizeof exec},
        .pid = pid,
        .tid = pid,
        .comm = "true",
        .time_ns = time_ns,
    };
    const struct map map = {
        .header = {PERF_RECORD_MMAP2, 0, sizeof map},
        .pid = pid,
        .tid = pid,
        .start = 0x1000,
        .len = 0x1000,
        .inode = 3,
        .protection = PROT_EXEC,
        .path = "/x/true",
        .time_ns = time_ns + 1,
    };
    process_records_add(records, &exec, sizeof exec);
    process_records_add(records, &map, sizeof map);
}

static void forget(struct process_records *records)
{
    struct launcher *launcher = launcher_local();
    struct symbols *symbols = symbols_new(launcher);
    process_records_apply(records, symbols, INT64_MAX);
    assert_true(process_records_next_ns(records) == INT64_MAX);
    symbols_free(symbols);
    launcher_free(launcher);
}

static void who_came_and_went_is_left_out(void **state)
{
    (void)state;
    struct process_records *records = process_records_new();
    // As they come: each CPU's in order, not all of them.
    exec_at(records, 100, 20);
    exit_at(records, 100, 30);
    fork_at(records, 10, 100, 10);
    assert_int_equal(process_records_order(records, 1000), 0);
    fork_at(records, 10, 101, 10);
    exec_at(records, 101, 20);
    assert_int_equal(process_records_order(records, 1000), 3); // it lives on
    forget(records);
    exit_at(records, 101, 30);
    assert_int_equal(process_records_order(records, 1000), 1); // its beginning was told
    forget(records);
    process_records_free(records);
}

static void who_is_wanted_is_followed(void **state)
{
    (void)state;
    struct process_records *records = process_records_new();
    process_records_want(records, 100);
    for (int i = 0; i < 2; i++) { // once: the next time it is not wanted any more
        fork_at(records, 10, 100, 10);
        exec_at(records, 100, 20);
        exit_at(records, 100, 30);
        assert_int_equal(process_records_order(records, 1000), i ? 0 : 4);
        forget(records);
    }
    process_records_free(records);
}

static void a_parent_of_one_who_is_followed_is_followed(void **state)
{
    (void)state;
    struct process_records *records = process_records_new();
    fork_at(records, 10, 100, 10);
    exec_at(records, 100, 20);
    fork_at(records, 100, 101, 30);
    fork_at(records, 101, 102, 40); // it begins with what 100 had mapped
    exit_at(records, 100, 50);
    exit_at(records, 101, 60);
    process_records_want(records, 102);
    assert_int_equal(process_records_order(records, 1000), 7);
    forget(records);
    process_records_free(records);
}

static void an_end_after_the_last_event_is_no_end_yet(void **state)
{
    (void)state;
    struct process_records *records = process_records_new();
    fork_at(records, 10, 100, 10);
    exit_at(records, 100, 30);
    assert_int_equal(process_records_order(records, 30), 2);
    forget(records);
    // A thread that ends is not its process.
    fork_at(records, 10, 100, 10);
    add_task(records, PERF_RECORD_FORK, 100, 100, 105, 15);
    add_task(records, PERF_RECORD_EXIT, 10, 100, 105, 20);
    assert_int_equal(process_records_order(records, 1000), 3);
    forget(records);
    process_records_free(records);
}

static void starts_of_threads_are_known(void **state)
{
    (void)state;
    struct process_records *records = process_records_new();
    add_task(records, PERF_RECORD_FORK, 100, 100, 105, 15);
    assert_int_equal(process_records_order(records, 1000), 1);
    assert_int_equal(process_records_start_of(records, 105), 0);
    forget(records);
    assert_int_equal(process_records_start_of(records, 105), 15);
    process_records_free(records);
}

// There is always one that waits, as when events are held back: the next ones join it.
static void those_that_wait_are_kept(void **state)
{
    (void)state;
    enum { ROUNDS = 60, EACH = 1000 };
    struct process_records *records = process_records_new();
    struct launcher *launcher = launcher_local();
    struct symbols *symbols = symbols_new(launcher);
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        for (uint32_t i = 0; i < EACH; i++)
            fork_at(records, 10, 100 + i, round);
        assert_int_equal(process_records_order(records, 0), round == 1 ? EACH : 2 * EACH);
        process_records_apply(records, symbols, (int64_t)round - 1);
        assert_int_equal(process_records_next_ns(records), round);
        for (int32_t i = 0; i < EACH; i++)
            assert_int_equal(process_records_start_of(records, 100 + i), round - 1);
    }
    symbols_free(symbols);
    launcher_free(launcher);
    process_records_free(records);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_came_and_went_is_left_out),
        cmocka_unit_test(who_is_wanted_is_followed),
        cmocka_unit_test(a_parent_of_one_who_is_followed_is_followed),
        cmocka_unit_test(an_end_after_the_last_event_is_no_end_yet),
        cmocka_unit_test(starts_of_threads_are_known),
        cmocka_unit_test(those_that_wait_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
