// Filters: parsing, the algebra of pushes, keys and negation, and hostile patterns.
#include "analysis/filter.h"
#include "analysis/names.h"
#include "tests/unit/analysis/fill.h"

#include <errno.h>

struct world {
    struct buffer *buffer;
    struct filter *filter;
};

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    struct sink *sink;
    world->buffer = buffer_new(0, 0);
    world->filter = filter_new();
    buffer_source_add(world->buffer, "one", &sink);
    fill_sample(sink, 1, 10, 0, "demo;main@/bin/demo;read@/usr/lib/libc.so.6;k:vfs_read");
    fill_sample(sink, 2, 10, 1, "demo;main@/bin/demo;write@/usr/lib/libc.so.6");
    fill_sample(sink, 3, 11, 2, "web server 1;main@/bin/web;read@/usr/lib/libc.so.6");
    fill_sample(sink, 4, 12, 3, "bash");
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    filter_free(world->filter);
    buffer_free(world->buffer);
    free(world);
    return 0;
}

static void add(struct world *world, enum filter_key key, bool negated, bool regex,
                const char *value)
{
    struct err err = {0};
    assert_int_equal(filter_add(world->filter, key, negated, regex, value, NULL, &err), 0);
}

#define DEMO_READ  "demo;main;read;vfs_read 1\n"
#define DEMO_WRITE "demo;main;write 1\n"
#define WEB        "web server 1;main;read 1\n"
#define BASH       "bash 1\n"

#define assert_passes(world, expected)                                                             \
    do {                                                                                           \
        struct query query = {.filter = (world)->filter};                                          \
        assert_folded(buffer_store((world)->buffer), &query, expected);                            \
    } while (0)

static void test_an_empty_filter_passes_all(void **state)
{
    struct world *world = *state;
    assert_true(filter_is_empty(world->filter));
    assert_passes(world, BASH DEMO_READ DEMO_WRITE WEB);
}

static void test_each_key(void **state)
{
    static const struct {
        enum filter_key key;
        bool negated, regex;
        const char *value;
        const char *passes;
    } cases[] = {
        {FILTER_COMM, false, false, "demo", DEMO_READ DEMO_WRITE},
        {FILTER_COMM, false, false, "dem", ""},
        {FILTER_COMM, false, true, "e", DEMO_READ DEMO_WRITE WEB},
        {FILTER_COMM, false, false, "web server 1", WEB},
        {FILTER_COMM, true, false, "demo", BASH WEB},
        {FILTER_PID, false, false, "10", DEMO_READ DEMO_WRITE},
        {FILTER_PID, false, false, "11-12", BASH WEB},
        {FILTER_PID, false, true, "1$", WEB},
        {FILTER_TID, true, false, "10,12", WEB},
        {FILTER_CPU, false, false, "0,3", BASH DEMO_READ},
        {FILTER_FRAME, false, false, "read", DEMO_READ WEB},
        {FILTER_FRAME, true, false, "read", BASH DEMO_WRITE},
        {FILTER_FRAME, false, true, "^vfs_", DEMO_READ},
        {FILTER_FRAME, false, true, "demo|bash", ""}, // a thread's name is no frame
        {FILTER_MODULE, false, false, "libc.so.6", DEMO_READ DEMO_WRITE WEB},
        {FILTER_MODULE, false, false, "/bin/web", WEB},
        {FILTER_MODULE, false, true, "^/bin/", DEMO_READ DEMO_WRITE WEB},
        {FILTER_MODULE, true, true, "kernel|web", BASH DEMO_WRITE},
        {FILTER_CGROUP, false, true, ".", ""},
    };
    struct world *world = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        add(world, cases[i].key, cases[i].negated, cases[i].regex, cases[i].value);
        assert_passes(world, cases[i].passes);
        assert_true(filter_pop(world->filter));
    }
}

static void test_repeated_keys_are_or_ed_negated_and_others_and_ed(void **state)
{
    struct world *world = *state;
    add(world, FILTER_FRAME, false, false, "read");
    add(world, FILTER_FRAME, false, false, "write");
    assert_passes(world, DEMO_READ DEMO_WRITE WEB);
    add(world, FILTER_FRAME, true, false, "vfs_read");
    assert_passes(world, DEMO_WRITE WEB);
    add(world, FILTER_COMM, false, false, "demo");
    assert_passes(world, DEMO_WRITE);
    filter_push(world->filter);
    add(world, FILTER_COMM, false, false, "bash"); // and-ed with the push before
    assert_passes(world, "");
    assert_int_equal(filter_pushes(world->filter), 2);
    assert_true(filter_pop(world->filter));
    assert_passes(world, DEMO_WRITE);
    assert_true(filter_pop(world->filter));
    assert_false(filter_pop(world->filter));
    assert_passes(world, BASH DEMO_READ DEMO_WRITE WEB);
}

static void test_text_is_as_typed_and_a_copy_is_its_own(void **state)
{
    struct world *world = *state;
    add(world, FILTER_COMM, false, false, "web server 1");
    add(world, FILTER_CPU, true, false, "0-3,7");
    filter_push(world->filter);
    add(world, FILTER_FRAME, false, true, "^it's");
    struct filter *copy = filter_copy(world->filter);
    filter_pop(world->filter);
    char *text = filter_text(world->filter);
    assert_string_equal(text, "comm='web server 1' !cpu=0-3,7");
    free(text);
    text = filter_text(copy);
    assert_string_equal(text, "comm='web server 1' !cpu=0-3,7 & frame~'^it'\\''s'");
    free(text);
    filter_free(copy);
}

static void test_bad_values_point_at_the_place(void **state)
{
    static const struct {
        enum filter_key key;
        bool regex;
        const char *value;
        size_t bad_at;
    } cases[] = {
        {FILTER_CPU, false, "", 0},        {FILTER_CPU, false, "0-", 2},
        {FILTER_CPU, false, "1,,2", 2},    {FILTER_CPU, false, "3-1", 0},
        {FILTER_PID, false, "12x", 2},     {FILTER_PID, false, "-1", 0},
        {FILTER_TID, false, "1,", 2},      {FILTER_PID, false, "99999999999", 0},
        {FILTER_FRAME, true, "a(b", 3},    {FILTER_FRAME, true, "a[b", 3},
        {FILTER_COMM, true, "(*UTF)a", 6},
    };
    struct world *world = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = {0};
        size_t bad_at = 99;
        assert_int_equal(filter_add(world->filter, cases[i].key, false, cases[i].regex,
                                    cases[i].value, &bad_at, &err),
                         -EINVAL);
        assert_int_equal(bad_at, cases[i].bad_at);
        assert_non_null(strstr(err.message, cases[i].value));
    }
    assert_true(filter_is_empty(world->filter));
}

static void test_a_hostile_pattern_is_an_error_not_a_hang(void **state)
{
    struct world *world = *state;
    struct sink *sink;
    struct fold fold;
    struct err err = {0};
    buffer_source_add(world->buffer, "hostile", &sink);
    fill_sample(sink, 1, 10, 0, "demo;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!");
    add(world, FILTER_FRAME, false, true, "^(a+)+$");
    struct query query = {.filter = world->filter};
    assert_int_equal(store_fold(buffer_store(world->buffer), &query, &fold, &err), -E2BIG);
    assert_non_null(strstr(err.message, "'^(a+)+$'"));
    fold_dispose(&fold);
}

static void test_a_pattern_that_is_hostile_on_every_name_a_little_is_one_too(void **state)
{
    struct world *world = *state;
    struct sink *sink;
    struct fold fold;
    struct err err = {0};
    buffer_source_add(world->buffer, "hostile", &sink);
    for (int i = 0; i < 1000; i++) { // each of them takes some 10,000 steps
        char stack[64];
        snprintf(stack, sizeof stack, "demo;aaaaaaaaaaaa!%d", i);
        fill_sample(sink, i + 1, 10, 0, stack);
    }
    add(world, FILTER_FRAME, false, true, "^(a+)+$");
    struct query query = {.filter = world->filter};
    assert_int_equal(store_fold(buffer_store(world->buffer), &query, &fold, &err), -E2BIG);
    fold_dispose(&fold);
    // A hundred are borne, and again when names were added.
    struct buffer *few = buffer_new(0, 0);
    buffer_source_add(few, "few", &sink);
    for (int i = 0; i < 300; i++) {
        char stack[64];
        snprintf(stack, sizeof stack, "demo;aaaaaaaaaaaa!%d", i % 100);
        fill_sample(sink, i + 1, 10, 0, stack);
        snprintf(stack, sizeof stack, "demo;b%d", i);
        fill_sample(sink, i + 1, 10, 0, stack);
        if (i % 100 == 99) {
            assert_int_equal(store_fold(buffer_store(few), &query, &fold, &err), 0);
            assert_int_equal(fold.totals.samples, 0);
            fold_dispose(&fold);
        }
    }
    buffer_free(few);
}

static void test_ctrl_c_ends_the_compiling_of_a_pattern(void **state)
{
    struct world *world = *state;
    struct sink *sink;
    struct fold fold;
    struct err err = {0};
    atomic_bool cancel = true;
    buffer_source_add(world->buffer, "one", &sink);
    fill_sample(sink, 1, 10, 0, "demo;main");
    add(world, FILTER_FRAME, false, true, "main");
    struct query query = {.filter = world->filter, .cancel = &cancel};
    assert_int_equal(store_fold(buffer_store(world->buffer), &query, &fold, &err), -ECANCELED);
    fold_dispose(&fold);
    struct filter_bits bits;
    struct names *names = NULL;
    assert_int_equal(filter_compile(world->filter, sink->dict, &cancel, &names, &bits, &err),
                     -ECANCELED);
    names_release(names);
    // What was interrupted is not kept.
    cancel = false;
    assert_int_equal(store_fold(buffer_store(world->buffer), &query, &fold, &err), 0);
    assert_int_equal(fold.totals.samples, 1);
    fold_dispose(&fold);
}

static void test_unresolved_frames_match_as_they_are_shown(void **state)
{
    struct world *world = *state;
    struct sink *sink;
    buffer_source_add(world->buffer, "unresolved", &sink);
    fill_sample(sink, 1, 10, 0, "demo;@/usr/lib/libz.so.1");
    fill_sample(sink, 2, 10, 0, "demo;main;@/usr/lib/libm.so.6");
    add(world, FILTER_FRAME, false, true, "libz");
    assert_passes(world, "demo;[libz.so.1] 1\n");
}

static void test_keys_have_names(void **state)
{
    (void)state;
    for (int key = 0; key < FILTER_KEYS; key++) {
        const char *name = filter_key_name((enum filter_key)key);
        assert_true(*name);
        assert_int_equal(filter_key_by_name(name, strlen(name)), key);
    }
    assert_int_equal(filter_key_by_name("com", 3), FILTER_KEYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_empty_filter_passes_all, setup, teardown),
        cmocka_unit_test_setup_teardown(test_each_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_repeated_keys_are_or_ed_negated_and_others_and_ed,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_text_is_as_typed_and_a_copy_is_its_own, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_bad_values_point_at_the_place, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_hostile_pattern_is_an_error_not_a_hang, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            test_a_pattern_that_is_hostile_on_every_name_a_little_is_one_too, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ctrl_c_ends_the_compiling_of_a_pattern, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_unresolved_frames_match_as_they_are_shown, setup,
                                        teardown),
        cmocka_unit_test(test_keys_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
