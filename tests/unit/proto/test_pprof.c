// pprof in and out: what Go wrote, what Go reads, tables in any order, damage.
#include "proto/gzip_output.h"
#include "proto/idmap.h"
#include "proto/pprof.h"
#include "proto/reader.h"
#include "proto/wire.h"
#include "tests/capture.h"

#include <errno.h>
#include <unistd.h>

enum { GO_SAMPLES = 41 }; // by go tool pprof -raw

// Unpacks gzip by reading through the reader's layers would hide errors: the decoder gets the
// bytes.
static void read_gzip(const char *path, char **data, size_t *len)
{
    gzFile file = gzopen(path, "rb");
    assert_non_null(file);
    struct bytes bytes = {0};
    char block[4096];
    for (int got; (got = gzread(file, block, sizeof block)) > 0;)
        bytes_append(&bytes, block, (size_t)got);
    gzclose(file);
    *data = bytes.data;
    *len = bytes.len;
}

static void gunzip(struct bytes *bytes)
{
    struct bytes plain = {0};
    z_stream zlib = {.next_in = (Bytef *)bytes->data, .avail_in = (uInt)bytes->len};
    char block[4096];
    assert_int_equal(inflateInit2(&zlib, 15 + 16), Z_OK);
    int status;
    do {
        zlib.next_out = (Bytef *)block;
        zlib.avail_out = sizeof block;
        status = inflate(&zlib, Z_NO_FLUSH);
        bytes_append(&plain, block, sizeof block - zlib.avail_out);
    } while (status == Z_OK);
    assert_int_equal(status, Z_STREAM_END);
    inflateEnd(&zlib);
    bytes_dispose(bytes);
    *bytes = plain;
}

static uint64_t total_of(const struct capture *capture, const char *event)
{
    uint64_t total = 0;
    char mark[64];
    snprintf(mark, sizeof mark, " %s ", event);
    for (const char *at = bytes_text(&capture->text); (at = strstr(at, mark));)
        total += strtoull(at += strlen(mark), NULL, 10);
    return total;
}

static void test_a_cpu_profile_of_go(void **state)
{
    (void)state;
    char *data;
    size_t len;
    read_gzip(FLICKER_TESTS "/fixtures/go-cpu.pb.gz", &data, &len);
    assert_ptr_equal(format_probe(data, len, NULL), &format_pprof);
    struct capture capture;
    struct decode_report report;
    capture_init(&capture);
    assert_int_equal(capture_decode(&capture, &format_pprof, NULL, data, len, 100, &report), 0);
    assert_int_equal(report.skipped, 0);
    assert_int_equal(total_of(&capture, "samples"), GO_SAMPLES);
    assert_int_equal(total_of(&capture, "cpu"), GO_SAMPLES * 10000000ull);
    assert_non_null(strstr(bytes_text(&capture.text), ";main.work"));
    assert_non_null(strstr(bytes_text(&capture.text), "workload.go:"));
    capture_dispose(&capture);
    capture_check_splits(&format_pprof, NULL, data, len, 97);
    capture_check_damage(&format_pprof, data, len, 3, 5000);
    free(data);
}

static void test_the_default_type_is_the_first_event(void **state)
{
    (void)state;
    char *data;
    size_t len;
    read_gzip(FLICKER_TESTS "/fixtures/go-heap.pb.gz", &data, &len);
    struct capture capture;
    capture_init(&capture);
    assert_int_equal(capture_decode(&capture, &format_pprof, NULL, data, len, 0, NULL), 0);
    assert_string_equal(dict_text(&capture.dict, capture.dict.events[0].name), "inuse_space");
    assert_true(capture.dict.event_count >= 2);
    capture_dispose(&capture);
    free(data);
}

static const char PERF[] = "we b 7  12/13 [001]  9476.314274892:    6711409 cpu-clock: \n"
                           "\tffffffff816b846a vfs_read ([kernel.kallsyms])\n"
                           "\t            1201 leaf (/opt/a b)\n"
                           "\t            1301 main (/opt/a b)\n\n"
                           "we b 7  12/12 [000]  9476.400000001:    6711409 cpu-clock: \n"
                           "\t            9999 [unknown] (/opt/a b)\n\n";

static void test_round_trip(void **state)
{
    (void)state;
    struct bytes written = {0};
    capture_convert(&format_perf_script, PERF, sizeof PERF - 1, &format_pprof, &written);
    gunzip(&written);
    struct capture capture;
    capture_init(&capture);
    assert_int_equal(
        capture_decode(&capture, &format_pprof, NULL, written.data, written.len, 0, NULL), 0);
    assert_string_equal(
        bytes_text(&capture.text),
        "hello pprof - - - 0 Hz 0 cpus clock 0\n"
        "9476.314274892 we b 7 12/13 cpu 1 samples 1!: "
        "we b 7;main (/opt/a b);leaf (/opt/a b);vfs_read ([kernel.kallsyms])_[k]\n"
        "9476.314274892 we b 7 12/13 cpu 1 cpu-clock 6711409ns!: "
        "we b 7;main (/opt/a b);leaf (/opt/a b);vfs_read ([kernel.kallsyms])_[k]\n"
        "9476.400000001 we b 7 12/12 cpu 0 samples 1!: we b 7;0x9999 (/opt/a b)\n"
        "9476.400000001 we b 7 12/12 cpu 0 cpu-clock 6711409ns!: we b 7;0x9999 (/opt/a b)\n");
    capture_dispose(&capture);
    bytes_dispose(&written);
}

static void test_go_reads_what_we_write(void **state)
{
    (void)state;
    if (system("command -v go >/dev/null 2>&1")) {
        print_message("skipped: go is not installed\n");
        skip();
    }
    struct bytes written = {0};
    capture_convert(&format_perf_script, PERF, sizeof PERF - 1, &format_pprof, &written);
    char path[] = FLICKER_BUILD "/test-pprof-XXXXXX", command[512], line[512];
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, written.data, written.len) == (ssize_t)written.len);
    close(fd);
    snprintf(command, sizeof command, "go tool pprof -raw %s 2>/dev/null", path);
    FILE *pipe = popen(command, "r");
    unsigned samples = 0;
    bool leaf = false, unresolved = false;
    while (fgets(line, sizeof line, pipe)) {
        samples += strstr(line, " 1    6711409: ") != NULL;
        leaf |= strstr(line, " leaf ") != NULL;
        unresolved |= strstr(line, "0x9999 M=") != NULL;
    }
    assert_int_equal(pclose(pipe), 0);
    unlink(path);
    assert_int_equal(samples, 2);
    assert_true(leaf && unresolved);
    bytes_dispose(&written);
}

// sample_type {1, 2}; strings "", "cpu", "nanoseconds".
#define TYPES "\x0a\x04\x08\x01\x10\x02"
#define STRINGS                                                                                    \
    "\x32\x00\x32\x03"                                                                             \
    "cpu"                                                                                          \
    "\x32\x0b"                                                                                     \
    "nanoseconds"

static void test_odd_profiles(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        int code;
        uint64_t samples, skipped;
    } CASES[] = {
        {"", 0, -EBADMSG, 0, 0},
        {STRINGS, sizeof STRINGS - 1, -EBADMSG, 0, 0},
        {TYPES STRINGS, sizeof TYPES STRINGS - 1, 0, 0, 0},
        // value 5, no location: a sample without a stack
        {TYPES "\x12\x02\x10\x05" STRINGS, sizeof TYPES "\x12\x02\x10\x05" STRINGS - 1, 0, 1, 0},
        // a location that is not there
        {TYPES "\x12\x04\x08\x07\x10\x05" STRINGS,
         sizeof TYPES "\x12\x04\x08\x07\x10\x05" STRINGS - 1, 0, 0, 1},
        // two values for one type
        {TYPES "\x12\x04\x10\x05\x10\x05" STRINGS,
         sizeof TYPES "\x12\x04\x10\x05\x10\x05" STRINGS - 1, 0, 0, 1},
        // a negative value
        {TYPES "\x12\x0b\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" STRINGS,
         sizeof TYPES "\x12\x0b\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" STRINGS - 1, 0, 0, 1},
        // cut after the strings
        {TYPES "\x12\x02\x10\x05" STRINGS "\x32\x09",
         sizeof TYPES "\x12\x02\x10\x05" STRINGS "\x32\x09" - 1, 0, 1, 1},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct capture capture;
        struct decode_report report;
        capture_init(&capture);
        int code =
            capture_decode(&capture, &format_pprof, NULL, CASES[i].bytes, CASES[i].len, 0, &report);
        if (code != CASES[i].code || report.samples != CASES[i].samples ||
            report.skipped != CASES[i].skipped)
            fail_msg("case %zu: code %d, %d samples, %d skipped (%s)", i, code, (int)report.samples,
                     (int)report.skipped, report.first_skipped_why);
        capture_dispose(&capture);
    }
}

// A message with two number fields, as a field of *out.
static void put_pair(struct bytes *out, unsigned field, unsigned first, uint64_t value,
                     unsigned second, uint64_t other)
{
    struct bytes message = {0};
    wire_put_number(&message, first, value);
    wire_put_number(&message, second, other);
    wire_put_bytes(out, field, message.data, message.len);
    bytes_dispose(&message);
}

// A location whose frame is `lines` functions, inlined into each other but for the last: "f0"...
static void put_inlining(struct bytes *out, uint64_t id, unsigned lines)
{
    struct bytes location = {0};
    wire_put_number(&location, PPROF_LOCATION_ID, id);
    for (unsigned i = 1; i <= lines; i++)
        put_pair(&location, PPROF_LOCATION_LINE, PPROF_LINE_FUNCTION, i, PPROF_LINE_LINE, id);
    wire_put_bytes(out, PPROF_LOCATION, location.data, location.len);
    bytes_dispose(&location);
}

static void put_strings(struct bytes *out, unsigned functions)
{
    wire_put_bytes(out, PPROF_STRING, "", 0);
    wire_put_bytes(out, PPROF_STRING, "count", 5);
    for (unsigned i = 1; i <= functions; i++) {
        char name[16];
        wire_put_bytes(out, PPROF_STRING, name, (size_t)snprintf(name, sizeof name, "f%u", i));
        put_pair(out, PPROF_FUNCTION, PPROF_FUNCTION_ID, i, PPROF_FUNCTION_NAME, i + 1);
    }
}

// One sample of so many times location 1, called from location `root`.
static void put_stack(struct bytes *out, size_t depth, uint64_t root)
{
    struct bytes sample = {0}, ids = {0};
    memset(bytes_extend(&ids, depth), 1, depth);
    wire_put_raw(&ids, root);
    wire_put_bytes(&sample, PPROF_SAMPLE_LOCATION, ids.data, ids.len);
    wire_put_number(&sample, PPROF_SAMPLE_VALUE, 1);
    wire_put_bytes(out, PPROF_SAMPLE, sample.data, sample.len);
    bytes_dispose(&sample);
    bytes_dispose(&ids);
}

static void decode(struct capture *capture, const struct bytes *profile,
                   struct decode_report *report)
{
    capture_init(capture);
    capture->terse = true;
    assert_int_equal(
        capture_decode(capture, &format_pprof, NULL, profile->data, profile->len, 0, report), 0);
}

// A location of one byte may unfold to 256 functions: a few KiB in gzip must not come to gigabytes.
static void test_inlining_is_no_bomb(void **state)
{
    (void)state;
    enum { LINES = 256, DEPTH = 16000, SAMPLES = 100 };
    struct bytes profile = {0};
    struct capture capture;
    struct decode_report report;
    put_pair(&profile, PPROF_SAMPLE_TYPE, PPROF_TYPE_NAME, 1, PPROF_TYPE_UNIT, 1);
    put_inlining(&profile, 1, LINES);
    for (unsigned i = 2; i < 2 + SAMPLES; i++) {
        put_inlining(&profile, i, 1);
        put_stack(&profile, i == 2 ? 1000 : DEPTH, i);
    }
    put_strings(&profile, LINES);
    decode(&capture, &profile, &report);
    assert_int_equal(report.samples, 1);
    assert_int_equal(report.frames, 1000 * LINES + 1);
    assert_int_equal(report.skipped, SAMPLES - 1);
    assert_string_equal(report.first_skipped_why,
                        "inlined functions unfold to many times the size of the profile");
    assert_true(capture.dict.node_count < 300000);
    capture_dispose(&capture);
    bytes_dispose(&profile);
}

static void test_what_is_too_much_is_told(void **state)
{
    (void)state;
    struct bytes profile = {0};
    struct capture capture;
    struct decode_report report;
    for (unsigned i = 0; i < 66; i++)
        put_pair(&profile, PPROF_SAMPLE_TYPE, PPROF_TYPE_NAME, i + 2, PPROF_TYPE_UNIT, 1);
    put_strings(&profile, 70);
    decode(&capture, &profile, &report);
    assert_int_equal(report.skipped, 2);
    assert_string_equal(report.first_skipped_why,
                        "more than 64 types of values: the others are left out");
    capture_dispose(&capture);
    bytes_clear(&profile);

    put_pair(&profile, PPROF_SAMPLE_TYPE, PPROF_TYPE_NAME, 1, PPROF_TYPE_UNIT, 1);
    put_inlining(&profile, 1, 300);
    put_stack(&profile, 1, 1);
    put_strings(&profile, 300);
    decode(&capture, &profile, &report);
    assert_int_equal(report.samples, 1);
    assert_int_equal(report.skipped, 1);
    assert_string_equal(report.first_skipped_why, "more than 256 functions at one location");
    capture_dispose(&capture);

    put_stack(&profile, 1 << 14, 1);
    decode(&capture, &profile, &report);
    assert_int_equal(report.skipped, 2);
    assert_string_equal(report.first_skipped_why, "more than 256 functions at one location");
    capture_dispose(&capture);
    bytes_dispose(&profile);
}

static void test_an_event_too_many_is_an_error(void **state)
{
    (void)state;
    struct bytes profile = {0};
    struct capture capture;
    capture_init(&capture);
    for (uint32_t i = 0; i <= UINT16_MAX; i++)
        dict_event(&capture.dict, &(struct event){.name = DICT_EMPTY, .unit = i});
    put_pair(&profile, PPROF_SAMPLE_TYPE, PPROF_TYPE_NAME, 1, PPROF_TYPE_UNIT, 1);
    put_inlining(&profile, 1, 1);
    put_stack(&profile, 1, 1);
    put_strings(&profile, 1);
    assert_int_equal(
        capture_decode(&capture, &format_pprof, NULL, profile.data, profile.len, 0, NULL), -E2BIG);
    assert_int_equal(capture.samples, 0);
    capture_dispose(&capture);
    bytes_dispose(&profile);
}

static void test_ids_of_any_value(void **state)
{
    (void)state;
    struct idmap map = {0};
    assert_int_equal(idmap_find(&map, 0), IDMAP_NONE);
    for (uint64_t i = 0; i < 10000; i++)
        assert_true(idmap_add(&map, i * 0x100000001ull, (uint32_t)i));
    assert_false(idmap_add(&map, 0, 77));
    for (uint64_t i = 0; i < 10000; i++)
        assert_int_equal(idmap_find(&map, i * 0x100000001ull), i);
    assert_int_equal(idmap_find(&map, 5), IDMAP_NONE);
    idmap_clear(&map);
    assert_int_equal(idmap_find(&map, 0), IDMAP_NONE);
    idmap_dispose(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_cpu_profile_of_go),
        cmocka_unit_test(test_the_default_type_is_the_first_event),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_go_reads_what_we_write),
        cmocka_unit_test(test_odd_profiles),
        cmocka_unit_test(test_inlining_is_no_bomb),
        cmocka_unit_test(test_what_is_too_much_is_told),
        cmocka_unit_test(test_an_event_too_many_is_an_error),
        cmocka_unit_test(test_ids_of_any_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
