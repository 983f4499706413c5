// The buffer: what comes in comes out, by time, by filter; sources, eviction, pins, losses.
#include "analysis/buffer.h"
#include "analysis/spikes.h"
#include "tests/collect.h"
#include "tests/unit/analysis/fill.h"

#include <errno.h>

static struct query everything = {0};

static void test_a_fold_counts_paths_and_orders_children_by_name(void **state)
{
    (void)state;
    struct sink *sink;
    struct buffer *buffer = buffer_new(0, 0);
    buffer_source_add(buffer, "one", &sink);
    fill_hello(sink, CLOCK_KIND_MONOTONIC, "here");
    fill_sample(sink, 5 * FILL_SECOND, 1, 0, "demo;main;write");
    fill_sample(sink, 6 * FILL_SECOND, 1, 0, "demo;main;read");
    fill_sample(sink, 7 * FILL_SECOND, 1, 1, "demo;main;read");
    fill_sample(sink, 7 * FILL_SECOND, 2, 1, "bash");
    assert_folded(buffer_store(buffer), &everything,
                  "bash 1\ndemo;main;read 2\ndemo;main;write 1\n");
    struct fold fold;
    struct err err = {0};
    assert_int_equal(store_fold(buffer_store(buffer), &everything, &fold, &err), 0);
    assert_int_equal(fold.count, 6);
    assert_int_equal(fold.nodes[0].total_samples, 4);
    assert_int_equal(fold.nodes[0].total_value, 40000000);
    assert_int_equal(fold.totals.samples, 4);
    assert_int_equal(fold.totals.no_stack, 1);
    assert_int_equal(fold.totals.first_ns, 5 * FILL_SECOND);
    assert_int_equal(fold.totals.last_ns, 7 * FILL_SECOND);
    assert_int_equal(fold.nodes[4].total_samples, 2); // all, bash, demo, main, read, write
    assert_int_equal(fold.nodes[5].total_samples, 1);
    fold_dispose(&fold);
    buffer_free(buffer);
}

static void test_ranges_are_half_open_and_outside_is_the_rest(void **state)
{
    (void)state;
    struct sink *sink;
    struct buffer *buffer = buffer_new(0, 0);
    buffer_source_add(buffer, "one", &sink);
    fill_hello(sink, CLOCK_KIND_MONOTONIC, "here");
    for (int i = 9; i >= 0; i--) { // late, all of them
        char stack[16];
        snprintf(stack, sizeof stack, "demo;f%d", i);
        fill_sample(sink, i * FILL_SECOND, 1, 0, stack);
    }
    struct range ranges[] = {{2 * FILL_SECOND, 4 * FILL_SECOND}, {8 * FILL_SECOND, INT64_MAX}};
    struct query query = {.ranges = ranges, .range_count = 2};
    assert_folded(buffer_store(buffer), &query, "demo;f2 1\ndemo;f3 1\ndemo;f8 1\ndemo;f9 1\n");
    query.outside = true;
    assert_folded(buffer_store(buffer), &query,
                  "demo;f0 1\ndemo;f1 1\ndemo;f4 1\ndemo;f5 1\ndemo;f6 1\ndemo;f7 1\n");
    buffer_free(buffer);
}

// Samples one by one: `count` from from_ns on, step_ns apart.
static void fill_many(struct sink *sink, int64_t from_ns, int64_t step_ns, size_t count)
{
    struct err err = {0};
    struct sample sample = {.value = 1,
                            .node = fill_node(sink->dict, "demo;main"),
                            .thread = fill_thread(sink->dict, "demo", 1, 1),
                            .event = fill_event(sink->dict, "cpu-clock", "ns", false)};
    for (size_t i = 0; i < count; i++) {
        sample.time_ns = from_ns + (int64_t)i * step_ns;
        assert_int_equal(sink_samples(sink, &sample, 1, &err), 0);
    }
}

static uint64_t samples_in(struct buffer *buffer, int64_t from_ns, int64_t to_ns)
{
    struct err err = {0};
    struct totals totals;
    struct range range = {from_ns, to_ns};
    struct query query = {.ranges = &range, .range_count = 1};
    assert_int_equal(store_totals(buffer_store(buffer), &query, &totals, &err), 0);
    return totals.samples;
}

static void test_the_oldest_goes_when_the_budget_is_full_and_is_counted(void **state)
{
    (void)state;
    struct sink *sink;
    struct buffer *buffer = buffer_new(256 * 1024, 0);
    struct buffer_stats stats;
    buffer_source_add(buffer, "one", &sink);
    fill_hello(sink, CLOCK_KIND_MONOTONIC, "here");
    fill_many(sink, 0, FILL_SECOND / 100, 100000);
    buffer_tick(buffer);
    buffer_stats(buffer, &stats);
    assert_true(stats.column_bytes <= 256 * 1024);
    assert_true(stats.samples > 10000); // most of what fits
    assert_int_equal(stats.samples + stats.evicted_samples, 100000);
    assert_int_equal(samples_in(buffer, INT64_MIN, INT64_MAX), stats.samples);
    assert_int_equal(samples_in(buffer, INT64_MIN, stats.evicted_to_ns + 1), 0);
    assert_int_equal(samples_in(buffer, stats.evicted_to_ns + 1, INT64_MAX), stats.samples);
    struct axis axis;
    store_axis(buffer_store(buffer), &axis);
    assert_int_equal(axis.start_ns, 0);
    assert_int_equal(axis.first_ns, stats.evicted_to_ns + FILL_SECOND / 100);
    assert_int_equal(axis.last_ns, 999990 * INT64_C(1000000));
    assert_true(stats.seconds_at_rate > 100 && stats.seconds_at_rate < 400);
    buffer_set_budget(buffer, 64 * 1024);
    buffer_stats(buffer, &stats);
    assert_true(stats.column_bytes <= 64 * 1024);
    buffer_free(buffer);
}

static void test_a_source_that_has_ended_keeps_no_memory_for_more(void **state)
{
    (void)state;
    struct sink *sink;
    struct buffer *buffer = buffer_new(64 << 20, 0);
    struct buffer_stats stats;
    uint32_t source = buffer_source_add(buffer, "one", &sink);
    fill_hello(sink, CLOCK_KIND_MONOTONIC, "here");
    fill_many(sink, 0, FILL_SECOND / 100, 66000); // a full segment and a part of one
    buffer_source_ended(buffer, source);
    buffer_stats(buffer, &stats);
    assert_true(stats.column_bytes <= 66000 * 12);
    fill_many(sink, 700 * FILL_SECOND, FILL_SECOND / 100, 1000); // may still come
    assert_int_equal(samples_in(buffer, INT64_MIN, INT64_MAX), 67000);
    buffer_free(buffer);
}

static void note_release(void *arg, const char *name)
{
    bytes_append_text(arg, name);
    bytes_append_char(arg, ' ');
}

static void test_pins_keep_ranges_up_to_half_the_budget(void **state)
{
    (void)state;
    struct sink *sink;
    struct bytes released = {0};
    struct buffer *buffer = buffer_new(256 * 1024, 0);
    struct range early = {FILL_SECOND, 2 * FILL_SECOND};
    struct range later = {20 * FILL_SECOND, 21 * FILL_SECOND};
    buffer_on_pin_released(buffer, note_release, &released);
    buffer_source_add(buffer, "one", &sink);
    fill_hello(sink, CLOCK_KIND_MONOTONIC, "here");
    buffer_pin(buffer, "early", &early, 1);
    buffer_pin(buffer, "later", &later, 1);
    fill_many(sink, 0, FILL_SECOND / 100, 100000);
    buffer_tick(buffer);
    assert_int_equal(samples_in(buffer, early.from_ns, early.to_ns), 100);
    assert_int_equal(samples_in(buffer, later.from_ns, later.to_ns), 100);
    assert_string_equal(bytes_text(&released), "");
    struct range all = {INT64_MIN, INT64_MAX};
    buffer_pin(buffer, "all", &all, 1);
    assert_string_equal(bytes_text(&released), "early later all ");
    fill_many(sink, 1000 * FILL_SECOND, FILL_SECOND / 100, 30000);
    assert_int_equal(samples_in(buffer, early.from_ns, early.to_ns), 0);
    bytes_dispose(&released);
    buffer_free(buffer);
}

static void test_sources_of_one_clock_share_the_axis_and_others_start_beside(void **state)
{
    (void)state;
    struct sink *first, *same, *other, *remote;
    struct err err = {0};
    struct buffer_source source;
    struct buffer *buffer = buffer_new(0, 0);
    buffer_source_add(buffer, "first", &first);
    buffer_source_add(buffer, "same", &same);
    buffer_source_add(buffer, "other", &other);
    buffer_source_add(buffer, "remote", &remote);
    struct hello hello = {.host = "here",
                          .clock = CLOCK_KIND_MONOTONIC,
                          .wall_known = true,
                          .wall_offset_ns = 1000 * FILL_SECOND + 250000000};
    assert_int_equal(sink_hello(first, &hello, &err), 0);
    hello.wall_offset_ns += 5000000; // the clock was set a little
    assert_int_equal(sink_hello(same, &hello, &err), 0);
    hello = (struct hello){.host = "here", .clock = CLOCK_KIND_UNKNOWN};
    assert_int_equal(sink_hello(other, &hello, &err), 0);
    hello = (struct hello){.host = "there",
                           .clock = CLOCK_KIND_MONOTONIC,
                           .wall_known = true,
                           .wall_offset_ns = 900 * FILL_SECOND};
    assert_int_equal(sink_hello(remote, &hello, &err), 0);
    fill_sample(first, 7 * FILL_SECOND + 800000000, 1, 0, "demo;first");
    fill_sample(same, 20 * FILL_SECOND, 1, 0, "demo;same");
    fill_sample(other, 123456 * FILL_SECOND, 1, 0, "demo;other");
    fill_sample(remote, 108 * FILL_SECOND, 1, 0, "demo;remote");
    struct axis axis;
    store_axis(buffer_store(buffer), &axis);
    assert_true(axis.wall_known);
    assert_int_equal(axis.start_ns, 7 * FILL_SECOND + 750000000); // a whole second of wall time
    buffer_source_get(buffer, 1, &source);
    assert_int_equal(source.first_ns, 20 * FILL_SECOND);
    assert_false(source.shifted);
    buffer_source_get(buffer, 2, &source);
    assert_int_equal(source.first_ns, 7 * FILL_SECOND + 800000000);
    assert_true(source.shifted);
    buffer_source_get(buffer, 3, &source);
    assert_int_equal(source.first_ns, 8 * FILL_SECOND - 250000000); // the same wall clock
    assert_false(source.shifted);
    buffer_free(buffer);
}

static void test_the_start_is_the_first_sample_not_when_watching_began(void **state)
{
    (void)state;
    struct sink *sink;
    struct buffer *buffer = buffer_new(0, 0);
    uint32_t number = buffer_source_add(buffer, "one", &sink);
    fill_hello(sink, CLOCK_KIND_MONOTONIC, "here");
    struct axis axis;
    buffer_source_watched(buffer, number, 3 * FILL_SECOND, 4 * FILL_SECOND);
    fill_sample(sink, 5 * FILL_SECOND + FILL_SECOND / 2, 1, 0, "demo;main");
    store_axis(buffer_store(buffer), &axis);
    assert_int_equal(axis.first_ns - axis.start_ns, FILL_SECOND / 2);
    fill_sample(sink, 4 * FILL_SECOND, 1, 0, "demo;main"); // late: the start stays where it was
    store_axis(buffer_store(buffer), &axis);
    assert_int_equal(axis.start_ns, 5 * FILL_SECOND);
    buffer_source_drop(buffer, number);
    buffer_source_add(buffer, "two", &sink);
    fill_hello(sink, CLOCK_KIND_MONOTONIC, "here");
    fill_sample(sink, 9 * FILL_SECOND, 1, 0, "demo;main");
    store_axis(buffer_store(buffer), &axis);
    assert_int_equal(axis.start_ns, 9 * FILL_SECOND);
    buffer_free(buffer);
}

// Of a broken file: what is worked out of two times must not overflow, the wall clock's included.
static void test_times_beyond_all_clocks_are_held(void **state)
{
    (void)state;
    struct sink *sink;
    struct axis axis;
    struct err err = {0};
    struct hello hello = {.wall_known = true, .wall_offset_ns = INT64_MAX};
    struct buffer *buffer = buffer_new(0, 0);
    buffer_source_add(buffer, "one", &sink);
    assert_int_equal(sink_hello(sink, &hello, &err), 0);
    fill_sample(sink, INT64_MIN + 1, 1, 0, "demo;main");
    fill_sample(sink, INT64_MAX, 1, 0, "demo;main");
    store_axis(buffer_store(buffer), &axis);
    assert_true(axis.first_ns < 0 && axis.last_ns > 0);
    int64_t unused;
    assert_false(__builtin_sub_overflow(axis.last_ns + 1, axis.start_ns, &unused));
    assert_false(__builtin_add_overflow(axis.last_ns, axis.wall_offset_ns, &unused));
    buffer_free(buffer);
}

static void test_two_sources_of_one_event_are_not_added_silently(void **state)
{
    (void)state;
    struct sink *sinks[3];
    struct err err = {0};
    struct totals totals;
    struct buffer *buffer = buffer_new(0, 0);
    struct store *store = buffer_store(buffer);
    for (int i = 0; i < 3; i++) {
        buffer_source_add(buffer, "recording", &sinks[i]);
        fill_hello(sinks[i], CLOCK_KIND_MONOTONIC, "here");
    }
    fill_sample(sinks[0], 1 * FILL_SECOND, 1, 0, "demo;zero");
    fill_sample(sinks[0], 5 * FILL_SECOND, 1, 0, "demo;zero");
    fill_sample(sinks[1], 7 * FILL_SECOND, 1, 0, "demo;one");
    fill_sample(sinks[1], 9 * FILL_SECOND, 1, 0, "demo;one");
    assert_folded(store, &everything, "demo;one 2\ndemo;zero 2\n");
    fill_sample(sinks[2], 4 * FILL_SECOND, 1, 0, "demo;two");
    fill_sample(sinks[2], 6 * FILL_SECOND, 1, 0, "demo;two");
    assert_folded(store, &everything, "demo;one 2\ndemo;two 2\n"); // zero overlaps with two
    assert_int_equal(store_totals(store, &everything, &totals, &err), 0);
    assert_int_equal(totals.source, 3);
    assert_int_equal(totals.sources, 2);
    assert_int_equal(totals.sources_left_out, 1);
    struct query query = {.source = 1};
    assert_folded(store, &query, "demo;zero 2\n");
    buffer_source_drop(buffer, 3);
    assert_folded(store, &everything, "demo;one 2\ndemo;zero 2\n");
    assert_int_equal(buffer_source_count(buffer), 2);
    fill_sample(sinks[2], 6 * FILL_SECOND, 1, 0, "demo;two"); // ignored
    assert_folded(store, &everything, "demo;one 2\ndemo;zero 2\n");
    buffer_free(buffer);
}

// One source of 100 Hz, then one of 50 Hz: a sample of the second stands for twice the time.
static void test_sources_of_two_rates_add_up_as_time(void **state)
{
    (void)state;
    struct sink *fast, *slow;
    struct err err = {0};
    struct totals totals;
    struct heatmap map;
    struct buffer *buffer = buffer_new(0, 0);
    struct store *store = buffer_store(buffer);
    buffer_source_add(buffer, "fast", &fast);
    fill_hello_at(fast, CLOCK_KIND_MONOTONIC, "here", 100);
    fill_period(fast, FILL_SECOND, 1, 0, "demo;main", 10000000);
    fill_period(fast, FILL_SECOND, 1, 1, "swapper;k:do_idle", 10000000);
    assert_folded(store, &everything, "demo;main 1\n");
    buffer_source_add(buffer, "slow", &slow);
    fill_hello_at(slow, CLOCK_KIND_MONOTONIC, "here", 50);
    fill_period(slow, 2 * FILL_SECOND, 1, 0, "demo;main;read", 20000000);
    assert_int_equal(store_totals(store, &everything, &totals, &err), 0);
    assert_true(totals.by_value);
    assert_int_equal(totals.samples, 2);
    assert_int_equal(totals.value, 30000000);
    assert_folded(store, &everything, "demo;main 10000000\ndemo;main;read 20000000\n");
    struct heatmap_shape shape = {
        .from_ns = FILL_SECOND, .column_ns = FILL_SECOND, .columns = 2, .rows = 1};
    assert_int_equal(store_heatmap(store, &everything, &shape, &map, &err), 0);
    assert_int_equal(map.cells[0], 10000000);
    assert_int_equal(map.cells[1], 20000000); // not spread over the time before it
    assert_int_equal(map.full, 2 * FILL_SECOND);
    heatmap_dispose(&map);
    struct query one = {.source = 2};
    assert_folded(store, &one, "demo;main;read 1\n");
    // So it is within one source, as of a file that both were saved in.
    fill_period(slow, 3 * FILL_SECOND, 1, 0, "demo;main;read", 10000000);
    assert_folded(store, &one, "demo;main;read 30000000\n");
    buffer_free(buffer);
}

static void test_one_event_is_in_view(void **state)
{
    (void)state;
    struct sink *sink;
    struct err err = {0};
    struct fold fold;
    struct buffer *buffer = buffer_new(0, 0);
    struct store *store = buffer_store(buffer);
    assert_int_equal(store_fold(store, &everything, &fold, &err), -ENODATA);
    assert_string_equal(err.message, "no samples yet");
    buffer_source_add(buffer, "one", &sink);
    fill_hello(sink, CLOCK_KIND_MONOTONIC, "here");
    fill_sample(sink, FILL_SECOND, 1, 0, "demo;main");
    struct sample sample = {.time_ns = 2 * FILL_SECOND,
                            .value = 4096,
                            .node = fill_node(sink->dict, "demo;main;malloc"),
                            .thread = fill_thread(sink->dict, "demo", 1, 1),
                            .event = fill_event(sink->dict, "malloc", "bytes", true)};
    assert_int_equal(sink_samples(sink, &sample, 1, &err), 0);
    assert_folded(store, &everything, "demo;main 1\n");
    struct query query = {.event = "malloc"};
    assert_folded(store, &query, "demo;main;malloc 4096\n");
    query.event = "faults";
    assert_int_equal(store_fold(store, &query, &fold, &err), -ENODATA);
    assert_string_equal(err.message, "no samples of event 'faults'");
    buffer_free(buffer);
}

static void test_samples_without_time_fold_and_refuse_time(void **state)
{
    (void)state;
    struct sink *sink;
    struct err err = {0};
    struct heatmap map;
    struct fold fold;
    struct buffer *buffer = buffer_new(0, 0);
    struct store *store = buffer_store(buffer);
    buffer_source_add(buffer, "old.folded", &sink);
    fill_hello(sink, CLOCK_KIND_NONE, NULL);
    fill_sample(sink, SAMPLE_NO_TIME, 1, SAMPLE_NO_CPU, "demo;main;read");
    fill_sample(sink, SAMPLE_NO_TIME, 1, SAMPLE_NO_CPU, "demo;main;read");
    assert_folded(store, &everything, "demo;main;read 2\n");
    struct axis axis;
    store_axis(store, &axis);
    assert_false(axis.has_time);
    struct heatmap_shape shape = {.column_ns = FILL_SECOND, .columns = 1, .rows = 1};
    const char *why = "the samples of 'old.folded' have no times, so they cannot be seen over time";
    assert_int_equal(store_heatmap(store, &everything, &shape, &map, &err), -ENODATA);
    assert_string_equal(err.message, why);
    heatmap_dispose(&map);
    struct range range = {0, 1};
    struct query query = {.ranges = &range, .range_count = 1};
    assert_int_equal(store_fold(store, &query, &fold, &err), -ENODATA);
    assert_string_equal(err.message, why);
    fold_dispose(&fold);
    buffer_free(buffer);
}

static void test_losses_stand_beside_the_answer(void **state)
{
    (void)state;
    struct sink *sink;
    struct err err = {0};
    struct totals totals;
    struct buffer *buffer = buffer_new(0, 0);
    buffer_source_add(buffer, "one", &sink);
    fill_hello(sink, CLOCK_KIND_MONOTONIC, "here");
    fill_sample(sink, FILL_SECOND, 1, 0, "demo;main");
    fill_sample(sink, 9 * FILL_SECOND, 1, 0, "demo;main");
    struct loss loss = {2 * FILL_SECOND, 3 * FILL_SECOND, 40, 1, LOSS_RING};
    struct loss whenever = {SAMPLE_NO_TIME, SAMPLE_NO_TIME, 2, -1, LOSS_KERNEL};
    assert_int_equal(sink_loss(sink, &loss, &err), 0);
    assert_int_equal(sink_loss(sink, &whenever, &err), 0);
    assert_int_equal(store_totals(buffer_store(buffer), &everything, &totals, &err), 0);
    assert_int_equal(totals.lost, 42);
    struct range range = {FILL_SECOND, 2 * FILL_SECOND + 1};
    struct query query = {.ranges = &range, .range_count = 1};
    assert_int_equal(store_totals(buffer_store(buffer), &query, &totals, &err), 0);
    assert_int_equal(totals.lost, 40);
    struct filter *filter = filter_new();
    assert_int_equal(filter_add(filter, FILTER_CPU, false, false, "0", NULL, &err), 0);
    query.filter = filter;
    assert_int_equal(store_totals(buffer_store(buffer), &query, &totals, &err), 0);
    assert_int_equal(totals.lost, 0); // it was CPU 1's
    filter_free(filter);
    // However many losses there are, memory stays bounded and the sum exact.
    for (int i = 0; i < 100000; i++) {
        loss = (struct loss){10 * FILL_SECOND + i, 10 * FILL_SECOND + i, 1, i % 2, LOSS_RING};
        assert_int_equal(sink_loss(sink, &loss, &err), 0);
    }
    assert_int_equal(store_totals(buffer_store(buffer), &everything, &totals, &err), 0);
    assert_int_equal(totals.lost, 100042);
    buffer_free(buffer);
}

static void test_idle_is_hidden_unless_asked_for(void **state)
{
    (void)state;
    struct sink *sink;
    struct err err = {0};
    struct totals totals;
    struct buffer *buffer = buffer_new(0, 0);
    struct store *store = buffer_store(buffer);
    buffer_source_add(buffer, "one", &sink);
    fill_hello(sink, CLOCK_KIND_MONOTONIC, "here");
    fill_sample(sink, 1, 0, 0,
                "swapper/0;k:secondary_startup_64;k:cpu_startup_entry;k:do_idle;k:default_idle");
    fill_sample(sink, 2, 0, 0, "swapper/0");
    fill_sample(sink, 3, 0, 0, "swapper/0;k:do_idle;k:default_idle;k:irq_exit_rcu;k:net_rx_action");
    fill_sample(sink, 4, 0, 0, "unknown;k:start_secondary;k:do_idle;k:cpuidle_enter_state");
    fill_sample(sink, 5, 1, 0, "game;do_idle@game"); // a user's function of that name
    fill_sample(sink, 6, 1, 0, "demo;main");
    assert_folded(store, &everything,
                  "demo;main 1\ngame;do_idle 1\n"
                  "swapper/0;do_idle;default_idle;irq_exit_rcu;net_rx_action 1\n");
    assert_int_equal(store_totals(store, &everything, &totals, &err), 0);
    assert_int_equal(totals.samples, 3);
    assert_int_equal(totals.idle, 3);
    struct query query = {.idle = true};
    assert_int_equal(store_totals(store, &query, &totals, &err), 0);
    assert_int_equal(totals.samples, 6);
    assert_int_equal(totals.idle, 0);
    buffer_free(buffer);
}

static void test_ctrl_c_stops_every_question(void **state)
{
    (void)state;
    struct sink *sink;
    struct err err = {0};
    struct fold fold;
    struct totals totals;
    struct heatmap map;
    atomic_bool cancel = true;
    struct query query = {.cancel = &cancel};
    struct heatmap_shape shape = {.column_ns = FILL_SECOND, .columns = 1, .rows = 1};
    struct buffer *buffer = buffer_new(0, 0);
    struct store *store = buffer_store(buffer);
    buffer_source_add(buffer, "one", &sink);
    fill_sample(sink, 1, 0, 0, "demo;main");
    assert_int_equal(store_fold(store, &query, &fold, &err), -ECANCELED);
    fold_dispose(&fold);
    assert_int_equal(store_totals(store, &query, &totals, &err), -ECANCELED);
    assert_int_equal(store_heatmap(store, &query, &shape, &map, &err), -ECANCELED);
    heatmap_dispose(&map);
    shape.value_least = 1;
    shape.value_most = HEATMAP_VALUES_ALL;
    assert_int_equal(store_heatmap(store, &query, &shape, &map, &err), -ECANCELED);
    heatmap_dispose(&map);
    query.first = QUERY_FIRST_TID;
    assert_int_equal(store_fold(store, &query, &fold, &err), -ECANCELED);
    fold_dispose(&fold);
    struct buffer *other = buffer_new(0, 0);
    buffer_source_add(other, "two", &sink);
    assert_int_equal(store_replay(store, &query, sink, &err), -ECANCELED);
    buffer_free(other);
    query.cancel = NULL;
    shape.value_most = 0;
    assert_int_equal(store_heatmap(store, &query, &shape, &map, &err), 0);
    struct spikes spikes;
    assert_false(spikes_find(&spikes, &map, &cancel));
    assert_int_equal(spikes.count, 0);
    heatmap_dispose(&map);
    buffer_free(buffer);
}

static void test_cpus_beyond_a_byte_and_unknown_ones(void **state)
{
    (void)state;
    struct sink *sink;
    struct err err = {0};
    struct buffer *buffer = buffer_new(0, 0);
    buffer_source_add(buffer, "one", &sink);
    fill_sample(sink, 1, 1, 3, "demo;three");
    fill_sample(sink, 2, 1, SAMPLE_NO_CPU, "demo;none");
    fill_sample(sink, 3, 1, 255, "demo;many");
    fill_sample(sink, 4, 1, 4095, "demo;more");
    struct filter *filter = filter_new();
    struct query query = {.filter = filter};
    assert_int_equal(filter_add(filter, FILTER_CPU, false, false, "3,255-5000", NULL, &err), 0);
    assert_folded(buffer_store(buffer), &query, "demo;many 1\ndemo;more 1\ndemo;three 1\n");
    filter_pop(filter);
    assert_int_equal(filter_add(filter, FILTER_CPU, true, false, "0-254", NULL, &err), 0);
    assert_folded(buffer_store(buffer), &query, "demo;many 1\ndemo;more 1\ndemo;none 1\n");
    filter_free(filter);
    buffer_free(buffer);
}

enum { RUN_MOST = 700 };

// A run of samples, as it is or one by one.
static void hand_over(struct sink *sink, const struct sample_run *run, bool together)
{
    struct err err = {0};
    if (together)
        assert_int_equal(sink_run(sink, run, &err), 0);
    for (uint32_t i = 0; !together && i < run->count; i++) {
        struct sample sample = {.time_ns = run->times_ns ? run->times_ns[i] : SAMPLE_NO_TIME,
                                .value = run->values ? run->values[i] : 1,
                                .node = run->nodes[i],
                                .thread = run->thread,
                                .cpu = run->cpu,
                                .event = run->event};
        assert_int_equal(sink_samples(sink, &sample, 1, &err), 0);
    }
}

// Runs of all kinds, the same ones for the same seed.
static void fill_runs(struct sink *sink, unsigned seed, bool together)
{
    static const char *const STACKS[] = {"demo;a;b", "demo;a", "demo", "demo;?",
                                         "swapper;k:do_idle"};
    static const uint16_t CPUS[] = {0, 3, SAMPLE_NO_CPU, 3, 3, 3, 3, 3, 3, 300};
    uint32_t nodes[RUN_MOST], known[5], threads[3];
    int64_t times[RUN_MOST], now_ns = 0;
    uint64_t values[RUN_MOST];
    for (size_t i = 0; i < 5; i++)
        known[i] = fill_node(sink->dict, STACKS[i]);
    for (int i = 0; i < 3; i++)
        threads[i] = fill_thread(sink->dict, "demo", i, i);
    srand(seed);
    for (int round = 0; round < 300; round++) {
        struct sample_run run = {.nodes = nodes,
                                 .times_ns = rand() % 10 ? times : NULL,
                                 .values = round > 100 && rand() % 4 ? values : NULL,
                                 .count = (uint32_t)rand() % RUN_MOST,
                                 .thread = threads[rand() % 3],
                                 .cpu = CPUS[rand() % (round < 200 ? 9 : 10)],
                                 .event = fill_event(sink->dict, "heap", "bytes", true)};
        bool alike = rand() % 3 == 0; // values
        for (uint32_t i = 0; i < run.count; i++) {
            now_ns += rand() % 1000 ? rand() % 1000 : rand() % 100 ? -5000 : 5 * FILL_SECOND;
            nodes[i] = known[rand() % 5];
            times[i] = now_ns;
            values[i] = alike ? 7 : (uint64_t)rand() % 100;
        }
        hand_over(sink, &run, together);
    }
}

static void collect_all(struct buffer *buffer, struct collect *out)
{
    struct err err = {0};
    collect_init(out);
    struct query query = {.idle = true, .event = "heap"};
    out->sink.dict = (struct dict *)(uintptr_t)store_dict(buffer_store(buffer));
    assert_int_equal(store_replay(buffer_store(buffer), &query, &out->sink, &err), 0);
}

static void test_runs_are_the_same_as_their_samples(void **state)
{
    (void)state;
    static const enum clock_kind CLOCKS[] = {CLOCK_KIND_MONOTONIC, CLOCK_KIND_UNKNOWN,
                                             CLOCK_KIND_NONE};
    for (unsigned at = 0; at < 3; at++) {
        struct buffer *buffers[2];
        struct collect all[2];
        struct buffer_source sources[2];
        for (int together = 0; together < 2; together++) {
            struct sink *first, *sink;
            buffers[together] = buffer_new(0, 0);
            buffer_source_add(buffers[together], "first", &first);
            fill_hello(first, CLOCK_KIND_MONOTONIC, "here");
            fill_sample(first, 77 * FILL_SECOND, 1, 1, "demo;first"); // what others start beside
            buffer_source_add(buffers[together], "runs", &sink);
            fill_hello(sink, CLOCKS[at], "here");
            fill_runs(sink, at, together);
            buffer_source_get(buffers[together], 1, &sources[together]);
            collect_all(buffers[together], &all[together]);
        }
        const struct buffer_source *one = &sources[0], *run = &sources[1];
        assert_true(one->samples > 80000 && run->samples == one->samples);
        assert_true(run->late == one->late && run->unresolved == one->unresolved &&
                    run->one_frame == one->one_frame && run->shifted == one->shifted);
        assert_true(run->first_ns == one->first_ns && run->last_ns == one->last_ns);
        assert_true(all[0].count == one->samples && all[1].count == all[0].count);
        for (size_t i = 0; i < all[0].count; i++)
            assert_memory_equal(&all[0].samples[i], &all[1].samples[i], sizeof *all[0].samples);
        for (int i = 0; i < 2; i++) {
            buffer_free(buffers[i]);
            collect_dispose(&all[i]);
        }
    }
}

static void test_times_at_both_ends_of_what_a_clock_can_say(void **state)
{
    (void)state;
    struct sink *sink;
    struct buffer *buffer = buffer_new(0, 0);
    buffer_source_add(buffer, "one", &sink);
    fill_sample(sink, INT64_MAX, 1, 0, "demo;late");
    fill_sample(sink, INT64_MIN + 1, 1, 0, "demo;early");
    fill_sample(sink, 0, 1, 0, "demo;now");
    assert_folded(buffer_store(buffer), &everything, "demo;early 1\ndemo;late 1\ndemo;now 1\n");
    assert_int_equal(samples_in(buffer, INT64_MIN, 0), 1);
    assert_int_equal(samples_in(buffer, 0, 1), 1);
    buffer_free(buffer);
}

// A day of processes that live a second each: every one has a name, a pid and functions of its own.
static void test_a_day_of_short_lived_processes_keeps_the_tables_bounded(void **state)
{
    (void)state;
    struct sink *sink;
    struct err err = {0};
    struct buffer *buffer = buffer_new(512 * 1024, 0);
    struct buffer_stats stats;
    uint64_t most_bytes = 0;
    uint64_t most_threads = 0;
    uint64_t generation = 0;
    buffer_source_add(buffer, "day", &sink);
    fill_hello(sink, CLOCK_KIND_MONOTONIC, "here");
    uint64_t first_generation = sink->dict->generation;
    for (int second = 0; second < 86400; second++) {
        struct sample samples[20];
        char stack[128];
        snprintf(stack, sizeof stack, "job_%d;main;step_%d;work_%d", second, second, second % 50);
        uint32_t node = fill_node(sink->dict, stack);
        snprintf(stack, sizeof stack, "job_%d", second);
        uint32_t thread = fill_thread(sink->dict, stack, second, second);
        for (int i = 0; i < 20; i++)
            samples[i] = (struct sample){.time_ns = second * FILL_SECOND + i * 50000000,
                                         .value = 1,
                                         .node = node,
                                         .thread = thread,
                                         .event = fill_event(sink->dict, "cpu-clock", "ns", false)};
        assert_int_equal(sink_samples(sink, samples, 20, &err), 0);
        buffer_tick(buffer);
        buffer_stats(buffer, &stats);
        most_bytes = stats.table_bytes > most_bytes ? stats.table_bytes : most_bytes;
        most_threads = stats.threads > most_threads ? stats.threads : most_threads;
        if (sink->dict->generation == generation || second % 7)
            continue;
        // Right after a renumbering, too, everything has its own name.
        generation = sink->dict->generation;
        char expected[128];
        struct range range = {second * FILL_SECOND, (second + 1) * FILL_SECOND};
        struct query query = {.ranges = &range, .range_count = 1};
        snprintf(expected, sizeof expected, "job_%d;main;step_%d;work_%d 20\n", second, second,
                 second % 50);
        assert_folded(buffer_store(buffer), &query, expected);
        range = (struct range){(second - 1000) * FILL_SECOND, (second - 999) * FILL_SECOND};
        snprintf(expected, sizeof expected, "job_%d;main;step_%d;work_%d 20\n", second - 1000,
                 second - 1000, (second - 1000) % 50);
        if (second > 1000)
            assert_folded(buffer_store(buffer), &query, expected);
    }
    assert_true(sink->dict->generation > first_generation + 5);
    assert_true(most_threads < 20000); // of 86400
    assert_true(most_bytes < 8 << 20);
    buffer_free(buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_fold_counts_paths_and_orders_children_by_name),
        cmocka_unit_test(test_ranges_are_half_open_and_outside_is_the_rest),
        cmocka_unit_test(test_the_oldest_goes_when_the_budget_is_full_and_is_counted),
        cmocka_unit_test(test_a_source_that_has_ended_keeps_no_memory_for_more),
        cmocka_unit_test(test_pins_keep_ranges_up_to_half_the_budget),
        cmocka_unit_test(test_sources_of_one_clock_share_the_axis_and_others_start_beside),
        cmocka_unit_test(test_the_start_is_the_first_sample_not_when_watching_began),
        cmocka_unit_test(test_times_beyond_all_clocks_are_held),
        cmocka_unit_test(test_two_sources_of_one_event_are_not_added_silently),
        cmocka_unit_test(test_sources_of_two_rates_add_up_as_time),
        cmocka_unit_test(test_one_event_is_in_view),
        cmocka_unit_test(test_samples_without_time_fold_and_refuse_time),
        cmocka_unit_test(test_losses_stand_beside_the_answer),
        cmocka_unit_test(test_idle_is_hidden_unless_asked_for),
        cmocka_unit_test(test_ctrl_c_stops_every_question),
        cmocka_unit_test(test_cpus_beyond_a_byte_and_unknown_ones),
        cmocka_unit_test(test_runs_are_the_same_as_their_samples),
        cmocka_unit_test(test_times_at_both_ends_of_what_a_clock_can_say),
        cmocka_unit_test(test_a_day_of_short_lived_processes_keeps_the_tables_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
