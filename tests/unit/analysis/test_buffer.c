// The buffer: what comes in comes out, by time, by filter; sources, eviction, pins, losses.
#include "analysis/buffer.h"
#include "tests/unit/analysis/fill.h"

#include <errno.h>

static struct query everything = {0};

static void test_a_fold_counts_paths_and_orders_children_by_name(void **state)
{
    (void)state;
    struct sink *sink;
    struct buffer *buffer = buffer_new(0, 0);
    buffer_source_add(buffer, "one", &sink);
    fill_hello(sink, CLOCK_KIND_MONOTONIC, "here");
    fill_sample(sink, 5 * FILL_SECOND, 1, 0, "demo;main;write");
    fill_sample(sink, 6 * FILL_SECOND, 1, 0, "demo;main;read");
    fill_sample(sink, 7 * FILL_SECOND, 1, 1, "demo;main;read");
    fill_sample(sink, 7 * FILL_SECOND, 2, 1, "bash");
    assert_folded(buffer_store(buffer), &everything,
                  "bash 1\ndemo;main;read 2\ndemo;main;write 1\n");
    struct fold fold;
    struct err err = {0};
    assert_int_equal(store_fold(buffer_store(buffer), &everything, &fold, &err), 0);
    assert_int_equal(fold.count, 6);
    assert_int_equal(fold.nodes[0].total_samples, 4);
    assert_int_equal(fold.nodes[0].total_value, 40000000);
    assert_int_equal(fold.totals.samples, 4);
    assert_int_equal(fold.totals.no_stack, 1);
    assert_int_equal(fold.totals.first_ns, 5 * FILL_SECOND);
    assert_int_equal(fold.totals.last_ns, 7 * FILL_SECOND);
    assert_int_equal(fold.nodes[4].total_samples, 2); // all, bash, demo, main, read, write
    assert_int_equal(fold.nodes[5].total_samples, 1);
    fold_dispose(&fold);
    buffer_free(buffer);
}

static void test_ranges_are_half_open_and_outside_is_the_rest(void **state)
{
    (void)state;
    struct sink *sink;
    struct buffer *buffer = buffer_new(0, 0);
    buffer_source_add(buffer, "one", &sink);
    fill_hello(sink, CLOCK_KIND_MONOTONIC, "here");
    for (int i = 9; i >= 0; i--) { // late, all of them
        char stack[16];
        snprintf(stack, sizeof stack, "demo;f%d", i);
        fill_sample(sink, i * FILL_SECOND, 1, 0, stack);
    }
    struct range ranges[] = {{2 * FILL_SECOND, 4 * FILL_SECOND}, {8 * FILL_SECOND, INT64_MAX}};
    struct query query = {.ranges = ranges, .range_count = 2};
    assert_folded(buffer_store(buffer), &query, "demo;f2 1\ndemo;f3 1\ndemo;f8 1\ndemo;f9 1\n");
    query.outside = true;
    assert_folded(buffer_store(buffer), &query,
                  "demo;f0 1\ndemo;f1 1\ndemo;f4 1\ndemo;f5 1\ndemo;f6 1\ndemo;f7 1\n");
    buffer_free(buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_fold_counts_paths_and_orders_children_by_name),
        cmocka_unit_test(test_ranges_are_half_open_and_outside_is_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
