// The terminal icicle: widths, folding, shortening, depth.
#include "picture.h"
#include "tests/test.h"
#include "viewer/term.h"

#include <stdio.h>
#include <string.h>

static const struct term ascii = {.color = TERM_ASCII, .columns = 40, .lines = 24};
static const struct term color = {.color = TERM_24BIT, .utf8 = true, .columns = 40, .lines = 24};

static void assert_drawn(struct picture_fold *fold, const struct term *term, unsigned max_lines,
                         const char *expected)
{
    struct bytes out = {0};
    term_flame(&out, term, &fold->fold, max_lines);
    assert_string_equal(bytes_text(&out), expected);
    bytes_dispose(&out);
}

static void assert_has(const struct bytes *text, const char *part)
{
    if (!strstr(bytes_text(text), part))
        fail_msg("%s\nlacks \"%s\"", bytes_text(text), part);
}

static void test_widths_are_shares_widest_first(void **state)
{
    (void)state;
    struct picture_fold fold;
    picture_fold_init(&fold);
    picture_fold_add(&fold, "demo;idle_k", 25);
    picture_fold_add(&fold, "demo;work", 50);
    picture_fold_add(&fold, "perf;main", 25);
    assert_drawn(&fold, &ascii, 20,
                 "|all  100 samples_______________________\n"
                 "|demo 75%_____________________|perf 25%_\n"
                 "|work 50%___________|idle_k___|main 25%_\n");
    picture_fold_free(&fold);
}

static void test_a_chain_of_one_width_folds(void **state)
{
    (void)state;
    struct picture_fold fold;
    picture_fold_init(&fold);
    picture_fold_add(&fold, "demo;start;a;b;c;handle;x", 30);
    picture_fold_add(&fold, "demo;start;a;b;c;handle;y", 10);
    assert_drawn(&fold, &ascii, 20,
                 "|all  40 samples________________________\n"
                 "|demo 100%______________________________\n"
                 "|start +3 > handle 100%_________________\n"
                 "|x 75%________________________|y 25%____\n");
    struct bytes out = {0};
    term_flame(&out, &color, &fold.fold, 20);
    assert_has(&out, "... 3 frames");
    assert_has(&out, "start 100%");
    assert_has(&out, "handle 100%");
    bytes_dispose(&out);
    picture_fold_free(&fold);
}

static void test_kinds_have_their_colours(void **state)
{
    (void)state;
    struct picture_fold fold;
    picture_fold_init(&fold);
    picture_fold_add(&fold, "demo;user", 10);
    picture_fold_add(&fold, "demo;read_k", 10);
    picture_fold_add(&fold, "demo;hot_j", 10);
    picture_fold_add(&fold, "demo;", 10);
    struct bytes out = {0};
    term_flame(&out, &color, &fold.fold, 20);
    assert_has(&out, "\033[48;2;42;45;49m all  40 samples");
    assert_has(&out, "\033[48;2;81;65;44m user");
    assert_has(&out, "\033[48;2;42;70;109m read_k");
    assert_has(&out, "\033[48;2;35;79;56m hot_j");
    assert_has(&out, "\033[48;2;58;59;61m [unknow~");
    bytes_dispose(&out);
    picture_fold_free(&fold);
}

static void test_depth_is_limited_aloud(void **state)
{
    (void)state;
    struct picture_fold fold;
    picture_fold_init(&fold);
    picture_fold_add(&fold, "demo;a;b", 1);
    picture_fold_add(&fold, "demo;a;c;d", 1);
    assert_drawn(&fold, &ascii, 3,
                 "|all  2 samples_________________________\n"
                 "|demo 100%______________________________\n"
                 "|a 100%_________________________________\n"
                 "3 deeper frames are not shown\n");
    picture_fold_free(&fold);
}

static void test_names_of_strangers_are_harmless(void **state)
{
    (void)state;
    struct picture_fold fold;
    picture_fold_init(&fold);
    picture_fold_add(&fold, "\033[2Jevil\n\xff;caf\xc3\xa9", 1);
    assert_drawn(&fold, &ascii, 5,
                 "|all  1 sample__________________________\n"
                 "|?[2Jevil?? 100%________________________\n"
                 "|caf? 100%______________________________\n");
    picture_fold_free(&fold);
}

static void test_nothing_says_so(void **state)
{
    (void)state;
    struct picture_fold fold;
    picture_fold_init(&fold);
    assert_drawn(&fold, &ascii, 5, "no samples\n");
    picture_fold_free(&fold);
}

// However weights round, boxes never overlap, and a line never leaves the terminal.
static void test_every_width_holds(void **state)
{
    (void)state;
    struct picture_fold fold;
    picture_fold_init(&fold);
    char path[64];
    for (unsigned i = 1; i < 40; i++) {
        snprintf(path, sizeof path, "c%u;f%u;g;%u", i % 5, i % 7, i);
        picture_fold_add(&fold, path, i * 37 % 101);
    }
    for (unsigned columns = 20; columns < 200; columns += 7) {
        struct term term = {.color = TERM_ASCII, .columns = columns, .lines = 24};
        struct bytes out = {0};
        term_flame(&out, &term, &fold.fold, 20);
        for (const char *line = bytes_text(&out); *line;) {
            size_t len = strcspn(line, "\n");
            assert_true(len <= columns);
            line += len + 1;
        }
        bytes_dispose(&out);
    }
    picture_fold_free(&fold);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_widths_are_shares_widest_first),
        cmocka_unit_test(test_a_chain_of_one_width_folds),
        cmocka_unit_test(test_kinds_have_their_colours),
        cmocka_unit_test(test_depth_is_limited_aloud),
        cmocka_unit_test(test_names_of_strangers_are_harmless),
        cmocka_unit_test(test_nothing_says_so),
        cmocka_unit_test(test_every_width_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
