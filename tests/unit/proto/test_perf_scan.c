// The scan that cuts perf text into records, on every instruction set of this machine; the hash and
// the memory behind it.
#include "proto/memo.h"
#include "proto/perf_scan.h"
#include "tests/collect.h"
#include "tests/test.h"

enum { ROOM = 4096 };

static const char sample_text[] = "# a comment\n\n"
                                  "dd 29776 666709.771979:   10101010 cpu-clock: \n"
                                  "\t          414b3b fsnotify (/lib/vmlinux)\n"
                                  "\t               0 [unknown] ([unknown])\n\n"
                                  "kworker/0:1-ev 21538/21538 [001]  2241.989313899: cycles:u: \n"
                                  "\t            1201 leaf_hot (/opt/demo/spin)\n\n"
                                  "no frames 1 [001]  2241.989313: cycles: \n\n"
                                  "not usual\n\ttext\n\n"
                                  "incomplete 1 2.000000: cycles: \n\t1 a (b)\n";

static void test_records_become_tokens(void **state)
{
    (void)state;
    struct perf_scan scan;
    perf_scan_init(&scan, 7);
    struct perf_token tokens[16];
    size_t used;
    size_t count = perf_scan_tokens(&scan, tokens, 16, sample_text, sizeof sample_text - 1, &used);
    assert_int_equal(count, 5);
    assert_string_equal(sample_text + used, "incomplete 1 2.000000: cycles: \n\t1 a (b)\n");
    assert_false(tokens[0].usual);
    assert_int_equal(tokens[0].lines, 2);
    assert_true(tokens[1].usual);
    assert_int_equal(tokens[1].time_ns, 666709771979000);
    assert_int_equal(tokens[1].period, 10101010);
    assert_int_equal(tokens[1].lines, 4);
    assert_int_equal(tokens[1].head_len, 9);
    assert_memory_equal(sample_text + tokens[1].at + tokens[1].event_at, "cpu-clock", 9);
    assert_int_equal(tokens[1].event_len, 9);
    assert_true(tokens[2].usual);
    assert_int_equal(tokens[2].time_ns, 2241989313899);
    assert_false(tokens[2].has_period);
    assert_int_equal(perf_token_callers_len(&tokens[1]),
                     strlen("\t               0 [unknown] ([unknown])\n"));
    assert_int_equal(perf_token_callers_len(&tokens[2]), 0);
    assert_false(tokens[3].usual);
    assert_false(tokens[4].usual);
}

static void test_blank_lines_in_a_row_do_not_lose_the_place(void **state)
{
    (void)state;
    struct bytes text = {0};
    static const char record[] = "a     1 2.000000: e: \n\t1 f (/x)\n\n";
    static struct perf_token tokens[ROOM];
    for (int blanks = 0; blanks < 200; blanks++) {
        bytes_clear(&text);
        bytes_append_text(&text, record);
        for (int i = 0; i < blanks; i++)
            bytes_append_char(&text, '\n');
        bytes_append_text(&text, record);
        struct perf_scan scan;
        perf_scan_init(&scan, 3);
        size_t used;
        size_t count = perf_scan_tokens(&scan, tokens, ROOM, text.data, text.len, &used);
        assert_int_equal(used, text.len);
        assert_int_equal(count, blanks + 2);
        assert_true(tokens[0].usual && tokens[count - 1].usual);
        assert_int_equal(tokens[count - 1].leaf.low, tokens[0].leaf.low);
        uint32_t lines = 0;
        for (size_t i = 0; i < count; i++)
            lines += tokens[i].lines;
        assert_int_equal(lines, 6 + blanks);
    }
    bytes_dispose(&text);
}

static void test_all_instruction_sets_agree(void **state)
{
    (void)state;
    static const char *const sets[] = {"avx2", "sse2", "neon"};
    static struct perf_token plain[ROOM], other[ROOM];
    size_t len;
    char *text = collect_file(FLICKER_TESTS "/fixtures/perf-system.txt", &len);
    size_t ran = 0;
    for (size_t set = 0; set < sizeof sets / sizeof *sets; set++) {
        for (size_t part = 0; part <= len; part += part < 200 ? 1 : 997) {
            struct perf_scan scan;
            size_t used, used_other;
            memset(plain, 0, sizeof plain);
            memset(other, 0, sizeof other);
            perf_scan_init(&scan, 99);
            size_t count = perf_scan_tokens_by("portable", &scan, plain, ROOM, text, part, &used);
            perf_scan_init(&scan, 99);
            size_t count_other =
                perf_scan_tokens_by(sets[set], &scan, other, ROOM, text, part, &used_other);
            if (used_other == SIZE_MAX)
                break; // this machine lacks it
            assert_int_equal(count, count_other);
            assert_int_equal(used, used_other);
            assert_memory_equal(plain, other, count * sizeof *plain);
            ran++;
        }
    }
    assert_true(ran > 0);
    free(text);
}

static void test_the_hash_sees_every_byte(void **state)
{
    (void)state;
    char text[100];
    for (size_t len = 0; len <= sizeof text; len++) {
        memset(text, 'x', sizeof text);
        struct hash128 plain = hash128_bytes(5, text, len);
        struct hash128 again = hash128_bytes(5, text, len);
        assert_true(plain.low == again.low && plain.high == again.high);
        struct hash128 other_seed = hash128_bytes(6, text, len);
        assert_true(plain.low != other_seed.low && plain.high != other_seed.high);
        if (len < sizeof text) {
            struct hash128 longer = hash128_bytes(5, text, len + 1);
            assert_true(plain.low != longer.low && plain.high != longer.high);
        }
        for (size_t at = 0; at < len; at++) {
            text[at] = 'y';
            struct hash128 changed = hash128_bytes(5, text, len);
            assert_true(changed.low != plain.low && changed.high != plain.high);
            text[at] = 'x';
        }
    }
}

static void test_a_memo_remembers_until_it_is_full(void **state)
{
    (void)state;
    struct memo memo;
    memo_init(&memo, 1024);
    for (uint64_t i = 0; i < 768; i++) {
        struct hash128 key = {i, i * 64}; // the same slot for many
        assert_true(memo_get(&memo, key) == MEMO_EMPTY);
        memo_put(&memo, key, i);
    }
    for (uint64_t i = 0; i < 768; i++)
        assert_int_equal(memo_get(&memo, (struct hash128){i, i * 64}), i);
    assert_true(memo_get(&memo, (struct hash128){2, 64}) == MEMO_EMPTY);
    memo_put(&memo, (struct hash128){1, 1}, 7); // one too many: starts again
    assert_int_equal(memo_get(&memo, (struct hash128){1, 1}), 7);
    assert_true(memo_get(&memo, (struct hash128){1, 64}) == MEMO_EMPTY);
    assert_int_equal(memo.mask, 1023);
    memo_clear(&memo);
    assert_true(memo_get(&memo, (struct hash128){1, 1}) == MEMO_EMPTY);
    memo_dispose(&memo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_become_tokens),
        cmocka_unit_test(test_blank_lines_in_a_row_do_not_lose_the_place),
        cmocka_unit_test(test_all_instruction_sets_agree),
        cmocka_unit_test(test_the_hash_sees_every_byte),
        cmocka_unit_test(test_a_memo_remembers_until_it_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
