// The latency heatmap: rows are values, pieces of an interval are one, and the query's filter,
// ranges and value ranges hold.
#include "analysis/latency.h"
#include "tests/unit/analysis/fill.h"

#include <errno.h>

struct world {
    struct buffer *buffer;
    struct sink *sink;
    uint16_t event;
};

static void setup(struct world *world, const char *unit)
{
    world->buffer = buffer_new(1 << 26, 0);
    buffer_source_add(world->buffer, "test", &world->sink);
    fill_hello(world->sink, CLOCK_KIND_MONOTONIC, "here");
    world->event = fill_event(world->sink->dict, "offcpu", unit, true);
}

static void add(struct world *world, const char *stack, int32_t tid, int64_t time_ns,
                uint64_t value)
{
    struct err err = {0};
    struct sample sample = {
        .time_ns = time_ns,
        .value = value,
        .node = fill_node(world->sink->dict, stack),
        .thread = fill_thread(world->sink->dict, "a", 1, tid),
        .event = world->event,
    };
    assert_int_equal(sink_samples(world->sink, &sample, 1, &err), 0);
}

static struct heatmap map_of(struct world *world, const struct query *query, uint32_t rows,
                             uint32_t columns)
{
    struct heatmap_shape shape = {.column_ns = FILL_SECOND,
                                  .rows = rows,
                                  .columns = columns,
                                  .value_most = HEATMAP_VALUES_ALL};
    struct heatmap map = {0};
    struct err err = {0};
    if (store_heatmap(buffer_store(world->buffer), query, &shape, &map, &err))
        fail_msg("%s", err.message);
    return map;
}

static uint64_t sum(const struct heatmap *map)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < (size_t)map->shape.columns * map->shape.rows; i++)
        sum += map->cells[i];
    return sum;
}

static void test_rows_are_decades(void **state)
{
    (void)state;
    struct world world;
    setup(&world, "bytes");
    for (uint64_t value = 1, i = 0; i < 4; i++, value *= 10) {
        add(&world, "a;f", 1, (int64_t)i * FILL_SECOND + 5, value);
        add(&world, "a;f", 1, (int64_t)i * FILL_SECOND + 6, 9 * value);
    }
    struct query query = {0};
    struct heatmap map = map_of(&world, &query, 4, 4);
    assert_int_equal(map.shape.value_least, 1);
    assert_int_equal(map.shape.value_most, 10000);
    uint64_t edges[5];
    latency_edges(&map.shape, edges);
    for (uint64_t i = 0, value = 1; i < 5; i++, value *= 10)
        assert_int_equal(edges[i], value);
    for (size_t i = 0; i < 16; i++)
        assert_int_equal(map.cells[i], i / 4 == i % 4 ? 2 : 0);
    assert_int_equal(map.max, 2);
    assert_int_equal(map.totals.samples, 8);
    heatmap_dispose(&map);
    buffer_free(world.buffer);
}

static void test_nothing_is_left_out_by_a_scale(void **state)
{
    (void)state;
    struct world world;
    setup(&world, "bytes");
    add(&world, "a;f", 1, 1, 0);
    add(&world, "a;f", 1, 2, 50);
    add(&world, "a;f", 1, 3, UINT64_MAX);
    struct query query = {0};
    struct heatmap map = map_of(&world, &query, 10, 1);
    assert_int_equal(sum(&map), 3);
    heatmap_dispose(&map);
    struct heatmap_shape shape = {
        .column_ns = FILL_SECOND, .rows = 2, .columns = 1, .value_least = 10, .value_most = 40};
    struct err err = {0};
    assert_int_equal(store_heatmap(buffer_store(world.buffer), &query, &shape, &map, &err), 0);
    assert_int_equal(map.cells[0], 1);
    assert_int_equal(map.cells[1], 2);
    heatmap_dispose(&map);
    shape.value_least = 40;
    assert_int_equal(store_heatmap(buffer_store(world.buffer), &query, &shape, &map, &err),
                     -EINVAL);
    heatmap_dispose(&map);
    buffer_free(world.buffer);
}

// A thread blocked for 2.5 s is told in pieces; another with the same stack is not it.
static void test_pieces_are_one_interval(void **state)
{
    (void)state;
    struct world world;
    setup(&world, "ns");
    int64_t start = 500000000;
    add(&world, "a;f", 1, start + FILL_SECOND, 1000000000);
    add(&world, "a;f", 2, start + FILL_SECOND + 5, 20000000);
    add(&world, "a;f", 1, start + 2 * FILL_SECOND, 1000000000);
    add(&world, "a;f", 1, start + 2 * FILL_SECOND + 500000000, 500000000);
    // Touching, but blocked elsewhere, and touching what was no piece.
    add(&world, "a;g", 1, start + 2 * FILL_SECOND + 600000000, 100000000);
    add(&world, "a;g", 1, start + 2 * FILL_SECOND + 620000000, 20000000);
    struct query query = {0};
    struct heatmap map = map_of(&world, &query, 3, 4);
    assert_int_equal(sum(&map), 4);
    assert_int_equal(map.shape.value_least, 20000000);
    assert_int_equal(map.shape.value_most, UINT64_C(5000000000));
    assert_int_equal(map.cells[3 * 3 + 2], 1); // 2.5 s, at its end
    assert_int_equal(map.cells[1 * 3 + 0], 1);
    assert_int_equal(map.cells[3 * 3 + 0], 2);
    heatmap_dispose(&map);
    buffer_free(world.buffer);
}

static uint64_t count_of(struct world *world, const char *values, const struct range *range)
{
    struct err err = {0};
    struct totals totals;
    struct filter *filter = filter_new();
    assert_int_equal(filter_add(filter, FILTER_VALUE, false, false, values, NULL, &err), 0);
    struct query query = {.filter = filter, .ranges = range, .range_count = range != NULL};
    assert_int_equal(store_totals(buffer_store(world->buffer), &query, &totals, &err), 0);
    filter_free(filter);
    return totals.samples;
}

// What is picked by value are whole intervals, as they are drawn: each of their pieces, wherever
// the others are.
static void test_pieces_are_filtered_as_one_interval(void **state)
{
    (void)state;
    struct world world;
    setup(&world, "ns");
    add(&world, "a;f", 1, FILL_SECOND, 1000000000);
    add(&world, "a;f", 1, 2 * FILL_SECOND, 1000000000);
    add(&world, "a;f", 2, 2 * FILL_SECOND, 1000000000); // another thread, which goes on later
    add(&world, "a;f", 1, 2 * FILL_SECOND + 5000000, 5000000);
    add(&world, "a;f", 1, 2 * FILL_SECOND + 9000000, 4000000); // what was over is not gone on with
    add(&world, "a;f", 2, 3 * FILL_SECOND + 1, 1000000000);
    assert_int_equal(count_of(&world, "2s..", NULL), 3);
    assert_int_equal(count_of(&world, "2005ms", NULL), 3);
    assert_int_equal(count_of(&world, "1s", NULL), 2);
    assert_int_equal(count_of(&world, "..10ms", NULL), 1);
    struct range range = {2 * FILL_SECOND + 1, 2 * FILL_SECOND + 5000000};
    assert_int_equal(count_of(&world, "2s..", &range),
                     1); // its last piece, the others being before
    struct err err = {0};
    struct filter *filter = filter_new();
    assert_int_equal(filter_add(filter, FILTER_VALUE, false, false, "2s..", NULL, &err), 0);
    struct query query = {.filter = filter};
    struct heatmap map = map_of(&world, &query, 4, 4);
    assert_int_equal(sum(&map), 1);
    heatmap_dispose(&map);
    filter_free(filter);
    buffer_free(world.buffer);
}

static void test_the_query_holds(void **state)
{
    (void)state;
    struct world world;
    setup(&world, "ns");
    for (int i = 0; i < 100; i++) {
        add(&world, i % 2 ? "a;f" : "a;g", i % 4, i * (FILL_SECOND / 25) + 1, i % 2 ? 1000 : 70000);
    }
    struct err err = {0};
    struct filter *filter = filter_new();
    struct query query = {.filter = filter};
    struct heatmap map = map_of(&world, &query, 10, 4);
    assert_int_equal(sum(&map), 100);
    heatmap_dispose(&map);
    assert_int_equal(filter_add(filter, FILTER_FRAME, false, false, "f", NULL, &err), 0);
    map = map_of(&world, &query, 10, 4);
    assert_int_equal(sum(&map), 50);
    assert_int_equal(map.shape.value_least, 1000);
    heatmap_dispose(&map);
    struct range range = {FILL_SECOND, 2 * FILL_SECOND};
    query.ranges = &range;
    query.range_count = 1;
    map = map_of(&world, &query, 10, 4);
    assert_int_equal(sum(&map), 12 + (25 % 2));
    heatmap_dispose(&map);
    filter_free(filter);
    buffer_free(world.buffer);
}

// Every answer counts the same samples when values are filtered.
static void expect_values(struct world *world, const char *plain, const char *negated,
                          uint64_t samples)
{
    struct err err = {0};
    struct filter *filter = filter_new();
    if (plain)
        assert_int_equal(filter_add(filter, FILTER_VALUE, false, false, plain, NULL, &err), 0);
    if (negated)
        assert_int_equal(filter_add(filter, FILTER_VALUE, true, false, negated, NULL, &err), 0);
    struct query query = {.filter = filter};
    struct totals totals;
    struct fold fold = {0};
    struct store *store = buffer_store(world->buffer);
    assert_int_equal(store_totals(store, &query, &totals, &err), 0);
    assert_int_equal(totals.samples, samples);
    assert_int_equal(store_fold(store, &query, &fold, &err), 0);
    assert_int_equal(fold.totals.samples, samples);
    fold_dispose(&fold);
    struct heatmap_shape shape = {.column_ns = FILL_SECOND, .rows = 10, .columns = 2};
    struct heatmap map = {0};
    assert_int_equal(store_heatmap(store, &query, &shape, &map, &err), 0);
    assert_int_equal(map.totals.samples, samples);
    heatmap_dispose(&map);
    if (samples) {
        map = map_of(world, &query, 7, 2);
        assert_int_equal(sum(&map), samples);
        heatmap_dispose(&map);
    }
    filter_free(filter);
}

static void test_values_are_filtered(void **state)
{
    (void)state;
    struct world world;
    setup(&world, "bytes");
    for (int i = 0; i < 1000; i++)
        add(&world, "a;f", 1, i * 1000000 + 1, (uint64_t)i + 1);
    expect_values(&world, NULL, NULL, 1000);
    expect_values(&world, "100..200", NULL, 101);
    expect_values(&world, "991..", NULL, 10);
    expect_values(&world, "..10", NULL, 10);
    expect_values(&world, "7", NULL, 1);
    expect_values(&world, "..1us", NULL, 1000);
    expect_values(&world, "0.5K..", NULL, 489);
    expect_values(&world, NULL, "100..200", 899);
    expect_values(&world, "..300", "100..200", 199);
    expect_values(&world, "5000..", NULL, 0);
    buffer_free(world.buffer);
}

static void test_value_terms_are_combined(void **state)
{
    (void)state;
    struct world world;
    setup(&world, "bytes");
    for (int i = 0; i < 100; i++)
        add(&world, "a;f", 1, i + 1, (uint64_t)i + 1);
    struct err err = {0};
    struct filter *filter = filter_new();
    struct query query = {.filter = filter};
    struct totals totals;
    assert_int_equal(filter_add(filter, FILTER_VALUE, false, false, "1..10", NULL, &err), 0);
    assert_int_equal(filter_add(filter, FILTER_VALUE, false, false, "91..", NULL, &err), 0);
    assert_int_equal(store_totals(buffer_store(world.buffer), &query, &totals, &err), 0);
    assert_int_equal(totals.samples, 20); // repeated keys are or-ed
    filter_push(filter);
    assert_int_equal(filter_add(filter, FILTER_VALUE, false, false, "5..95", NULL, &err), 0);
    assert_int_equal(store_totals(buffer_store(world.buffer), &query, &totals, &err), 0);
    assert_int_equal(totals.samples, 11); // pushes are and-ed
    filter_push(filter);
    assert_int_equal(filter_add(filter, FILTER_VALUE, false, false, "20..30", NULL, &err), 0);
    assert_int_equal(store_totals(buffer_store(world.buffer), &query, &totals, &err), 0);
    assert_int_equal(totals.samples, 0);
    char *text = filter_text(filter);
    assert_string_equal(text, "value=1..10 value=91.. & value=5..95 & value=20..30");
    free(text);
    filter_free(filter);
    buffer_free(world.buffer);
}

// What is marked in a picture of all values: the filter without them, and which they are.
static void test_values_of_a_filter(void **state)
{
    (void)state;
    struct err err = {0};
    struct value_range *values;
    struct filter *filter = filter_new();
    assert_int_equal(filter_values(NULL, &values), 0);
    assert_int_equal(filter_values(filter, &values), 0);
    assert_int_equal(filter_add(filter, FILTER_FRAME, false, false, "f", NULL, &err), 0);
    assert_int_equal(filter_add(filter, FILTER_VALUE, false, false, "10..20", NULL, &err), 0);
    assert_int_equal(filter_add(filter, FILTER_VALUE, false, false, "30..", NULL, &err), 0);
    filter_push(filter);
    assert_int_equal(filter_add(filter, FILTER_VALUE, true, false, "12..14", NULL, &err), 0);
    filter_push(filter);
    assert_int_equal(filter_add(filter, FILTER_VALUE, false, false, "..40", NULL, &err), 0);
    assert_int_equal(filter_values(filter, &values), 3);
    static const struct value_range expected[] = {{10, 11}, {15, 20}, {30, 40}};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(values[i].low, expected[i].low);
        assert_int_equal(values[i].high, expected[i].high);
    }
    free(values);
    struct filter *any = filter_any_value(filter, 2); // the third push stays as it is
    char *text = filter_text(any);
    assert_string_equal(text, "frame=f & value=..40");
    assert_int_equal(filter_pushes(any), 2);
    free(text);
    filter_free(any);
    filter_free(filter);
}

static void test_what_is_no_range_of_values(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t at;
    } bad[] = {{"", 0},     {"..", 0},   {"x", 0},       {"1ms..x", 5},  {"3..1", 0},
               {"1h..", 0}, {"-1..", 0}, {"1..2..3", 3}, {"1e999x..", 0}};
    struct filter *filter = filter_new();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err err = {0};
        size_t at = 99;
        assert_int_equal(filter_add(filter, FILTER_VALUE, false, false, bad[i].text, &at, &err),
                         -EINVAL);
        assert_int_equal(at, bad[i].at);
    }
    struct err err = {0};
    assert_int_equal(filter_add(filter, FILTER_VALUE, false, true, "1", NULL, &err), -EINVAL);
    filter_free(filter);
}

static void test_counts_have_no_values(void **state)
{
    (void)state;
    struct world world;
    setup(&world, "");
    world.event = fill_event(world.sink->dict, "cpu", "samples", false);
    add(&world, "a;f", 1, 1, 1);
    struct heatmap_shape shape = {
        .column_ns = FILL_SECOND, .rows = 2, .columns = 1, .value_most = HEATMAP_VALUES_ALL};
    struct query query = {0};
    struct heatmap map = {0};
    struct err err = {0};
    assert_int_equal(store_heatmap(buffer_store(world.buffer), &query, &shape, &map, &err),
                     -ENODATA);
    heatmap_dispose(&map);
    buffer_free(world.buffer);
}

enum { MANY = 20000, SPAN_COLUMNS = 12 };

struct many {
    struct sample samples[MANY];
    bool idle[MANY], wanted[MANY]; // by its stack; by a filter of stacks
};

// Values of all magnitudes, or one; a few of the samples come late.
static void add_many(struct world *world, struct many *many, uint64_t seed, bool differ)
{
    static const char *const stacks[] = {"a;f;g", "a;f", "swapper/0;k:do_idle", "b;h"};
    uint64_t random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    struct err err = {0};
    for (int i = 0; i < MANY; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        const uint64_t stack = random % 4;
        const int64_t late_ns = random % 64 ? 0 : (int64_t)(random % (2 * FILL_SECOND));
        many->samples[i] = (struct sample){
            .time_ns = FILL_SECOND * SPAN_COLUMNS * (i + 1) / MANY - late_ns,
            .value = differ ? random >> (random >> 8) % 64 : 4242,
            .node = fill_node(world->sink->dict, stacks[stack]),
            .thread = fill_thread(world->sink->dict, "a", 1, (int32_t)(random % 5)),
            .event = world->event,
        };
        many->idle[i] = stack == 2;
        many->wanted[i] = stack < 2;
        assert_int_equal(sink_samples(world->sink, &many->samples[i], 1, &err), 0);
    }
}

// What a map must be, by looking at every sample and every row.
static void assert_map(struct world *world, const struct many *many, const struct query *query,
                       bool hides_idle)
{
    struct heatmap map = map_of(world, query, 23, SPAN_COLUMNS);
    uint64_t edges[24], expected[23 * SPAN_COLUMNS] = {0}, most = 0;
    latency_edges(&map.shape, edges);
    for (int i = 0; i < MANY; i++) {
        const struct sample *sample = &many->samples[i];
        bool in = !query->range_count || (sample->time_ns >= query->ranges[0].from_ns &&
                                          sample->time_ns < query->ranges[0].to_ns);
        if (!in || (query->filter && !many->wanted[i]) || (hides_idle && many->idle[i]) ||
            sample->time_ns < 0 || sample->time_ns >= SPAN_COLUMNS * FILL_SECOND)
            continue;
        size_t row = 0;
        for (size_t edge = 1; edge < 23; edge++)
            row = sample->value >= edges[edge] ? edge : row;
        expected[(size_t)(sample->time_ns / FILL_SECOND) * 23 + row]++;
    }
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_int_equal(map.cells[i], expected[i]);
        most = expected[i] > most ? expected[i] : most;
    }
    assert_true(most > 0);
    assert_int_equal(map.max, most);
    heatmap_dispose(&map);
}

// Small segments, one worker or several, filtered or not, a part of the time or all of it.
static void test_every_value_is_in_its_row(void **state)
{
    (void)state;
    struct many *many = malloc(sizeof *many);
    for (int kind = 0; kind < 4; kind++) {
        const bool by_value = kind & 1, differ = kind & 2;
        struct world world;
        struct err err = {0};
        world.buffer = buffer_new(2 << 20, 0);
        buffer_source_add(world.buffer, "test", &world.sink);
        fill_hello(world.sink, CLOCK_KIND_MONOTONIC, "here");
        world.event = fill_event(world.sink->dict, "some", "bytes", by_value);
        add_many(&world, many, (uint64_t)kind + 1, differ);
        struct filter *filter = filter_new();
        assert_int_equal(filter_add(filter, FILTER_FRAME, false, false, "f", NULL, &err), 0);
        struct range range = {FILL_SECOND * 5 / 2, 9 * FILL_SECOND};
        for (unsigned part = 0; part < 12; part++) {
            struct query query = {.filter = part & 1 ? filter : NULL,
                                  .ranges = &range,
                                  .range_count = part & 2 ? 1 : 0,
                                  .threads = part / 4 + 1};
            assert_map(&world, many, &query, !by_value);
        }
        filter_free(filter);
        buffer_free(world.buffer);
    }
    free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_decades),
        cmocka_unit_test(test_nothing_is_left_out_by_a_scale),
        cmocka_unit_test(test_pieces_are_one_interval),
        cmocka_unit_test(test_pieces_are_filtered_as_one_interval),
        cmocka_unit_test(test_the_query_holds),
        cmocka_unit_test(test_values_are_filtered),
        cmocka_unit_test(test_value_terms_are_combined),
        cmocka_unit_test(test_values_of_a_filter),
        cmocka_unit_test(test_what_is_no_range_of_values),
        cmocka_unit_test(test_counts_have_no_values),
        cmocka_unit_test(test_every_value_is_in_its_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
