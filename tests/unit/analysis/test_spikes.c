// Spikes: a stall in noise is found with its edges, noise alone is not.
#include "analysis/spikes.h"
#include "tests/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MS INT64_C(1000000)

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static double random_share(uint64_t *state)
{
    return (double)(random_next(state) >> 11) * 0x1p-53;
}

// Columns of a second, rows of 20 ms.
static struct heatmap map_new(uint32_t columns)
{
    struct heatmap map = {.shape = {.column_ns = 1000 * MS, .columns = columns, .rows = 50}};
    map.cells = calloc((size_t)columns * 50, sizeof *map.cells);
    map.paint = calloc((size_t)columns * 50, 1);
    return map;
}

// Ticks at `hz` on each of `cpus`; a tick is a sample when the CPU is busy then. Load wanders from
// one 100 ms to the next, as on a machine where others work too.
static void fill_noise(struct heatmap *map, uint64_t *random, int cpus, double hz, double load,
                       double wander, int64_t from_ns, int64_t to_ns)
{
    for (int cpu = 0; cpu < cpus; cpu++) {
        double now = load;
        int64_t next_ns = 0;
        int64_t tick_ns = (int64_t)(1e9 / hz);
        for (int64_t at = from_ns + (int64_t)(random_share(random) * (double)tick_ns); at < to_ns;
             at += tick_ns) {
            if (at >= next_ns) {
                now = fmin(1, fmax(0, load + wander * (random_share(random) * 2 - 1)));
                next_ns = at + 100 * MS;
            }
            size_t cell = heatmap_cell_at(&map->shape, at);
            if (cell != SIZE_MAX && random_share(random) < now)
                map->cells[cell]++;
        }
    }
}

static void test_a_stall_of_300_ms_is_found_in_12_s_at_99_hz(void **state)
{
    (void)state;
    int found = 0;
    int close = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        uint64_t random = seed * 0x9e3779b97f4a7c15ull;
        struct heatmap map = map_new(12);
        struct spikes spikes;
        int64_t from_ns = 500 * MS + (int64_t)(random_share(&random) * 11e9);
        fill_noise(&map, &random, 2, 99, 0.16, 0.08, 0, 12000 * MS);
        fill_noise(&map, &random, 1, 99, 0.9, 0, from_ns, from_ns + 300 * MS);
        assert_true(spikes_find(&spikes, &map, NULL));
        const struct spike *best = spikes_strongest(&spikes);
        if (best && best->range.from_ns < from_ns + 300 * MS && best->range.to_ns > from_ns) {
            found++;
            close += llabs(best->range.from_ns - from_ns) <= 100 * MS &&
                     llabs(best->range.to_ns - from_ns - 300 * MS) <= 100 * MS;
        }
        spikes_dispose(&spikes);
        heatmap_dispose(&map);
    }
    assert_true(found >= 196); // seeds are fixed: this is no matter of luck
    assert_true(close >= 180);
}

static void test_noise_has_hardly_any(void **state)
{
    (void)state;
    size_t false_alarms = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        uint64_t random = seed * 0x9e3779b97f4a7c15ull;
        struct heatmap map = map_new(30);
        struct spikes spikes;
        fill_noise(&map, &random, 2, 99, 0.3, 0.2, 0, 30000 * MS);
        assert_true(spikes_find(&spikes, &map, NULL));
        false_alarms += spikes.count;
        spikes_dispose(&spikes);
        heatmap_dispose(&map);
    }
    assert_true(false_alarms <= 5);
}

static void test_several_are_found_in_time_order_and_what_was_not_recorded_is_not_one(void **state)
{
    (void)state;
    uint64_t random = 42;
    struct heatmap map = map_new(60);
    struct spikes spikes;
    fill_noise(&map, &random, 4, 99, 0.2, 0.05, 0, 60000 * MS);
    fill_noise(&map, &random, 4, 99, 0.8, 0, 10000 * MS, 10200 * MS);
    fill_noise(&map, &random, 4, 99, 0.8, 0, 40000 * MS, 41000 * MS);
    for (size_t i = 20 * 50; i < 30 * 50; i++) { // as if nothing had been on
        map.cells[i] = 0;
        map.paint[i] = HEATMAP_NOT_RECORDING;
    }
    assert_true(spikes_find(&spikes, &map, NULL));
    assert_int_equal(spikes.count, 2);
    assert_true(llabs(spikes.items[0].range.from_ns - 10000 * MS) <= 60 * MS);
    assert_true(llabs(spikes.items[0].range.to_ns - 10200 * MS) <= 60 * MS);
    assert_true(llabs(spikes.items[1].range.from_ns - 40000 * MS) <= 60 * MS);
    assert_true(llabs(spikes.items[1].range.to_ns - 41000 * MS) <= 60 * MS);
    assert_ptr_equal(spikes_strongest(&spikes), &spikes.items[1]);
    spikes_dispose(&spikes);
    heatmap_dispose(&map);
}

static void test_values_count_as_so_many_average_ones(void **state)
{
    (void)state;
    struct heatmap map = map_new(20);
    struct spikes spikes;
    map.totals = (struct totals){.by_value = true, .samples = 2000, .value = 2000 * 5 * MS};
    for (size_t i = 0; i < 1000; i++)
        map.cells[i] = (uint64_t)(10 * MS + (int64_t)(i * 7919 % 13) * MS);
    for (size_t i = 500; i < 510; i++)
        map.cells[i] = (uint64_t)(80 * MS);
    assert_true(spikes_find(&spikes, &map, NULL));
    assert_int_equal(spikes.count, 1);
    assert_int_equal(spikes.items[0].range.from_ns, 10000 * MS);
    assert_int_equal(spikes.items[0].range.to_ns, 10200 * MS);
    spikes_dispose(&spikes);
    heatmap_dispose(&map);
}

static void test_empty_and_tiny_maps_have_none(void **state)
{
    (void)state;
    struct spikes spikes;
    struct heatmap map = map_new(12);
    assert_true(spikes_find(&spikes, &map, NULL));
    assert_int_equal(spikes.count, 0);
    assert_null(spikes_strongest(&spikes));
    spikes_dispose(&spikes);
    heatmap_dispose(&map);
    map = map_new(1);
    map.shape.rows = 1;
    map.cells[0] = 1000;
    assert_true(spikes_find(&spikes, &map, NULL));
    assert_int_equal(spikes.count, 0);
    spikes_dispose(&spikes);
    heatmap_dispose(&map);
}

static void test_spikes_of_one_kind_are_near_in_height_and_length(void **state)
{
    (void)state;
    struct spike stall = {.range = {0, 300}, .samples = 30};
    struct spike shorter = {.range = {1000, 1150}, .samples = 20};
    struct spike long_run = {.range = {2000, 7000}, .samples = 500};
    struct spike lower = {.range = {9000, 9300}, .samples = 6};
    assert_true(spikes_alike(&stall, &stall));
    assert_true(spikes_alike(&stall, &shorter) && spikes_alike(&shorter, &stall));
    assert_false(spikes_alike(&stall, &long_run) || spikes_alike(&long_run, &stall));
    assert_false(spikes_alike(&stall, &lower) || spikes_alike(&lower, &stall));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spikes_of_one_kind_are_near_in_height_and_length),
        cmocka_unit_test(test_a_stall_of_300_ms_is_found_in_12_s_at_99_hz),
        cmocka_unit_test(test_noise_has_hardly_any),
        cmocka_unit_test(test_several_are_found_in_time_order_and_what_was_not_recorded_is_not_one),
        cmocka_unit_test(test_values_count_as_so_many_average_ones),
        cmocka_unit_test(test_empty_and_tiny_maps_have_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
