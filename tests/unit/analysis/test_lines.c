// Functions by line: folds that tell lines apart, and group=line, which shows them.
#include "analysis/transform.h"
#include "tests/unit/analysis/fill.h"
#include "tests/unit/analysis/folds.h"

static struct buffer *filled(void)
{
    struct sink *sink;
    struct buffer *buffer = buffer_new(0, 0);
    buffer_source_add(buffer, "one", &sink);
    fill_hello(sink, CLOCK_KIND_MONOTONIC, "here");
    for (int i = 0; i < 3; i++)
        fill_sample(sink, 5 * FILL_SECOND + i, 1, 0,
                    "a;main#/src/m.c:9;?;_Z4workv@/bin/p#/src/w.c:5");
    fill_sample(sink, 6 * FILL_SECOND, 1, 0, "a;main#/src/m.c:9;?;_Z4workv@/bin/p#/src/w.c:6");
    fill_sample(sink, 7 * FILL_SECOND, 2, 0, "a;main#/src/m.c:12;?;_Z4workv@/bin/p#/src/w.c:6");
    fill_sample(sink, 8 * FILL_SECOND, 2, 0, "a;main;?;_Z4workv@/bin/p");
    return buffer;
}

static void assert_shown(struct buffer *buffer, const char *words, const char *group,
                         const char *focus, enum query_first first, const char *expected)
{
    struct transforms transforms = {0};
    struct names *kept = NULL;
    struct fold fold = {0};
    struct err err = {0};
    assert_int_equal(transforms_list(&transforms, words, &err), 0);
    assert_int_equal(transforms_argue(&transforms, "group", group, &err), 0);
    assert_int_equal(transforms_argue(&transforms, "focus", focus, &err), 0);
    struct query query = {.first = first, .by_line = transforms_by_line(&transforms)};
    assert_int_equal(query.by_line, group && !strcmp(group, "line"));
    assert_int_equal(store_fold(buffer_store(buffer), &query, &fold, &err), 0);
    assert_int_equal(transforms_apply(&transforms, &fold, &kept, NULL, &err), 0);
    folds_assert(&fold, expected);
    fold_dispose(&fold);
    names_release(kept);
    transforms_dispose(&transforms);
}

static void folds_merge_lines_until_they_are_asked_for(void **state)
{
    (void)state;
    struct buffer *buffer = filled();
    assert_shown(buffer, "auto", NULL, NULL, QUERY_FIRST_COMM, "a;main;[unknown];work() 6\n");
    assert_shown(buffer, "auto", "line", NULL, QUERY_FIRST_COMM,
                 "a;main m.c:12;[unknown];work() w.c:6 1\n"
                 "a;main m.c:9;[unknown];work() w.c:5 3\n"
                 "a;main m.c:9;[unknown];work() w.c:6 1\n"
                 "a;main;[unknown];work() 1\n");
    assert_shown(buffer, "auto", "module", NULL, QUERY_FIRST_COMM, "a;[unknown];p 6\n");
    buffer_free(buffer);
}

// What is done before names get their lines, and in whatever order, must not merge them.
static void lines_outlast_the_other_transforms(void **state)
{
    (void)state;
    struct buffer *buffer = filled();
    assert_shown(buffer, "auto,invert", "line", "^work", QUERY_FIRST_COMM,
                 "work() w.c:5;[unknown];main m.c:9;a 3\n"
                 "work() w.c:6;[unknown];main m.c:12;a 1\n"
                 "work() w.c:6;[unknown];main m.c:9;a 1\n"
                 "work();[unknown];main;a 1\n");
    assert_shown(buffer, "none", "line", NULL, QUERY_FIRST_TID,
                 "a-1/1;main m.c:9;[unknown];_Z4workv w.c:5 3\n"
                 "a-1/1;main m.c:9;[unknown];_Z4workv w.c:6 1\n"
                 "a-2/2;main m.c:12;[unknown];_Z4workv w.c:6 1\n"
                 "a-2/2;main;[unknown];_Z4workv 1\n");
    buffer_free(buffer);
}

// A function that is known by its place only counts as unresolved, and is a function of its own.
static void functions_known_by_their_place_are_told_apart_and_counted(void **state)
{
    (void)state;
    struct sink *sink;
    struct buffer *buffer = buffer_new(0, 0);
    buffer_source_add(buffer, "one", &sink);
    fill_hello(sink, CLOCK_KIND_MONOTONIC, "here");
    struct dict *dict = sink->dict;
    const char *const names[] = {"libx.so+0x1000", "libx.so+0x2000", ""};
    struct err err = {0};
    for (uint64_t i = 0; i < 3; i++) {
        const struct frame frame = {
            .name = dict_string_z(dict, names[i]),
            .module = dict_string_z(dict, "/lib/libx.so"),
            .address = 0x1000 * (i + 1),
        };
        const struct sample sample = {
            .time_ns = FILL_SECOND,
            .value = 1,
            .node = dict_node(dict, dict_comm_node(dict, dict_string_z(dict, "a")),
                              dict_frame(dict, &frame)),
            .thread = fill_thread(dict, "a", 1, 1),
            .event = fill_event(dict, "cpu-clock", "ns", false),
        };
        assert_int_equal(sink_samples(sink, &sample, 1, &err), 0);
    }
    struct fold fold = {0};
    struct query query = {0};
    assert_int_equal(store_fold(buffer_store(buffer), &query, &fold, &err), 0);
    assert_int_equal(fold.totals.unresolved, 3);
    folds_assert(&fold, "a;[libx.so] 1\na;libx.so+0x1000 1\na;libx.so+0x2000 1\n");
    fold_dispose(&fold);
    static const struct {
        enum filter_key key;
        bool regex;
        const char *value;
        uint64_t samples;
    } terms[] = {{FILTER_FRAME, false, "libx.so+0x2000", 1},
                 {FILTER_FRAME, false, "[libx.so]", 1},
                 {FILTER_MODULE, true, "libx", 3}};
    for (size_t i = 0; i < sizeof terms / sizeof *terms; i++) {
        struct filter *filter = filter_new();
        struct totals totals;
        assert_int_equal(
            filter_add(filter, terms[i].key, false, terms[i].regex, terms[i].value, NULL, &err), 0);
        query.filter = filter;
        assert_int_equal(store_totals(buffer_store(buffer), &query, &totals, &err), 0);
        assert_int_equal(totals.samples, terms[i].samples);
        filter_free(filter);
    }
    buffer_free(buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folds_merge_lines_until_they_are_asked_for),
        cmocka_unit_test(lines_outlast_the_other_transforms),
        cmocka_unit_test(functions_known_by_their_place_are_told_apart_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
