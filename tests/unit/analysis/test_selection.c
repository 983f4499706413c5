// The selection: states, undo, generations.
#include "analysis/selection.h"
#include "tests/test.h"

#include <errno.h>
#include <stdlib.h>

static void test_ranges_are_sorted_and_merged(void **state)
{
    (void)state;
    struct selection *selection = selection_new();
    struct range ranges[] = {{50, 60}, {10, 20}, {20, 30}, {15, 16}, {40, 40}};
    size_t count;
    selection_set_ranges(selection, ranges, 5);
    const struct range *set = selection_ranges(selection, &count);
    assert_int_equal(count, 2);
    assert_int_equal(set[0].from_ns, 10);
    assert_int_equal(set[0].to_ns, 30);
    assert_int_equal(set[1].from_ns, 50);
    selection_free(selection);
}

static void test_undo_takes_back_one_change_at_a_time(void **state)
{
    (void)state;
    struct selection *selection = selection_new();
    struct err err = {0};
    struct query query;
    struct range range = {1, 2};
    struct filter *filter = filter_new();
    assert_int_equal(filter_add(filter, FILTER_COMM, false, false, "demo", NULL, &err), 0);
    uint64_t generation = selection_generation(selection);
    assert_false(selection_undo(selection));
    selection_set_ranges(selection, &range, 1);
    selection_set_filter(selection, filter);
    selection_set_event(selection, "offcpu");
    selection_set_source(selection, 3);
    selection_set_idle(selection, true);
    assert_int_equal(selection_generation(selection), generation + 5);
    selection_query(selection, &query);
    assert_int_equal(query.range_count, 1);
    assert_non_null(query.filter);
    assert_string_equal(query.event, "offcpu");
    assert_int_equal(query.source, 3);
    assert_true(query.idle);
    assert_true(selection_undo(selection));
    assert_true(selection_undo(selection));
    selection_query(selection, &query);
    assert_false(query.idle);
    assert_int_equal(query.source, 0);
    assert_string_equal(query.event, "offcpu");
    assert_true(selection_undo(selection));
    assert_true(selection_undo(selection));
    selection_query(selection, &query);
    assert_null(query.event);
    assert_null(query.filter);
    assert_int_equal(query.range_count, 1);
    assert_true(selection_undo(selection));
    selection_query(selection, &query);
    assert_int_equal(query.range_count, 0);
    assert_false(selection_undo(selection));
    assert_int_equal(selection_generation(selection), generation + 10);
    selection_free(selection);
}

static void assert_filter(const struct selection *selection, const char *expected)
{
    const struct filter *filter = selection_filter(selection);
    char *text = filter ? filter_text(filter) : NULL;
    if (expected)
        assert_string_equal(text, expected);
    else
        assert_null(text);
    free(text);
}

// Values replace those that were selected before, and leave all else.
static void test_values_are_selected(void **state)
{
    (void)state;
    struct selection *selection = selection_new();
    struct err err = {0};
    struct filter *filter = filter_new();
    assert_int_equal(filter_add(filter, FILTER_COMM, false, false, "demo", NULL, &err), 0);
    assert_int_equal(filter_add(filter, FILTER_VALUE, false, false, "5..", NULL, &err), 0);
    filter_push(filter);
    assert_int_equal(filter_add(filter, FILTER_VALUE, true, false, "7", NULL, &err), 0);
    selection_set_filter(selection, filter);
    assert_int_equal(selection_set_values(selection, "1ms..2ms,5ms..", &err), 0);
    assert_filter(selection, "comm=demo & value=1ms..2ms value=5ms..");
    assert_int_equal(selection_set_values(selection, "..1us", &err), 0);
    assert_filter(selection, "comm=demo & value=..1us");
    assert_int_equal(selection_set_values(selection, "1..x", &err), -EINVAL);
    assert_filter(selection, "comm=demo & value=..1us");
    assert_int_equal(selection_set_values(selection, "all", &err), 0);
    assert_filter(selection, "comm=demo");
    selection_set_filter(selection, NULL);
    assert_int_equal(selection_set_values(selection, "3", &err), 0);
    assert_filter(selection, "value=3");
    assert_int_equal(selection_set_values(selection, "all", &err), 0);
    assert_filter(selection, NULL);
    selection_free(selection);
}

static void test_joined_changes_are_taken_back_together(void **state)
{
    (void)state;
    struct selection *selection = selection_new();
    struct err err = {0};
    struct range range = {1, 2}, next = {5, 6};
    size_t count;
    selection_join(selection); // nothing to join
    selection_set_ranges(selection, &range, 1);
    assert_int_equal(selection_set_values(selection, "3", &err), 0);
    selection_set_ranges(selection, &next, 1);
    selection_join(selection);
    assert_filter(selection, "value=3");
    assert_int_equal(selection_ranges(selection, &count)->from_ns, 5);
    assert_true(selection_undo(selection));
    assert_filter(selection, NULL);
    assert_int_equal(selection_ranges(selection, &count)->from_ns, 1);
    assert_true(selection_undo(selection));
    assert_false(selection_undo(selection));
    selection_free(selection);
}

static void test_sixty_four_changes_can_be_taken_back(void **state)
{
    (void)state;
    struct selection *selection = selection_new();
    struct query query;
    for (uint32_t i = 1; i <= 100; i++)
        selection_set_source(selection, i);
    size_t undone = 0;
    while (selection_undo(selection))
        undone++;
    assert_int_equal(undone, 64);
    selection_query(selection, &query);
    assert_int_equal(query.source, 36);
    selection_free(selection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges_are_sorted_and_merged),
        cmocka_unit_test(test_undo_takes_back_one_change_at_a_time),
        cmocka_unit_test(test_values_are_selected),
        cmocka_unit_test(test_joined_changes_are_taken_back_together),
        cmocka_unit_test(test_sixty_four_changes_can_be_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
