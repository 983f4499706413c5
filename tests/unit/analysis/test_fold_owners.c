// Folds whose stacks begin with the process, thread or CPU that ran them.
#include "proto/alloc.h"
#include "tests/unit/analysis/fill.h"

static void add(struct sink *sink, int64_t time_ns, const char *comm, int32_t pid, int32_t tid,
                uint16_t cpu, const char *stack, uint64_t value)
{
    struct err err = {0};
    struct sample sample = {.time_ns = time_ns,
                            .value = value,
                            .node = fill_node(sink->dict, stack),
                            .thread = fill_thread(sink->dict, comm, pid, tid),
                            .cpu = cpu,
                            .event = fill_event(sink->dict, "cpu-clock", "ns", false)};
    assert_int_equal(sink_samples(sink, &sample, 1, &err), 0);
}

static struct buffer *filled(void)
{
    struct buffer *buffer = buffer_new(64 << 20, 0);
    struct sink *sink;
    buffer_source_add(buffer, "test", &sink);
    fill_hello(sink, CLOCK_KIND_MONOTONIC, "host");
    add(sink, 1000, "java", 7, 7, 0, "java;main;f", 1);
    add(sink, 2000, "GC 1", 7, 8, 1, "GC 1;mark", 1);
    add(sink, 3000, "GC 1", 7, 8, 0, "GC 1;mark", 1);
    add(sink, 4000, "sh", 9, 9, 0, "sh;main", 1);
    add(sink, 5000, "ls", 9, 9, 0, "ls;main", 1); // exec
    add(sink, 6000, "web", -1, 12, SAMPLE_NO_CPU, "web", 1);
    add(sink, 7000, "web", -1, 13, SAMPLE_NO_CPU, "web", 1);
    buffer_tick(buffer);
    return buffer;
}

static void test_who_ran_stands_first(void **state)
{
    (void)state;
    struct buffer *buffer = filled();
    struct store *store = buffer_store(buffer);
    struct query query = {.first = QUERY_FIRST_PID};
    // A process has its main thread's last name; of unknown processes each name is one.
    assert_folded(store, &query, "java-7;main;f 1\njava-7;mark 2\nls-9;main 2\nweb-? 2\n");
    query.first = QUERY_FIRST_TID;
    assert_folded(store, &query,
                  "GC 1-7/8;mark 2\njava-7/7;main;f 1\nls-9/9;main 1\nsh-9/9;main 1\n"
                  "web-?/12 1\nweb-?/13 1\n");
    query.first = QUERY_FIRST_CPU;
    assert_folded(store, &query,
                  "cpu 0;main 2\ncpu 0;main;f 1\ncpu 0;mark 1\ncpu 1;mark 1\n"
                  "cpu ? 2\n");
    buffer_free(buffer);
}

static void test_a_cgroup_holds_what_its_threads_did(void **state)
{
    (void)state;
    struct buffer *buffer = buffer_new(64 << 20, 0);
    struct sink *sink;
    struct err err = {0};
    buffer_source_add(buffer, "test", &sink);
    fill_hello(sink, CLOCK_KIND_MONOTONIC, "host");
    static const char *const cgroups[] = {"/web", "/db", "/web", ""};
    for (int i = 0; i < 4; i++) {
        const struct thread thread = {.pid = i + 1,
                                      .tid = i + 1,
                                      .comm = dict_string_z(sink->dict, "app"),
                                      .cgroup = dict_string_z(sink->dict, cgroups[i])};
        const struct sample sample = {.time_ns = 1000 * i,
                                      .value = 1,
                                      .node = fill_node(sink->dict, "app;main"),
                                      .thread = dict_thread(sink->dict, &thread),
                                      .event = fill_event(sink->dict, "cpu-clock", "ns", false)};
        assert_int_equal(sink_samples(sink, &sample, 1, &err), 0);
    }
    struct query query = {.first = QUERY_FIRST_CGROUP};
    assert_folded(buffer_store(buffer), &query,
                  "/db;main 1\n/web;main 2\n[cgroup not known];main 1\n");
    buffer_free(buffer);
}

// Ranges, filters and totals are those of the plain fold.
static void test_it_counts_what_a_plain_fold_counts(void **state)
{
    (void)state;
    struct buffer *buffer = filled();
    struct store *store = buffer_store(buffer);
    struct range ranges[] = {{1000, 3000}, {5000, 6500}};
    struct filter *filter = filter_new();
    struct err err = {0};
    filter_push(filter);
    assert_int_equal(filter_add(filter, FILTER_COMM, true, false, "ls", NULL, &err), 0);
    for (int by = QUERY_FIRST_COMM; by <= QUERY_FIRST_CGROUP; by++) {
        struct query query = {
            .ranges = ranges, .range_count = 2, .filter = filter, .first = (enum query_first)by};
        struct fold fold;
        assert_int_equal(store_fold(store, &query, &fold, &err), 0);
        assert_int_equal(fold.totals.samples, 3);
        assert_int_equal(fold.totals.no_stack, 1);
        assert_int_equal(fold.totals.first_ns, 1000);
        assert_int_equal(fold.totals.last_ns, 6000);
        assert_int_equal(fold.nodes[0].total_samples, 3);
        assert_string_equal(dict_text(fold.dict, fold.dict->events[fold.totals.event].name),
                            "cpu-clock");
        fold_dispose(&fold);
    }
    filter_free(filter);
    buffer_free(buffer);
}

static void test_no_sample_is_an_empty_fold(void **state)
{
    (void)state;
    struct buffer *buffer = filled();
    struct range range = {100000, 200000};
    struct query query = {.ranges = &range, .range_count = 1, .first = QUERY_FIRST_TID};
    assert_folded(buffer_store(buffer), &query, "");
    buffer_free(buffer);
}

enum { OWNERS = 70, FIRST_PID = 100, STACKS = 60, DEPTH = 90 };

static char *deep_stack(int stack)
{
    struct bytes text = {0};
    bytes_append_text(&text, "app");
    for (int level = 0; level <= DEPTH - stack % 3; level++)
        bytes_printf(&text, ";f%d_%d", level < 5 ? 0 : stack, level);
    char *copy = strdup(bytes_text(&text));
    bytes_dispose(&text);
    return copy;
}

// Threads of one name which run many of the same stacks, but not all, and not as often.
static struct buffer *shared(void)
{
    struct buffer *buffer = buffer_new(64 << 20, 0);
    struct sink *sink;
    int64_t time_ns = 0;
    buffer_source_add(buffer, "test", &sink);
    fill_hello(sink, CLOCK_KIND_MONOTONIC, "host");
    for (int stack = 0; stack < STACKS; stack++) {
        char *text = deep_stack(stack);
        for (int owner = 0; owner < OWNERS; owner++) {
            for (int i = 0; owner * stack % 3 != 1 && i <= (owner + stack) % 4; i++)
                add(sink, time_ns++, "app", FIRST_PID + owner, FIRST_PID + owner, 0, text, 7);
        }
        free(text);
    }
    buffer_tick(buffer);
    return buffer;
}

// Adds the lines of a thread's own fold, by its number instead of its name.
static void append_owned(struct bytes *out, struct store *store, int pid)
{
    struct filter *filter = filter_new();
    struct err err = {0};
    char number[16];
    snprintf(number, sizeof number, "%d", pid);
    filter_push(filter);
    assert_int_equal(filter_add(filter, FILTER_TID, false, false, number, NULL, &err), 0);
    const struct query query = {.filter = filter};
    char *lines = fill_folded(store, &query, &err);
    assert_non_null(lines);
    for (char *line = lines; *line; line = strchr(line, '\n') + 1)
        bytes_printf(out, "app-%d/%d%.*s\n", pid, pid, (int)strcspn(line + 3, "\n"), line + 3);
    free(lines);
    filter_free(filter);
}

// Parents before their children, whose totals they hold.
static void assert_adds_up(const struct fold *fold)
{
    uint64_t *below = xcalloc(fold->count, sizeof *below);
    for (size_t i = fold->count; i-- > 1;) {
        const struct fold_node *node = &fold->nodes[i];
        assert_true(node->parent < i);
        assert_int_equal(node->total_samples, node->self_samples + below[i]);
        assert_int_equal(node->total_value, 7 * node->total_samples);
        below[node->parent] += node->total_samples;
    }
    assert_int_equal(fold->nodes[0].total_samples, below[0]);
    assert_int_equal(fold->nodes[0].total_samples, fold->totals.samples);
    free(below);
}

// More paths than one look at them takes in, by one worker and by several.
static void test_owners_share_their_stacks(void **state)
{
    (void)state;
    struct buffer *buffer = shared();
    struct store *store = buffer_store(buffer);
    struct bytes expected = {0};
    for (int owner = 0; owner < OWNERS; owner++)
        append_owned(&expected, store, FIRST_PID + owner);
    for (unsigned threads = 1; threads <= 3; threads++) {
        const struct query query = {.first = QUERY_FIRST_TID, .threads = threads};
        struct err err = {0};
        struct fold fold;
        assert_folded(store, &query, bytes_text(&expected));
        assert_int_equal(store_fold(store, &query, &fold, &err), 0);
        assert_adds_up(&fold);
        fold_dispose(&fold);
    }
    bytes_dispose(&expected);
    buffer_free(buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_ran_stands_first),
        cmocka_unit_test(test_a_cgroup_holds_what_its_threads_did),
        cmocka_unit_test(test_it_counts_what_a_plain_fold_counts),
        cmocka_unit_test(test_no_sample_is_an_empty_fold),
        cmocka_unit_test(test_owners_share_their_stacks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
