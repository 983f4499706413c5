// Folding in the manner of stackcollapse-perf.pl: its rules one by one, then its own results on the
// profiles that it is tested with.
#include "analysis/buffer.h"
#include "analysis/collapse.h"
#include "tests/collect.h"
#include "tests/test.h"

extern const struct format format_perf_script;

static void collapse(struct buffer *buffer, enum collapse_style style, struct bytes *out)
{
    struct query query = {.idle = true};
    struct output_bytes output;
    struct err err = {0};
    output_bytes_init(&output, out);
    if (collapse_write(buffer_store(buffer), &query, style, COLLAPSE_VALUES, &output.base, &err))
        fail_msg("%s", err.message);
}

static struct buffer *load(const char *text, size_t len)
{
    struct buffer *buffer = buffer_new(1 << 26, 0);
    struct sink *sink;
    buffer_source_add(buffer, "text", &sink);
    struct decoder *decoder = format_perf_script.decoder_new(sink, NULL);
    struct err err = {0};
    assert_int_equal(decoder->ops->push(decoder, text, len, &err), 0);
    assert_int_equal(decoder->ops->finish(decoder, &err), 0);
    assert_int_equal(decoder->report.skipped, 0);
    decoder_free(decoder);
    return buffer;
}

static void expect(enum collapse_style style, const char *text, const char *wanted)
{
    struct buffer *buffer = load(text, strlen(text));
    struct bytes out = {0};
    collapse(buffer, style, &out);
    assert_string_equal(bytes_text(&out), wanted);
    bytes_dispose(&out);
    buffer_free(buffer);
}

static void test_names_are_tidied(void **state)
{
    (void)state;
    expect(COLLAPSE_PLAIN,
           "V8 Worker 7/9 1.0: 4 e: \n\t1 f(int, char) (/a)\n\t2 a::\"b\"::c;d (/a)\n"
           "\t3 (anonymous namespace)::g(int) (/a)\n\t4 net/http.(*Client).Do (/a)\n\n",
           "V8_Worker;net/http.(*Client).Do;(anonymous namespace)::g;a::b::c:d;f 4\n");
}

static void test_java_classes_lose_their_letter(void **state)
{
    (void)state;
    expect(COLLAPSE_PLAIN, "java 7 1.0: e: \n\t1 Lorg/x/C;::call(I)V (/tmp/perf-7.map)\n\n",
           "java;org/x/C:::call 1\n");
    expect(COLLAPSE_PID, "java 7/7 1.0: e: \n\t1 La/C;::call(I)V (/tmp/perf-7.map)\n\n",
           "java-7;La/C:::call 1\n");
    expect(COLLAPSE_PLAIN, "node 7 1.0: e: \n\t1 Lorg/x/C;::call(I)V (/tmp/perf-7.map)\n\n",
           "node;Lorg/x/C:::call 1\n");
}

static void test_unresolved_frames_are_named_by_module(void **state)
{
    (void)state;
    static const char text[] = "a 7 1.0: e: \n\t1f [unknown] (/usr/lib/libc.so.6)\n"
                               "\t2f [unknown] ([unknown])\n\n";
    expect(COLLAPSE_PLAIN, text, "a;[unknown];[libc.so.6] 1\n");
    expect(COLLAPSE_ADDRS, text, "a;[unknown <2f>];[libc.so.6 <1f>] 1\n");
}

static void test_kinds_are_marked_where_asked(void **state)
{
    (void)state;
    static const char text[] = "a 7/8 1.0: e: \n\tff vfs_read ([kernel.kallsyms])\n"
                               "\t1 A->B (/tmp/perf-7.map)\n\t2 main (/a)\n\n";
    expect(COLLAPSE_PLAIN, text, "a;main;A;B_[i];vfs_read 1\n");
    expect(COLLAPSE_KERNEL, text, "a;main;A;B_[i];vfs_read_[k] 1\n");
    expect(COLLAPSE_JIT, text, "a;main;A_[j];B_[i];vfs_read 1\n");
    expect(COLLAPSE_ALL, text, "a;main;A_[j];B_[i];vfs_read_[k] 1\n");
    expect(COLLAPSE_PID, text, "a-7;main;A;B_[i];vfs_read 1\n");
    expect(COLLAPSE_TID, text, "a-7/8;main;A;B_[i];vfs_read 1\n");
}

static void test_values_add_up_over_threads_and_addresses(void **state)
{
    (void)state;
    static const char text[] = "a 7 1.0: 10 e: \n\t1 [unknown] (/b)\n\n"
                               "a 8 2.0: 5 e: \n\t2 [unknown] (/b)\n\n";
    expect(COLLAPSE_PLAIN, text, "a;[b] 15\n");
    expect(COLLAPSE_PID, text, "a-?;[b] 15\n");
    expect(COLLAPSE_TID, text, "a-?/7;[b] 10\na-?/8;[b] 5\n");
}

// What threads waited for in a range is what lies in it, whoever adds it up.
static void test_intervals_are_cut_at_the_ranges(void **state)
{
    (void)state;
    struct buffer *buffer = buffer_new(1 << 26, 0);
    struct sink *sink;
    buffer_source_add(buffer, "waits", &sink);
    struct dict *dict = sink->dict;
    struct thread thread = {.pid = 7, .tid = 8, .comm = dict_string_z(dict, "a")};
    struct event event = {dict_string_z(dict, "offcpu"), dict_string_z(dict, "ns"), true};
    struct frame frame = {.name = dict_string_z(dict, "f")};
    struct sample sample = {.value = 1000, .cpu = SAMPLE_NO_CPU};
    sample.thread = dict_thread(dict, &thread);
    sample.event = (uint16_t)dict_event(dict, &event);
    sample.node = dict_node(dict, dict_comm_node(dict, thread.comm), dict_frame(dict, &frame));
    struct err err = {0};
    for (sample.time_ns = 1000; sample.time_ns <= 4000; sample.time_ns += 1000)
        assert_int_equal(sink_samples(sink, &sample, 1, &err), 0);
    const struct range ranges[] = {{500, 700}, {1500, 2200}};
    struct query query = {.ranges = ranges, .range_count = 2};
    for (int style = COLLAPSE_PLAIN; style <= COLLAPSE_PID; style++) {
        struct bytes out = {0};
        struct output_bytes output;
        output_bytes_init(&output, &out);
        assert_int_equal(collapse_write(buffer_store(buffer), &query, (enum collapse_style)style,
                                        COLLAPSE_VALUES, &output.base, &err),
                         0);
        assert_string_equal(bytes_text(&out), style ? "a-7;f 900\n" : "a;f 900\n");
        bytes_dispose(&out);
    }
    buffer_free(buffer);
}

static void test_weights_are_values_or_samples(void **state)
{
    (void)state;
    static const char text[] = "a 7 1.0: 10 e: \n\t1 f (/b)\n\na 8 2.0: 5 e: \n\t2 f (/b)\n\n"
                               "a 8 3.0: 0 e: \n\t2 g (/b)\n\n";
    struct buffer *buffer = load(text, strlen(text));
    struct query query = {.idle = true};
    for (int style = COLLAPSE_PLAIN; style <= COLLAPSE_PID; style++) { // both ways of counting
        struct bytes out = {0};
        struct output_bytes output;
        struct err err = {0};
        output_bytes_init(&output, &out);
        assert_int_equal(collapse_write(buffer_store(buffer), &query, (enum collapse_style)style,
                                        COLLAPSE_SAMPLES, &output.base, &err),
                         0);
        assert_string_equal(bytes_text(&out), style ? "a-?;f 2\na-?;g 1\n" : "a;f 2\na;g 1\n");
        bytes_clear(&out);
        assert_int_equal(collapse_write(buffer_store(buffer), &query, (enum collapse_style)style,
                                        COLLAPSE_VALUES, &output.base, &err),
                         0);
        assert_string_equal(bytes_text(&out), style ? "a-?;f 15\na-?;g 1\n" : "a;f 15\na;g 1\n");
        bytes_dispose(&out);
    }
    buffer_free(buffer);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// The lines of text, sorted, with a newline each. The caller frees.
static char *sorted(const char *text)
{
    char *copy = xstrdup(text), *lines[4096];
    size_t count = 0;
    for (char *line = strtok(copy, "\n"); line && count < 4096; line = strtok(NULL, "\n"))
        lines[count++] = line;
    qsort(lines, count, sizeof *lines, by_text);
    struct bytes out = {0};
    for (size_t i = 0; i < count; i++)
        bytes_printf(&out, "%s\n", lines[i]);
    free(copy);
    return out.data ? out.data : xstrdup("");
}

// A deliberate difference: stackcollapse-perf.pl forgets the last sample of a file that does not
// end in a blank line; we keep it. Returns where the text that both read the same ends.
static size_t without_last_sample(const char *text, size_t len)
{
    if (len >= 2 && !memcmp(text + len - 2, "\n\n", 2))
        return len;
    while (len >= 2 && memcmp(text + len - 2, "\n\n", 2) != 0)
        len--;
    return len;
}

// Fails with the first line that differs.
static void compare_lines(const char *name, const char *style, const char *ours, const char *wanted)
{
    size_t same = 0;
    while (ours[same] && ours[same] == wanted[same])
        same++;
    if (ours[same] == wanted[same])
        return;
    while (same && ours[same - 1] != '\n')
        same--;
    fail_msg("%s style=%s\nours:   %.*s\nwanted: %.*s", name, style,
             (int)strcspn(ours + same, "\n"), ours + same, (int)strcspn(wanted + same, "\n"),
             wanted + same);
}

static void check_file(const char *corpus, const char *name)
{
    char *path = xasprintf("%s/flamegraph/%s.txt", corpus, name);
    size_t text_len;
    char *text = collect_file(path, &text_len);
    assert_non_null(text);
    struct buffer *buffer = load(text, without_last_sample(text, text_len));
    free(text);
    for (int style = 0; style < COLLAPSE_STYLES; style++) {
        char *result = style == COLLAPSE_PLAIN
                           ? xasprintf("%s/flamegraph/%s-collapsed.txt", corpus, name)
                           : xasprintf("%s/flamegraph/%s-collapsed-%s.txt", corpus, name,
                                       collapse_style_names[style]);
        size_t len;
        char *wanted_text = collect_file(result, &len);
        assert_non_null(wanted_text);
        struct bytes out = {0};
        collapse(buffer, (enum collapse_style)style, &out);
        bytes_append_char(&out, '\n');
        wanted_text = xreallocarray(wanted_text, len + 1, 1);
        wanted_text[len] = '\0';
        char *ours = sorted(out.data), *wanted = sorted(wanted_text);
        compare_lines(name, collapse_style_names[style], ours, wanted);
        free(ours);
        free(wanted);
        free(wanted_text);
        free(result);
        bytes_dispose(&out);
    }
    buffer_free(buffer);
    free(path);
}

static void test_the_corpus_collapses_as_stackcollapse_perf_does(void **state)
{
    (void)state;
    static const char *const names[] = {"perf-dd-stacks-01",   "perf-funcab-cmd-01",
                                        "perf-funcab-pid-01",  "perf-java-faults-01",
                                        "perf-java-stacks-02", "perf-js-stacks-01"};
    const char *corpus = getenv("FLICKER_CORPUS");
    if (!corpus) {
        assert_null(getenv("FLICKER_REQUIRE_CORPUS"));
        print_message("skipped: FLICKER_CORPUS names no folder with profiles of others\n");
        skip();
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check_file(corpus, names[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_tidied),
        cmocka_unit_test(test_java_classes_lose_their_letter),
        cmocka_unit_test(test_unresolved_frames_are_named_by_module),
        cmocka_unit_test(test_kinds_are_marked_where_asked),
        cmocka_unit_test(test_values_add_up_over_threads_and_addresses),
        cmocka_unit_test(test_intervals_are_cut_at_the_ranges),
        cmocka_unit_test(test_weights_are_values_or_samples),
        cmocka_unit_test(test_the_corpus_collapses_as_stackcollapse_perf_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
