// Heatmaps: geometry, cells, paints.
#include "analysis/heatmap.h"
#include "tests/unit/analysis/fill.h"

#include <errno.h>

#define MS INT64_C(1000000)

static struct query everything = {0};

static void test_cells_begin_where_their_times_begin(void **state)
{
    (void)state;
    static const uint32_t rows[] = {1, 3, 7, 50, 999};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct heatmap_shape shape = {
            .from_ns = -5, .column_ns = 1000003, .columns = 3, .rows = rows[i]};
        size_t count = (size_t)shape.columns * shape.rows;
        for (size_t cell = 0; cell < count; cell++) {
            assert_int_equal(heatmap_cell_at(&shape, heatmap_cell_start(&shape, cell)), cell);
            assert_int_equal(heatmap_cell_at(&shape, heatmap_cell_start(&shape, cell + 1) - 1),
                             cell);
        }
        assert_true(heatmap_cell_at(&shape, -6) == SIZE_MAX);
        assert_true(heatmap_cell_at(&shape, heatmap_cell_start(&shape, count)) == SIZE_MAX);
        assert_int_equal(heatmap_cell_start(&shape, count), 3 * 1000003 - 5);
    }
}

static void test_paints_say_why_a_cell_is_not_its_number(void **state)
{
    (void)state;
    struct sink *sink;
    struct err err = {0};
    struct heatmap map;
    struct buffer *buffer = buffer_new(0, 0);
    uint32_t source = buffer_source_add(buffer, "one", &sink);
    fill_hello(sink, CLOCK_KIND_MONOTONIC, "here");
    buffer_source_watched(buffer, source, 1 * FILL_SECOND, 2 * FILL_SECOND);
    buffer_source_watched(buffer, source, 3 * FILL_SECOND, 3 * FILL_SECOND + 500 * MS);
    fill_sample(sink, 1 * FILL_SECOND + 1, 1, 0, "demo;main");
    fill_sample(sink, 2 * FILL_SECOND, 1, 0, "demo;main"); // just after it ended
    struct loss loss = {FILL_SECOND + 600 * MS, FILL_SECOND + 700 * MS, 3, 0, LOSS_RING};
    assert_int_equal(sink_loss(sink, &loss, &err), 0);
    struct heatmap_shape shape = {.column_ns = FILL_SECOND, .columns = 5, .rows = 2};
    assert_int_equal(store_heatmap(buffer_store(buffer), &everything, &shape, &map, &err), 0);
    static const uint64_t cells[10] = {0, 0, 1, 0, 1, 0, 0, 0, 0, 0};
    static const uint8_t paint[10] = {HEATMAP_NOT_RECORDING,
                                      HEATMAP_NOT_RECORDING,
                                      0,
                                      HEATMAP_LOST,
                                      0,
                                      HEATMAP_NOT_RECORDING,
                                      0,
                                      HEATMAP_PENDING,
                                      HEATMAP_PENDING,
                                      HEATMAP_PENDING};
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(map.cells[i], cells[i]);
        assert_int_equal(map.paint[i], paint[i]);
    }
    assert_int_equal(map.max, 1);
    assert_int_equal(map.full, 100); // 2 CPUs, 100 Hz, half a second
    assert_int_equal(map.totals.samples, 2);
    assert_int_equal(map.totals.lost, 3);
    heatmap_dispose(&map);
    buffer_source_ended(buffer, source); // nothing is pending any more
    assert_int_equal(store_heatmap(buffer_store(buffer), &everything, &shape, &map, &err), 0);
    for (size_t i = 7; i < 10; i++)
        assert_int_equal(map.paint[i], HEATMAP_NOT_RECORDING);
    heatmap_dispose(&map);
    buffer_free(buffer);
}

static void test_evicted_time_is_painted(void **state)
{
    (void)state;
    struct sink *sink;
    struct err err = {0};
    struct heatmap map;
    struct buffer_stats stats;
    struct buffer *buffer = buffer_new(64 * 1024, 0);
    buffer_source_add(buffer, "one", &sink);
    fill_hello(sink, CLOCK_KIND_MONOTONIC, "here");
    for (int i = 0; i < 10000; i++)
        fill_sample(sink, i * 10 * MS, 1, 0, "demo;main");
    buffer_stats(buffer, &stats);
    struct heatmap_shape shape = {.column_ns = FILL_SECOND, .columns = 100, .rows = 1};
    assert_int_equal(store_heatmap(buffer_store(buffer), &everything, &shape, &map, &err), 0);
    size_t gone = (size_t)(stats.evicted_to_ns / FILL_SECOND);
    assert_true(gone > 10 && gone < 90);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(map.paint[i], i <= gone ? HEATMAP_EVICTED : 0);
        assert_int_equal(map.cells[i] > 0, i >= gone);
    }
    heatmap_dispose(&map);
    buffer_free(buffer);
}

static void test_an_interval_is_spread_over_the_cells_it_spans(void **state)
{
    (void)state;
    struct sink *sink;
    struct err err = {0};
    struct heatmap map;
    struct buffer *buffer = buffer_new(0, 0);
    buffer_source_add(buffer, "one", &sink);
    fill_hello(sink, CLOCK_KIND_MONOTONIC, "here");
    struct sample sample = {.time_ns = 1300 * MS, // blocked from 950 to 1300 ms
                            .value = (uint64_t)(350 * MS),
                            .node = fill_node(sink->dict, "demo;main"),
                            .thread = fill_thread(sink->dict, "demo", 1, 1),
                            .event = fill_event(sink->dict, "offcpu", "ns", true)};
    assert_int_equal(sink_samples(sink, &sample, 1, &err), 0);
    struct heatmap_shape shape = {.column_ns = FILL_SECOND, .columns = 1, .rows = 10};
    assert_int_equal(store_heatmap(buffer_store(buffer), &everything, &shape, &map, &err), 0);
    assert_int_equal(map.cells[9], 50 * MS); // though the sample's time is after the map
    assert_int_equal(map.max, 50 * MS);
    heatmap_dispose(&map);
    shape.from_ns = FILL_SECOND;
    struct range range = {1050 * MS, 1220 * MS};
    struct query query = {.ranges = &range, .range_count = 1};
    assert_int_equal(store_heatmap(buffer_store(buffer), &query, &shape, &map, &err), 0);
    assert_int_equal(map.cells[0], 50 * MS);
    assert_int_equal(map.cells[1], 100 * MS);
    assert_int_equal(map.cells[2], 20 * MS);
    assert_int_equal(map.cells[3], 0);
    assert_true(map.totals.by_value);
    assert_int_equal(map.totals.value, 170 * MS);
    heatmap_dispose(&map);
    buffer_free(buffer);
}

static void test_shapes_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const struct heatmap_shape shapes[] = {
        {.column_ns = FILL_SECOND, .columns = 0, .rows = 1},
        {.column_ns = FILL_SECOND, .columns = 1, .rows = 0},
        {.column_ns = 0, .columns = 1, .rows = 1},
        {.column_ns = FILL_SECOND, .columns = UINT32_MAX, .rows = UINT32_MAX},
        {.from_ns = INT64_MAX - 5, .column_ns = FILL_SECOND, .columns = 10, .rows = 1},
    };
    struct sink *sink;
    struct buffer *buffer = buffer_new(0, 0);
    buffer_source_add(buffer, "one", &sink);
    fill_sample(sink, 1, 1, 0, "demo;main");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct err err = {0};
        struct heatmap map;
        assert_int_equal(store_heatmap(buffer_store(buffer), &everything, &shapes[i], &map, &err),
                         -EINVAL);
        heatmap_dispose(&map);
    }
    buffer_free(buffer);
}

static void assert_counts(const struct heatmap *map, uint64_t from, uint64_t end)
{
    const size_t count = (size_t)map->shape.columns * map->shape.rows;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(map->cells[i], i >= from && i < end);
        assert_int_equal(map->paint[i], i >= from && i < end ? 0 : HEATMAP_NOT_RECORDING);
    }
}

// One map's memory is the next one's, but not while both are there.
static void test_memory_is_kept_for_the_next_map(void **state)
{
    (void)state;
    struct sink *sink;
    struct err err = {0};
    struct buffer *buffer = buffer_new(0, 0);
    struct store *store = buffer_store(buffer);
    struct heatmap first, second, values;
    struct buffer_stats before, after;
    buffer_source_add(buffer, "one", &sink);
    fill_hello(sink, CLOCK_KIND_MONOTONIC, "here");
    for (int i = 2; i < 7; i++)
        fill_sample(sink, i * FILL_SECOND, 1, 0, "demo;main");
    struct heatmap_shape wide = {.column_ns = FILL_SECOND, .columns = 3000, .rows = 1};
    struct heatmap_shape narrow = {
        .from_ns = 3 * FILL_SECOND, .column_ns = FILL_SECOND, .columns = 2, .rows = 1};
    struct heatmap_shape by_value = narrow;
    by_value.value_most = HEATMAP_VALUES_ALL;
    buffer_stats(buffer, &before);
    assert_int_equal(store_heatmap(store, &everything, &wide, &first, &err), 0);
    assert_int_equal(store_heatmap(store, &everything, &narrow, &second, &err), 0);
    assert_int_equal(store_heatmap(store, &everything, &by_value, &values, &err), 0);
    assert_counts(&first, 2, 7);
    assert_counts(&second, 0, 2);
    assert_counts(&values, 0, 2);
    const uint64_t *cells = first.cells;
    heatmap_dispose(&first);
    heatmap_dispose(&values);
    heatmap_dispose(&second);
    assert_null(second.cells);
    buffer_stats(buffer, &after);
    assert_true(after.table_bytes >= before.table_bytes + 3000 * sizeof *cells);
    assert_int_equal(store_heatmap(store, &everything, &narrow, &second, &err), 0);
    assert_ptr_equal(second.cells, cells);
    assert_counts(&second, 0, 2);
    heatmap_dispose(&second);
    assert_int_equal(store_heatmap(store, &everything, &by_value, &values, &err), 0);
    assert_counts(&values, 0, 2);
    heatmap_dispose(&values);
    buffer_free(buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells_begin_where_their_times_begin),
        cmocka_unit_test(test_paints_say_why_a_cell_is_not_its_number),
        cmocka_unit_test(test_evicted_time_is_painted),
        cmocka_unit_test(test_an_interval_is_spread_over_the_cells_it_spans),
        cmocka_unit_test(test_shapes_that_make_no_sense_are_refused),
        cmocka_unit_test(test_memory_is_kept_for_the_next_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
