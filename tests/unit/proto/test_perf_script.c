// The perf script decoder: dialects, traps, and that any cut of the bytes gives the same samples.
#include "tests/collect.h"
#include "tests/test.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

extern const struct format format_perf_script;

struct decoded {
    struct collect collect;
    struct decode_report report;
    struct bytes text;
};

static void decode_pieces(struct decoded *out, const char *data, size_t len, size_t first,
                          size_t piece)
{
    collect_init(&out->collect);
    out->text = (struct bytes){0};
    struct decoder *decoder = format_perf_script.decoder_new(&out->collect.sink, NULL);
    struct err err = {0};
    size_t at = 0;
    while (at < len) {
        size_t want = at == 0 && first ? first : piece;
        size_t take = want < len - at ? want : len - at;
        char *copy = malloc(take); // of its own, so that a sanitizer sees a read beyond it
        memcpy(copy, data + at, take);
        assert_int_equal(decoder->ops->push(decoder, copy, take, &err), 0);
        free(copy);
        at += take;
    }
    assert_int_equal(decoder->ops->finish(decoder, &err), 0);
    out->report = decoder->report;
    decoder_free(decoder);
    collect_text(&out->collect, &out->text);
}

static void decode(struct decoded *out, const char *text)
{
    decode_pieces(out, text, strlen(text), 0, SIZE_MAX);
}

static void dispose(struct decoded *decoded)
{
    collect_dispose(&decoded->collect);
    bytes_dispose(&decoded->text);
}

static void expect(const char *text, const char *wanted)
{
    struct decoded decoded;
    decode(&decoded, text);
    assert_string_equal(bytes_text(&decoded.text), wanted);
    assert_int_equal(decoded.report.skipped, 0);
    dispose(&decoded);
}

static void test_headers_of_all_dialects(void **state)
{
    (void)state;
    static const struct {
        const char *header, *wanted;
    } cases[] = {
        {"dd 29776 666709.771979:   10101010 cpu-clock: ",
         "666709771979000 - -1/29776 {dd} cpu-clock/ns 10101010 dd\n"},
        {"java  8192 [000]  5076.100000: cpu-clock: ",
         "5076100000000 0 -1/8192 {java} cpu-clock/ 1 java\n"},
        {"spin 21538/21538 [001]  2241.989313899: cpu-clock: ",
         "2241989313899 1 21538/21538 {spin} cpu-clock/ 1 spin\n"},
        {"func_ab 15294 cpu-clock: ", "- - -1/15294 {func_ab} cpu-clock/ 1 func_ab\n"},
        {"x 1 2.500000:  3415 cpu-clock: ",
         "- - -1/3415 {x 1 2.500000:} cpu-clock/ 1 x 1 2.500000:\n"},
        {"java 19983 cycles:", "- - -1/19983 {java} cycles/ 1 java\n"},
        {"spin  1241.152280: cpu-clock: ", "1241152280000 - -1/-1 {spin} cpu-clock/ 1 spin\n"},
        {" 1241.152280: ", "1241152280000 - -1/-1 {[unknown]} samples/ 1 [unknown]\n"},
        {"web 7 [x]  3472/9 [012]  1.5:  3 cycles:uppp: ",
         "1500000000 12 3472/9 {web 7 [x]} cycles:uppp/ 3 web 7 [x]\n"},
        {"x 1 2.500000:  3474  9335.451135:    6711409 cpu-clock: ",
         "9335451135000 - -1/3474 {x 1 2.500000:} cpu-clock/ns 6711409 x 1 2.500000:\n"},
        {"V8 WorkerThread 24636/25607 [000] 94564.109216: cycles: ",
         "94564109216000 0 24636/25607 {V8 WorkerThread} cycles/ 1 V8 WorkerThread\n"},
        {":-1    -1/-1    [001]  4.000001:    250000 cpu-clock:pppH: ",
         "4000001000 1 -1/-1 {:-1} cpu-clock:pppH/ns 250000 :-1\n"},
        {":1234  1234 [001]  4.000001: cycles: ", "4000001000 1 -1/1234 {:1234} cycles/ 1 :1234\n"},
        {"swapper     0 [003] U  12.000000001: 17 cpu/event=0x3c,umask=0x0/u: ",
         "12000000001 3 -1/0 {swapper} cpu/event=0x3c,umask=0x0/u/ 17 swapper\n"},
        {"perf  1 [000] 9.0: sched:sched_switch: prev_comm=a prev_pid=3507 ==> next_comm=b 1",
         "9000000000 0 -1/1 {perf} sched:sched_switch/ 1 perf\n"},
        {"a comm that is far too long for it 77 [000] 9.0: cycles: ",
         "9000000000 0 -1/77 {a comm that is far too long for it} cycles/ 1 "
         "a comm that is far too long for it\n"},
        {"            spin 5 [000] 9.0: 1 cycles:  4005b1 main+0x1 (/bin/spin)",
         "9000000000 0 -1/5 {spin} cycles/ 1 spin;main|/bin/spin|u\n"},
        {"              dd 5 9.0: 1 cycles: ffffffff81 [unknown] ([kernel.kallsyms])",
         "9000000000 - -1/5 {dd} cycles/ 1 dd;|[kernel.kallsyms]|k|ffffffff81\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes text = {0};
        bytes_printf(&text, "%s\n\n", cases[i].header);
        expect(text.data, cases[i].wanted);
        bytes_dispose(&text);
    }
}

static void test_frames_of_all_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *line, *wanted;
    } cases[] = {
        {"\t 7f00 read+0x1f (/lib/libc-2.15.so)", "read|/lib/libc-2.15.so|u"},
        {"\t ffffffff8103d0ca native_write_msr ([kernel.kallsyms])",
         "native_write_msr|[kernel.kallsyms]|k"},
        {"\t 7d8 ipv4_conntrack_local+0x7f8f80b8 ([nf_conntrack_ipv4])",
         "ipv4_conntrack_local|[nf_conntrack_ipv4]|k"},
        {"\t 414b3b fsnotify (/lib/modules/4.1.0/build/vmlinux)",
         "fsnotify|/lib/modules/4.1.0/build/vmlinux|k"},
        {"\t 0 [unknown] ([unknown])", "||u"},
        {"\t 7f00 read+0x1f (/lib/x86_6", "read||u"}, // cut, as a file may be
        {"\t 7f00 read (", "read||u"},
        {"\t 7f00 (/lib/x86_6", "||u|7f00"},
        {"\t ffffffff8103d0ca native_write_msr ([kernel.k", "native_write_msr||k"},
        {"\t 7f00 std::swap<int> (inl", "std::swap<int>||u"},
        {"\t 7f00 f(int) (a", "f(int) (a||u"}, // may be a name
        {"\t ffffffff81000000 [unknown] ([unknown])", "||k|ffffffff81000000"},
        {"\t 146f2c [unknown] (/usr/bin/perf)", "|/usr/bin/perf|u|146f2c"},
        {"\t 7ffd [vdso_fn] ([vdso])", "[vdso_fn]|[vdso]|u"},
        {"\t 11f0 touch+0x36 (/opt/my app (x86)/work (deleted))",
         "touch|/opt/my app (x86)/work (deleted)|u"},
        {"\t 13a8 RegExp:[&<>\"'] (/tmp/perf-7539.map)", "RegExp:[&<>\"']|/tmp/perf-7539.map|j"},
        {"            c6d7 LazyCompile:~body_0 evalmachine.<anonymous>:1 (/tmp/perf-1.map)",
         "LazyCompile:~body_0 evalmachine.<anonymous>:1|/tmp/perf-1.map|j"},
        {"\t 7f72 Ljava/A;::a->Lb;::c->d (/tmp/perf-3.map)",
         "Ljava/A;::a|/tmp/perf-3.map|j;Lb;::c|/tmp/perf-3.map|i;d|/tmp/perf-3.map|i"},
        {"\t 1f std::unique_ptr<int>::operator->+0x3 (/bin/a)",
         "std::unique_ptr<int>::operator->|/bin/a|u"},
        {"\t 1f std::function<int (int, int)>::operator() (/bin/a)",
         "std::function<int (int, int)>::operator()|/bin/a|u"},
        {"\t 1f (anonymous namespace)::f(int) const (/bin/a)",
         "(anonymous namespace)::f(int) const|/bin/a|u"},
        {"\t 1f <alloc::boxed::Box<T> as gc::Trace>::trace+0xe (/bin/boa)",
         "<alloc::boxed::Box<T> as gc::Trace>::trace|/bin/boa|u"},
        {"\t 2a1ca main (/lib/libc.so.6+0x2a1ca)", "main|/lib/libc.so.6|u"},
        {"\t 2a1ca main", "main||u"},
        {"\t 2a1ca", "||u|2a1ca"},
        {"7f7241fbe6d8 arrayOopDesc::base(BasicType) const (/jre/libjvm.so)",
         "arrayOopDesc::base(BasicType) const|/jre/libjvm.so|u"},
        {"\t 1 a\t\r", "a||u"},
        {"\t 7f10 x (/tmp/jitted-12-3.so)", "x|/tmp/jitted-12-3.so|j"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes text = {0}, wanted = {0};
        bytes_printf(&text, "c 1 2.0: 1 e: \n%s\n\n", cases[i].line);
        bytes_printf(&wanted, "2000000000 - -1/1 {c} e/ 1 c;%s\n", cases[i].wanted);
        expect(text.data, wanted.data);
        bytes_dispose(&text);
        bytes_dispose(&wanted);
    }
}

static void test_frames_are_read_leaf_first(void **state)
{
    (void)state;
    expect("c 1 2.0: 5 e: \n\t1 leaf (/a)\n\t2 mid (/b)\n\t3 root (/c)\n\n",
           "2000000000 - -1/1 {c} e/ 5 c;root|/c|u;mid|/b|u;leaf|/a|u\n");
}

static void test_inlined_is_told_below_the_source_line(void **state)
{
    (void)state;
    static const char text[] = "c 1 2.0: e: \n\t10 inner+0x2\n  a.c:3 (inlined)\n\t10 outer+0x2\n"
                               "  b.c:7 (inlined)\n\t10 real+0x2 (/a)\n  b.c:9\n\n";
    expect(text,
           "2000000000 - -1/1 {c} e/ 1 c;real|/a|u|b.c:9;outer|/a|i|b.c:7;inner|/a|i|a.c:3\n");
}

static void test_inlined_frames_take_the_module_they_lie_in(void **state)
{
    (void)state;
    expect("c 1 2.0: e: \n\t10 inner (inlined)\n\t10 outer (inlined)\n\t10 real+0x2 (/a)\n"
           "\t20 main (/b)\n\n",
           "2000000000 - -1/1 {c} e/ 1 c;main|/b|u;real|/a|u;outer|/a|i;inner|/a|i\n");
}

static void test_source_lines_belong_to_the_frame_above(void **state)
{
    (void)state;
    expect("c 1 2.0: e: \n\t10 leaf (/a)\n  /src/w.c:27\n\t20 main (/a)\n  libc.so.6[2724a]\n"
           "\t30 start (/a)\n  ??:0\n\n",
           "2000000000 - -1/1 {c} e/ 1 c;start|/a|u;main|/a|u;leaf|/a|u|/src/w.c:27\n");
}

static void test_samples_without_frames_are_kept(void **state)
{
    (void)state;
    struct decoded decoded;
    decode(&decoded, "a 1 1.0: e: \n\nb 2 2.0: e: \n\t1 f (/x)\n\nc 3 3.0: e: \n");
    assert_string_equal(bytes_text(&decoded.text), "1000000000 - -1/1 {a} e/ 1 a\n"
                                                   "2000000000 - -1/2 {b} e/ 1 b;f|/x|u\n"
                                                   "3000000000 - -1/3 {c} e/ 1 c\n");
    assert_int_equal(decoded.report.samples, 3);
    assert_int_equal(decoded.report.no_stack, 2);
    dispose(&decoded);
}

static void test_a_blank_line_may_come_before_the_frames(void **state)
{
    (void)state;
    expect("c 1 2.0: e: \n\n\t10 leaf (/a)\n\n", "2000000000 - -1/1 {c} e/ 1 c;leaf|/a|u\n");
}

static void test_several_events_are_told_apart(void **state)
{
    (void)state;
    struct decoded decoded;
    decode(&decoded,
           "c 1 1.0: 7 page-faults: \n\t1 f (/x)\n\nc 1 1.5: 9 task-clock:u: \n\t1 f (/x)\n\n");
    assert_int_equal(decoded.collect.dict.event_count, 2);
    assert_string_equal(bytes_text(&decoded.text),
                        "1000000000 - -1/1 {c} page-faults/ 7 c;f|/x|u\n"
                        "1500000000 - -1/1 {c} task-clock:u/ns 9 c;f|/x|u\n");
    dispose(&decoded);
}

// What `-F +FIELD` adds, as perf 6.1 prints it. What flicker has no place for is counted.
static void test_further_fields_do_no_harm(void **state)
{
    (void)state;
    static const struct {
        const char *text, *skipped; // NULL: nothing is
    } cases[] = {
        // -d: the address of the data, with its symbol
        {"c 1 2.0: 1 e:  ac7c5326000 [unknown] (//anon)\n\t1 leaf (/a)\n\t2 main (/a)\n\n", NULL},
        {"c 1 2.0: 1 e: \n\t1 leaf (/a)\n\t2 main (/a)\n        27fc3e000\n", "physical"},
        {"c 1 2.0: 1 e: \n\t1 leaf (/a)\n\t2 main (/a)\n ABI:2    AX:0x5    IP:0x7f \n",
         "registers"},
        {"c 1 2.0: 1 e: \n\t1 leaf (/a)\n\t2 main (/a)\n insn: 48 89 08\n", "branch"},
        {"c 1 2.0: 1 e:                0\n\t1 leaf (/a)\n\t2 main (/a)\n\n", NULL}, // weight
        {"c 1 2.0: 1 e:  ffff8 |OP LOAD|LVL L1 hit|SNP None|TLB L1 or L2 hit|LCK No 7\n"
         "\t1 leaf (/a)\n\t2 main (/a)\n\n",
         NULL}, // data_src
        {"c 1 2.0: 1 e: \n\t1 leaf (/a)\n\t2 main (/a)\n\n"
         "c 1 [000] 3.0: 1 branches:uH:  4005b1 main+0x1 (/bin/a) => 4004d0 f+0x0 (/bin/a)\n",
         "branch"}, // Intel PT
        {"c 1 2.0: 1 e: \n\t1 leaf (/a)\n\t2 main (/a)\n\n"
         "c 1 [000] 3.0: PERF_RECORD_SWITCH_CPU_WIDE OUT          next pid/tid:     7/7    \n",
         NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct decoded decoded;
        struct bytes text = {0};
        bytes_printf(&text, "%sd 1 4.0: 1 e: \n\t3 next (/a)\n\n", cases[i].text);
        decode(&decoded, text.data);
        assert_string_equal(bytes_text(&decoded.text),
                            "2000000000 - -1/1 {c} e/ 1 c;main|/a|u;leaf|/a|u\n"
                            "4000000000 - -1/1 {d} e/ 1 d;next|/a|u\n");
        assert_int_equal(decoded.report.skipped, cases[i].skipped ? 1 : 0);
        if (cases[i].skipped)
            assert_non_null(strstr(decoded.report.first_skipped_why, cases[i].skipped));
        dispose(&decoded);
        bytes_dispose(&text);
    }
}

static void test_lost_samples_are_counted(void **state)
{
    (void)state;
    struct decoded decoded;
    decode(&decoded, "a 1 1.0: e: \n\t1 f (/x)\n\n"
                     "perf 7/7 [001] 2.0: PERF_RECORD_LOST lost 42\n"
                     "perf 7/7 [001] 2.0: PERF_RECORD_COMM: sh:7/7\n"
                     "Warning:\nProcessed 1000 samples and lost 33.60%!\n\n"
                     "b 1 3.0: e: \n\t1 f (/x)\n\n");
    assert_int_equal(decoded.collect.count, 2);
    assert_int_equal(decoded.collect.lost, 42 + 336);
    assert_int_equal(decoded.report.lost, 42 + 336);
    assert_int_equal(decoded.report.skipped, 0);
    dispose(&decoded);
}

static void test_branch_records_are_skipped_with_a_count(void **state)
{
    (void)state;
    struct decoded decoded;
    decode(&decoded, "a 1 1.0: e: \n\t1 f (/x)\n"
                     " 0x4005b1/0x400577/P/-/-/0  0x400570/0x4005a0/M/-/-/3 \n\n"
                     "b 1 3.0: e: \n\t1 f (/x)\n\n");
    assert_int_equal(decoded.collect.count, 2);
    assert_int_equal(decoded.report.skipped, 1);
    assert_int_equal(decoded.report.first_skipped_line, 3);
    assert_non_null(strstr(decoded.report.first_skipped_why, "branch"));
    dispose(&decoded);
}

static void test_junk_is_counted_with_its_place(void **state)
{
    (void)state;
    struct decoded decoded;
    decode(&decoded, "a 1 1.0: e: \n\t1 f (/x)\n\nwhat is this\nmore of it\n\nb 1 3.0: e: \n\n");
    assert_int_equal(decoded.collect.count, 2);
    assert_int_equal(decoded.report.skipped, 1);
    assert_int_equal(decoded.report.first_skipped_line, 4);
    assert_int_equal(decoded.report.first_skipped_byte, 24);
    dispose(&decoded);
}

static void test_the_comments_say_who_speaks(void **state)
{
    (void)state;
    struct decoded decoded;
    decode(&decoded, "# ========\n# hostname : db7\n# os release : 6.1.0\n# nrcpus online : 16\n"
                     "# cmdline : /usr/bin/perf record -F 99 -a -g\n"
                     "# clockid: monotonic (1)\n"
                     "# reference time: 2026-11-22 19:17:43.755312 = 1795375063.755312 (TOD) = "
                     "8467.027146612 (monotonic)\n# ========\n#\na 1 1.0: e: \n\n");
    assert_int_equal(decoded.collect.hellos, 1);
    assert_string_equal(decoded.collect.host, "db7");
    assert_string_equal(decoded.collect.kernel, "6.1.0");
    assert_int_equal(decoded.collect.hello.cpus, 16);
    assert_true(decoded.collect.hello.rate_hz == 99);
    assert_int_equal(decoded.collect.hello.clock, CLOCK_KIND_MONOTONIC);
    assert_true(decoded.collect.hello.wall_known);
    assert_int_equal(decoded.collect.hello.wall_offset_ns, 1795375063755312000 - 8467027146612);
    dispose(&decoded);
}

// A record that the end of the text cuts is kept, and counted: its callers may be missing.
static void test_a_text_that_ends_inside_a_record_says_so(void **state)
{
    (void)state;
    static const struct {
        const char *end;
        uint64_t skipped;
    } cases[] = {{"\t1 f (/a)\n\n", 0}, {"\t1 f (/a)\n", 0},    {"\t1 f (/a)", 0},
                 {"\t1 f (/a", 1},      {"\t1 f (/a)\n\t2", 1}, {"\t1 f (/a)\n\t2 mai", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes text = {0};
        struct decoded decoded;
        bytes_printf(&text, "a 7 [000] 1.000000: 1 e: \n%s", cases[i].end);
        decode_pieces(&decoded, text.data, text.len, 0, SIZE_MAX);
        assert_int_equal(decoded.report.samples, 1);
        assert_int_equal(decoded.report.skipped, cases[i].skipped);
        dispose(&decoded);
        bytes_dispose(&text);
    }
}

static void test_an_overlong_record_is_cut_and_counted(void **state)
{
    (void)state;
    struct bytes text = {0};
    bytes_append_text(&text, "a 1 1.0: e: \n");
    for (int i = 0; i < 1000000; i++)
        bytes_append_text(&text, "\t1 f (/x)\n");
    bytes_append_text(&text, "\nb 2 2.0: e: \n\t1 g (/x)\n\n");
    struct decoded decoded;
    decode_pieces(&decoded, text.data, text.len, 0, 1 << 20);
    assert_int_equal(decoded.collect.count, 2);
    assert_true(decoded.report.skipped >= 1 && decoded.report.skipped <= 4);
    assert_true(decoded.report.frames <= 4097);
    dispose(&decoded);
    bytes_dispose(&text);
}

static void test_a_line_without_an_end_is_bounded(void **state)
{
    (void)state;
    struct collect collect;
    collect_init(&collect);
    struct decoder *decoder = format_perf_script.decoder_new(&collect.sink, NULL);
    static char junk[1 << 20];
    memset(junk, 'x', sizeof junk);
    struct err err = {0};
    for (int i = 0; i < 64; i++)
        assert_int_equal(decoder->ops->push(decoder, junk, sizeof junk, &err), 0);
    static const char good[] = "\na 1 1.0: e: \n\t1 f (/x)\n\n";
    assert_int_equal(decoder->ops->push(decoder, good, sizeof good - 1, &err), 0);
    assert_int_equal(decoder->ops->finish(decoder, &err), 0);
    assert_int_equal(collect.count, 1);
    assert_int_equal(decoder->report.skipped, 1);
    decoder_free(decoder);
    collect_dispose(&collect);
}

static void test_a_megabyte_symbol_is_kept_cut(void **state)
{
    (void)state;
    struct bytes text = {0};
    bytes_append_text(&text, "a 1 1.0: e: \n\t1 ");
    for (int i = 0; i < 1 << 20; i++)
        bytes_append_char(&text, 's');
    bytes_append_text(&text, " (/x)\n\t2 main (/x)\n\n");
    struct decoded decoded;
    decode_pieces(&decoded, text.data, text.len, 0, 65536);
    assert_int_equal(decoded.collect.count, 1);
    assert_int_equal(decoded.report.frames, 2);
    dispose(&decoded);
    bytes_dispose(&text);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// Calls check with every fixture that is plain perf text.
static void each_fixture(void (*check)(const char *name, const char *data, size_t len))
{
    DIR *dir = opendir(FLICKER_TESTS "/fixtures");
    assert_non_null(dir);
    char *names[64];
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        size_t len = strlen(entry->d_name);
        if (!strncmp(entry->d_name, "perf-", 5) && !strcmp(entry->d_name + len - 4, ".txt") &&
            count < 64)
            names[count++] = strdup(entry->d_name);
    }
    closedir(dir);
    assert_true(count >= 8);
    qsort(names, count, sizeof *names, by_name);
    for (size_t i = 0; i < count; i++) {
        char path[512];
        snprintf(path, sizeof path, FLICKER_TESTS "/fixtures/%s", names[i]);
        size_t len;
        char *data = collect_file(path, &len);
        assert_non_null(data);
        if (!strstr(names[i], "utf16"))
            check(names[i], data, len);
        free(data);
        free(names[i]);
    }
}

static void compare(const char *name, const struct decoded *whole, const struct decoded *cut,
                    size_t at)
{
    struct decode_report report = cut->report;
    if (strcmp(bytes_text(&whole->text), bytes_text(&cut->text)) ||
        memcmp(&whole->report, &report, sizeof report))
        fail_msg("%s: cut at byte %zu gives other samples", name, at);
}

static void check_cuts(const char *name, const char *data, size_t len)
{
    struct decoded whole, cut;
    decode_pieces(&whole, data, len, 0, SIZE_MAX);
    assert_true(whole.collect.count > 10);
    assert_int_equal(whole.collect.count, whole.report.samples);
    decode_pieces(&cut, data, len, 0, 1);
    compare(name, &whole, &cut, 1);
    dispose(&cut);
    dispose(&whole);
    // Every byte of the first records; the rest has nothing new.
    size_t part = len < 6000 ? len : 6000;
    decode_pieces(&whole, data, part, 0, SIZE_MAX);
    for (size_t at = 1; at < part; at++) {
        decode_pieces(&cut, data, part, at, SIZE_MAX);
        compare(name, &whole, &cut, at);
        dispose(&cut);
    }
    dispose(&whole);
}

static void test_every_fixture_gives_the_same_samples_however_it_is_cut(void **state)
{
    (void)state;
    each_fixture(check_cuts);
}

static void check_clean(const char *name, const char *data, size_t len)
{
    struct decoded decoded;
    decode_pieces(&decoded, data, len, 0, SIZE_MAX);
    if (decoded.report.skipped > 1) // the cut at the end
        fail_msg("%s: %llu skipped, line %llu: %s", name,
                 (unsigned long long)decoded.report.skipped,
                 (unsigned long long)decoded.report.first_skipped_line,
                 decoded.report.first_skipped_why);
    dispose(&decoded);
}

static void test_nothing_of_the_fixtures_is_skipped(void **state)
{
    (void)state;
    each_fixture(check_clean);
}

static void check_flips(const char *name, const char *data, size_t len)
{
    (void)name;
    unsigned long long random = 88172645463325252ull;
    size_t part = len < 8000 ? len : 8000;
    char *copy = malloc(part);
    for (int i = 0; i < 1000; i++) {
        memcpy(copy, data, part);
        for (int flips = 0; flips < 1 + i % 8; flips++) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            copy[random % part] ^= (char)(1 << (random >> 40) % 8);
        }
        struct decoded decoded;
        decode_pieces(&decoded, copy, part, 0, 1000);
        dispose(&decoded);
    }
    free(copy);
}

// Carriage returns keep every record off the fast path.
static void check_slow_path(const char *name, const char *data, size_t len)
{
    struct bytes slow = {0};
    for (size_t i = 0; i < len; i++) {
        if (data[i] == '\n' && (!i || data[i - 1] != '\r'))
            bytes_append_char(&slow, '\r');
        bytes_append_char(&slow, data[i]);
    }
    struct decoded fast, other;
    decode_pieces(&fast, data, len, 0, SIZE_MAX);
    decode_pieces(&other, slow.data, slow.len, 0, SIZE_MAX);
    if (strcmp(bytes_text(&fast.text), bytes_text(&other.text)))
        fail_msg("%s: read line by line, the samples differ", name);
    // The tables too, in the order of first appearance. (The fast way meets a frame before the
    // source line below it, and interns it once in vain.)
    assert_int_equal(fast.collect.dict.node_count, other.collect.dict.node_count);
    assert_int_equal(fast.collect.dict.text_len, other.collect.dict.text_len);
    if (!strstr(name, "srcline"))
        assert_memory_equal(fast.collect.dict.nodes, other.collect.dict.nodes,
                            fast.collect.dict.node_count * sizeof(struct node));
    assert_memory_equal(fast.collect.dict.text, other.collect.dict.text,
                        fast.collect.dict.text_len);
    assert_int_equal(fast.report.samples, other.report.samples);
    assert_int_equal(fast.report.frames, other.report.frames);
    assert_int_equal(fast.report.unresolved, other.report.unresolved);
    assert_int_equal(fast.report.no_stack, other.report.no_stack);
    assert_int_equal(fast.report.skipped, other.report.skipped);
    assert_int_equal(fast.report.first_skipped_line, other.report.first_skipped_line);
    dispose(&fast);
    dispose(&other);
    bytes_dispose(&slow);
}

static void test_both_ways_of_reading_agree(void **state)
{
    (void)state;
    each_fixture(check_slow_path);
}

static void test_a_renumbered_dictionary_is_noticed(void **state)
{
    (void)state;
    static const char text[] = "a     1 [000] 1.000000: cycles: \n\t1 f (/x)\n\t2 g (/x)\n\n";
    struct collect collect;
    collect_init(&collect);
    struct decoder *decoder = format_perf_script.decoder_new(&collect.sink, NULL);
    struct err err = {0};
    assert_int_equal(decoder->ops->push(decoder, text, sizeof text - 1, &err), 0);
    assert_int_equal(decoder->ops->push(decoder, text, sizeof text / 2, &err), 0);
    uint64_t generation = collect.dict.generation;
    dict_dispose(&collect.dict);
    dict_init(&collect.dict);
    collect.dict.generation = generation + 1;
    dict_string_z(&collect.dict, "other numbers than before");
    dict_comm_node(&collect.dict, 1);
    size_t rest = sizeof text - 1 - sizeof text / 2;
    assert_int_equal(decoder->ops->push(decoder, text + sizeof text / 2, rest, &err), 0);
    assert_int_equal(decoder->ops->push(decoder, text, sizeof text - 1, &err), 0);
    assert_int_equal(collect.count, 3);
    for (size_t i = 1; i < 3; i++) {
        struct bytes line = {0};
        collect_sample(&collect, i, &line);
        assert_string_equal(line.data, "1000000000 0 -1/1 {a} cycles/ 1 a;g|/x|u;f|/x|u\n");
        bytes_dispose(&line);
    }
    decoder_free(decoder);
    collect_dispose(&collect);
}

// Reads a piece ahead and pushes it. Returns how much there was in the notes beside its tokens.
static size_t push_ahead(struct decoder *decoder, const char *text, size_t len)
{
    struct bytes notes = {0};
    struct err err = {0};
    size_t tokens_end;
    assert_int_equal(decoder->ahead->cut(text, len), len);
    assert_int_equal(decoder->ahead->scan(decoder, &notes, text, len, true), len);
    memcpy(&tokens_end, notes.data, sizeof tokens_end);
    assert_true(tokens_end > sizeof tokens_end && tokens_end <= notes.len);
    assert_int_equal(decoder->ahead->push_scanned(decoder, text, len, &notes, &err), 0);
    size_t more = notes.len - tokens_end;
    bytes_dispose(&notes);
    return more;
}

// Chains are read ahead as long as a good part of them is new.
static void test_nothing_is_read_ahead_where_little_is_new(void **state)
{
    (void)state;
    enum { SAMPLES = 160 };
    struct collect collect;
    collect_init(&collect);
    struct decoder *decoder = format_perf_script.decoder_new(&collect.sink, NULL);
    static const size_t fresh[] = {SAMPLES, 0, 2, SAMPLES, SAMPLES, SAMPLES / 8, 2};
    static const bool read[] = {true, false, false, false, true, true, true};
    size_t chains = 0;
    for (size_t piece = 0; piece < sizeof fresh / sizeof *fresh; piece++) {
        struct bytes text = {0};
        for (size_t i = 0; i < SAMPLES; i++) {
            size_t chain = i < fresh[piece] ? chains++ : 0;
            bytes_printf(&text,
                         "demo     7 [000] %zu.%06zu: 1 cycles: \n"
                         "\t1 f%zu (/a)\n\t2 g%zu (/a)\n\t3 main (/a)\n\n",
                         piece, i, chain, chain);
        }
        assert_int_equal(push_ahead(decoder, text.data, text.len) != 0, read[piece]);
        assert_int_equal(collect.count, (piece + 1) * SAMPLES);
        bytes_dispose(&text);
    }
    assert_int_equal(decoder->report.skipped, 0);
    decoder_free(decoder);
    collect_dispose(&collect);
}

static void test_flipped_bits_do_no_harm(void **state)
{
    (void)state;
    each_fixture(check_flips);
}

static void test_probe(void **state)
{
    (void)state;
    static const char *const yes[] = {
        "# ========\n# captured on: x\n# perf version : 3.13.11\n",
        "dd 29776 666709.771979:   10101010 cpu-clock: \n", "java 19983 cycles:\n",
        "java 19983 7.000001: \n\t  4005b1 main+0x1\n", // of -F without event
    };
    static const char *const no[] = {"a;b;c 12\n", "", "{\"nodes\": []}\n", "hello world\n",
                                     "@[\n    main+12\n, sh]: 4\n"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        assert_true(format_perf_script.probe(yes[i], strlen(yes[i])) > 50);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        assert_int_equal(format_perf_script.probe(no[i], strlen(no[i])), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers_of_all_dialects),
        cmocka_unit_test(test_frames_of_all_kinds),
        cmocka_unit_test(test_frames_are_read_leaf_first),
        cmocka_unit_test(test_inlined_is_told_below_the_source_line),
        cmocka_unit_test(test_inlined_frames_take_the_module_they_lie_in),
        cmocka_unit_test(test_source_lines_belong_to_the_frame_above),
        cmocka_unit_test(test_samples_without_frames_are_kept),
        cmocka_unit_test(test_a_blank_line_may_come_before_the_frames),
        cmocka_unit_test(test_several_events_are_told_apart),
        cmocka_unit_test(test_further_fields_do_no_harm),
        cmocka_unit_test(test_lost_samples_are_counted),
        cmocka_unit_test(test_branch_records_are_skipped_with_a_count),
        cmocka_unit_test(test_junk_is_counted_with_its_place),
        cmocka_unit_test(test_the_comments_say_who_speaks),
        cmocka_unit_test(test_a_text_that_ends_inside_a_record_says_so),
        cmocka_unit_test(test_an_overlong_record_is_cut_and_counted),
        cmocka_unit_test(test_a_line_without_an_end_is_bounded),
        cmocka_unit_test(test_a_megabyte_symbol_is_kept_cut),
        cmocka_unit_test(test_every_fixture_gives_the_same_samples_however_it_is_cut),
        cmocka_unit_test(test_nothing_of_the_fixtures_is_skipped),
        cmocka_unit_test(test_both_ways_of_reading_agree),
        cmocka_unit_test(test_a_renumbered_dictionary_is_noticed),
        cmocka_unit_test(test_nothing_is_read_ahead_where_little_is_new),
        cmocka_unit_test(test_flipped_bits_do_no_harm),
        cmocka_unit_test(test_probe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
