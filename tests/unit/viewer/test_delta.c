// Differences as colours and words, and the pictures that show them.
#include "tests/unit/analysis/folds.h"
#include "viewer/delta.h"
#include "viewer/svg.h"
#include "viewer/term.h"

struct sides {
    struct dict dict;
    struct fold a, b;
    struct diff diff;
};

static void compare(struct sides *sides, const char *a, const char *b)
{
    dict_init(&sides->dict);
    sides->a = folds_read(&sides->dict, a);
    sides->b = folds_read(&sides->dict, b);
    assert_int_equal(diff_folds(&sides->diff, &sides->a, &sides->b, DIFF_BY_FUNCTION, NULL), 0);
}

static void dispose(struct sides *sides)
{
    diff_dispose(&sides->diff);
    fold_dispose(&sides->a);
    fold_dispose(&sides->b);
    dict_dispose(&sides->dict);
}

// Nodes: all, d, main, f, g, h.
static const char a_text[] = "d;main;f 600\nd;main;g 300\nd;main;h 100\n";
static const char b_text[] = "d;main;f 200\nd;main;g 700\nd;main;h 99\nd;main 1\n";

static void test_steps_are_of_the_largest_difference(void **state)
{
    (void)state;
    struct sides sides;
    compare(&sides, a_text, b_text);
    struct delta delta;
    delta_init(&delta, &sides.diff);
    assert_true(delta.largest == 400);
    static const int steps[] = {0, 0, -1, 5, -5, 1};
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(delta_step(&delta, i), steps[i]);
    assert_string_equal(delta_name(5), "more5");
    assert_string_equal(delta_name(-1), "less1");
    assert_string_equal(delta_name(0), "same");
    dispose(&sides);
}

static void test_equal_sides_have_no_colour(void **state)
{
    (void)state;
    struct sides sides;
    compare(&sides, a_text, a_text);
    struct delta delta;
    delta_init(&delta, &sides.diff);
    for (size_t i = 0; i < sides.diff.a.count; i++)
        assert_int_equal(delta_step(&delta, i), 0);
    dispose(&sides);
}

static void test_more_goes_towards_one_accent_less_towards_the_other(void **state)
{
    (void)state;
    for (enum theme theme = 0; theme < THEMES; theme++) {
        struct rgb more = delta_color(theme, 5), less = delta_color(theme, -5);
        struct rgb same = delta_color(theme, 0), kind = fill_color(theme, FILL_COMM);
        assert_memory_equal(&same, &kind, sizeof same);
        assert_true(more.red > less.red && less.blue > more.blue);
        for (int step = 1; step < DELTA_MOST; step++) {
            assert_true(delta_color(theme, step + 1).red - delta_color(theme, step + 1).blue >
                        delta_color(theme, step).red - delta_color(theme, step).blue);
            assert_true(delta_color(theme, -step - 1).blue - delta_color(theme, -step - 1).red >
                        delta_color(theme, -step).blue - delta_color(theme, -step).red);
        }
    }
}

static void test_words_say_total_own_and_new(void **state)
{
    (void)state;
    struct sides sides;
    compare(&sides, "d;main;f 50\nd;main;n 50\n", "d;main;f 100\n");
    struct bytes text = {0};
    delta_append(&text, &sides.diff, 2);
    bytes_append_char(&text, '|');
    delta_append(&text, &sides.diff, 3);
    bytes_append_char(&text, '|');
    delta_append(&text, &sides.diff, 4);
    assert_string_equal(bytes_text(&text),
                        "+0.0 pp|-50.0 pp, -50.0 pp of its own|+50.0 pp, +50.0 pp "
                        "of its own, new");
    bytes_dispose(&text);
    dispose(&sides);
}

static void test_the_terminal_draws_a_with_its_differences(void **state)
{
    (void)state;
    struct sides sides;
    compare(&sides, a_text, b_text);
    struct term term = {.color = TERM_ASCII, .columns = 80, .lines = 24};
    struct bytes text = {0};
    term_diff(&text, &term, &sides.diff, 20);
    assert_non_null(strstr(text.data, "|f 60% +40.0 pp_"));
    assert_non_null(strstr(text.data, "|g 30% -40.0 pp_"));
    bytes_clear(&text);
    term = (struct term){.color = TERM_24BIT, .utf8 = true, .columns = 80, .lines = 24};
    term_diff(&text, &term, &sides.diff, 20);
    struct rgb more = delta_color(THEME_DARK, 5);
    struct bytes sequence = {0};
    bytes_printf(&sequence, "48;2;%u;%u;%um", more.red, more.green, more.blue);
    assert_non_null(strstr(text.data, sequence.data));
    bytes_dispose(&sequence);
    bytes_dispose(&text);
    dispose(&sides);
}

static void test_the_svg_classes_frames_by_difference(void **state)
{
    (void)state;
    struct sides sides;
    compare(&sides, a_text, b_text);
    struct bytes text = {0};
    struct output_bytes output;
    output_bytes_init(&output, &text);
    struct svg_options options = {.title = "a", .diff = &sides.diff};
    assert_int_equal(svg_flame(&output.base, &sides.diff.a, &options, NULL), 0);
    assert_non_null(strstr(text.data, "<g class=\"frame more5\""));
    assert_non_null(strstr(text.data, "<g class=\"frame less5\""));
    assert_non_null(strstr(text.data, ".more5 rect{fill:#"));
    assert_non_null(strstr(text.data, "+40.0 pp, +40.0 pp of its own</title>"));
    assert_non_null(strstr(text.data, "more of its own</text>"));
    bytes_clear(&text);
    options.diff = NULL;
    assert_int_equal(svg_flame(&output.base, &sides.diff.a, &options, NULL), 0);
    assert_null(strstr(text.data, "more5"));
    bytes_dispose(&text);
    dispose(&sides);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_are_of_the_largest_difference),
        cmocka_unit_test(test_equal_sides_have_no_colour),
        cmocka_unit_test(test_more_goes_towards_one_accent_less_towards_the_other),
        cmocka_unit_test(test_words_say_total_own_and_new),
        cmocka_unit_test(test_the_terminal_draws_a_with_its_differences),
        cmocka_unit_test(test_the_svg_classes_frames_by_difference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
