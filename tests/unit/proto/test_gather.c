// Encoders that gather: canceled, they write nothing and end as canceled.
#include "proto/alloc.h"
#include "proto/gather.h"
#include "tests/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const GATHERING[] = {"pprof",      "cpuprofile",  "trace-event",
                                        "speedscope", "nflxprofile", "folded"};

static void fill(struct encoder *encoder, int count)
{
    struct dict *dict = encoder->sink.dict;
    struct err err = {0};
    struct thread thread = {.pid = 1, .tid = 1, .comm = dict_string_z(dict, "a")};
    struct event event = {dict_string_z(dict, "cpu-clock"), dict_string_z(dict, "ns"), false};
    struct frame frame = {.name = dict_string_z(dict, "main")};
    struct sample sample = {
        .node = dict_node(dict, dict_comm_node(dict, thread.comm), dict_frame(dict, &frame)),
        .thread = dict_thread(dict, &thread),
        .event = (uint16_t)dict_event(dict, &event),
        .value = 5};
    struct hello hello = {.collector = "test"};
    assert_int_equal(sink_hello(&encoder->sink, &hello, &err), 0);
    for (int i = 0; i < count; i++) {
        sample.time_ns = (int64_t)(i * 7919 % count) * 1000; // to be sorted
        assert_int_equal(sink_samples(&encoder->sink, &sample, 1, &err), 0);
    }
}

static void test_canceled_they_write_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof GATHERING / sizeof *GATHERING; i++) {
        const struct format *format = format_by_name(GATHERING[i]);
        assert_non_null(format);
        for (int canceled = 0; canceled < 2; canceled++) {
            struct dict dict;
            struct bytes text = {0};
            struct output_bytes out;
            struct err err = {0};
            atomic_bool cancel = false;
            dict_init(&dict);
            output_bytes_init(&out, &text);
            out.base.cancel = &cancel;
            struct encoder *encoder = format->encoder_new(&dict, &out.base);
            fill(encoder, 1000);
            atomic_store(&cancel, canceled);
            assert_int_equal(encoder->ops->finish(encoder, &err), canceled ? -ECANCELED : 0);
            assert_true(canceled ? text.len == 0 : text.len > 0);
            encoder_free(encoder);
            bytes_dispose(&text);
            dict_dispose(&dict);
        }
    }
}

// Each pass over the samples looks for itself, so that none of them has to be waited for.
static void test_every_pass_looks(void **state)
{
    (void)state;
    struct dict dict;
    struct bytes text = {0};
    struct output_bytes out;
    struct err err = {0};
    atomic_bool cancel = true;
    dict_init(&dict);
    output_bytes_init(&out, &text);
    out.base.cancel = &cancel;
    struct encoder *encoder = gather_new(&dict, &out.base, NULL);
    struct gather *gather = (struct gather *)encoder;
    struct gather_index nodes = {0}, threads = {0}, events = {0}, few = {0};
    size_t *starts, *order;
    fill(encoder, GATHER_STEPS + 1000);
    assert_int_equal(gather_sort(gather, &err), -ECANCELED);
    assert_int_equal(gather_nodes(&nodes, gather, &err), -ECANCELED);
    assert_int_equal(gather_threads(&threads, gather, &err), -ECANCELED);
    assert_int_equal(gather_events(&events, gather, &err), -ECANCELED);
    atomic_store(&cancel, false);
    assert_int_equal(gather_threads(&few, gather, &err), 0);
    atomic_store(&cancel, true);
    assert_int_equal(gather_by_thread(&starts, &order, gather, &few, &err), -ECANCELED);
    free(starts);
    free(order);
    gather_index_dispose(&nodes);
    gather_index_dispose(&threads);
    gather_index_dispose(&events);
    gather_index_dispose(&few);
    encoder_free(encoder);
    dict_dispose(&dict);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canceled_they_write_nothing),
        cmocka_unit_test(test_every_pass_looks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
