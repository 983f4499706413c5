// The reader: finds formats, unpacks, says what is wrong with a file.
#include "proto/read_ahead.h"
#include "proto/reader.h"
#include "proto/unpack.h"
#include "tests/collect.h"
#include "tests/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define FIXTURES FLICKER_TESTS "/fixtures/"

static int read_as(struct collect *collect, const char *path, const char *format,
                   const struct decode_options *options, struct decode_report *report,
                   struct err *err)
{
    collect_init(collect);
    struct reader *reader;
    int rc = reader_open(&reader, path, format, &collect->sink, options, err);
    if (rc) {
        assert_null(reader);
        return rc;
    }
    while ((rc = reader_step(reader, err)) > 0)
        continue;
    if (report)
        *report = *reader_report(reader);
    uint64_t done, size;
    reader_progress(reader, &done, &size);
    if (!rc)
        assert_true(!size || done == size);
    reader_free(reader);
    return rc;
}

static int read_all(struct collect *collect, const char *path, const char *format,
                    struct decode_report *report, struct err *err)
{
    return read_as(collect, path, format, NULL, report, err);
}

static int read_with(struct collect *collect, const char *path, unsigned threads,
                     struct decode_report *report, struct err *err)
{
    struct decode_options options = {.threads = threads};
    return read_as(collect, path, "perf-script", &options, report, err);
}

static char *text_of(const char *path)
{
    struct collect collect;
    struct err err = {0};
    if (read_all(&collect, path, NULL, NULL, &err))
        fail_msg("%s", err.message);
    struct bytes text = {0};
    collect_text(&collect, &text);
    collect_dispose(&collect);
    return text.data ? text.data : xstrdup("");
}

// A file of its own in the build folder; the caller unlinks.
static char *write_file(const char *name, const void *data, size_t len)
{
    char *path = xasprintf("%s/test-reader-%d-%s", FLICKER_BUILD, (int)getpid(), name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    return path;
}

static void drop_file(char *path)
{
    unlink(path);
    free(path);
}

static void expect_error(const char *path, const char *format, int code, const char *part)
{
    struct collect collect;
    struct err err = {0};
    assert_int_equal(read_all(&collect, path, format, NULL, &err), code);
    if (!strstr(err.message, part) || !strstr(err.message, path))
        fail_msg("message '%s' lacks '%s'", err.message, part);
    collect_dispose(&collect);
}

static void test_packed_files_give_the_same_samples(void **state)
{
    (void)state;
    char *plain = text_of(FIXTURES "perf-system.txt");
    char *gzip = text_of(FIXTURES "perf-system.txt.gz");
    char *zstd = text_of(FIXTURES "perf-system.txt.zst");
    assert_true(strlen(plain) > 10000);
    assert_string_equal(plain, gzip);
    assert_string_equal(plain, zstd);
    free(plain);
    free(gzip);
    free(zstd);
}

static size_t start_of_last_line(const char *text)
{
    size_t at = strlen(text) - 1;
    while (at && text[at - 1] != '\n')
        at--;
    return at;
}

static void test_utf16_and_crlf_are_text_too(void **state)
{
    (void)state;
    char *plain = text_of(FIXTURES "perf-system.txt");
    char *wide = text_of(FIXTURES "perf-utf16.txt");
    char *crlf = text_of(FIXTURES "perf-crlf.txt");
    // Both were cut, and their last samples lack callers.
    size_t same = start_of_last_line(wide);
    assert_true(same > 1000);
    assert_memory_equal(plain, wide, same);
    same = start_of_last_line(crlf);
    assert_true(same > 1000);
    assert_memory_equal(plain, crlf, same);
    free(plain);
    free(wide);
    free(crlf);
}

// A file large enough for a second thread: the fixtures over and over, the dialects in turn.
static char *write_large_file(void)
{
    static const char *const names[] = {"perf-system.txt",  "perf-events.txt",
                                        "perf-srcline.txt", "perf-crlf.txt",
                                        "perf-node.txt",    "perf-tracepoint.txt"};
    struct bytes all = {0};
    for (int i = 0; all.len < 6 << 20; i++) {
        char *path = xasprintf(FIXTURES "%s", names[i % 6]);
        size_t len;
        char *data = collect_file(path, &len);
        bytes_append(&all, data, len);
        bytes_append_text(&all, "\n\n");
        free(data);
        free(path);
    }
    char *path = write_file("large", all.data, all.len);
    bytes_dispose(&all);
    return path;
}

static void expect_same(const struct collect *one, const struct collect *two)
{
    assert_int_equal(one->count, two->count);
    for (size_t i = 0; i < one->count; i++) {
        const struct sample *a = &one->samples[i], *b = &two->samples[i];
        assert_true(a->time_ns == b->time_ns && a->value == b->value && a->node == b->node &&
                    a->thread == b->thread && a->cpu == b->cpu && a->event == b->event);
    }
    assert_int_equal(one->dict.node_count, two->dict.node_count);
    assert_memory_equal(one->dict.nodes, two->dict.nodes,
                        one->dict.node_count * sizeof(struct node));
    assert_int_equal(one->dict.frame_count, two->dict.frame_count);
    for (size_t i = 0; i < one->dict.frame_count; i++) {
        const struct frame *a = &one->dict.frames[i], *b = &two->dict.frames[i];
        assert_true(a->name == b->name && a->module == b->module && a->kind == b->kind);
    }
    assert_int_equal(one->dict.text_len, two->dict.text_len);
    assert_memory_equal(one->dict.text, two->dict.text, one->dict.text_len);
}

static void test_any_number_of_threads_gives_the_same(void **state)
{
    (void)state;
    char *path = write_large_file();
    struct collect one, more;
    struct decode_report one_report, more_report;
    struct err err = {0};
    assert_int_equal(read_with(&one, path, 1, &one_report, &err), 0);
    assert_true(one.count > 5000);
    for (unsigned threads = 2; threads <= 9; threads = threads * 2 - 1) {
        assert_int_equal(read_with(&more, path, threads, &more_report, &err), 0);
        expect_same(&one, &more);
        assert_memory_equal(&one_report, &more_report, sizeof one_report);
        collect_dispose(&more);
    }
    collect_dispose(&one);
    drop_file(path);
}

// Reads text of some MiB with one thread and with two. Returns how many samples are in it.
static size_t expect_two_threads_to_read_the_same(const char *text, size_t len)
{
    char *path = write_file("threads", text, len);
    struct collect one, two;
    struct decode_report one_report, two_report;
    struct err err = {0};
    assert_int_equal(read_with(&one, path, 1, &one_report, &err), 0);
    assert_int_equal(read_with(&two, path, 2, &two_report, &err), 0);
    expect_same(&one, &two);
    assert_memory_equal(&one_report, &two_report, sizeof one_report);
    size_t count = one.count;
    collect_dispose(&one);
    collect_dispose(&two);
    drop_file(path);
    return count;
}

// A sample of this many frames; the last ones are of few functions.
static void put_sample(struct bytes *out, size_t number, size_t frames)
{
    bytes_printf(out, "demo%zu  %zu [000] %zu.000001: 1 cycles: \n", number % 7,
                 10000 + number % 99, number);
    for (size_t i = 0; i < frames; i++)
        bytes_printf(out, "\t  %zx f%zu+0x1 (/bin/demo)\n", i + 1, (number * i) % 1000);
    bytes_append_text(out, "\n");
}

// Records end before, at and behind the places where pieces of the file are read.
static void test_wherever_a_file_of_two_threads_ends(void **state)
{
    (void)state;
    enum { STRIDE = READ_AHEAD_BYTES - READ_AHEAD_OVERLAP, PLACE = 10 * STRIDE };
    struct bytes text = {0};
    bytes_append_text(&text, "\xef\xbb\xbf");
    for (size_t number = 0; text.len < PLACE + 3 * STRIDE; number++)
        put_sample(&text, number, 1 + number % 30);
    for (size_t len = PLACE - 2; len <= PLACE + 6; len++)
        assert_true(expect_two_threads_to_read_the_same(text.data, len) > 1000);
    // A record ends just where a place is.
    const char *blank = memmem(text.data + PLACE, STRIDE, "\n\n", 2);
    size_t more = PLACE - (size_t)(blank + 2 - text.data) % PLACE;
    struct bytes moved = {0};
    bytes_append_text(&moved, "#");
    while (moved.len + 1 < more)
        bytes_append_text(&moved, "-");
    bytes_append_text(&moved, "\n");
    bytes_append(&moved, text.data + 3, text.len - 3);
    for (size_t cut = 0; cut < 4; cut++)
        assert_true(expect_two_threads_to_read_the_same(moved.data + cut, moved.len - cut) > 1000);
    bytes_dispose(&moved);
    bytes_dispose(&text);
}

// Longer than what is looked through for the end of a record, and than a piece; and none at all.
static void test_two_threads_read_long_records(void **state)
{
    (void)state;
    struct bytes text = {0};
    for (size_t number = 0; text.len < 3 << 20; number++)
        put_sample(&text, number, number % 5 ? 3 : 4000);
    assert_true(expect_two_threads_to_read_the_same(text.data, text.len) > 50);
    bytes_clear(&text);
    put_sample(&text, 1, 3);
    for (size_t number = 0; text.len < 3 << 20; number++)
        put_sample(&text, number, number % 50 ? 100 : 90000); // over 2 MiB
    assert_true(expect_two_threads_to_read_the_same(text.data, text.len) > 5);
    bytes_clear(&text);
    put_sample(&text, 1, 3);
    memset(bytes_extend(&text, 5 << 20), 'x', 5 << 20); // a line
    bytes_append_text(&text, "\n\n");
    put_sample(&text, 2, 3);
    assert_int_equal(expect_two_threads_to_read_the_same(text.data, text.len), 2);
    bytes_dispose(&text);
}

// Pieces that were read before the change and pieces that were read after it do not meet.
static void test_a_file_that_changes_on_its_way_is_told(void **state)
{
    (void)state;
    enum {
        STRIDE = READ_AHEAD_BYTES - READ_AHEAD_OVERLAP,
        PIECES = READ_AHEAD_PIECES - READ_AHEAD_HELPERS + 1,
    };
    struct bytes text = {0};
    for (size_t number = 0; text.len < 4 << 20; number++)
        put_sample(&text, number, 5);
    char *path = write_file("changes", text.data, text.len);
    struct collect collect;
    collect_init(&collect);
    struct decoder *decoder = format_perf_script.decoder_new(&collect.sink, NULL);
    struct unpack *unpack;
    struct err err = {0};
    char head[100];
    assert_int_equal(unpack_open(&unpack, path, NULL, &err), 0);
    assert_int_equal(unpack_read(unpack, head, sizeof head, &err), sizeof head);
    struct read_ahead *ahead = read_ahead_new(unpack, decoder, head, sizeof head, 1);
    assert_false(read_ahead_next(ahead)->last);
    while (unpack_done(unpack) < PIECES * STRIDE) // until there is no room for more
        sched_yield();
    FILE *file = fopen(path, "r+b");
    for (size_t i = 0; i < text.len; i++)
        putc('x', file);
    assert_int_equal(fclose(file), 0);
    const struct read_piece *piece;
    do {
        piece = read_ahead_next(ahead);
    } while (!piece->last);
    assert_int_equal(piece->failed, -ESTALE);
    assert_int_equal(piece->len, 0);
    assert_non_null(strstr(piece->err.message, "changed"));
    read_ahead_free(ahead);
    decoder_free(decoder);
    unpack_free(unpack);
    collect_dispose(&collect);
    bytes_dispose(&text);
    drop_file(path);
}

static void test_a_reader_can_be_freed_half_way(void **state)
{
    (void)state;
    char *path = write_large_file();
    for (int steps = 0; steps < 4; steps++) {
        struct collect collect;
        collect_init(&collect);
        struct reader *reader;
        struct err err = {0};
        assert_int_equal(reader_open(&reader, path, NULL, &collect.sink, NULL, &err), 0);
        for (int i = 0; i < steps; i++)
            assert_int_equal(reader_step(reader, &err), 1);
        reader_free(reader);
        collect_dispose(&collect);
    }
    drop_file(path);
}

static void test_gzip_members_one_after_the_other(void **state)
{
    (void)state;
    size_t len;
    char *data = collect_file(FIXTURES "perf-system.txt.gz", &len);
    struct bytes twice = {0};
    bytes_append(&twice, data, len);
    bytes_append(&twice, data, len);
    char *path = write_file("twice.gz", twice.data, twice.len);
    struct collect once, both;
    struct err err = {0};
    assert_int_equal(read_all(&once, FIXTURES "perf-system.txt.gz", NULL, NULL, &err), 0);
    assert_int_equal(read_all(&both, path, NULL, NULL, &err), 0);
    assert_int_equal(both.count, 2 * once.count);
    collect_dispose(&once);
    collect_dispose(&both);
    drop_file(path);
    bytes_dispose(&twice);
    free(data);
}

static void test_a_truncated_gzip_keeps_what_was_there(void **state)
{
    (void)state;
    size_t len;
    char *data = collect_file(FIXTURES "perf-system.txt.gz", &len);
    char *path = write_file("cut.gz", data, len - 99);
    struct collect collect;
    struct err err = {0};
    assert_int_equal(read_all(&collect, path, NULL, NULL, &err), -ENODATA);
    assert_non_null(strstr(err.message, "ends early"));
    assert_true(collect.count > 10);
    collect_dispose(&collect);
    drop_file(path);
    free(data);
}

// Some pieces of text, packed, whose end says nothing by itself: any number of lines is a profile.
static char *pack_lines(size_t lines, size_t *len)
{
    char *path = xasprintf("%s/test-reader-%d-lines.gz", FLICKER_BUILD, (int)getpid());
    gzFile file = gzopen(path, "wb");
    uint64_t random = 1;
    for (size_t i = 0; i < lines; i++) {
        random = random * UINT64_C(6364136223846793005) + 1;
        gzprintf(file, "app;main;f%u;g%u 1\n", (unsigned)(random >> 40), (unsigned)i);
    }
    gzclose(file);
    char *data = collect_file(path, len);
    drop_file(path);
    return data;
}

static void test_a_cut_or_damaged_pack_is_never_taken_for_a_whole_one(void **state)
{
    (void)state;
    enum { LINES = 60000, PLACES = 23 };
    size_t len;
    char *data = pack_lines(LINES, &len);
    for (size_t i = 1; i < PLACES; i++) {
        size_t at = len * i / PLACES;
        struct collect collect;
        struct err err = {0};
        char *path = write_file("part.gz", data, at);
        assert_int_equal(read_all(&collect, path, NULL, NULL, &err), -ENODATA);
        assert_non_null(strstr(err.message, "ends early"));
        assert_true(collect.count > 0 && collect.count < LINES);
        collect_dispose(&collect);
        drop_file(path);
    }
    data[len - 8] ^= 1; // the checksum
    char *path = write_file("sum.gz", data, len);
    struct collect collect;
    struct err err = {0};
    assert_int_equal(read_all(&collect, path, NULL, NULL, &err), -EILSEQ);
    assert_non_null(strstr(err.message, "damaged gzip data"));
    assert_int_equal(collect.count, LINES);
    collect_dispose(&collect);
    drop_file(path);
    free(data);
}

// As tapes and block devices leave it.
static void test_padding_behind_gzip_is_no_damage(void **state)
{
    (void)state;
    enum { LINES = 100, PADDING_BYTES = 1 << 20 };
    size_t len;
    char *data = pack_lines(LINES, &len);
    struct bytes padded = {0};
    bytes_append(&padded, data, len);
    memset(bytes_extend(&padded, PADDING_BYTES), 0, PADDING_BYTES);
    bytes_append(&padded, data, len); // another member
    char *path = write_file("padded.gz", padded.data, padded.len);
    struct collect collect;
    struct err err = {0};
    assert_int_equal(read_all(&collect, path, NULL, NULL, &err), 0);
    assert_int_equal(collect.count, 2 * LINES);
    collect_dispose(&collect);
    drop_file(path);
    bytes_dispose(&padded);
    free(data);
}

static void test_damaged_packed_files_are_an_error_or_shorter(void **state)
{
    (void)state;
    static const char *const names[] = {"perf-system.txt.gz", "perf-system.txt.zst"};
    for (size_t n = 0; n < 2; n++) {
        char fixture[512];
        snprintf(fixture, sizeof fixture, FIXTURES "%s", names[n]);
        size_t len;
        char *data = collect_file(fixture, &len);
        for (size_t at = 4; at < len; at += 97) {
            data[at] ^= 0x10;
            char *path = write_file("flip", data, len);
            struct collect collect;
            struct err err = {0};
            int rc = read_all(&collect, path, NULL, NULL, &err);
            assert_true(rc == 0 || err.message[0]);
            collect_dispose(&collect);
            drop_file(path);
            data[at] ^= 0x10;
        }
        free(data);
    }
}

static void test_a_bomb_is_stopped(void **state)
{
    (void)state;
    char *path = xasprintf("%s/test-reader-%d-bomb.gz", FLICKER_BUILD, (int)getpid());
    gzFile file = gzopen(path, "wb9");
    static char zeros[1 << 20];
    static const char head[] = "a;b 1\na;c 2\n";
    gzwrite(file, head, sizeof head - 1);
    for (int i = 0; i < 100; i++)
        gzwrite(file, zeros, sizeof zeros);
    gzclose(file);
    expect_error(path, NULL, -EFBIG, "more than 250 times");
    drop_file(path);
}

static void test_errors_say_what_and_where(void **state)
{
    (void)state;
    expect_error("/nonexistent/file", NULL, -ENOENT, "No such file");
    expect_error("/", NULL, -EISDIR, "directory");
    char *path = write_file("empty", "", 0);
    expect_error(path, NULL, -ENOMSG, "empty");
    drop_file(path);
    path = write_file("binary",
                      "\x7f"
                      "ELF\0\0\0\1",
                      8);
    expect_error(path, NULL, -ENOMSG, "binary");
    drop_file(path);
    path = write_file("prose", "hello world\nnothing to see\n", 27);
    expect_error(path, NULL, -ENOMSG, "perf-script");
    expect_error(path, "nonsense", -EINVAL, "'nonsense'");
    drop_file(path);
}

static void test_a_pipe_has_no_size(void **state)
{
    (void)state;
    char *path = xasprintf("%s/test-reader-%d-fifo", FLICKER_BUILD, (int)getpid());
    assert_int_equal(mkfifo(path, 0600), 0);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    static const char text[] = "a;b 1\na;c 2\n";
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    int reading = open(path, O_RDONLY | O_CLOEXEC); // keeps the data when fd is closed
    close(fd);
    struct unpack *unpack;
    struct err err = {0};
    // A writer must be there while the reader opens, and be gone for the end to come.
    fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(unpack_open(&unpack, path, NULL, &err), 0);
    close(fd);
    char buffer[64];
    assert_int_equal(unpack_read(unpack, buffer, sizeof buffer, &err), sizeof text - 1);
    assert_memory_equal(buffer, text, sizeof text - 1);
    assert_int_equal(unpack_size(unpack), 0);
    assert_int_equal(unpack_done(unpack), sizeof text - 1);
    unpack_free(unpack);
    close(reading);
    drop_file(path);
}

static bool is_perf_text(const char *name)
{
    size_t len = strlen(name);
    return len > 4 && !strcmp(name + len - 4, ".txt") && !strstr(name, "collapsed") &&
           strcmp(name, "no-events.txt") != 0;
}

// Everything that others recorded must be read without a skipped record.
static void read_corpus_folder(const char *corpus, const char *folder, const char *format)
{
    char *path = xasprintf("%s/%s", corpus, folder);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    int files = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        bool wanted = is_perf_text(entry->d_name) || !strcmp(entry->d_name, "perf.test01");
        if (!wanted)
            continue;
        char *file = xasprintf("%s/%s", path, entry->d_name);
        struct collect collect;
        struct decode_report report;
        struct err err = {0};
        if (read_all(&collect, file, NULL, &report, &err))
            fail_msg("%s", err.message);
        if (!report.samples || report.skipped)
            fail_msg("%s: %d samples, %d skipped: %s", file, (int)report.samples,
                     (int)report.skipped, report.first_skipped_why);
        collect_dispose(&collect);
        assert_int_equal(read_all(&collect, file, format, NULL, &err), 0);
        collect_dispose(&collect);
        free(file);
        files++;
    }
    assert_true(files > 0);
    closedir(dir);
    free(path);
}

static void test_the_corpus_is_read_whole(void **state)
{
    (void)state;
    const char *corpus = getenv("FLICKER_CORPUS");
    if (!corpus) {
        assert_null(getenv("FLICKER_REQUIRE_CORPUS"));
        print_message("skipped: FLICKER_CORPUS names no folder with profiles of others\n");
        skip();
    }
    read_corpus_folder(corpus, "flamegraph", "perf-script");
    read_corpus_folder(corpus, "flamescope", "perf-script");
    read_corpus_folder(corpus, "inferno", "perf-script");
    read_corpus_folder(corpus, "speedscope/linux-perf", "perf-script");
    read_corpus_folder(corpus, "speedscope/stackcollapse", "folded");
}

// A format is found by the first 64 KiB, which may end anywhere in a line.
static void test_where_the_head_ends_does_not_matter(void **state)
{
    (void)state;
    static const char *const files[][2] = {
        {"perf-system.txt", "perf-script"},     {"perf-process.txt", "perf-script"},
        {"perf-srcline.txt", "perf-script"},    {"perf-notime.txt", "perf-script"},
        {"perf-tracepoint.txt", "perf-script"}, {"bpftrace-ours.txt", "bpftrace"},
        {"bpftrace-plain.txt", "bpftrace"},     {"bpftrace-print.txt", "bpftrace"},
        {"bpftrace-ours.json", "bpftrace-json"}};
    enum { LEAST_BYTES = 6000 };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *path = xasprintf("%s%s", FIXTURES, files[i][0]);
        size_t size;
        char *text = collect_file(path, &size);
        assert_non_null(text);
        size_t step = size > 20000 ? 23 : 5;
        for (size_t len = LEAST_BYTES; len < size; len += step) {
            const struct format *format = format_probe(text, len, NULL);
            if (!format || strcmp(format->name, files[i][1]) != 0)
                fail_msg("%s cut at %zu is taken for %s", files[i][0], len,
                         format ? format->name : "nothing");
        }
        free(text);
        free(path);
    }
}

// How much one bite adds at most to the dictionary, and how many bites there are.
static size_t largest_bite(const char *path, size_t *bites)
{
    struct collect collect;
    struct err err = {0};
    struct decode_options options = {0};
    struct reader *reader;
    size_t largest = 0, before = 0;
    int rc = 1;
    collect_init(&collect);
    assert_int_equal(reader_open(&reader, path, "folded", &collect.sink, &options, &err), 0);
    for (*bites = 0; rc > 0; ++*bites) {
        rc = reader_step(reader, &err);
        const size_t nodes = collect.sink.dict->node_count, added = nodes - before;
        largest = added > largest ? added : largest;
        before = nodes;
    }
    assert_int_equal(rc, 0);
    reader_free(reader);
    collect_dispose(&collect);
    return largest;
}

// Between two bites a file can be stopped: new stacks, which take longer than known ones, make them
// smaller.
static void test_bites_are_small_where_all_is_new(void **state)
{
    (void)state;
    enum { LINES = 130000, MIB = 1 << 20 };
    for (int is_new = 0; is_new < 2; is_new++) {
        struct bytes text = {0};
        for (int i = 0; i < LINES; i++) {
            const int stack = is_new ? 100000 + i : 100000 + i % 100;
            bytes_printf(&text, "a;b%d;c;%d;%d 1\n", stack, i % 10, i % 7);
        }
        char *path = write_file("bites", text.data, text.len);
        size_t bites, largest = largest_bite(path, &bites);
        if (is_new) {
            assert_true(largest < LINES);
            assert_true(bites > 2 * (text.len / MIB));
        } else {
            assert_true(bites <= text.len / MIB + 1);
        }
        bytes_dispose(&text);
        drop_file(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packed_files_give_the_same_samples),
        cmocka_unit_test(test_utf16_and_crlf_are_text_too),
        cmocka_unit_test(test_any_number_of_threads_gives_the_same),
        cmocka_unit_test(test_wherever_a_file_of_two_threads_ends),
        cmocka_unit_test(test_two_threads_read_long_records),
        cmocka_unit_test(test_a_file_that_changes_on_its_way_is_told),
        cmocka_unit_test(test_a_reader_can_be_freed_half_way),
        cmocka_unit_test(test_gzip_members_one_after_the_other),
        cmocka_unit_test(test_a_truncated_gzip_keeps_what_was_there),
        cmocka_unit_test(test_a_cut_or_damaged_pack_is_never_taken_for_a_whole_one),
        cmocka_unit_test(test_padding_behind_gzip_is_no_damage),
        cmocka_unit_test(test_damaged_packed_files_are_an_error_or_shorter),
        cmocka_unit_test(test_where_the_head_ends_does_not_matter),
        cmocka_unit_test(test_a_bomb_is_stopped),
        cmocka_unit_test(test_errors_say_what_and_where),
        cmocka_unit_test(test_a_pipe_has_no_size),
        cmocka_unit_test(test_the_corpus_is_read_whole),
        cmocka_unit_test(test_bites_are_small_where_all_is_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
