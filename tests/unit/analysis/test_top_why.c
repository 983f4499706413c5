// Top and why: functions of a fold, and what makes a slice special.
#include "analysis/top.h"
#include "analysis/why.h"
#include "tests/unit/analysis/fill.h"
#include "tests/unit/analysis/folds.h"

static void fold_of(struct fold *out, struct buffer *buffer, int64_t from_ns, int64_t to_ns,
                    bool outside)
{
    struct err err = {0};
    struct range range = {from_ns, to_ns};
    struct query query = {.ranges = &range, .range_count = 1, .outside = outside};
    assert_int_equal(store_fold(buffer_store(buffer), &query, out, &err), 0);
}

static const char *row_name(const struct fold *fold, uint32_t frame)
{
    return dict_text(fold->dict, fold->dict->frames[frame].name);
}

static void fill_times(struct sink *sink, int64_t from_ns, const char *stack, int count)
{
    for (int i = 0; i < count; i++)
        fill_sample(sink, from_ns + i, 1, 0, stack);
}

static void test_recursion_counts_once_in_total(void **state)
{
    (void)state;
    struct sink *sink;
    struct fold fold;
    struct top top;
    struct buffer *buffer = buffer_new(0, 0);
    buffer_source_add(buffer, "one", &sink);
    fill_times(sink, 0, "demo;main;walk;walk;walk;read", 3);
    fill_times(sink, 10, "demo;main;walk", 2);
    fill_times(sink, 20, "demo;main", 1);
    fold_of(&fold, buffer, 0, 100, false);
    top_of_fold(&top, &fold, TOP_BY_TOTAL);
    assert_int_equal(top.count, 3); // no level for the thread's name
    assert_string_equal(row_name(&fold, top.rows[0].frame), "main");
    assert_int_equal(top.rows[0].total_samples, 6);
    assert_int_equal(top.rows[0].self_samples, 1);
    assert_string_equal(row_name(&fold, top.rows[1].frame), "walk");
    assert_int_equal(top.rows[1].total_samples, 5);
    assert_int_equal(top.rows[1].self_samples, 2);
    top_dispose(&top);
    top_of_fold(&top, &fold, TOP_BY_SELF);
    assert_string_equal(row_name(&fold, top.rows[0].frame), "read");
    assert_int_equal(top.rows[0].self_samples, 3);
    top_dispose(&top);
    fold_dispose(&fold);
    buffer_free(buffer);
}

static void test_recursion_is_told_from_a_second_call(void **state)
{
    (void)state;
    struct dict dict;
    struct top top;
    dict_init(&dict);
    struct fold fold = folds_read(&dict, "demo;a;b;a;b 1\ndemo;a;c 2\ndemo;b;a 4\ndemo;c;b 8\n");
    top_of_fold(&top, &fold, TOP_BY_TOTAL);
    assert_int_equal(top.count, 3);
    for (size_t i = 0; i < top.count; i++) {
        uint64_t wanted = *row_name(&fold, top.rows[i].frame) == 'a'   ? 7
                          : *row_name(&fold, top.rows[i].frame) == 'b' ? 13
                                                                       : 10;
        assert_int_equal(top.rows[i].total_samples, wanted);
    }
    top_dispose(&top);
    fold_dispose(&fold);
    dict_dispose(&dict);
}

// A line of a file may hold so many: the time must not grow with the square of the depth.
static void test_a_stack_of_a_million_functions_is_counted(void **state)
{
    (void)state;
    enum { DEPTH = 1000000 };
    struct dict dict;
    dict_init(&dict);
    struct fold fold = {.dict = &dict, .totals.event = UINT32_MAX};
    struct fold_edit edit;
    fold_edit_init(&edit, &fold);
    uint32_t node = fold_edit_child(&edit, 0, folds_frame(&dict, "demo", 4, true));
    for (int i = 0; i < DEPTH; i++) {
        char name[16];
        int len = snprintf(name, sizeof name, "f%d", i);
        node = fold_edit_child(&edit, node, folds_frame(&dict, name, (size_t)len, false));
    }
    fold_edit_add(&edit, node, &(struct fold_node){.self_samples = 5});
    fold_edit_commit(&edit);
    struct top top;
    top_of_fold(&top, &fold, TOP_BY_SELF);
    assert_int_equal(top.count, DEPTH);
    assert_int_equal(top.rows[0].self_samples, 5);
    assert_int_equal(top.rows[DEPTH - 1].total_samples, 5);
    top_dispose(&top);
    fold_dispose(&fold);
    dict_dispose(&dict);
}

static void test_why_names_the_innermost_that_is_over_represented(void **state)
{
    (void)state;
    struct sink *sink;
    struct fold in;
    struct fold rest;
    struct why why;
    struct buffer *buffer = buffer_new(0, 0);
    buffer_source_add(buffer, "one", &sink);
    fill_times(sink, 0, "demo;start_thread;worker;serve;read", 20);
    fill_times(sink, 50, "demo;start_thread;worker;serve;rebuild_index;hash", 60);
    fill_times(sink, 1000, "demo;start_thread;worker;serve;read", 180);
    fill_times(sink, 1500, "demo;start_thread;worker;serve;hash", 15);
    fill_times(sink, 1600, "demo;start_thread;worker;serve;rebuild_index;hash", 5);
    fold_of(&in, buffer, 0, 1000, false);
    fold_of(&rest, buffer, 0, 1000, true);
    why_of_folds(&why, &in, &rest);
    assert_false(why.too_few);
    assert_int_equal(why.samples_in, 80);
    assert_int_equal(why.samples_out, 200);
    // hash has other callers outside, so rebuild_index is not left to it; start_thread, worker and
    // serve have all samples on both sides and are not special.
    assert_int_equal(why.count, 2);
    assert_string_equal(row_name(&in, why.rows[0].frame), "rebuild_index");
    assert_float_equal(why.rows[0].share_in, 0.75, 1e-9);
    assert_float_equal(why.rows[0].share_out, 0.025, 1e-9);
    assert_true(why.rows[0].low > 0.6 && why.rows[0].low < 0.725);
    assert_true(why.rows[0].high > 0.725 && why.rows[0].high < 0.85);
    assert_int_equal(why.rows[0].samples_in, 60);
    assert_int_equal(why.rows[0].samples_out, 5);
    assert_string_equal(row_name(&in, why.rows[1].frame), "hash");
    why_dispose(&why);
    fold_dispose(&in);
    fold_dispose(&rest);
    buffer_free(buffer);
}

static void test_a_wrapper_is_left_to_what_it_wraps(void **state)
{
    (void)state;
    struct sink *sink;
    struct fold in;
    struct fold rest;
    struct why why;
    struct buffer *buffer = buffer_new(0, 0);
    buffer_source_add(buffer, "one", &sink);
    fill_times(sink, 0, "demo;run;collect;mark", 98);
    fill_times(sink, 200, "demo;run;collect", 2); // nearly all of it is mark
    fill_times(sink, 1000, "demo;run;work", 100);
    fold_of(&in, buffer, 0, 1000, false);
    fold_of(&rest, buffer, 0, 1000, true);
    why_of_folds(&why, &in, &rest);
    assert_int_equal(why.count, 1);
    assert_string_equal(row_name(&in, why.rows[0].frame), "mark");
    why_dispose(&why);
    fold_dispose(&in);
    fold_dispose(&rest);
    buffer_free(buffer);
}

static void test_functions_that_call_each_other_are_not_both_left_out(void **state)
{
    (void)state;
    struct sink *sink;
    struct fold in;
    struct fold rest;
    struct why why;
    struct buffer *buffer = buffer_new(0, 0);
    buffer_source_add(buffer, "one", &sink);
    fill_times(sink, 0, "demo;eval;apply;eval;apply;eval;apply", 50);
    fill_times(sink, 1000, "demo;work", 50);
    fold_of(&in, buffer, 0, 1000, false);
    fold_of(&rest, buffer, 0, 1000, true);
    why_of_folds(&why, &in, &rest);
    assert_int_equal(why.count, 1);
    why_dispose(&why);
    fold_dispose(&in);
    fold_dispose(&rest);
    buffer_free(buffer);
}

static void test_too_few_samples_are_said(void **state)
{
    (void)state;
    struct sink *sink;
    struct fold in;
    struct fold rest;
    struct why why;
    struct buffer *buffer = buffer_new(0, 0);
    buffer_source_add(buffer, "one", &sink);
    fill_times(sink, 0, "demo;main", 19);
    fill_times(sink, 1000, "demo;main", 100);
    fold_of(&in, buffer, 0, 1000, false);
    fold_of(&rest, buffer, 0, 1000, true);
    why_of_folds(&why, &in, &rest);
    assert_true(why.too_few);
    why_dispose(&why);
    fold_dispose(&in);
    fold_of(&in, buffer, 500, 600, false); // nothing at all
    assert_int_equal(in.count, 1);
    why_of_folds(&why, &in, &rest);
    assert_true(why.too_few);
    assert_int_equal(why.count, 0);
    why_dispose(&why);
    fold_dispose(&in);
    fold_dispose(&rest);
    buffer_free(buffer);
}

static void test_folded_text_adds_what_reads_the_same_and_is_one_line_a_stack(void **state)
{
    (void)state;
    struct sink *sink;
    struct query everything = {0};
    struct buffer *buffer = buffer_new(0, 0);
    buffer_source_add(buffer, "one", &sink);
    fill_sample(sink, 1, 1, 0, "demo;read@libc.so.6");
    fill_sample(sink, 2, 1, 0, "demo;read@libpthread.so.0");
    fill_sample(sink, 3, 1, 0, "demo;a\nb");
    fill_sample(sink, 4, 1, 0, "demo;@[vdso]");
    struct err err = {0};
    struct frame odd = {.name = dict_string_z(sink->dict, "f(x);g")};
    struct sample sample = {
        .time_ns = 5,
        .node = dict_node(sink->dict, fill_node(sink->dict, "demo"), dict_frame(sink->dict, &odd)),
        .event = fill_event(sink->dict, "cpu-clock", "ns", false)};
    assert_int_equal(sink_samples(sink, &sample, 1, &err), 0);
    assert_folded(buffer_store(buffer), &everything,
                  "demo;[vdso] 1\ndemo;a?b 1\ndemo;f(x):g 1\ndemo;read 2\n");
    buffer_free(buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recursion_counts_once_in_total),
        cmocka_unit_test(test_recursion_is_told_from_a_second_call),
        cmocka_unit_test(test_a_stack_of_a_million_functions_is_counted),
        cmocka_unit_test(test_why_names_the_innermost_that_is_over_represented),
        cmocka_unit_test(test_a_wrapper_is_left_to_what_it_wraps),
        cmocka_unit_test(test_functions_that_call_each_other_are_not_both_left_out),
        cmocka_unit_test(test_too_few_samples_are_said),
        cmocka_unit_test(test_folded_text_adds_what_reads_the_same_and_is_one_line_a_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
