// Bins: the map that is kept as samples arrive is the map that a scan gives.
#include "tests/unit/analysis/reference.h"

// A filter that every sample passes makes the buffer scan.
static struct filter *pass_all(void)
{
    struct err err = {0};
    struct filter *filter = filter_new();
    assert_int_equal(filter_add(filter, FILTER_TID, true, false, "99999999", NULL, &err), 0);
    return filter;
}

static void assert_same_maps(struct buffer *buffer, const struct heatmap_shape *shape, bool idle)
{
    struct err err = {0};
    struct heatmap kept;
    struct heatmap scanned;
    struct filter *filter = pass_all();
    struct query query = {.idle = idle};
    assert_int_equal(store_heatmap(buffer_store(buffer), &query, shape, &kept, &err), 0);
    query.filter = filter;
    assert_int_equal(store_heatmap(buffer_store(buffer), &query, shape, &scanned, &err), 0);
    size_t cells = (size_t)shape->columns * shape->rows;
    assert_memory_equal(kept.cells, scanned.cells, cells * sizeof *kept.cells);
    assert_memory_equal(kept.paint, scanned.paint, cells);
    assert_int_equal(kept.max, scanned.max);
    assert_int_equal(kept.totals.samples, scanned.totals.samples);
    assert_int_equal(kept.totals.value, scanned.totals.value);
    assert_int_equal(kept.totals.idle, scanned.totals.idle);
    assert_int_equal(kept.totals.no_stack, scanned.totals.no_stack);
    assert_int_equal(kept.totals.unresolved, scanned.totals.unresolved);
    assert_int_equal(kept.totals.first_ns, scanned.totals.first_ns);
    assert_int_equal(kept.totals.last_ns, scanned.totals.last_ns);
    heatmap_dispose(&kept);
    heatmap_dispose(&scanned);
    filter_free(filter);
}

static void fill_some(struct sink *sink, uint64_t *random, int64_t from_ns, int64_t late_ns)
{
    static const char *const stacks[] = {"demo;main", "demo;main;read", "bash",
                                         "demo;main;@libz.so", "swapper/0;k:do_idle"};
    for (int i = 0; i < 700; i++)
        fill_sample(sink,
                    from_ns + i * INT64_C(5000000) -
                        (int64_t)(random_next(random) % (uint64_t)late_ns),
                    1, 0, stacks[random_next(random) % 5]);
}

static void test_kept_maps_follow_arrival_lateness_and_eviction(void **state)
{
    (void)state;
    uint64_t random = 7;
    struct sink *sink;
    struct buffer *buffer = buffer_new(128 * 1024, 0);
    struct buffer_stats stats;
    buffer_source_add(buffer, "one", &sink);
    fill_hello(sink, CLOCK_KIND_MONOTONIC, "here");
    for (int round = 0; round < 40; round++) {
        int64_t from_ns = (100 + round * 3) * FILL_SECOND;
        fill_some(sink, &random, from_ns, 2 * FILL_SECOND);
        // Some of the past, all of it and more, a part; three grids take turns in two places.
        struct heatmap_shape shapes[] = {
            {.from_ns = 90 * FILL_SECOND, .column_ns = FILL_SECOND, .columns = 150, .rows = 50},
            {.from_ns = from_ns - FILL_SECOND, .column_ns = FILL_SECOND, .columns = 2, .rows = 50},
            {.from_ns = from_ns + 7, .column_ns = FILL_SECOND, .columns = 9, .rows = 7},
        };
        assert_same_maps(buffer, &shapes[0], false);
        assert_same_maps(buffer, &shapes[1], false);
        if (round % 4 == 0)
            assert_same_maps(buffer, &shapes[2], true);
    }
    buffer_stats(buffer, &stats);
    assert_true(stats.evicted_samples > 10000);
    buffer_free(buffer);
}

static void test_times_far_apart_are_not_kept_but_answered(void **state)
{
    (void)state;
    struct sink *sink;
    struct buffer_stats stats;
    struct buffer *buffer = buffer_new(0, 0);
    struct heatmap_shape shape = {.column_ns = FILL_SECOND, .columns = 3, .rows = 50};
    buffer_source_add(buffer, "one", &sink);
    fill_hello(sink, CLOCK_KIND_MONOTONIC, "here");
    fill_sample(sink, FILL_SECOND, 1, 0, "demo;main");
    assert_same_maps(buffer, &shape, false);
    fill_sample(sink, 1000000000 * FILL_SECOND, 1, 0, "demo;main");
    fill_sample(sink, 2 * FILL_SECOND, 1, 0, "demo;main");
    assert_same_maps(buffer, &shape, false);
    buffer_stats(buffer, &stats);
    assert_true(stats.table_bytes < 4 << 20);
    buffer_free(buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept_maps_follow_arrival_lateness_and_eviction),
        cmocka_unit_test(test_times_far_apart_are_not_kept_but_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
