// Sets of time, and where seconds begin.
#include "analysis/ranges.h"
#include "analysis/store.h"
#include "tests/test.h"

static void test_touching_ranges_grow_together(void **state)
{
    (void)state;
    struct ranges ranges = {0};
    ranges_add(&ranges, 10, 20);
    ranges_add(&ranges, 30, 40);
    ranges_add(&ranges, 50, 60);
    ranges_add(&ranges, 5, 5);
    assert_int_equal(ranges.count, 3);
    ranges_add(&ranges, 20, 30);
    assert_int_equal(ranges.count, 2);
    ranges_add(&ranges, 0, 100);
    assert_int_equal(ranges.count, 1);
    ranges_add(&ranges, INT64_MIN, INT64_MAX);
    assert_int_equal(ranges.count, 1);
    assert_int_equal(ranges.items[0].from_ns, INT64_MIN);
    ranges_dispose(&ranges);
}

static void test_the_complement_of_the_complement_is_the_set(void **state)
{
    (void)state;
    struct ranges rest = {0};
    struct ranges again = {0};
    struct range set[] = {{10, 20}, {30, 40}};
    ranges_complement(&rest, set, 2);
    assert_int_equal(rest.count, 3);
    assert_int_equal(rest.items[1].from_ns, 20);
    assert_int_equal(rest.items[1].to_ns, 30);
    ranges_complement(&again, rest.items, rest.count);
    assert_int_equal(again.count, 2);
    assert_int_equal(again.items[1].to_ns, 40);
    ranges_dispose(&rest);
    ranges_dispose(&again);
}

static void test_overlaps(void **state)
{
    (void)state;
    struct range set[] = {{10, 20}, {30, 40}};
    assert_true(ranges_overlap(set, 2, 0, 11));
    assert_false(ranges_overlap(set, 2, 0, 10));
    assert_false(ranges_overlap(set, 2, 20, 30));
    assert_false(ranges_overlap(set, 2, 15, 15));
    assert_false(ranges_overlap(set, 2, 40, 50));
    assert_int_equal(ranges_overlap_ns(set, 2, 15, 35), 10);
    assert_int_equal(ranges_overlap_ns(set, 2, INT64_MIN, INT64_MAX), 20);
}

static void test_coarse_sets_keep_the_widest_gaps(void **state)
{
    (void)state;
    struct ranges ranges = {0};
    for (int i = 0; i < 100; i++)
        ranges_add(&ranges, i * 10 + (i >= 50 ? 100000 : 0), i * 10 + 5 + (i >= 50 ? 100000 : 0));
    ranges_coarsen(&ranges, 2);
    assert_int_equal(ranges.count, 2);
    assert_int_equal(ranges.items[0].from_ns, 0);
    assert_int_equal(ranges.items[0].to_ns, 495);
    assert_int_equal(ranges.items[1].from_ns, 100500);
    ranges_dispose(&ranges);
}

static void test_seconds_begin_on_the_wall_clock_where_it_is_known(void **state)
{
    (void)state;
    const int64_t second = INT64_C(1000000000);
    struct axis axis = {0};
    assert_int_equal(axis_floor(&axis, 5 * second + 7, second), 5 * second);
    assert_int_equal(axis_floor(&axis, -1, second), -second);
    axis.wall_known = true;
    axis.wall_offset_ns = 1700000000 * second + 300000000;
    assert_int_equal(axis_floor(&axis, 5 * second, second), 4 * second + 700000000);
    assert_int_equal(axis_floor(&axis, 4 * second + 700000000, second), 4 * second + 700000000);
    axis.wall_offset_ns = -300000000;
    assert_int_equal(axis_floor(&axis, 5 * second, second), 4 * second + 300000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_touching_ranges_grow_together),
        cmocka_unit_test(test_the_complement_of_the_complement_is_the_set),
        cmocka_unit_test(test_overlaps),
        cmocka_unit_test(test_coarse_sets_keep_the_widest_gaps),
        cmocka_unit_test(test_seconds_begin_on_the_wall_clock_where_it_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
