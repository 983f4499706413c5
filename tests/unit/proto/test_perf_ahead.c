// What is read of call chains ahead of the decoder: which lines stand for themselves, what callers
// are known by, and that nothing is read twice.
#include "proto/alloc.h"
#include "proto/perf_ahead.h"
#include "tests/test.h"

#include <stdlib.h>

enum { SEED = 77, ROOM = 16 };

static bool parses(struct perf_parsed *out, const char *line)
{
    return perf_line_parse(out, SEED, line, strlen(line));
}

static void test_lines_that_stand_for_themselves(void **state)
{
    (void)state;
    struct perf_parsed f, g, other;
    assert_true(parses(&f, "\t    401000 f+0x1f (/bin/demo)\n"));
    assert_int_equal(f.frame.address, 0x401000);
    assert_int_equal(f.frame.where, PERF_FRAME_USER);
    assert_int_equal(f.frame.name.len, 1);
    assert_memory_equal(f.frame.name.at, "f", 1);
    // Hashes are of the name and the module, wherever they stand.
    assert_true(parses(&g, "\t402000 g (/bin/demo)\n"));
    assert_true(parses(&other, "\tffff f (/bin/other)\n"));
    assert_true(f.name_hash == other.name_hash && f.name_hash != g.name_hash);
    assert_true(f.module_hash == g.module_hash && f.module_hash != other.module_hash);
    assert_true(perf_line_parse(&other, SEED + 1, "\t1 f (/bin/demo)\n", 17));
    assert_true(f.name_hash != other.name_hash && f.module_hash != other.module_hash);

    assert_true(parses(&f, "\t7f00 a->b (/bin/demo)\n")); // an operator, not a JIT's inlining
    assert_false(parses(&f, "\t7f00 a->b (/tmp/perf-12.map)\n"));
    assert_false(parses(&f, "\t401000 g (inlined)\n"));
    assert_false(parses(&f, "  main.c:12\n"));
    assert_false(parses(&f, "\tmain.c:12\n"));
}

// Lines of which only the address is known are read at once, as the grammar reads them.
static void test_lines_of_only_an_address(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "\t    7f299e25ea00 [unknown] ([unknown])\n",
        "\t0 [unknown] ([unknown])\n",
        "\tffffffffFFFFffff [unknown] ([unknown])\n",
        "\t \t 7fffffffffffffff [unknown] ([unknown])\n",
        "\tfffffffffffffffff [unknown] ([unknown])\n", // 17 digits
        "\t [unknown] ([unknown])\n",
        "\t12g4 [unknown] ([unknown])\n",
        "\t12 34 [unknown] ([unknown])\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        size_t len = strlen(lines[i]);
        struct perf_frame wanted, frame;
        assert_true(perf_frame_ends_unknown(lines[i], len));
        bool parsed = perf_frame_parse(&wanted, lines[i], len - 1) && !wanted.name.len;
        assert_int_equal(perf_frame_parse_unknown(&frame, lines[i], len), parsed);
        assert_int_equal(parsed, i < 4);
        if (!parsed)
            continue;
        assert_true(frame.address == wanted.address && frame.where == wanted.where);
        assert_true(!frame.name.len && !frame.module.len && !wanted.module.len);
    }
    assert_false(perf_frame_ends_unknown("\t1 [unknown] (/bin/demo)\n", 24));
    assert_false(perf_frame_ends_unknown("  1 [unknown] ([unknown])\n", 26)); // of no chain
    assert_false(perf_frame_ends_unknown(" [unknown] ([unknown])\n", 23));
}

static void test_callers_are_known_by_their_line_and_by_all_below(void **state)
{
    (void)state;
    static const char text[] = "\t2 f (/a)\n\t2 f (/a)\n\t10 main (/a)\n\t20 start (/a)\n";
    static const char tail[] = "\t3 g (/a)\n\t10 main (/a)\n\t20 start (/a)\n";
    struct perf_caller callers[4], others[3], seeded[4];
    struct text_hash hash, other_hash;
    text_hash_init(&hash, SEED);
    text_hash_init(&other_hash, SEED + 1);
    perf_callers_hash(callers, 4, &hash, text, sizeof text - 1);
    perf_callers_hash(others, 3, &hash, tail, sizeof tail - 1);
    size_t at = 0;
    for (size_t i = 0; i < 4; i++) { // whole lines, one behind the other
        assert_int_equal(callers[i].at, at);
        at += callers[i].len;
        assert_int_equal(text[at - 1], '\n');
        assert_int_equal(callers[i].parsed_at, 0);
    }
    assert_int_equal(at, sizeof text - 1);
    // Recursion: one line twice, but there is more below the upper one.
    assert_true(callers[0].text_high == callers[1].text_high);
    assert_true(callers[0].text_low == callers[1].text_low);
    assert_true(callers[0].path_high != callers[1].path_high);
    // One way to the root in two chains.
    for (size_t i = 1; i < 3; i++) {
        assert_true(others[i].path_high == callers[i + 1].path_high);
        assert_true(others[i].path_low == callers[i + 1].path_low);
    }
    assert_true(others[0].path_high != callers[1].path_high);
    perf_callers_hash(seeded, 4, &other_hash, text, sizeof text - 1);
    for (size_t i = 0; i < 4; i++)
        assert_true(seeded[i].path_high != callers[i].path_high);
}

static void test_lines_are_hashed_as_the_scan_does_narrow_and_wide(void **state)
{
    (void)state;
    char text[4 * 300];
    struct perf_caller callers[4];
    struct text_hash hash;
    text_hash_init(&hash, SEED);
    for (int wide = hash.wide; wide >= 0; wide--) {
        hash.wide = wide;
        for (size_t len = 1; len <= 300; len++) {
            memset(text, 'x', 4 * len);
            for (size_t i = 0; i < 4; i++)
                text[(i + 1) * len - 1] = '\n';
            perf_callers_hash(callers, 4, &hash, text, 4 * len);
            struct hash128 line = text_hash_bytes(&hash, text, len);
            for (size_t i = 0; i < 4; i++) {
                assert_int_equal(callers[i].at, i * len);
                assert_int_equal(callers[i].len, len);
                assert_true(callers[i].text_high == line.high);
                assert_true(callers[i].text_low == (uint32_t)line.low);
            }
        }
    }
}

// The tokens of a text, and what was read of them ahead.
struct read {
    struct bytes notes;
    size_t count;
};

static void read_ahead(struct read *out, struct perf_recent *recent, const char *text)
{
    struct perf_scan scan;
    size_t used;
    perf_scan_init(&scan, SEED);
    out->notes = (struct bytes){0};
    uint64_t ours = 0; // 0 means nowhere
    bytes_append(&out->notes, (const char *)&ours, sizeof ours);
    struct perf_token *tokens = bytes_extend(&out->notes, ROOM * sizeof *tokens);
    memset(tokens, 0, ROOM * sizeof *tokens);
    out->count = perf_scan_tokens(&scan, tokens, ROOM, text, strlen(text), &used);
    assert_int_equal(used, strlen(text));
    out->notes.len -= (ROOM - out->count) * sizeof *tokens;
    perf_read_ahead(recent, &scan.hash, &out->notes, sizeof ours, text);
}

static const void *note(const struct read *read, size_t at)
{
    assert_true(at < read->notes.len);
    return read->notes.data + at;
}

static const struct perf_token *token(const struct read *read, size_t index)
{
    assert_true(index < read->count);
    return (const struct perf_token *)note(read, sizeof(uint64_t)) + index;
}

static void assert_named(const struct read *read, size_t parsed_at, const char *name)
{
    assert_int_not_equal(parsed_at, 0);
    const struct perf_parsed *parsed = note(read, parsed_at);
    assert_int_equal(parsed->frame.name.len, strlen(name));
    assert_memory_equal(parsed->frame.name.at, name, strlen(name));
}

#define HEAD(time) "demo     7 [000] " time ": 1 cycles: \n"
#define MAIN       "\t10 main (/a)\n\t20 start (/a)\n"

static void test_nothing_is_read_twice(void **state)
{
    (void)state;
    struct perf_recent *recent = xcalloc(1, sizeof *recent);
    struct read read;
    read_ahead(
        &read, recent,
        HEAD("1.000000") "\t1 f (/a)\n\t2 g (/a)\n" MAIN "\n"      // all of it is new
        HEAD("2.000000") "\t1 f (/a)\n\t2 g (/a)\n" MAIN "\n"      // none
        HEAD("3.000000") "\t3 h (/a)\n\t2 g (/a)\n" MAIN "\n"      // the leaf
        HEAD("4.000000") "\t1 f (/a)\n\t4 k (/a)\n" MAIN "\n"      // the callers, one line of them
        HEAD("5.000000") "\t1 f (/a)\n\t5 i (inlined)\n" MAIN "\n" // one that does not stand alone
                         "not usual\n\n" HEAD("6.000000") "\t6 alone (/a)\n\n");
    assert_named(&read, token(&read, 0)->leaf_at, "f");
    const struct perf_caller *callers = note(&read, token(&read, 0)->callers_at);
    assert_int_equal(perf_callers_count(token(&read, 0)), 3);
    assert_named(&read, callers[0].parsed_at, "g");
    assert_named(&read, callers[1].parsed_at, "main");
    assert_named(&read, callers[2].parsed_at, "start");

    assert_int_equal(token(&read, 1)->leaf_at, 0);
    assert_int_equal(token(&read, 1)->callers_at, 0);

    assert_named(&read, token(&read, 2)->leaf_at, "h");
    assert_int_equal(token(&read, 2)->callers_at, 0);

    assert_int_equal(token(&read, 3)->leaf_at, 0);
    callers = note(&read, token(&read, 3)->callers_at);
    assert_named(&read, callers[0].parsed_at, "k");
    assert_int_equal(callers[1].parsed_at, 0);
    assert_int_equal(callers[2].parsed_at, 0);

    callers = note(&read, token(&read, 4)->callers_at);
    assert_int_equal(callers[0].parsed_at, 0);

    assert_false(token(&read, 5)->usual);
    assert_int_equal(token(&read, 5)->callers_at, 0);

    assert_named(&read, token(&read, 6)->leaf_at, "alone");
    assert_int_equal(perf_callers_count(token(&read, 6)), 0);
    bytes_dispose(&read.notes);
    free(recent);
}

// What one thread has read, another need not: they share what was read lately.
static void test_what_was_read_lately_is_shared(void **state)
{
    (void)state;
    static const char text[] = HEAD("1.000000") "\t1 f (/a)\n" MAIN "\n";
    struct perf_recent *recent = xcalloc(1, sizeof *recent);
    struct read read;
    read_ahead(&read, recent, text);
    assert_int_not_equal(token(&read, 0)->callers_at, 0);
    bytes_dispose(&read.notes);
    read_ahead(&read, recent, text);
    assert_int_equal(token(&read, 0)->leaf_at, 0);
    assert_int_equal(token(&read, 0)->callers_at, 0);
    bytes_dispose(&read.notes);
    free(recent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_that_stand_for_themselves),
        cmocka_unit_test(test_lines_of_only_an_address),
        cmocka_unit_test(test_callers_are_known_by_their_line_and_by_all_below),
        cmocka_unit_test(test_lines_are_hashed_as_the_scan_does_narrow_and_wide),
        cmocka_unit_test(test_nothing_is_read_twice),
        cmocka_unit_test(test_what_was_read_lately_is_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
