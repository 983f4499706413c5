// What bpftrace prints as text: our own program, any program's stacks, maps, losses.
#include "proto/bpftrace_frame.h"
#include "proto/bpftrace_header.h"
#include "tests/capture.h"

static void check(const char *text, const char *expected)
{
    struct capture capture;
    capture_init(&capture);
    assert_int_equal(
        capture_decode(&capture, &format_bpftrace_text, NULL, text, strlen(text), 0, NULL), 0);
    const char *got = bytes_text(&capture.text);
    const char *hello = strchr(got, '\n'); // the first line
    assert_non_null(hello);
    assert_string_equal(hello + 1, expected);
    capture_dispose(&capture);
}

static void test_our_own_program(void **state)
{
    (void)state;
    check("Attaching 2 probes...\nREADY 5\n"
          "S 2000000001 12 13 3 web 7 [x]\n\n"
          "\tffffffff816b846a vfs_read+570\n\tffffffff81000130 entry_SYSCALL_64+118\n\n\n"
          "\t7f3e4f6182ad std::map<int, A>::at(int)+13 (/opt/my app (x86)/lib.so)\n"
          "\t559571fcd250 0x559571fcd250 ([unknown])\n\nE\nEND\n",
          "2.000000001 web 7 [x] 12/13 cpu 3 samples 1: web 7 [x];0x559571fcd250;"
          "std::map<int, A>::at(int) (/opt/my app (x86)/lib.so);"
          "entry_SYSCALL_64 ([kernel])_[k];vfs_read ([kernel])_[k]\n");
}

static void test_stacks_without_addresses_go_by_their_place(void **state)
{
    (void)state;
    // An empty kernel stack is one blank line more before the user's.
    check("S 1 2 2 0 a\n\n\n        f+1\n        main+2\n\nE\n"
          "S 2 2 2 0 a\n\n        vfs_read+1\n\n\nE\n"
          "S 3 2 2 0 a\n\n        vfs_read+1\n\n\n        f+1\n\nE\n"
          "S 4 2 2 0 a\n\n\nE\n",
          "0.000000001 a 2/2 cpu 0 samples 1: a;main;f\n"
          "0.000000002 a 2/2 cpu 0 samples 1: a;vfs_read ([kernel])_[k]\n"
          "0.000000003 a 2/2 cpu 0 samples 1: a;f;vfs_read ([kernel])_[k]\n"
          "0.000000004 a 2/2 cpu 0 samples 1: a\n");
}

static void test_a_comm_may_hold_anything(void **state)
{
    (void)state;
    check("S 1 2 2 0 a\nb\nE\n\n\n        f+1\n\nE\n"
          "S 2 2 2 0 S 1 2 2 0 a\n\n\n        f+1\n\nE\n",
          "0.000000001 a\nb\nE 2/2 cpu 0 samples 1: a\nb\nE;f\n"
          "0.000000002 S 1 2 2 0 a 2/2 cpu 0 samples 1: S 1 2 2 0 a;f\n");
}

static void test_samples_with_a_value(void **state)
{
    (void)state;
    check("V 1 2 3 0 4096 malloc er\n\n\n        f+1\n\nE\n",
          "0.000000001 malloc er 2/3 cpu 0 samples 4096!: malloc er;f\n");
}

static void test_programs_of_others(void **state)
{
    (void)state;
    check(
        "spin 12 5000000000\n\n        vfs_read+1\n        entry_SYSCALL_64_after_hwframe+118\n\n\n"
        "\t7f00 main+4 (/bin/x)\n\n"
        "x 1 2.500000: 12502 6000000000\n\n\t7f00 main+4 (/bin/x)\n\n"
        "pid=7 tid=8 cpu=1 comm=bash nsecs=6000000001 bytes=64\n\n\t7f00 main+4 (/bin/x)\n\n"
        "a line for people\n"
        "O 7000000000 31 32 1 3000000000 1 off cpu\n\n\tffffffff821f8298 __schedule+1560\n\n\n"
        "\t7f00 main+4 (/bin/x)\n\nE\n",
        "5.000000000 spin 12/12 samples 1: spin;main (/bin/x);"
        "entry_SYSCALL_64_after_hwframe ([kernel])_[k];vfs_read ([kernel])_[k]\n"
        "6.000000000 x 1 2.500000: 12502/12502 samples 1: x 1 2.500000:;main (/bin/x)\n"
        "6.000000001 bash 7/8 cpu 1 samples 64!: bash;main (/bin/x)\n"
        "7.000000000 off cpu 31/32 cpu 1 samples 1: off cpu;main (/bin/x);"
        "__schedule ([kernel])_[k]\n");
}

static void test_maps(void **state)
{
    (void)state;
    check("@s[\n    vfs_read+1\n, \n    main+2\n    start+3\n, my, comm, 12]: 7\n"
          "T 9000000000\n"
          "@s[4029, spin, , \n    main+2\n]: 3\n"
          "@s[\n    do_idle+2\n    secondary_startup_64_no_verify+5\n, swapper]: 1\n"
          "@n: 12\n@c[true, 12]: 1\n@h[a]: \n[1, 2)  12 |@@@@|\n",
          "- my, comm 12/12 samples 7samples!: my, comm;start;main;vfs_read ([kernel])_[k]\n"
          "9.000000000 spin 4029/4029 samples 3samples!: spin;main\n"
          "9.000000000 swapper -1/-1 samples 1samples!: "
          "swapper;secondary_startup_64_no_verify ([kernel])_[k];do_idle ([kernel])_[k]\n");
}

// Of versions since 0.18: addresses only, build ids, sources; an empty stack may be a line of its
// own. The user's stack may come before the kernel's.
static void test_stacks_of_later_versions(void **state)
{
    (void)state;
    check("S 1 2 2 0 a\n\nffffffff816b846a\n\n\n55b88a14e250\n401136\n3\n0\n\nE\n"
          "V 2 2 2 0 7 a\n\n\tffffffff816b846a vfs_read+570\n\n\n55b88a14e250\n\nE\n"
          "S 3 2 2 0 abcdef\nabcdef\n\n\n\n\nE\n"
          "a 7 5000000000\n\n        [inlined] leaf@/src/a b.c:9\n        f+1@/src/a b.c:12\n"
          "        main+2\n\n\n"
          "a 7 5000000000\n\n        f+1\n        main+2\n\n\n        vfs_read+1\n"
          "        entry_SYSCALL_64+118\n\n"
          "a 7 5000000001\n\n5d9a0c3f5d9a0c3f5d9a0c3f5d9a0c3f5d9a0c3f 0x1139\n55b88a14e250\n\n"
          "a 7 5000000002\n\n        f+1\n        <unwind failure>\n\n"
          "Numbers, for people:\n\n123456\nadd\n"
          "@[\n55b88a14e250\n55b88a14e251\n, my thread, 12]: 3\n"
          "@[\n        f+1\n        main+2\n, \n\tffffffff816b846a vfs_read+570\n, a]: 4\n",
          "0.000000001 a 2/2 cpu 0 samples 1: a;0x3;0x401136;0x55b88a14e250;"
          "0xffffffff816b846a ([kernel])_[k]\n"
          "0.000000002 a 2/2 cpu 0 samples 7!: a;0x55b88a14e250;vfs_read ([kernel])_[k]\n"
          "0.000000003 abcdef\nabcdef 2/2 cpu 0 samples 1: abcdef\nabcdef\n"
          "5.000000000 a 7/7 samples 1: a;main;f /src/a b.c:12;leaf /src/a b.c:9\n"
          "5.000000000 a 7/7 samples 1: a;main;f;entry_SYSCALL_64 ([kernel])_[k];"
          "vfs_read ([kernel])_[k]\n"
          "5.000000001 a 7/7 samples 1: a;0x55b88a14e250;"
          "0x1139 (5d9a0c3f5d9a0c3f5d9a0c3f5d9a0c3f5d9a0c3f)\n"
          "5.000000002 a 7/7 samples 1: a;<unwind failure>;f\n"
          "- my thread 12/12 samples 3samples!: my thread;0x55b88a14e251;0x55b88a14e250\n"
          "- a -1/-1 samples 4samples!: a;main;f;vfs_read ([kernel])_[k]\n");
}

// Of 0.26: the address 0, a raw stack on the line of its header, histograms by stack.
static void test_stacks_of_the_newest(void **state)
{
    (void)state;
    check("a 7 5000000000\n\n\n\n\n        f+1\n        0\n        main+2\n        0\n\n"
          "a 7 5000000001\n\n\t7f00 f+1 (/x)\n\t0 0 ([unknown])\n\n"
          "@[\n    f+1\n    0\n, \n, bash, 12]: 3\n"
          "24 bash 6000000000 \nffffffff816bb62b\nffffffff81000130\n"
          "24 bash 6000000001 \n24 bash 6000000002 \n7f00ab12cd34\n"
          "words\n7f00ab12cd34\n123456789012\n"
          "@[\n    malloc+1\n    0x7f0010002000\n    main+2\n    0x55b88a14e250\n]: 5\n"
          "@h[\n    f+1\n, 0]:\n[8K, 16K)             1 |@@@@|\n\n"
          "@h[\n    f+1\n, 0]: \n[8K, 16K)             1 |@@@@|\n",
          "5.000000000 a 7/7 samples 1: a;main;f\n"
          "5.000000001 a 7/7 samples 1: a;f (/x)\n"
          "- bash 12/12 samples 3samples!: bash;f\n"
          "6.000000000 bash 24/24 samples 1: bash;0xffffffff81000130 ([kernel])_[k];"
          "0xffffffff816bb62b ([kernel])_[k]\n"
          "6.000000002 bash 24/24 samples 1: bash;0x7f00ab12cd34\n"
          "- [unknown] -1/-1 samples 5samples!: "
          "[unknown];0x55b88a14e250;main;0x7f0010002000;malloc\n");
}

// Each is a sample, but for a kernel's that a user's follows.
static void test_stacks_without_headers(void **state)
{
    (void)state;
    check("READY 5\n\n        f+1\n        main+2\n\n        g+1\n        main+2\n",
          "- [unknown] -1/-1 samples 1: [unknown];main;f\n"
          "- [unknown] -1/-1 samples 1: [unknown];main;g\n");
    check("\n\tffffffff816b846a vfs_read+570\n\n\t7f00 f+1 (/x)\n"
          "\n\tffffffff816b846a vfs_read+570\n",
          "- [unknown] -1/-1 samples 1: [unknown];f (/x);vfs_read ([kernel])_[k]\n"
          "- [unknown] -1/-1 samples 1: [unknown];vfs_read ([kernel])_[k]\n");
}

static void test_losses_lie_between_samples(void **state)
{
    (void)state;
    struct capture capture;
    struct decode_report report;
    capture_init(&capture);
    static const char TEXT[] =
        "S 1 2 2 0 a\n\n\nE\nLost 5175 events\nLost 1 events\nS 9 2 2 0 a\n\n\nE\n"
        "Lost 2 events\n";
    assert_int_equal(
        capture_decode(&capture, &format_bpftrace_text, NULL, TEXT, sizeof TEXT - 1, 0, &report),
        0);
    assert_int_equal(report.lost, 5178);
    assert_non_null(
        strstr(bytes_text(&capture.text), "a\nlost 5176 cpu -1 where 1\n0.000000009 a"));
    capture_dispose(&capture);
}

static void keep_text(void *arg, const char *line, size_t len)
{
    bytes_append(arg, line, len);
    bytes_append_char(arg, '|');
}

static void name_address(void *arg, struct dict *dict, int32_t pid, uint64_t address,
                         struct frame *frame)
{
    (void)arg;
    if (pid == 2 && address == 0x7f00)
        *frame = (struct frame){.name = dict_string_z(dict, "found"), .kind = FRAME_JIT};
}

static void test_options(void **state)
{
    (void)state;
    struct capture capture;
    struct bytes said = {0};
    struct decode_options options = {.text = keep_text,
                                     .text_arg = &said,
                                     .symbolise = name_address,
                                     .event_name = "cpu-clock",
                                     .event_unit = "ns"};
    static const char TEXT[] =
        "Attaching 2 probes...\nREADY 5\nhello there\n"
        "S 1 2 2 0 a\n\n\n\t7f00 0x7f00 ([unknown])\n\t7f01 0x7f01 ([unknown])\n\nE\n"
        "11:40:51\n\n@n: 1\n@h[a]: \nEND\n";
    capture_init(&capture);
    assert_int_equal(
        capture_decode(&capture, &format_bpftrace_text, &options, TEXT, sizeof TEXT - 1, 0, NULL),
        0);
    assert_string_equal(bytes_text(&said),
                        "Attaching 2 probes...|READY 5|hello there|11:40:51|@n: 1|@h[a]: |END|");
    assert_non_null(strstr(bytes_text(&capture.text),
                           "0.000000001 a 2/2 cpu 0 cpu-clock 1ns: a;0x7f01;found_[j]\n"));
    bytes_dispose(&said);
    capture_dispose(&capture);
}

// Since 0.22 warnings about the program stand before its output, with lines of it, which are none.
static void test_warnings_come_first(void **state)
{
    (void)state;
    struct capture capture;
    struct decode_report report;
    struct bytes said = {0};
    const struct decode_options options = {.text = keep_text, .text_arg = &said};
    static const char TEXT[] =
        "WARNING: Could not read functions\n"
        "/tmp/x.bt:4:1-17: WARNING: Return value discarded.\n"
        "@s[tid, kstack] = count(); delete(@a[tid]);\n~~~~~~~~~~~~~~~~\n"
        "stdin:9-11: WARNING: Return value discarded.\n"
        "@d[tid,\nS 1 2 2 0 a\n 1]);}\nHINT: none\n"
        "S 2 2 2 0 b\n\n\nE\nstdin:9-11: WARNING: mine\nS 3 2 2 0 c\n\n\nE\n";
    capture_init(&capture);
    assert_int_equal(capture_decode(&capture, &format_bpftrace_text, &options, TEXT,
                                    sizeof TEXT - 1, 0, &report),
                     0);
    assert_int_equal(report.samples, 2);
    assert_int_equal(report.skipped, 0);
    assert_string_equal(
        bytes_text(&said),
        "WARNING: Could not read functions|/tmp/x.bt:4:1-17: WARNING: Return value discarded.|"
        "@s[tid, kstack] = count(); delete(@a[tid]);|~~~~~~~~~~~~~~~~|"
        "stdin:9-11: WARNING: Return value discarded.|@d[tid,|S 1 2 2 0 a| 1]);}|HINT: none|"
        "stdin:9-11: WARNING: mine|");
    bytes_dispose(&said);
    capture_dispose(&capture);
    capture_check_splits(&format_bpftrace_text, NULL, TEXT, sizeof TEXT - 1, 1);
}

static const char *const FIXTURES[] = {
    "bpftrace-ours.txt",       "bpftrace-plain.txt",      "bpftrace-print.txt",
    "bpftrace-maps.txt",       "bpftrace-lost.txt",       "bpftrace-0.21-ours.txt",
    "bpftrace-0.21-plain.txt", "bpftrace-0.21-print.txt", "bpftrace-0.21-maps.txt",
    "bpftrace-0.21-lost.txt",  "bpftrace-0.26-ours.txt",  "bpftrace-0.26-plain.txt",
    "bpftrace-0.26-print.txt", "bpftrace-0.26-maps.txt",  "bpftrace-0.26-warned.txt",
    "bpftrace-0.26-lost.txt"};

static void test_recordings(void **state)
{
    (void)state;
    static const struct {
        unsigned samples, frames, unresolved, lost, skipped;
    } EXPECTED[] = {{52, 332, 202, 0, 1},                        // cut in its last sample
                    {58, 329, 217, 0, 0},  {38, 237, 132, 0, 1}, // likewise
                    {28, 194, 107, 0, 0},  {4, 12, 0, 72455, 0}, {42, 178, 154, 0, 1},
                    {30, 114, 28, 0, 1},   {14, 75, 8, 0, 1},    {6, 31, 16, 0, 0},
                    {4, 12, 0, 134536, 0}, {45, 169, 169, 0, 0}, {29, 113, 34, 0, 1},
                    {16, 78, 55, 0, 1},    {17, 71, 32, 0, 0},   {42, 165, 160, 0, 0},
                    {2, 6, 0, 116617, 0}};
    for (size_t i = 0; i < sizeof FIXTURES / sizeof *FIXTURES; i++) {
        char path[512];
        char *data;
        size_t len;
        snprintf(path, sizeof path, FLICKER_TESTS "/fixtures/%s", FIXTURES[i]);
        read_whole(path, &data, &len);
        struct capture capture;
        struct decode_report report;
        capture_init(&capture);
        assert_ptr_equal(format_probe(data, len, NULL), &format_bpftrace_text);
        assert_int_equal(
            capture_decode(&capture, &format_bpftrace_text, NULL, data, len, 4096, &report), 0);
        if (report.samples != EXPECTED[i].samples || report.frames != EXPECTED[i].frames ||
            report.unresolved != EXPECTED[i].unresolved || report.lost != EXPECTED[i].lost ||
            report.skipped != EXPECTED[i].skipped || report.no_stack)
            fail_msg("%s: %d samples, %d frames, %d unresolved, %d lost, %d skipped (%s)",
                     FIXTURES[i], (int)report.samples, (int)report.frames, (int)report.unresolved,
                     (int)report.lost, (int)report.skipped, report.first_skipped_why);
        capture_dispose(&capture);
        capture_check_splits(&format_bpftrace_text, NULL, data, len < 6000 ? len : 6000, 1);
        capture_check_damage(&format_bpftrace_text, data, len < 6000 ? len : 6000, 7, 1000);
        free(data);
    }
}

static void test_frames(void **state)
{
    (void)state;
    static const struct {
        const char *line, *name, *module;
        uint64_t address;
        bool good;
    } CASES[] = {
        {"\t55b8 leaf+48 (/opt/spin)", "leaf", "/opt/spin", 0x55b8, true},
        {"\t55b8 a b+c(int)+48 (/opt/x (deleted))", "a b+c(int)", "/opt/x (deleted)", 0x55b8, true},
        {"\t55b8 0x55b8 ([unknown])", NULL, NULL, 0x55b8, true},
        {"\t55b8 0x55b8 (/lib/x.so)", NULL, "/lib/x.so", 0x55b8, true},
        {"\t55b8 [unknown] ([unknown])", NULL, NULL, 0x55b8, true},
        {"\tffffffff816b846a vfs_read+570", "vfs_read", NULL, 0xffffffff816b846a, true},
        {"        operator+(A, B)+12", "operator+(A, B)", NULL, 0, true},
        {"    0x55b8", NULL, NULL, 0x55b8, true},
        {"    some words", NULL, NULL, 0, false},
        {"leaf+48", NULL, NULL, 0, false},
        {"\t", NULL, NULL, 0, false},
        {"", NULL, NULL, 0, false},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct bpftrace_frame frame;
        bool good = bpftrace_frame_parse(&frame, CASES[i].line, strlen(CASES[i].line));
        if (good != CASES[i].good)
            fail_msg("'%s'", CASES[i].line);
        if (!good)
            continue;
        assert_int_equal(frame.address, CASES[i].address);
        assert_int_equal(frame.name_len, CASES[i].name ? strlen(CASES[i].name) : frame.name_len);
        assert_true(!CASES[i].name == !frame.name && !CASES[i].module == !frame.module);
        if (CASES[i].name)
            assert_memory_equal(frame.name, CASES[i].name, frame.name_len);
        if (CASES[i].module) {
            assert_int_equal(frame.module_len, strlen(CASES[i].module));
            assert_memory_equal(frame.module, CASES[i].module, frame.module_len);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_our_own_program),
        cmocka_unit_test(test_stacks_without_addresses_go_by_their_place),
        cmocka_unit_test(test_a_comm_may_hold_anything),
        cmocka_unit_test(test_samples_with_a_value),
        cmocka_unit_test(test_programs_of_others),
        cmocka_unit_test(test_maps),
        cmocka_unit_test(test_stacks_of_later_versions),
        cmocka_unit_test(test_stacks_of_the_newest),
        cmocka_unit_test(test_stacks_without_headers),
        cmocka_unit_test(test_losses_lie_between_samples),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_warnings_come_first),
        cmocka_unit_test(test_recordings),
        cmocka_unit_test(test_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
