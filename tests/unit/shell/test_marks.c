// Marks: copies under a name.
#include "shell/marks.h"
#include "tests/test.h"

#include <stdlib.h>

static void test_a_mark_is_a_copy(void **state)
{
    (void)state;
    struct marks marks = {0};
    struct range ranges[] = {{1, 2}, {5, 9}};
    struct err err = {0};
    struct filter *filter = filter_new();
    filter_push(filter);
    assert_int_equal(filter_add(filter, FILTER_COMM, false, false, "demo", NULL, &err), 0);
    char event[] = "offcpu";
    struct query query = {.ranges = ranges,
                          .range_count = 2,
                          .filter = filter,
                          .event = event,
                          .source = 3,
                          .idle = true};
    marks_set(&marks, "slow", &query);
    ranges[0].from_ns = 0;
    event[0] = 'x';
    filter_free(filter);
    struct query got;
    mark_query(marks_find(&marks, "slow"), &got);
    assert_int_equal(got.range_count, 2);
    assert_int_equal(got.ranges[0].from_ns, 1);
    assert_string_equal(got.event, "offcpu");
    assert_int_equal(got.source, 3);
    assert_true(got.idle);
    char *text = filter_text(got.filter);
    assert_string_equal(text, "comm=demo");
    free(text);
    marks_dispose(&marks);
}

static void test_marks_are_sorted_replaced_and_dropped(void **state)
{
    (void)state;
    struct marks marks = {0};
    struct range range = {1, 2};
    struct query all = {0}, one = {.ranges = &range, .range_count = 1};
    marks_set(&marks, "b", &all);
    marks_set(&marks, "a", &all);
    marks_set(&marks, "c", &all);
    marks_set(&marks, "b", &one);
    assert_int_equal(marks.count, 3);
    assert_string_equal(marks.items[0].name, "a");
    assert_string_equal(marks.items[2].name, "c");
    assert_int_equal(marks_find(&marks, "b")->range_count, 1);
    assert_null(marks_find(&marks, "d"));
    assert_false(marks_drop(&marks, "d"));
    assert_true(marks_drop(&marks, "a"));
    assert_null(marks_find(&marks, "a"));
    assert_int_equal(marks.count, 2);
    marks_dispose(&marks);
    assert_int_equal(marks.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_mark_is_a_copy),
        cmocka_unit_test(test_marks_are_sorted_replaced_and_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
