// What bpftrace -f json prints: escapes, maps, losses, recordings.
#include "tests/capture.h"

static void check(const char *text, const char *expected, uint64_t skipped)
{
    struct capture capture;
    struct decode_report report;
    capture_init(&capture);
    assert_int_equal(
        capture_decode(&capture, &format_bpftrace_json, NULL, text, strlen(text), 0, &report), 0);
    const char *hello = strchr(bytes_text(&capture.text), '\n'); // the first line
    assert_non_null(hello);
    assert_string_equal(hello + 1, expected);
    assert_int_equal(report.skipped, skipped);
    capture_dispose(&capture);
}

static void test_samples_and_escapes(void **state)
{
    (void)state;
    check("{\"type\": \"attached_probes\", \"data\": {\"probes\": 2}}\n"
          "{\"type\": \"printf\", \"data\": \"S 1 2 2 0 a\\nb "
          "\\uffffffc3\\uffffffa9\\u00e9\\u001b\\\"\\n\\n\\n"
          "\\t7f00 f+1 (/x)\\n\\nE\\n\"}\n\n\n",
          "0.000000001 a\nb \xc3\xa9\xc3\xa9\x1b\" 2/2 cpu 0 samples 1: "
          "a\nb \xc3\xa9\xc3\xa9\x1b\";f (/x)\n",
          0);
}

// A sample's event has 16 bits: those beyond are told, not taken for others.
static void test_more_maps_than_events(void **state)
{
    (void)state;
    enum { MAPS = 65600 };
    struct bytes text = {0};
    struct capture capture;
    struct decode_report report;
    capture_init(&capture);
    capture.terse = true;
    bytes_append_text(&text, "{\"type\": \"printf\", \"data\": \"T 5000000000\\n\"}\n");
    for (int i = 0; i < MAPS; i++)
        bytes_printf(&text, "{\"type\": \"map\", \"data\": {\"@%d\": 1}}\n", i);
    assert_int_equal(
        capture_decode(&capture, &format_bpftrace_json, NULL, text.data, text.len, 0, &report), 0);
    assert_int_equal(report.samples, 65536);
    assert_int_equal(report.skipped, MAPS - 65536);
    assert_string_equal(report.first_skipped_why, "more than 65536 different events");
    capture_dispose(&capture);
    bytes_dispose(&text);
}

static void test_maps_and_losses(void **state)
{
    (void)state;
    check(
        "{\"type\": \"printf\", \"data\": \"T 5000000000\\n\"}\n"
        "{\"type\": \"map\", \"data\": {\"@s\": {\"4029,spin,,\\n\\t7f00 f+1 (/x)\\n\": 3, "
        "\"\\n\\tffffffff81000130 entry+1\\n,\\n\\t7f00 f+1 (/x)\\n,spin,12\": 4}}}\n"
        "{\"type\": \"lost_events\", \"data\": {\"events\": 9070}}\n"
        "{\"type\": \"map\", \"data\": {\"@n\": 12}}\n{\"type\": \"map\", \"data\": {\"@e\": {}}}\n"
        "{\"type\": \"stats\", \"data\": {\"@a\": 0}}\n"
        "Some words of bpftrace\n",
        "5.000000000 spin 4029/4029 samples 3samples!: spin;f (/x)\n"
        "5.000000000 spin 12/12 samples 4samples!: spin;f (/x);entry ([kernel])_[k]\n"
        "lost 9070 cpu -1 where 1\n"
        "5.000000000 @n -1/-1 @n 12!: @n\n"
        "5.000000000 @a -1/-1 @a 0!: @a\n",
        0);
}

static void keep_text(void *arg, const char *line, size_t len)
{
    bytes_printf(arg, "%.*s\n", (int)len, line);
}

static int64_t three_seconds(void *arg)
{
    (void)arg;
    return 3000000000;
}

// Decodes as a live stream; returns the samples, *said is what was for people.
static void live(const char *text, const char *expected, const char *expected_text)
{
    struct capture capture;
    struct decode_report report;
    struct bytes said = {0};
    const struct decode_options options = {
        .text = keep_text, .text_arg = &said, .now_ns = three_seconds};
    capture_init(&capture);
    assert_int_equal(
        capture_decode(&capture, &format_bpftrace_json, &options, text, strlen(text), 0, &report),
        0);
    const char *hello = strchr(bytes_text(&capture.text), '\n');
    assert_string_equal(hello ? hello + 1 : "", expected);
    assert_string_equal(bytes_text(&said), expected_text);
    assert_int_equal(report.skipped, 0);
    capture_dispose(&capture);
    bytes_dispose(&said);
}

#define HIST                                                                                       \
    "[{\"max\": -1, \"count\": 1}, {\"min\": 0, \"max\": 1023, \"count\": 4}, {\"min\": 1024, "    \
    "\"max\": 2047, \"count\": 0}, {\"min\": 2048, \"count\": 2}]"
#define MAPS                                                                                       \
    "{\"type\": \"map\", \"data\": {\"@n\": {\"read,7\": 3, \"write,8\": 4}}}\n"                   \
    "{\"type\": \"hist\", \"data\": {\"@h\": " HIST "}}\n"                                         \
    "{\"type\": \"hist\", \"data\": {\"@k\": {\"sda\": [{\"min\": 4, \"max\": 7, \"count\": "      \
    "9}]}}}\n"                                                                                     \
    "{\"type\": \"stats\", \"data\": {\"@a\": -3}}\n"                                              \
    "{\"type\": \"stats\", \"data\": {\"@s\": {\"x\": {\"count\": 2, \"average\": 4, \"total\": "  \
    "8}}}}\n"
#define SAID_END "{\"type\": \"printf\", \"data\": \"END\\n\"}\n"

// Printed while the program runs: values at that time.
static void test_maps_on_an_interval_are_samples(void **state)
{
    (void)state;
    live(MAPS,
         "3.000000000 @n -1/-1 @n 3!: @n;read,7_[p]\n"
         "3.000000000 @n -1/-1 @n 4!: @n;write,8_[p]\n"
         "3.000000000 @h -1/-1 @h 1!: @h;(..., 0)_[p]\n"
         "3.000000000 @h -1/-1 @h 4!: @h;[0, 1K)_[p]\n"
         "3.000000000 @h -1/-1 @h 2!: @h;[2K, ...)_[p]\n"
         "3.000000000 @k -1/-1 @k 9!: @k;sda_[p];[4, 8)_[p]\n"
         "3.000000000 @s -1/-1 @s 8!: @s;x_[p]\n",
         "@a: -3\n");
}

// Printed at the end only: tables and small histograms.
static void test_maps_at_the_end_are_shown(void **state)
{
    (void)state;
    live(SAID_END MAPS, "",
         "END\n@n\n  read,7   3\n  write,8  4\n"
         "@h:\n"
         "(..., 0)                   1 |@@@@@@@@@@                              |\n"
         "[0, 1K)                    4 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n"
         "[1K, 2K)                   0 |                                        |\n"
         "[2K, ...)                  2 |@@@@@@@@@@@@@@@@@@@@                    |\n"
         "@k[sda]:\n"
         "[4, 8)                     9 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n"
         "@a: -3\n@s   count  average  total\n  x      2        4      8\n");
    live(SAID_END "{\"type\": \"stats\", \"data\": {\"@s\": {\"count\": 870, \"average\": -48, "
                  "\"total\": -41909}}}\n{\"type\": \"stats\", \"data\": {\"@a\": {\"dd\": 12, "
                  "\"long name\": 9}}}\n",
         "",
         "END\n@s: count 870, average -48, total -41909\n@a\n  dd         12\n  long name   9\n");
}

// A map may hold anything.
static void test_values_that_are_no_counts(void **state)
{
    (void)state;
    live(
        "{\"type\": \"map\", \"data\": {\"@x\": -5}}\n"
        "{\"type\": \"map\", \"data\": {\"@x\": \"18446744073709551615\"}}\n" // since 0.24
        "{\"type\": \"map\", \"data\": {\"@x\": {\"a\": 1.5, \"b\": true, \"c\": null}}}\n"
        "{\"type\": \"map\", \"data\": {\"@t\": [1, 2, \"string\", [4, 5]]}}\n"
        "{\"type\": \"map\", \"data\": {\"@s\": {\"7\": \"\\n        f+1\\n\", \"8\": {\"m\": "
        "2}}}}\n"
        "{\"type\": \"value\", \"data\": [0, {\"m\": 2}]}\n"
        "{\"type\": \"value\", \"data\": 12}\n"
        "{\"type\": \"tseries\", \"data\": {\"@a\": [{\"interval_start\":\"1970-01-01T00:00:00.5\","
        "\"value\":9},{\"interval_start\":\"1970-01-01T00:00:00.6\",\"value\":-1}]}}\n"
        "{\"type\": \"join\", \"data\": \"/bin/echo,'A'\"}\n"
        "{\"type\": \"something new\", \"data\": 1}\n",
        "3.000000000 @x -1/-1 @x 18446744073709551615!: @x\n",
        "@x: -5\n@x\n  a   1.5\n  b  true\n  c  null\n@t: (1, 2, string, (4, 5))\n"
        "@s\n  7\n        f+1\n  8  {m: 2}\n"
        "(0, {m: 2})\n12\n@a\n  1970-01-01T00:00:00.5   9\n  1970-01-01T00:00:00.6  -1\n"
        "/bin/echo,'A'\n{\"type\": \"something new\", \"data\": 1}\n");
}

// Errors of helpers come as often as their probe fires; of a map that was full something is lost.
static void test_complaints_are_said_once(void **state)
{
    (void)state;
#define FULL                                                                                       \
    "{\"type\": \"helper_error\", \"msg\": \"Map full; can't update element\", \"helper\": "       \
    "\"map_update_elem\", \"retcode\": -7, \"filename\": \"stdin\", \"line\": 1, \"col\": 9}\n"
    static const char text[] =
        "{\"type\": \"attached_probes\", \"count\": 2, \"data\": {\"probes\": 2}}\n" FULL FULL
        "{\"type\": \"helper_error\", \"helper\": \"probe_read\", \"retcode\": -14, \"line\": 3, "
        "\"col\": 4}\n"
        "{\"type\": \"errorf\", \"msg\": \"bad\", \"filename\": \"stdin\", \"line\": 2, \"col\": "
        "1}\n"
        "{\"type\": \"lost_events\", \"count\": 5, \"data\": {\"events\": 5}}\n";
    live(text, "lost 7 cpu -1 where 1\n",
         "stdin:1:9: WARNING: a map is full: more than max_map_keys of its config "
         "(map_update_elem: -7)\n"
         "stdin:3:4: WARNING:  (probe_read: -14)\nstdin:2:1: ERROR: bad\n");
}

// What 0.24 and later print after a string with \u: counts in hexadecimal. Earlier ones do not.
static void test_counts_after_escapes(void **state)
{
    (void)state;
#define ESCAPED                                                                                    \
    "{\"type\": \"time\", \"data\": \"\\uffffffc3\\uffffffa9\"}\n"                                 \
    "{\"type\": \"hist\", \"data\": {\"@h\": [{\"min\": 16, \"max\": 31, \"count\": 10}]}}\n"      \
    "{\"type\": \"map\", \"data\": {\"@n\": 10}}\n"
    live("{\"type\": \"attached_probes\", \"data\": {\"probes\": 1}}\n" ESCAPED,
         "3.000000000 @h -1/-1 @h 10!: @h;[16, 32)_[p]\n3.000000000 @n -1/-1 @n 10!: @n\n",
         "\xc3\xa9\n");
    live("{\"type\": \"attached_probes\", \"count\": 1, \"data\": {\"probes\": 1}}\n" ESCAPED
         "{\"type\": \"lost_events\", \"count\": f1, \"data\": {\"events\": f1}}\n",
         "3.000000000 @h -1/-1 @h 16!: @h;[16, 32)_[p]\n3.000000000 @n -1/-1 @n 10!: @n\n"
         "lost 241 cpu -1 where 1\n",
         "\xc3\xa9\n");
}

// Stacks in the maps of the whole run have no time; those that were left of an interval do.
static void test_stacks_at_the_end(void **state)
{
    (void)state;
#define STACKS "{\"type\": \"map\", \"data\": {\"@\": {\"\\n\\t7f00 f+1 (/x)\\n,spin,12\": 4}}}\n"
    live(SAID_END STACKS, "- spin 12/12 samples 4samples!: spin;f (/x)\n", "END\n");
    live(STACKS SAID_END STACKS,
         "3.000000000 spin 12/12 samples 4samples!: spin;f (/x)\n"
         "3.000000000 spin 12/12 samples 4samples!: spin;f (/x)\n",
         "END\n");
}

// The largest of many; bpftrace prints them last.
static void test_long_tables_are_cut(void **state)
{
    (void)state;
    struct bytes text = {0}, expected = {0};
    bytes_append_text(&text, SAID_END "{\"type\": \"map\", \"data\": {\"@\": {");
    bytes_append_text(&expected, "END\n@: the 20 largest of 45\n");
    for (int i = 0; i < 45; i++) {
        bytes_printf(&text, "%s\"k%d\": %d", i ? ", " : "", i, i);
        if (i >= 25)
            bytes_printf(&expected, "  k%d  %d\n", i, i);
    }
    bytes_append_text(&text, "}}}\n");
    live(bytes_text(&text), "", bytes_text(&expected));
    bytes_dispose(&text);
    bytes_dispose(&expected);
}

// Maps of every kind, as versions print them: tables, small histograms, what else they hold.
static void test_recorded_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *name, *key, *leaf;
    } files[] = {
        {"bpftrace-kinds.json", "  a b,1  1\n", "@stack\n  1\n        _einittext+"},
        {"bpftrace-0.21-kinds.json", "  a b,1  1\n", "@stack\n  1\n        _einittext+"},
        // Since 0.24 keys lose their blanks.
        {"bpftrace-0.26-kinds.json", "  ab,1  1\n", "@stack\n  1\n        bpf_prog_"},
    };
    static const char *const wanted[] = {
        "7\n(1, x)\n2026\n",
        "@avg\n  x  4\n  y  8\n",
        "@hist:\n(..., 0)                   1 |",
        "[1K, 2K)                   1 |",
        "@hist2[k]:\n[4, 8)                     1 |",
        "@least: -3\n@lhist:\n(..., 0)                   1 |",
        "[100, ...)                 1 |",
        "@most\n  1  7\n@n\n",
        "@stats: count 1, average 6, total 6\n",
        "@stats2  count  average  total\n  x          1       -2     -2\n",
        "@sum: 5\n@text\n  k  v\n@tuple: (1, 2, s)\n",
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[512], *data;
        size_t len;
        struct capture capture;
        struct decode_report report;
        struct bytes said = {0};
        const struct decode_options options = {.text = keep_text, .text_arg = &said};
        snprintf(path, sizeof path, FLICKER_TESTS "/fixtures/%s", files[i].name);
        read_whole(path, &data, &len);
        capture_init(&capture);
        assert_int_equal(
            capture_decode(&capture, &format_bpftrace_json, &options, data, len, 7, &report), 0);
        assert_int_equal(report.skipped + report.samples, 0);
        for (size_t k = 0; k < sizeof wanted / sizeof *wanted; k++) {
            if (!strstr(bytes_text(&said), wanted[k]))
                fail_msg("%s: '%s' is not in\n%s", files[i].name, wanted[k], bytes_text(&said));
        }
        assert_non_null(strstr(bytes_text(&said), files[i].key));
        assert_non_null(strstr(bytes_text(&said), files[i].leaf));
        capture_dispose(&capture);
        bytes_dispose(&said);
        free(data);
    }
}

// A printf need not end its line: the next one goes on with it, as in the text.
static void test_lines_of_several_printfs(void **state)
{
    (void)state;
#define PRINTF(text) "{\"type\": \"printf\", \"data\": \"" text "\"}\n"
    static const char text[] = PRINTF("%-6d bash ") PRINTF("7 ") PRINTF("/etc/passwd\\n")
        PRINTF("web 12 ") PRINTF("6000000000\\n\\n        f+1\\n\\n")
            PRINTF("count ") "{\"type\": \"value\", \"data\": 7}\n" PRINTF(
                "a\\nb") "{\"type\": \"map\", \"data\": {\"@t\": {\"x\": \"y\"}}}\n" PRINTF("last")
                PRINTF("END\\n") PRINTF("...") PRINTF("...");
#undef PRINTF
    live(text, "6.000000000 web 12/12 samples 1: web;f\n",
         "%-6d bash 7 /etc/passwd\ncount 7\na\nb\n@t\n  x  y\nlast\nEND\n......\n");
}

// Since 0.24 keys lose their blanks, those of stacks too.
static void test_squeezed_stacks(void **state)
{
    (void)state;
    check("{\"type\": \"attached_probes\", \"count\": 1, \"data\": {\"probes\": 1}}\n"
          "{\"type\": \"map\", \"data\": {\"@\": {\"\\n\\tffffffff816b846avfs_read+570\\n,"
          "\\n\\t5604154672b2add+42(/opt/a(b)/x)\\n\\t4011360x401136([unknown])\\n"
          "\\t401136add+3(/x)\\n,a+1,7\": 2, "
          "\"\\nvfs_read+187\\n0xffffffff81000130\\n,\\n0\\n,b\": 3, "
          "\"c,8,\\nf(int)+1\\nmain+2\\n\": 4}}}\n",
          "- a+1 7/7 samples 2samples!: a+1;add (/x);0x401136;add (/opt/a(b)/x);"
          "vfs_read ([kernel])_[k]\n"
          "- b -1/-1 samples 3samples!: b;0xffffffff81000130 ([kernel])_[k];vfs_read "
          "([kernel])_[k]\n"
          "- c 8/8 samples 4samples!: c;main;f(int)\n",
          0);
}

// Since 0.22 warnings about the program stand before its output, with lines of it.
static void test_warnings_come_first(void **state)
{
    (void)state;
    struct capture capture;
    struct decode_report report;
    struct bytes said = {0};
    const struct decode_options options = {.text = keep_text, .text_arg = &said};
    static const char TEXT[] =
        "stdin:2-3: WARNING: Return value discarded.\n"
        "{ delete(@a[1]);\n@s[tid, kstack] = count(); }\n"
        "{\"type\": \"attached_probes\", \"count\": 1, \"data\": {\"probes\": "
        "1}}\n"
        "{\"type\": \"printf\", \"data\": \"S 1 2 2 0 a\\n\\n\\nE\\n\"}\n";
    capture_init(&capture);
    assert_ptr_equal(format_probe(TEXT, sizeof TEXT - 1, NULL), &format_bpftrace_json);
    assert_int_equal(capture_decode(&capture, &format_bpftrace_json, &options, TEXT,
                                    sizeof TEXT - 1, 0, &report),
                     0);
    assert_int_equal(report.samples, 1);
    assert_int_equal(report.skipped, 0);
    assert_string_equal(bytes_text(&said),
                        "stdin:2-3: WARNING: Return value discarded.\n{ delete(@a[1]);\n"
                        "@s[tid, kstack] = count(); }\n");
    bytes_dispose(&said);
    capture_dispose(&capture);
    capture_check_splits(&format_bpftrace_json, NULL, TEXT, sizeof TEXT - 1, 1);
}

static void test_broken_lines_are_counted(void **state)
{
    (void)state;
    check("{\"type\": \"printf\", \"data\": \"S 1 2\n"
          "{\"type\": \"printf\", \"data\": \"\\q\"}\n"
          "{\"type\": \"map\", \"data\": {\"@s\": {\"a\": x}}}\n"
          "{\"type\"\n"
          "{\"type\": \"printf\", \"data\": \"S 1 2 2 0 a\\n\\n\\nE\\n\"}\n",
          "0.000000001 a 2/2 cpu 0 samples 1: a\n", 4);
}

static void test_recordings(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned samples, frames, unresolved, lost, skipped;
    } EXPECTED[] = {
        {"bpftrace-ours.json", 48, 276, 183, 0, 1}, // cut in its last line
        {"bpftrace-print.json", 29, 194, 0, 0, 1},
        {"bpftrace-maps.json", 25, 169, 64, 0, 0},
        {"bpftrace-lost.json", 6, 18, 0, 1473, 0},
        {"bpftrace-0.21-ours.json", 25, 125, 92, 0, 1},
        {"bpftrace-0.21-print.json", 10, 53, 35, 0, 2},
        {"bpftrace-0.21-maps.json", 7, 36, 13, 0, 0},
        {"bpftrace-0.21-lost.json", 6, 21, 0, 163479, 0},
        {"bpftrace-0.26-ours.json", 31, 136, 119, 0, 1},
        {"bpftrace-0.26-print.json", 12, 43, 0, 0, 1},
        {"bpftrace-0.26-maps.json", 14, 69, 46, 0, 0},
        {"bpftrace-0.26-warned.json", 33, 129, 124, 0, 1},
        {"bpftrace-0.26-lost.json", 3, 9, 0, 110111, 0},
    };
    for (size_t i = 0; i < sizeof EXPECTED / sizeof *EXPECTED; i++) {
        char path[512];
        char *data;
        size_t len;
        snprintf(path, sizeof path, FLICKER_TESTS "/fixtures/%s", EXPECTED[i].name);
        read_whole(path, &data, &len);
        struct capture capture;
        struct decode_report report;
        capture_init(&capture);
        assert_ptr_equal(format_probe(data, len, NULL), &format_bpftrace_json);
        assert_int_equal(
            capture_decode(&capture, &format_bpftrace_json, NULL, data, len, 4096, &report), 0);
        if (report.samples != EXPECTED[i].samples || report.frames != EXPECTED[i].frames ||
            report.unresolved != EXPECTED[i].unresolved || report.lost != EXPECTED[i].lost ||
            report.skipped != EXPECTED[i].skipped || report.no_stack)
            fail_msg("%s: %d samples, %d frames, %d unresolved, %d lost, %d skipped (%s)",
                     EXPECTED[i].name, (int)report.samples, (int)report.frames,
                     (int)report.unresolved, (int)report.lost, (int)report.skipped,
                     report.first_skipped_why);
        capture_dispose(&capture);
        capture_check_splits(&format_bpftrace_json, NULL, data, len < 6000 ? len : 6000, 1);
        capture_check_damage(&format_bpftrace_json, data, len < 6000 ? len : 6000, 7, 1000);
        free(data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples_and_escapes),
        cmocka_unit_test(test_more_maps_than_events),
        cmocka_unit_test(test_maps_and_losses),
        cmocka_unit_test(test_maps_on_an_interval_are_samples),
        cmocka_unit_test(test_maps_at_the_end_are_shown),
        cmocka_unit_test(test_values_that_are_no_counts),
        cmocka_unit_test(test_counts_after_escapes),
        cmocka_unit_test(test_complaints_are_said_once),
        cmocka_unit_test(test_stacks_at_the_end),
        cmocka_unit_test(test_long_tables_are_cut),
        cmocka_unit_test(test_recorded_kinds),
        cmocka_unit_test(test_lines_of_several_printfs),
        cmocka_unit_test(test_squeezed_stacks),
        cmocka_unit_test(test_warnings_come_first),
        cmocka_unit_test(test_broken_lines_are_counted),
        cmocka_unit_test(test_recordings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
