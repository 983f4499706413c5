// A bpftrace program made ready: READY and END are said, and errors speak of the author's text.
#include "collectors/bpftrace_program.h"
#include "collectors/bpftrace_version.h"
#include "tests/test.h"

#include <stdlib.h>
#include <string.h>

#define READY "printf(\"READY %llu\\n\", nsecs); "
#define END   "printf(\"END\\n\"); "

static void assert_ready(const char *text, const char *expected)
{
    struct bpftrace_program program;
    bpftrace_program_init(&program, text);
    assert_string_equal(program.text, expected);
    bpftrace_program_dispose(&program);
}

static void missing_blocks_go_before_the_text(void **state)
{
    (void)state;
    assert_ready("interval:s:1 { exit(); }",
                 "BEGIN { " READY "} END { " END "}\ninterval:s:1 { exit(); }");
    assert_ready("i:s:1 { } // BEGIN {", "BEGIN { " READY "} END { " END "}\ni:s:1 { } // BEGIN {");
    assert_ready("#!/usr/bin/env bpftrace\ni:s:1 { }",
                 "BEGIN { " READY "} END { " END "}\n///usr/bin/env bpftrace\ni:s:1 { }");
}

static void directives_stay_first(void **state)
{
    (void)state;
    assert_ready("// x\n#include <a.h>\ni:s:1 { }",
                 "// x\n#include <a.h>\ni:s:1 { }\nBEGIN { " READY "} END { " END "}");
    assert_ready("  #ifndef A\n#endif\nBEGIN { }",
                 "  #ifndef A\n#endif\nBEGIN {" READY " }\nEND { " END "}");
    assert_ready("i:s:1 { @ = \"\n#\" }",
                 "BEGIN { " READY "} END { " END "}\ni:s:1 { @ = \"\n#\" }");
}

static void declarations_stay_first(void **state)
{
    (void)state;
    const char *const texts[] = {
        "config = { max_map_keys = 10 }\ni:s:1 { }",
        "// x\n/* y */ struct A { int begin; }\nuprobe:/x:f { }",
        "let @a = lruhash(10);\ni:s:1 { }",
        "macro m($x) { $x }\ni:s:1 { }",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct bpftrace_program program;
        bpftrace_program_init(&program, texts[i]);
        assert_memory_equal(program.text, texts[i], strlen(texts[i]));
        assert_int_equal(program.lines_before, 0);
        bpftrace_program_dispose(&program);
    }
    assert_ready("configure:x { }", "BEGIN { " READY "} END { " END "}\nconfigure:x { }");
}

// Since 0.24.
static void small_letters_are_blocks_too(void **state)
{
    (void)state;
    assert_ready("begin { } i:s:1 { } end { }", "begin {" READY " } i:s:1 { } end {" END " }");
    assert_ready("uprobe:/x:begin { } uprobe:/x:end { }",
                 "BEGIN { " READY "} END { " END "}\nuprobe:/x:begin { } uprobe:/x:end { }");
}

static void own_blocks_say_it_first(void **state)
{
    (void)state;
    assert_ready("BEGIN { @x = 1; }\nEND\n{ clear(@x); }",
                 "BEGIN {" READY " @x = 1; }\nEND\n{" END " clear(@x); }");
    assert_ready("END { } BEGIN { }", "END {" END " } BEGIN {" READY " }");
    assert_ready("BEGIN, interval:s:1 { }", "END { " END "}\nBEGIN, interval:s:1 {" READY " }");
    assert_ready("i:s:1 { } END { }", "BEGIN { " READY "} \ni:s:1 { } END {" END " }");
}

static void words_elsewhere_are_not_blocks(void **state)
{
    (void)state;
    const char *const texts[] = {
        "i:s:1 { printf(\"BEGIN { \\\" END {\"); }",
        "/* BEGIN { */ // END {\ni:s:1 { }",
        "#define BEGIN_X END {\ni:s:1 { @BEGIN = 1; $END = 2; }",
        "uprobe:/x:THE_BEGIN { }",
        "uprobe:/x:BEGINNING { if (1) { @END = 1 } }",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct bpftrace_program program;
        bpftrace_program_init(&program, texts[i]);
        assert_int_equal(program.marker_count, 0);
        assert_non_null(strstr(program.text, texts[i])); // as it was
        bpftrace_program_dispose(&program);
    }
}

static void broken_text_is_no_trouble(void **state)
{
    (void)state;
    const char *const texts[] = {"", "BEGIN", "BEGIN {", "\"", "/*", "{{{{", "}}} BEGIN {", "\"\\"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct bpftrace_program program;
        bpftrace_program_init(&program, texts[i]);
        assert_non_null(strstr(program.text, READY));
        assert_non_null(strstr(program.text, END));
        bpftrace_program_dispose(&program);
    }
}

// What the real 0.17 says about the marked text must read as if it had been given the author's.
static void errors_are_put_back(void **state)
{
    (void)state;
    const char author[] = "BEGIN { @a = 1 } i:s:1 { bad(); } END { worse(); }";
    struct bpftrace_program program;
    bpftrace_program_init(&program, author);
    const struct {
        const char *word;
    } cases[] = {{"@a"}, {"bad"}, {"worse"}};
    for (size_t i = 0; i < 3; i++) {
        size_t is = (size_t)(strstr(program.text, cases[i].word) - program.text);
        size_t was = (size_t)(strstr(author, cases[i].word) - author);
        struct bytes line = {0}, expected = {0};
        bytes_printf(&line, "stdin:1:%zu-%zu: ERROR: unknown", is + 1, is + 4);
        bytes_printf(&expected, "stdin:1:%zu-%zu: ERROR: unknown", was + 1, was + 4);
        bpftrace_program_unmark(&program, &line);
        assert_string_equal(bytes_text(&line), bytes_text(&expected));
        bytes_clear(&line);
        bytes_append_text(&line, program.text);
        bpftrace_program_unmark(&program, &line);
        assert_string_equal(bytes_text(&line), author);
        bytes_clear(&line);
        bytes_clear(&expected);
        bytes_printf(&line, "%*s~~~", (int)is, "");
        bytes_printf(&expected, "%*s~~~", (int)was, "");
        bpftrace_program_unmark(&program, &line);
        assert_string_equal(bytes_text(&line), bytes_text(&expected));
        bytes_dispose(&line);
        bytes_dispose(&expected);
    }
    bpftrace_program_dispose(&program);
}

// 0.26 underlines what has no width by blanks.
static void an_error_at_a_point_has_a_caret(void **state)
{
    (void)state;
    const char *const lines[][2] = {
        {"stdin:2:9-9: ERROR: syntax: expected '{'", "stdin:1:9-9: ERROR: syntax: expected '{'"},
        {"nonsense", "nonsense"},
        {"        ", "        ^"},
        {"        ", "        "},
    };
    struct bpftrace_program program;
    bpftrace_program_init(&program, "nonsense");
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct bytes line = {0};
        bytes_append_text(&line, lines[i][0]);
        bpftrace_program_unmark(&program, &line);
        assert_string_equal(bytes_text(&line), lines[i][1]);
        bytes_dispose(&line);
    }
    bpftrace_program_dispose(&program);
}

// Ours is the first line of what is run.
static void lines_are_counted_without_ours(void **state)
{
    (void)state;
    struct bpftrace_program program;
    struct bytes line = {0};
    bpftrace_program_init(&program, "profile:hz:99 { @[kstack, ");
    bytes_append_text(&line, "stdin:2:25-26: ERROR: syntax error, unexpected end of file");
    bpftrace_program_unmark(&program, &line);
    assert_string_equal(bytes_text(&line),
                        "stdin:1:25-26: ERROR: syntax error, unexpected end of file");
    // Of a whole probe, and of what happens while it runs.
    static const char *const said[][2] = {
        {"stdin:1-2: ERROR: tracepoint not found: a:b",
         "stdin:1: ERROR: tracepoint not found: a:b"},
        {"stdin:2-4: ERROR: x", "stdin:1-3: ERROR: x"},
        {"stdin:3:9: WARNING: Map full", "stdin:2:9: WARNING: Map full"},
        {"stdin: ERROR: x", "stdin: ERROR: x"},
    };
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        bytes_clear(&line);
        bytes_append_text(&line, said[i][0]);
        bpftrace_program_unmark(&program, &line);
        assert_string_equal(bytes_text(&line), said[i][1]);
    }
    bpftrace_program_dispose(&program);
    bytes_dispose(&line);
}

static void wanted_names_are_seen(void **state)
{
    (void)state;
    assert_true(bpftrace_program_wants_names("p:h:9 { printf(\"%s\", usym(reg(\"ip\"))); }"));
    assert_true(bpftrace_program_wants_names("p:h:9 { @a = *uaddr(\"x\"); }"));
    assert_false(bpftrace_program_wants_names("p:h:9 { @[ustack, comm] = count(); }"));
    assert_false(bpftrace_program_wants_names("p:h:9 { printf(\"usym(x)\"); } // usym("));
}

static void stack_keys_are_seen(void **state)
{
    (void)state;
    assert_true(bpftrace_program_has_stack_keys("p:h:9 { @[kstack] = count(); }"));
    assert_true(bpftrace_program_has_stack_keys("p:h:9 { @x[comm, @y[1], ustack(perf)] = 1; }"));
    assert_false(bpftrace_program_has_stack_keys("p:h:9 { @x[comm] = kstack; print(kstack); }"));
    assert_false(bpftrace_program_has_stack_keys("p:h:9 { } // @[kstack]"));
}

static void own_stacks_become_addresses(void **state)
{
    (void)state;
    char *text =
        bpftrace_program_bare_stacks("x(kstack(perf), ustack(perf)); @ = ustack(perf, 9);");
    assert_string_equal(text, "x(kstack(perf), ustack(raw)); @ = ustack(raw, 9);");
    free(text);
}

static void versions_are_read(void **state)
{
    (void)state;
    struct bpftrace_version version;
    const char *environment[BPFTRACE_VARIABLES + 1];
    assert_true(bpftrace_version_parse(&version, "bpftrace v0.17.0\n"));
    assert_int_equal(version.minor, 17);
    assert_false(bpftrace_is_too_old(&version));
    assert_true(bpftrace_obeys_no_user_symbols(&version));
    assert_true(bpftrace_json_keeps_keys(&version));
    assert_false(bpftrace_heeds_interrupts(&version) || bpftrace_needs_tracefs(&version));
    bpftrace_environment(environment, &version, false, "");
    assert_string_equal(environment[0], "BPFTRACE_NO_USER_SYMBOLS=1");
    bpftrace_environment(environment, &version, true, "");
    assert_string_equal(environment[0], "BPFTRACE_MAP_KEYS_MAX=32768");
    assert_true(bpftrace_version_parse(&version, "bpftrace 0.26.1"));
    assert_int_equal(version.minor, 26);
    assert_false(bpftrace_obeys_no_user_symbols(&version) || bpftrace_json_keeps_keys(&version));
    assert_true(bpftrace_heeds_interrupts(&version) && bpftrace_needs_tracefs(&version));
    bpftrace_environment(environment, &version, false, "");
    assert_string_equal(environment[0], "BPFTRACE_MAX_MAP_KEYS=32768");
    assert_string_equal(environment[1], "BPFTRACE_PERF_RB_PAGES=256");
    assert_null(environment[2]);
    bpftrace_environment(environment, &version, false,
                         "config = { max_map_keys = 3; perf_rb_pages = 2 }");
    assert_null(environment[0]);
    assert_true(bpftrace_version_parse(&version, "bpftrace v0.16.0"));
    assert_true(bpftrace_is_too_old(&version));
    assert_true(bpftrace_version_parse(&version, "bpftrace v1.0.0"));
    assert_false(bpftrace_is_too_old(&version) || bpftrace_obeys_no_user_symbols(&version));
    assert_false(bpftrace_version_parse(&version, "bpftrace 3f7a1c2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_blocks_go_before_the_text),
        cmocka_unit_test(directives_stay_first),
        cmocka_unit_test(declarations_stay_first),
        cmocka_unit_test(small_letters_are_blocks_too),
        cmocka_unit_test(stack_keys_are_seen),
        cmocka_unit_test(own_stacks_become_addresses),
        cmocka_unit_test(versions_are_read),
        cmocka_unit_test(own_blocks_say_it_first),
        cmocka_unit_test(words_elsewhere_are_not_blocks),
        cmocka_unit_test(broken_text_is_no_trouble),
        cmocka_unit_test(errors_are_put_back),
        cmocka_unit_test(an_error_at_a_point_has_a_caret),
        cmocka_unit_test(lines_are_counted_without_ours),
        cmocka_unit_test(wanted_names_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
