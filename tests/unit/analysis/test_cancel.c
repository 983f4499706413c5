// What is done with a fold stops when its query is canceled, after the answer, too.
#include "analysis/collapse.h"
#include "analysis/diff.h"
#include "analysis/fold_edit.h"
#include "analysis/top.h"
#include "analysis/transform.h"
#include "analysis/why.h"
#include "proto/alloc.h"
#include "proto/sort.h"
#include "tests/unit/analysis/fill.h"
#include "viewer/svg.h"

#include <errno.h>

struct asked {
    struct buffer *buffer;
    atomic_bool cancel;
    struct fold fold;
};

static void ask(struct asked *asked)
{
    struct sink *sink;
    struct err err = {0};
    *asked = (struct asked){.buffer = buffer_new(64 << 20, 0)};
    buffer_source_add(asked->buffer, "test", &sink);
    fill_hello(sink, CLOCK_KIND_MONOTONIC, "host");
    fill_sample(sink, 1000, 7, 0, "java;main;f");
    fill_sample(sink, 2000, 8, 1, "sh;main;g;h");
    buffer_tick(asked->buffer);
    struct query query = {.cancel = &asked->cancel};
    assert_int_equal(store_fold(buffer_store(asked->buffer), &query, &asked->fold, &err), 0);
    atomic_store(&asked->cancel, true);
}

static void dispose(struct asked *asked)
{
    fold_dispose(&asked->fold);
    buffer_free(asked->buffer);
}

static void its_text_is_not_written(void **state)
{
    (void)state;
    struct asked asked;
    struct bytes text = {0};
    struct output_bytes out;
    struct err err = {0};
    struct svg_options options = {.title = "", .subtitle = ""};
    ask(&asked);
    output_bytes_init(&out, &text);
    assert_int_equal(fold_write_text(&asked.fold, &out.base, &err), -ECANCELED);
    assert_int_equal(collapse_fold(&asked.fold, COLLAPSE_PLAIN, COLLAPSE_SAMPLES, &out.base, &err),
                     -ECANCELED);
    assert_int_equal(svg_flame(&out.base, &asked.fold, &options, &err), -ECANCELED);
    assert_int_equal(text.len, 0);
    bytes_dispose(&text);
    dispose(&asked);
}

static void it_is_not_rewritten(void **state)
{
    (void)state;
    struct asked asked;
    struct err err = {0};
    struct transforms invert = {0};
    ask(&asked);
    assert_int_equal(transforms_list(&invert, "invert", &err), 0);
    assert_int_equal(transforms_apply(&invert, &asked.fold, NULL, NULL, &err), -ECANCELED);
    assert_int_equal(asked.fold.count, 1);
    transforms_dispose(&invert);
    dispose(&asked);
}

static void it_is_not_compared(void **state)
{
    (void)state;
    struct asked asked;
    struct err err = {0};
    struct diff diff;
    ask(&asked);
    assert_int_equal(diff_folds(&diff, &asked.fold, &asked.fold, DIFF_BY_FUNCTION, &err),
                     -ECANCELED);
    assert_null(diff.a.nodes);
    dispose(&asked);
}

// Who asked sees by the flag that it is not all.
static void its_functions_are_not_looked_for(void **state)
{
    (void)state;
    struct asked asked;
    struct err err = {0};
    struct top top;
    struct why why;
    ask(&asked);
    top_of_fold(&top, &asked.fold, TOP_BY_SELF);
    assert_int_equal(top.count, 0);
    top_dispose(&top);
    why_of_folds(&why, &asked.fold, &asked.fold);
    assert_int_equal(why.count, 0);
    why_dispose(&why);
    assert_int_equal(fold_canceled(&asked.fold, &err), -ECANCELED);
    dispose(&asked);
}

// Ctrl-C between the two sides: what only the first one has is not looked up in the second.
static void one_side_of_a_comparison_may_be_cut(void **state)
{
    (void)state;
    struct asked asked;
    struct err err = {0};
    struct diff diff;
    struct diff_rows rows;
    ask(&asked);
    atomic_store(&asked.cancel, false);
    assert_int_equal(diff_folds(&diff, &asked.fold, &asked.fold, DIFF_BY_FUNCTION, &err), 0);
    atomic_store(&asked.cancel, true);
    diff.a.cancel = NULL; // was done before
    diff_functions(&rows, &diff, TOP_BY_SELF);
    assert_int_equal(rows.count, 0);
    diff_rows_dispose(&rows);
    diff_dispose(&diff);
    dispose(&asked);
}

static void functions_are_ranked_later(void **state)
{
    (void)state;
    struct asked asked;
    struct callpaths callpaths;
    ask(&asked);
    callpaths_init(&callpaths, asked.fold.dict);
    callpaths_follow(&callpaths);
    assert_false(callpaths_rank_unless(&callpaths, &asked.cancel));
    assert_int_equal(callpaths.ranked_count, 0);
    assert_true(callpaths_rank_unless(&callpaths, NULL));
    assert_int_equal(callpaths.ranked_count, callpaths.function_count);
    callpaths_dispose(&callpaths);
    dispose(&asked);
}

// Owners, threads, values: each kind of scan ends between two runs.
static void its_scans_end(void **state)
{
    (void)state;
    struct asked asked;
    struct err err = {0};
    struct fold fold = {0};
    struct thread_weights threads = {0};
    struct heatmap map = {0};
    const struct heatmap_shape shape = {
        .column_ns = FILL_SECOND, .rows = 4, .columns = 2, .value_most = HEATMAP_VALUES_ALL};
    ask(&asked);
    struct store *store = buffer_store(asked.buffer);
    struct query query = {.cancel = &asked.cancel, .first = QUERY_FIRST_TID};
    assert_int_equal(store_fold(store, &query, &fold, &err), -ECANCELED);
    fold_dispose(&fold);
    query.first = QUERY_FIRST_CPU;
    assert_int_equal(store_fold(store, &query, &fold, &err), -ECANCELED);
    fold_dispose(&fold);
    assert_int_equal(store_threads(store, &query, &threads, &err), -ECANCELED);
    assert_null(threads.items);
    assert_int_equal(store_heatmap(store, &query, &shape, &map, &err), -ECANCELED);
    heatmap_dispose(&map);
    dispose(&asked);
}

static int compare(const void *left, const void *right, void *arg)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    (void)arg;
    return a < b ? -1 : a > b;
}

static void sorting_puts_in_order_or_stops(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 4095, 4096, 4097, 8192, 100000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        size_t count = counts[i];
        uint32_t *items = xcalloc(count + 1, sizeof *items), random = 1;
        uint64_t sum = 0;
        for (size_t at = 0; at < count; at++) {
            random = random * 1664525 + 1013904223;
            sum += items[at] = random >> 12;
        }
        assert_true(sort_unless(NULL, items, count, sizeof *items, compare, NULL));
        for (size_t at = 0; at < count; at++) {
            sum -= items[at];
            assert_true(!at || items[at - 1] <= items[at]);
        }
        assert_int_equal(sum, 0);
        free(items);
    }
    atomic_bool cancel = true;
    uint32_t two[] = {2, 1};
    assert_false(sort_unless(&cancel, two, 2, sizeof *two, compare, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_text_is_not_written),
        cmocka_unit_test(it_is_not_rewritten),
        cmocka_unit_test(it_is_not_compared),
        cmocka_unit_test(its_functions_are_not_looked_for),
        cmocka_unit_test(one_side_of_a_comparison_may_be_cut),
        cmocka_unit_test(functions_are_ranked_later),
        cmocka_unit_test(its_scans_end),
        cmocka_unit_test(sorting_puts_in_order_or_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
