// The terminal heatmap: what is drawn, character by character, and what is said about it.
#include "picture.h"
#include "tests/test.h"
#include "viewer/term.h"

#include <string.h>
#include <time.h>

static const struct term ascii = {.color = TERM_ASCII, .columns = 80, .lines = 24};
static const struct term color = {.color = TERM_24BIT, .utf8 = true, .columns = 80, .lines = 24};
static const struct axis relative = {.has_time = true};

static int utc(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    return 0;
}

static const char *draw(struct bytes *out, const struct term *term, const struct heatmap *map)
{
    bytes_clear(out);
    term_heatmap(out, term, map, &relative, NULL, NULL);
    return bytes_text(out);
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("%s\nlacks \"%s\"", text, part);
}

static void assert_lacks(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("%s\nhas \"%s\"", text, part);
}

static void test_ascii_is_a_ramp_with_labels_and_marks(void **state)
{
    (void)state;
    struct heatmap map;
    map_init(&map, 12, 4);
    for (uint32_t i = 0; i < 10; i++)
        map_put(&map, i, 0, i);
    map_put(&map, 3, 3, 9);
    map_paint(&map, 11, 0, HEATMAP_LOST);
    struct range selected = {3 * SECOND_NS + 1, 3 * SECOND_NS + 2};
    struct spike spike = {.range = {2 * SECOND_NS + 900000000, 3 * SECOND_NS + 900000000}};
    struct spikes spikes = {&spike, 1};
    struct bytes out = {0};
    term_heatmap(&out, &ascii, &map, &relative, &(struct term_selection){&selected, 1, NULL, 0},
                 &spikes);
    // Twelve columns have room to be four cells wide each.
    assert_string_equal(bytes_text(&out),
                        " spikes               v                                 \n"
                        " 750 ms             @@@@                                \n"
                        " 500 ms                                                 \n"
                        "                                                        \n"
                        "   0 ms     ....::::----====++++****####%%%%@@@@        \n"
                        "        |           ^^^^    |                   |   ////\n"
                        "       0 s                 5 s                10 s\n"
                        "scale \" .:-=+*#%@\" 0..9 samples   row 250 ms   "
                        "/ samples lost   ^ selection\n");
    bytes_dispose(&out);
    map_free(&map);
}

static void test_something_is_never_blank_and_only_the_top_is_darkest(void **state)
{
    (void)state;
    struct heatmap map;
    map_init(&map, 3, 1);
    map_put(&map, 0, 0, 1);
    map_put(&map, 1, 0, 999999);
    map_put(&map, 2, 0, 1000000);
    struct bytes out = {0};
    assert_has(draw(&out, &ascii, &map), "   0 ms ....%%%%@@@@\n");
    bytes_dispose(&out);
    map_free(&map);
}

static void test_half_blocks_give_two_rows_a_line(void **state)
{
    (void)state;
    struct heatmap map;
    map_init(&map, 1, 2);
    map_put(&map, 0, 0, 10); // the bottom row has the scale's last colour, faefad
    struct bytes out = {0};
    const char *text = draw(&out, &color, &map);
    // The upper half is a watched cell without samples, the lower one the maximum.
    assert_has(text, "\033[38;2;22;24;29m\033[48;2;250;239;173m▀");
    assert_has(text, "1000 ms ");
    assert_has(text, "   0 ms ");
    bytes_dispose(&out);
    map_free(&map);
}

static void test_an_odd_number_of_rows_leaves_the_top_half_free(void **state)
{
    (void)state;
    struct heatmap map;
    map_init(&map, 1, 1);
    map_put(&map, 0, 0, 10);
    struct bytes out = {0};
    const char *text = draw(&out, &color, &map);
    assert_has(text, "\033[38;2;250;239;173m▄");
    bytes_dispose(&out);
    map_free(&map);
}

static void test_256_colours_and_none(void **state)
{
    (void)state;
    struct heatmap map;
    map_init(&map, 1, 2);
    map_put(&map, 0, 0, 10);
    struct bytes out = {0};
    struct term term = color;
    term.color = TERM_256;
    const char *text = draw(&out, &term, &map);
    assert_has(text, "\033[48;5;");
    assert_lacks(text, ";2;");
    assert_lacks(draw(&out, &ascii, &map), "\033");
    for (size_t i = 0; i < out.len; i++)
        assert_in_range((unsigned char)out.data[i], '\n', '~');
    bytes_dispose(&out);
    map_free(&map);
}

static void test_every_paint_is_drawn_and_named(void **state)
{
    (void)state;
    struct heatmap map;
    map_init(&map, 5, 2);
    uint8_t paints[5] = {HEATMAP_EVICTED, HEATMAP_NOT_RECORDING, HEATMAP_LOST, 0, HEATMAP_PENDING};
    for (uint32_t column = 0; column < 5; column++) {
        map_paint(&map, column, 0, paints[column]);
        map_paint(&map, column, 1, paints[column]);
    }
    map_put(&map, 2, 0, 4); // partly lost: the hatch lies over the colour of what arrived
    struct bytes out = {0};
    const char *text = draw(&out, &color, &map);
    assert_has(text, "\033[48;2;250;239;173m╱");
    assert_has(text, "samples lost");
    assert_has(text, "evicted");
    assert_has(text, "pending");
    assert_has(text, "blank: not recording");
    map_put(&map, 3, 0, 4);
    text = draw(&out, &ascii, &map);
    assert_has(text, "        xxxx----////        \n");
    assert_has(text, "x evicted\n- not recording\n"); // what does not fit goes on below
    bytes_dispose(&out);
    map_free(&map);
}

static void test_the_edge_of_a_live_map_is_now(void **state)
{
    (void)state;
    struct heatmap map;
    map_init(&map, 20, 1);
    map_put(&map, 0, 0, 1);
    struct bytes out = {0};
    assert_lacks(draw(&out, &ascii, &map), "now");
    map_paint(&map, 19, 0, HEATMAP_PENDING);
    assert_has(draw(&out, &ascii, &map),
               "       0 s            5 s           10 s           15 s       now ->\n");
    bytes_dispose(&out);
    map_free(&map);
}

static void test_the_scale_is_in_shares_of_the_cpus_where_they_are_known(void **state)
{
    (void)state;
    struct heatmap map;
    map_init(&map, 1, 4);
    map.full = 10;
    map_put(&map, 0, 0, 5); // far from full: the scale ends at the largest cell
    struct bytes out = {0};
    assert_has(draw(&out, &ascii, &map), "0..50 % of CPUs");
    map_put(&map, 0, 1, 8); // near: it ends at all CPUs
    assert_has(draw(&out, &ascii, &map), "0..100 % of CPUs");
    const char *text = draw(&out, &color, &map);
    assert_has(text, "100 %");
    assert_has(text, "of CPUs");
    bytes_dispose(&out);
    map_free(&map);
}

static void test_values_are_shown_in_their_unit(void **state)
{
    (void)state;
    struct dict dict;
    dict_init(&dict);
    struct event event = {dict_string_z(&dict, "offcpu"), dict_string_z(&dict, "ns"), true};
    struct heatmap map;
    map_init(&map, 1, 1);
    map.dict = &dict;
    map.totals.event = dict_event(&dict, &event);
    map.totals.by_value = true;
    map_put(&map, 0, 0, 120000000);
    struct bytes out = {0};
    assert_has(draw(&out, &ascii, &map), "0..120 ms a cell");
    bytes_dispose(&out);
    map_free(&map);
    dict_dispose(&dict);
}

static void test_times_are_wall_clock_where_it_is_known(void **state)
{
    (void)state;
    struct heatmap map;
    map_init(&map, 30, 1);
    map.shape.from_ns = 5 * SECOND_NS;
    struct axis wall = {.has_time = true,
                        .start_ns = 5 * SECOND_NS,
                        .wall_known = true,
                        .wall_offset_ns = (1700000000LL - 5) * SECOND_NS}; // 22:13:20 UTC
    struct bytes out = {0};
    term_heatmap(&out, &ascii, &map, &wall, NULL, NULL);
    assert_has(bytes_text(&out),
               "\n        |         |         |         |         |         |         "
               "\n    22:13:20  22:13:25  22:13:30");
    assert_has(bytes_text(&out), "0 s is 2023-11-14 22:13:20");
    assert_null(strstr(bytes_text(&out), "the first column is of"));
    map.shape.from_ns += INT64_C(2) * 3600 * SECOND_NS;
    bytes_clear(&out);
    term_heatmap(&out, &ascii, &map, &wall, NULL, NULL);
    assert_has(bytes_text(&out), "the first column is of 2023-11-15");
    map.shape.from_ns = 5 * SECOND_NS;
    setenv("TZ", "XXX-01:30", 1); // what is read is local
    tzset();
    bytes_clear(&out);
    term_heatmap(&out, &ascii, &map, &wall, NULL, NULL);
    assert_has(bytes_text(&out), "    23:43:20  23:43:25  23:43:30");
    setenv("TZ", "UTC", 1);
    tzset();
    bytes_dispose(&out);
    map_free(&map);
}

static void test_columns_that_do_not_fit_are_left_out_aloud(void **state)
{
    (void)state;
    struct heatmap map;
    map_init(&map, 100, 1);
    map_put(&map, 99, 0, 1);
    struct bytes out = {0};
    const char *text = draw(&out, &ascii, &map);
    assert_has(text, "the last 72 of 100 columns");
    for (const char *line = text; *line;) {
        size_t len = strcspn(line, "\n");
        assert_true(len <= 80);
        line += len + (line[len] == '\n');
    }
    bytes_dispose(&out);
    map_free(&map);
}

static void test_other_column_lengths_are_named(void **state)
{
    (void)state;
    struct heatmap map;
    map_init(&map, 20, 5);
    map.shape.column_ns = 60 * SECOND_NS;
    map_put(&map, 0, 0, 1);
    struct bytes out = {0};
    const char *text = draw(&out, &ascii, &map);
    assert_has(text, "column 60 s");
    assert_has(text, "row 12 s");
    assert_has(text, "48 s "); // start of the last row
    assert_has(text, "300 s"); // a tick needs ten cells
    map.shape.column_ns = SECOND_NS / 10;
    text = draw(&out, &ascii, &map);
    assert_has(text, "column 100 ms");
    assert_has(text, "  80 ms ");
    assert_has(text, "      0.0 s          0.5 s");
    bytes_dispose(&out);
    map_free(&map);
}

static void test_what_fits_is_what_is_drawn(void **state)
{
    (void)state;
    unsigned columns, rows;
    term_heatmap_fit(&ascii, &columns, &rows);
    assert_int_equal(columns, 72);
    assert_int_equal(rows, 10);
    term_heatmap_fit(&color, &columns, &rows);
    assert_int_equal(columns, 60); // the scale stands at the right
    assert_int_equal(rows, 20);
    struct term tiny = {.color = TERM_ASCII, .columns = 1, .lines = 1};
    term_heatmap_fit(&tiny, &columns, &rows);
    assert_true(columns >= 1 && rows >= 1);
    struct heatmap map = {0};
    struct bytes out = {0};
    assert_string_equal(draw(&out, &color, &map), ""); // an empty map draws nothing
    bytes_dispose(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ascii_is_a_ramp_with_labels_and_marks),
        cmocka_unit_test(test_something_is_never_blank_and_only_the_top_is_darkest),
        cmocka_unit_test(test_half_blocks_give_two_rows_a_line),
        cmocka_unit_test(test_an_odd_number_of_rows_leaves_the_top_half_free),
        cmocka_unit_test(test_256_colours_and_none),
        cmocka_unit_test(test_every_paint_is_drawn_and_named),
        cmocka_unit_test(test_the_edge_of_a_live_map_is_now),
        cmocka_unit_test(test_the_scale_is_in_shares_of_the_cpus_where_they_are_known),
        cmocka_unit_test(test_values_are_shown_in_their_unit),
        cmocka_unit_test(test_times_are_wall_clock_where_it_is_known),
        cmocka_unit_test(test_columns_that_do_not_fit_are_left_out_aloud),
        cmocka_unit_test(test_other_column_lengths_are_named),
        cmocka_unit_test(test_what_fits_is_what_is_drawn),
    };
    return cmocka_run_group_tests(tests, utc, NULL);
}
