// Two folds compared: the tree of both, what is new and gone, elided paths, movers.
#include "analysis/diff.h"
#include "tests/unit/analysis/folds.h"

#include <errno.h>
#include <math.h>

struct sides {
    struct dict dict_a, dict_b;
    struct fold a, b;
    struct diff diff;
};

// Each side has a dictionary of its own.
static void compare(struct sides *sides, const char *a, const char *b, enum diff_match match)
{
    dict_init(&sides->dict_a);
    dict_init(&sides->dict_b);
    dict_string_z(&sides->dict_b, "other numbers");
    sides->a = folds_read(&sides->dict_a, a);
    sides->b = folds_read(&sides->dict_b, b);
    struct err err = {0};
    assert_int_equal(diff_folds(&sides->diff, &sides->a, &sides->b, match, &err), 0);
    folds_check(&sides->diff.a);
    folds_check(&sides->diff.b);
    assert_int_equal(sides->diff.a.count, sides->diff.b.count);
    for (size_t i = 1; i < sides->diff.a.count; i++) {
        assert_int_equal(sides->diff.a.nodes[i].frame, sides->diff.b.nodes[i].frame);
        assert_int_equal(sides->diff.a.nodes[i].parent, sides->diff.b.nodes[i].parent);
    }
}

static void dispose(struct sides *sides)
{
    diff_dispose(&sides->diff);
    fold_dispose(&sides->a);
    fold_dispose(&sides->b);
    dict_dispose(&sides->dict_a);
    dict_dispose(&sides->dict_b);
}

// The node of a path, "a;main;f".
static size_t node_at(const struct diff *diff, const char *path)
{
    const struct fold *fold = &diff->a;
    size_t node = 0;
    struct bytes text = {0};
    for (const char *at = path; *at;) {
        size_t len = strcspn(at, ";"), found = 0;
        for (size_t i = node + 1; i < fold->count && !found; i++) {
            bytes_clear(&text);
            if (fold->nodes[i].parent == node)
                fold_frame_text(fold->dict, fold->nodes[i].frame, &text);
            if (text.len == len && !memcmp(bytes_text(&text), at, len))
                found = i;
        }
        if (!found)
            fail_msg("no node at %s", path);
        node = found;
        at += len + (at[len] == ';');
    }
    bytes_dispose(&text);
    return node;
}

static void assert_delta(const struct diff *diff, const char *path, double self, double total)
{
    size_t node = node_at(diff, path);
    if (fabs(diff_self(diff, node) - self) > 1e-9 || fabs(diff_total(diff, node) - total) > 1e-9)
        fail_msg("%s: self %g, total %g; expected %g, %g", path, diff_self(diff, node),
                 diff_total(diff, node), self, total);
}

static void test_deltas_are_normalised(void **state)
{
    (void)state;
    struct sides sides;
    compare(&sides, "a;main;f 60\na;main;g 40\n", "a;main;f 10\na;main;g 40\n", DIFF_BY_FUNCTION);
    assert_true(sides.diff.scale == 2);
    assert_delta(&sides.diff, "", 0, 0);
    assert_delta(&sides.diff, "a;main", 0, 0);
    assert_delta(&sides.diff, "a;main;f", 40, 40);
    assert_delta(&sides.diff, "a;main;g", -40, -40);
    dispose(&sides);
}

static void test_every_node_of_a_new_or_gone_subtree_has_its_delta(void **state)
{
    (void)state;
    struct sides sides;
    compare(&sides, "a;main;n;x;y 6\na;main;n;x 2\na;main 2\n", "a;main;o;p 5\na;main 5\n",
            DIFF_BY_FUNCTION);
    const struct diff *diff = &sides.diff;
    assert_delta(diff, "a;main", -3, 0);
    assert_delta(diff, "a;main;n", 0, 8);
    assert_delta(diff, "a;main;n;x", 2, 8);
    assert_delta(diff, "a;main;n;x;y", 6, 6);
    assert_delta(diff, "a;main;o;p", -5, -5);
    assert_true(diff_is_new(diff, node_at(diff, "a;main;n")));
    assert_true(diff_is_new(diff, node_at(diff, "a;main;n;x;y")));
    assert_true(diff_is_gone(diff, node_at(diff, "a;main;o;p")));
    assert_false(diff_is_new(diff, node_at(diff, "a;main")));
    assert_false(diff_is_gone(diff, node_at(diff, "a;main")));
    dispose(&sides);
}

static void test_no_overlap_is_all_new_and_all_gone(void **state)
{
    (void)state;
    struct sides sides;
    compare(&sides, "a;f 3\n", "b;g 6\n", DIFF_BY_FUNCTION);
    assert_delta(&sides.diff, "a;f", 3, 3);
    assert_delta(&sides.diff, "b;g", -3, -3);
    dispose(&sides);
}

static void test_functions_match_by_module_and_kind_text_does_not(void **state)
{
    (void)state;
    const char *a = "a;f@@/lib/x.so;g_[k] 1\n", *b = "a;f@@/lib/y.so;g 1\n";
    struct sides sides;
    compare(&sides, a, b, DIFF_BY_FUNCTION);
    assert_int_equal(sides.diff.a.count, 6);
    dispose(&sides);
    compare(&sides, a, b, DIFF_BY_TEXT);
    assert_int_equal(sides.diff.a.count, 4);
    assert_delta(&sides.diff, "a;f;g", 0, 0);
    dispose(&sides);
    // A thread's name is no function, whatever it reads as.
    compare(&sides, "f;f 1\nf 1\n", "f;f 2\n", DIFF_BY_TEXT);
    assert_int_equal(sides.diff.a.count, 3);
    assert_delta(&sides.diff, "f;f", -1, -1);
    dispose(&sides);
}

// FlameScope: every path of B that A has, too, weighs nothing; those that A lacks B's, scaled.
static void test_elided_is_what_b_did_and_a_does_no_more(void **state)
{
    (void)state;
    struct sides sides;
    compare(&sides, "a;main;f 1\na;main;h;i 99\n",
            "a;main;f 20\na;main;f;g 3\na;main;o;p 1\na;main;o 6\na;main;h 20\n", DIFF_BY_FUNCTION);
    assert_true(sides.diff.scale == 2);
    struct fold elided;
    diff_elided(&elided, &sides.diff);
    folds_assert(&elided, "a;main;f;g 6\na;main;o 12\na;main;o;p 2\n");
    fold_dispose(&elided);
    dispose(&sides);
    compare(&sides, "a;f 1\na;g 1\n", "a;f 2\n", DIFF_BY_FUNCTION);
    diff_elided(&elided, &sides.diff);
    folds_assert(&elided, "");
    assert_int_equal(elided.count, 1);
    fold_dispose(&elided);
    dispose(&sides);
}

static void test_values_are_compared_where_they_are_shown(void **state)
{
    (void)state;
    struct dict dict;
    dict_init(&dict);
    struct event event = {.unit = dict_string_z(&dict, "ns"), .by_value = true};
    struct fold a = folds_read(&dict, "a;f 1\na;g 3\n"), b = folds_read(&dict, "a;f 3\na;g 5\n");
    a.totals.event = b.totals.event = dict_event(&dict, &event);
    a.totals.by_value = b.totals.by_value = true;
    a.nodes[2].self_value = a.nodes[2].total_value = 70; // f
    a.nodes[0].total_value = a.nodes[1].total_value = a.totals.value = 100;
    struct diff diff;
    assert_int_equal(diff_folds(&diff, &a, &b, DIFF_BY_FUNCTION, NULL), 0);
    assert_true(diff.scale == 100. / 80);
    assert_delta(&diff, "a;f", 70 - 30 * 1.25, 70 - 30 * 1.25);
    assert_string_equal(dict_text(diff.a.dict, diff.a.dict->events[diff.a.totals.event].unit),
                        "ns");
    struct diff_rows rows;
    diff_functions(&rows, &diff, TOP_BY_SELF);
    assert_true(rows.rows[0].share_a == 0.7 || rows.rows[0].share_a == 0.3);
    diff_rows_dispose(&rows);
    diff_dispose(&diff);
    struct err err = {0};
    b.totals.by_value = false;
    assert_int_equal(diff_folds(&diff, &a, &b, DIFF_BY_FUNCTION, &err), -EINVAL);
    assert_non_null(strstr(err.message, "'ns'"));
    fold_dispose(&a);
    fold_dispose(&b);
    dict_dispose(&dict);
}

static void test_an_empty_side_is_a_sentence(void **state)
{
    (void)state;
    struct dict dict;
    dict_init(&dict);
    struct fold full = folds_read(&dict, "a;f 1\n"), empty = folds_read(&dict, "");
    struct fold none = {.dict = &dict};
    struct diff diff;
    struct err err = {0};
    assert_int_equal(diff_folds(&diff, &full, &empty, DIFF_BY_FUNCTION, &err), -ENODATA);
    assert_non_null(strstr(err.message, "the second side has no samples"));
    assert_int_equal(diff_folds(&diff, &none, &full, DIFF_BY_TEXT, &err), -ENODATA);
    assert_non_null(strstr(err.message, "the first side has no samples"));
    assert_int_equal(diff_folds(&diff, &none, &empty, DIFF_BY_TEXT, &err), -ENODATA);
    assert_non_null(strstr(err.message, "both sides have no samples"));
    diff_dispose(&diff);
    fold_dispose(&full);
    fold_dispose(&empty);
    dict_dispose(&dict);
}

static const char *row_name(const struct diff *diff, const struct diff_row *row)
{
    return dict_text(diff->a.dict, diff->a.dict->frames[row->a.frame].name);
}

static void test_movers_come_first_with_interval_and_counts(void **state)
{
    (void)state;
    struct sides sides;
    compare(&sides, "a;main;f 300\na;main;g 500\na;main;h 190\na;main;r;r;r 10\n",
            "a;main;f 100\na;main;g 700\na;main;h 200\n", DIFF_BY_FUNCTION);
    struct diff_rows rows;
    diff_functions(&rows, &sides.diff, TOP_BY_TOTAL);
    assert_int_equal(rows.samples_a, 1000);
    assert_int_equal(rows.samples_b, 1000);
    assert_false(rows.too_few);
    assert_int_equal(rows.count, 5);
    assert_int_equal(rows.moved, 3);
    assert_string_equal(row_name(&sides.diff, &rows.rows[0]), "f");
    assert_true(rows.rows[0].low > 0.16 && rows.rows[0].low < 0.2 && rows.rows[0].high < 0.24);
    assert_int_equal(rows.rows[0].a.total_samples, 300);
    assert_int_equal(rows.rows[0].b.total_samples, 100);
    assert_string_equal(row_name(&sides.diff, &rows.rows[1]), "g");
    assert_true(rows.rows[1].high < 0);
    assert_string_equal(row_name(&sides.diff, &rows.rows[2]), "r"); // once, though it recurs
    assert_int_equal(rows.rows[2].a.total_samples, 10);
    assert_false(rows.rows[3].moved);
    assert_false(rows.rows[4].moved);
    diff_rows_dispose(&rows);
    diff_functions(&rows, &sides.diff, TOP_BY_SELF);
    for (size_t i = 0; i < rows.count; i++) {
        if (!strcmp(row_name(&sides.diff, &rows.rows[i]), "main")) {
            assert_true(rows.rows[i].share_a == 0 && rows.rows[i].chance == 1);
            assert_false(rows.rows[i].moved);
        }
    }
    diff_rows_dispose(&rows);
    dispose(&sides);
}

static void test_values_that_are_samples_count_as_such(void **state)
{
    (void)state;
    struct dict dict;
    dict_init(&dict);
    struct event event = {.unit = dict_string_z(&dict, "samples"), .by_value = true};
    struct fold a = folds_read(&dict, "a;f 90\na;g 10\n"),
                b = folds_read(&dict, "a;f 50\na;g 50\n");
    a.totals.event = b.totals.event = dict_event(&dict, &event);
    a.totals.by_value = b.totals.by_value = true;
    struct diff diff;
    assert_int_equal(diff_folds(&diff, &a, &b, DIFF_BY_FUNCTION, NULL), 0);
    struct diff_rows rows;
    diff_functions(&rows, &diff, TOP_BY_SELF);
    assert_int_equal(rows.samples_a, 1000);
    assert_int_equal(rows.rows[0].samples_a + rows.rows[1].samples_a, 1000);
    assert_int_equal(rows.moved, 2);
    diff_rows_dispose(&rows);
    diff_dispose(&diff);
    fold_dispose(&a);
    fold_dispose(&b);
    dict_dispose(&dict);
}

static void test_too_few_samples_move_nothing(void **state)
{
    (void)state;
    struct sides sides;
    compare(&sides, "a;f 19\n", "a;g 1000\n", DIFF_BY_FUNCTION);
    struct diff_rows rows;
    diff_functions(&rows, &sides.diff, TOP_BY_SELF);
    assert_true(rows.too_few);
    assert_int_equal(rows.moved, 0);
    diff_rows_dispose(&rows);
    dispose(&sides);
}

static void test_a_comparison_with_itself_is_zero_everywhere(void **state)
{
    (void)state;
    const char *text = "a;main;f;g 1\na;main;f 200\nb;h 3000\nb 4\n";
    struct sides sides;
    compare(&sides, text, text, DIFF_BY_FUNCTION);
    for (size_t i = 0; i < sides.diff.a.count; i++)
        assert_true(diff_self(&sides.diff, i) == 0 && diff_total(&sides.diff, i) == 0);
    struct diff_rows rows;
    diff_functions(&rows, &sides.diff, TOP_BY_TOTAL);
    assert_int_equal(rows.moved, 0);
    diff_rows_dispose(&rows);
    dispose(&sides);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deltas_are_normalised),
        cmocka_unit_test(test_every_node_of_a_new_or_gone_subtree_has_its_delta),
        cmocka_unit_test(test_no_overlap_is_all_new_and_all_gone),
        cmocka_unit_test(test_functions_match_by_module_and_kind_text_does_not),
        cmocka_unit_test(test_elided_is_what_b_did_and_a_does_no_more),
        cmocka_unit_test(test_values_are_compared_where_they_are_shown),
        cmocka_unit_test(test_an_empty_side_is_a_sentence),
        cmocka_unit_test(test_movers_come_first_with_interval_and_counts),
        cmocka_unit_test(test_values_that_are_samples_count_as_such),
        cmocka_unit_test(test_too_few_samples_move_nothing),
        cmocka_unit_test(test_a_comparison_with_itself_is_zero_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
