// The flicker stream: round trips, names on first use, cuts, damage, renumbering.
#include "proto/fks.h"
#include "proto/varint.h"
#include "tests/capture.h"

#include <errno.h>

// A source with odd names, several events, threads and depths.
static void make_samples(struct dict *dict, struct sample *samples, size_t count)
{
    uint32_t comm = dict_string(dict, "a\nb c", 5);
    uint32_t events[2];
    struct event cpu = {.name = dict_string_z(dict, "cpu-clock"),
                        .unit = dict_string_z(dict, "ns")};
    struct event blocked = {
        .name = dict_string_z(dict, "offcpu"), .unit = cpu.unit, .by_value = true};
    events[0] = dict_event(dict, &cpu);
    events[1] = dict_event(dict, &blocked);
    for (size_t i = 0; i < count; i++) {
        struct thread thread = {.pid = 10, .tid = 10 + (int)(i % 5), .comm = comm};
        uint32_t node = dict_comm_node(dict, comm);
        for (size_t level = 0; level < i % 7; level++) {
            char name[32];
            int len = snprintf(name, sizeof name, "f%zu_%zu", level, i * level % 11);
            struct frame frame = {
                .name = level % 3 == 2 ? DICT_EMPTY : dict_string(dict, name, (size_t)len),
                .module = dict_string_z(dict, "libx.so"),
                .file = level ? dict_string_z(dict, "x.c") : DICT_EMPTY,
                .line = (uint32_t)level,
                .address = level % 3 == 2 ? 0x7f0000000000 + i % 50 : 0,
                .kind = level > 4 ? FRAME_KERNEL : FRAME_USER,
            };
            node = dict_node(dict, node, dict_frame(dict, &frame));
        }
        samples[i] = (struct sample){
            .time_ns =
                i % 13 == 12 ? SAMPLE_NO_TIME : (int64_t)(1000000000 + i * 10101010 - i % 3 * 7),
            .value = i % 4 ? 1 : UINT64_MAX - i,
            .node = i % 17 == 16 ? DICT_ROOT : node,
            .thread = dict_thread(dict, &thread),
            .cpu = i % 6 == 5 ? SAMPLE_NO_CPU : (uint16_t)(i % 6),
            .event = (uint16_t)events[i % 9 == 8],
        };
    }
}

static const struct hello HELLO = {.collector = "native",
                                   .command = "record cpu",
                                   .host = "box",
                                   .rate_hz = 99,
                                   .cpus = 2,
                                   .clock = CLOCK_KIND_MONOTONIC,
                                   .wall_offset_ns = -5,
                                   .wall_known = true};

// Encodes a hello, `count` samples of make_samples and a loss; what a reader must see goes to
// *expected.
static void make_stream(struct bytes *stream, struct capture *expected, size_t count)
{
    capture_init(expected);
    struct sample *samples = xcalloc(count ? count : 1, sizeof *samples);
    make_samples(&expected->dict, samples, count);
    struct loss loss = {.from_ns = 1, .to_ns = 2, .count = 7, .cpu = -1, .where = LOSS_RING};
    struct output_bytes output;
    output_bytes_init(&output, stream);
    struct encoder *encoder = format_fks.encoder_new(&expected->dict, &output.base);
    struct err err = {0};
    struct sink *both[] = {&encoder->sink, &expected->sink};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(sink_hello(both[i], &HELLO, &err), 0);
        for (size_t at = 0, bite = 1; at < count; at += bite, bite = bite * 3 + 1) {
            if (bite > count - at)
                bite = count - at;
            assert_int_equal(sink_samples(both[i], samples + at, bite, &err), 0);
        }
        assert_int_equal(sink_loss(both[i], &loss, &err), 0);
    }
    assert_int_equal(encoder->ops->finish(encoder, &err), 0);
    encoder_free(encoder);
    free(samples);
}

static void test_what_goes_in_comes_out(void **state)
{
    (void)state;
    struct bytes stream = {0};
    struct capture expected, got;
    make_stream(&stream, &expected, 20000);
    capture_init(&got);
    struct decode_report report;
    assert_int_equal(capture_decode(&got, &format_fks, NULL, stream.data, stream.len, 0, &report),
                     0);
    assert_string_equal(bytes_text(&got.text), bytes_text(&expected.text));
    assert_int_equal(report.samples, 20000);
    assert_int_equal(report.lost, 7);
    assert_int_equal(report.skipped, 0);
    assert_true(report.unresolved > 0 && report.no_stack > 0 && report.frames > report.unresolved);
    assert_true(stream.len < 20000 * 24);
    assert_int_equal(format_fks.probe(stream.data, stream.len), 100);
    capture_dispose(&got);
    capture_dispose(&expected);
    bytes_dispose(&stream);
}

static void test_any_split_gives_the_same(void **state)
{
    (void)state;
    struct bytes stream = {0};
    struct capture expected;
    make_stream(&stream, &expected, 60);
    capture_check_splits(&format_fks, NULL, stream.data, stream.len, 1);
    capture_dispose(&expected);
    bytes_dispose(&stream);
}

static void test_a_cut_stream_opens_to_its_last_whole_message(void **state)
{
    (void)state;
    struct bytes stream = {0};
    struct capture expected;
    make_stream(&stream, &expected, 200);
    uint64_t most = 0;
    for (size_t cut = 1; cut < stream.len; cut++) {
        struct capture got;
        struct decode_report report;
        capture_init(&got);
        assert_int_equal(capture_decode(&got, &format_fks, NULL, stream.data, cut, 0, &report), 0);
        assert_true(!strncmp(bytes_text(&got.text), bytes_text(&expected.text), got.text.len));
        assert_true(report.skipped <= 1 && report.samples >= most);
        most = report.samples;
        capture_dispose(&got);
    }
    assert_int_equal(most, 200);
    capture_dispose(&expected);
    bytes_dispose(&stream);
}

static void test_damage_never_crashes(void **state)
{
    (void)state;
    struct bytes stream = {0};
    struct capture expected;
    make_stream(&stream, &expected, 300);
    capture_check_damage(&format_fks, stream.data, stream.len, 1, 10000);
    capture_dispose(&expected);
    bytes_dispose(&stream);
}

static void test_only_names_in_use_are_written(void **state)
{
    (void)state;
    struct capture source;
    capture_init(&source);
    struct sample samples[20];
    make_samples(&source.dict, samples, 20);
    for (unsigned i = 0; i < 100000; i++) {
        char name[32];
        int len = snprintf(name, sizeof name, "unused_%u", i);
        struct frame frame = {.name = dict_string(&source.dict, name, (size_t)len)};
        dict_frame(&source.dict, &frame);
    }
    struct bytes stream = {0};
    struct output_bytes output;
    output_bytes_init(&output, &stream);
    struct encoder *encoder = format_fks.encoder_new(&source.dict, &output.base);
    struct err err = {0};
    assert_int_equal(sink_samples(&encoder->sink, samples, 20, &err), 0);
    assert_int_equal(encoder->ops->finish(encoder, &err), 0);
    assert_true(stream.len < 4096);
    encoder_free(encoder);
    bytes_dispose(&stream);
    capture_dispose(&source);
}

// Compaction of the source renumbers; so does compaction of the sink, in the middle of a stream.
static void test_renumbering_on_either_side_is_survived(void **state)
{
    (void)state;
    struct capture source, expected, got;
    capture_init(&source);
    capture_init(&expected);
    capture_init(&got);
    struct sample samples[100];
    struct bytes stream = {0};
    struct output_bytes output;
    output_bytes_init(&output, &stream);
    struct encoder *encoder = format_fks.encoder_new(&source.dict, &output.base);
    struct decoder *decoder =
        format_fks.decoder_new(&got.sink, &(struct decode_options){.flush_each_push = true});
    struct err err = {0};
    for (unsigned round = 0; round < 4; round++) {
        make_samples(&source.dict, samples, 50 + round * 10);
        assert_int_equal(sink_samples(&encoder->sink, samples, 50 + round * 10, &err), 0);
        assert_int_equal(fks_encoder_flush(encoder, &err), 0);
        assert_int_equal(decoder->ops->push(decoder, stream.data, stream.len, &err), 0);
        bytes_clear(&stream);
        struct dict *renumbered = round % 2 ? &source.dict : &got.dict;
        uint64_t generation = renumbered->generation;
        dict_dispose(renumbered);
        dict_init(renumbered);
        renumbered->generation = generation + 1;
        dict_string_z(renumbered, "numbers have moved");

        make_samples(&expected.dict, samples, 50 + round * 10);
        assert_int_equal(sink_samples(&expected.sink, samples, 50 + round * 10, &err), 0);
    }
    assert_string_equal(bytes_text(&got.text), bytes_text(&expected.text));
    decoder_free(decoder);
    encoder_free(encoder);
    bytes_dispose(&stream);
    capture_dispose(&source);
    capture_dispose(&expected);
    capture_dispose(&got);
}

static void test_a_recording_of_nothing_is_one(void **state)
{
    (void)state;
    struct capture capture;
    capture_init(&capture);
    struct bytes stream = {0};
    struct output_bytes output;
    output_bytes_init(&output, &stream);
    struct encoder *encoder = format_fks.encoder_new(&capture.dict, &output.base);
    struct err err = {0};
    assert_int_equal(encoder->ops->finish(encoder, &err), 0);
    encoder_free(encoder);
    assert_int_equal(stream.len, FKS_MAGIC_BYTES);
    assert_int_equal(capture_decode(&capture, &format_fks, NULL, stream.data, stream.len, 1, NULL),
                     0);
    assert_int_equal(capture.samples, 0);
    bytes_dispose(&stream);
    capture_dispose(&capture);
}

// Hostile messages, byte by byte: the error says where, and what was good stays.
static void test_hostile_messages(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        int code;
        uint64_t skipped;
    } CASES[] = {
        {"\xff\xff\xff\xff\x0f", 5, -EBADMSG, 0},                          // 4 GiB long
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, -EBADMSG, 0}, // no varint
        {"\x03\x0f\xff\xff", 4, -EBADMSG, 0},                              // no protobuf
        {"\x02\x1a\x00", 3, 0, 1},                                         // samples: no columns
        {"\x08\x1a\x06\x1a\x01\x05\x22\x01\x00", 9, 0, 1},                 // count 0
        {"\x0a\x1a\x08\x08\x01\x1a\x01\x05\x22\x01\x00", 11, 0, 1},        // node 5 was not sent
        {"\x0a\x1a\x08\x08\x01\x1a\x01\x00\x22\x01\x00", 11, 0, 1},        // thread 0 was not sent
        {"\x0e\x1a\x0c\x08\xff\xff\xff\xff\x0f\x1a\x01\x00\x22\x01\x00", 15, 0, 1}, // count 2^32-1
        {"\x05\x12\x03\x4a\x01\x07", 6, -EBADMSG, 0},             // node_parent without frames
        {"\x08\x12\x06\x4a\x01\x07\x52\x01\x00", 9, -EBADMSG, 0}, // parent 7 was not sent
        {"\x05\x12\x03\x1a\x01\x09", 6, -EBADMSG, 0},             // frame name 9 was not sent
        {"\x08\x12\x06\x1a\x01\x00\x42\x01\x63", 9, -EBADMSG, 0}, // kind 99
        {"\x03\x32\x01\x00", 4, 0, 1},                            // a message of the future
        {"\x00", 1, -EBADMSG, 0},                                 // an empty one
        {"\x7f\x18\x05", 3, -EBADMSG, 0},                         // 127 bytes that cannot be one:
        {"\x7f\x1a\x05", 3, -EBADMSG, 0},                         // said before they have come
        {"\x7f\x1a\x7d", 3, 0, 1},                                // these may be cut
        {"\x04\x22\x02\x28\x09", 5, 0, 1},                        // a loss in an unknown place
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct bytes stream = {0};
        bytes_append(&stream, FKS_MAGIC, FKS_MAGIC_BYTES);
        bytes_append(&stream, CASES[i].bytes, CASES[i].len);
        struct capture capture;
        struct decode_report report;
        capture_init(&capture);
        int code = capture_decode(&capture, &format_fks, NULL, stream.data, stream.len, 0, &report);
        if (code != CASES[i].code || report.skipped != CASES[i].skipped)
            fail_msg("case %zu: code %d, skipped %d (%s)", i, code, (int)report.skipped,
                     report.first_skipped_why);
        assert_int_equal(capture.samples, 0);
        capture_dispose(&capture);
        bytes_dispose(&stream);
    }
}

static void test_other_bytes_are_refused(void **state)
{
    (void)state;
    struct capture capture;
    capture_init(&capture);
    assert_int_equal(capture_decode(&capture, &format_fks, NULL, "perf 1", 6, 1, NULL), -EBADMSG);
    assert_int_equal(format_fks.probe("perf 1", 6), 0);
    capture_dispose(&capture);
}

// In pieces, so that the beginning was kept before it turned out to be another's.
static void test_what_only_begins_as_a_stream_is_refused(void **state)
{
    (void)state;
    static const char text[] = "\x89"
                               "fks and more";
    for (size_t piece = 1; piece < sizeof text; piece++) {
        struct capture capture;
        capture_init(&capture);
        assert_int_equal(
            capture_decode(&capture, &format_fks, NULL, text, sizeof text - 1, piece, NULL),
            -EBADMSG);
        capture_dispose(&capture);
    }
}

static void test_varints(void **state)
{
    (void)state;
    static const uint64_t VALUES[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX};
    for (size_t i = 0; i < sizeof VALUES / sizeof *VALUES; i++) {
        uint8_t bytes[VARINT_MAX_BYTES];
        size_t len = varint_write(bytes, VALUES[i]);
        uint64_t value;
        assert_ptr_equal(varint_read(bytes, bytes + len, &value), bytes + len);
        assert_true(value == VALUES[i]);
        for (size_t cut = 0; cut < len; cut++)
            assert_null(varint_read(bytes, bytes + cut, &value));
    }
    static const int64_t SIGNED[] = {0, -1, 1, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof SIGNED / sizeof *SIGNED; i++)
        assert_true(unzigzag(zigzag(SIGNED[i])) == SIGNED[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_goes_in_comes_out),
        cmocka_unit_test(test_any_split_gives_the_same),
        cmocka_unit_test(test_a_cut_stream_opens_to_its_last_whole_message),
        cmocka_unit_test(test_damage_never_crashes),
        cmocka_unit_test(test_only_names_in_use_are_written),
        cmocka_unit_test(test_renumbering_on_either_side_is_survived),
        cmocka_unit_test(test_a_recording_of_nothing_is_one),
        cmocka_unit_test(test_hostile_messages),
        cmocka_unit_test(test_other_bytes_are_refused),
        cmocka_unit_test(test_what_only_begins_as_a_stream_is_refused),
        cmocka_unit_test(test_varints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
