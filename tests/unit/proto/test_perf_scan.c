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

// Every header comes twice, since the second one ends as the one before.
static void check_time(const char *time, int64_t time_ns)
{
    struct perf_scan scan;
    struct perf_token tokens[4];
    char text[256];
    size_t used;
    perf_scan_init(&scan, 7);
    int len = snprintf(text, sizeof text, "%s: cycles: \n\t1 f (b)\n\n%s: cycles: \n\t1 f (b)\n\n",
                       time, time);
    assert_int_equal(perf_scan_tokens(&scan, tokens, 4, text, (size_t)len, &used), 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(tokens[i].usual, time_ns >= 0);
        if (time_ns >= 0) {
            assert_int_equal(tokens[i].time_ns, time_ns);
            assert_int_equal(tokens[i].head_len, strrchr(time, ' ') + 1 - time);
        }
    }
}

static void test_times_of_all_lengths(void **state)
{
    (void)state;
    check_time("a 1 0.000000", 0);
    check_time("a 1 1.234567", 1234567000);
    check_time("a 1 12.000001", 12000001000);
    check_time("a 1 123456.999999", 123456999999000);
    check_time("a 1 1234567.123456", 1234567123456000);
    check_time("a 1 12345678.123456", 12345678123456000);
    check_time("a 1 123456789.123456", 123456789123456000);
    check_time("a 1 1.234567891", 1234567891);
    check_time("a 1 12345678.987654321", 12345678987654321);
    check_time("aaaaaaaaa 1 3.987654321", 3987654321);
    check_time(" ", -1);
    check_time("a 1 1234567891.123456", -1);
    check_time("a 1 12345678912.123456", -1);
    check_time("a 1 .123456", -1);
    check_time("aaaaaaaaa 1 .123456", -1);
    check_time("aaaaaaaaa 1 x1.123456", -1);
    check_time("aaaaaaaaa 1 1.12345", -1);
    check_time("aaaaaaaaa 1 1.1234567", -1);
    check_time("aaaaaaaaa 1 1.1234567890", -1);
    for (const char *odd = "/:;@x \x80\xb1\xff"; *odd; odd++) {
        for (size_t at = 12; at < strlen("aaaaaaaaa 1 123.123456789"); at++) {
            char time[] = "aaaaaaaaa 1 123.123456789";
            time[at] = *odd;
            check_time(time, *odd == ' ' && at < 14
                                 ? strtol(time + at, NULL, 10) * 1000000000 + 123456789
                                 : -1);
        }
    }
    check_time("1.123456", -1); // nobody's
    check_time("12345678.123456", -1);
    check_time("123456789.123456", -1);
}

// What one record teaches must not change what the others are.
static void test_the_tail_of_a_record_is_that_of_the_one_before(void **state)
{
    (void)state;
    static const char text[] = "a 1 1.000000:  7 e: \n\t1 f (b)\n\n"
                               "a 1 2.000000:  8 e: \n\t1 f (b)\n\n"
                               "a 1 3.000000:  8 e: \n\t1 f (b)\n\n"
                               "a 1 4.000000: e: \n\t1 f (b)\n\n"
                               "a 1 5.000000: e: \n\t1 f (b)\n\n"
                               "a 1 5.00000x: e: \n\t1 f (b)\n\n"
                               "a 1 6.000000:  9 e:u: \n\t1 f (b)\n\n";
    static const uint64_t periods[] = {7, 8, 8, 1, 1, 0, 9};
    struct perf_scan scan;
    struct perf_token tokens[8];
    size_t used;
    perf_scan_init(&scan, 7);
    assert_int_equal(perf_scan_tokens(&scan, tokens, 8, text, sizeof text - 1, &used), 7);
    for (int i = 0; i < 7; i++) {
        assert_int_equal(tokens[i].usual, i != 5);
        if (i == 5)
            continue;
        assert_int_equal(tokens[i].period, periods[i]);
        assert_int_equal(tokens[i].has_period, periods[i] != 1);
        assert_int_equal(tokens[i].event_len, i == 6 ? 3 : 1);
        assert_int_equal(text[tokens[i].at + tokens[i].event_at], 'e');
    }
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

// The tokens of text by the plain scan and by another. False: this machine lacks that.
static bool agree(const char *set, bool wide, const char *text, size_t len)
{
    static struct perf_token plain[ROOM], other[ROOM];
    struct perf_scan scan;
    size_t used, used_other;
    memset(plain, 0, sizeof plain);
    memset(other, 0, sizeof other);
    perf_scan_init(&scan, 99);
    scan.hash.wide = wide;
    size_t count = perf_scan_tokens_by("portable", &scan, plain, ROOM, text, len, &used);
    perf_scan_init(&scan, 99);
    scan.hash.wide = wide;
    size_t count_other = perf_scan_tokens_by(set, &scan, other, ROOM, text, len, &used_other);
    if (used_other == SIZE_MAX)
        return false;
    assert_int_equal(count, count_other);
    assert_int_equal(used, used_other);
    assert_memory_equal(plain, other, count * sizeof *plain);
    return true;
}

static void test_all_instruction_sets_agree(void **state)
{
    (void)state;
    static const char *const sets[] = {"avx512", "avx2", "sse2", "neon"};
    static const char *const files[] = {"perf-system.txt", "perf-node.txt", "perf-crlf.txt"};
    size_t ran = 0;
    for (size_t file = 0; file < sizeof files / sizeof *files; file++) {
        char path[256];
        size_t len;
        snprintf(path, sizeof path, FLICKER_TESTS "/fixtures/%s", files[file]);
        char *text = collect_file(path, &len);
        for (size_t set = 0; set < sizeof sets / sizeof *sets; set++) {
            for (int wide = text_hash_can_be_wide(); wide >= 0; wide--) {
                for (size_t part = 0; part <= len; part += part < 200 ? 1 : 997)
                    ran += agree(sets[set], wide, text, part);
            }
        }
        free(text);
    }
    bool has_wide = agree("avx512", true, "", 0);
    assert_true(ran > 0 && (has_wide || !text_hash_can_be_wide()));
}

// Lines of every length, so that their ends lie everywhere in a block.
static void test_all_instruction_sets_agree_wherever_lines_end(void **state)
{
    (void)state;
    static const char *const sets[] = {"avx512", "avx2", "sse2", "neon"};
    struct bytes text = {0};
    for (size_t leaf = 1; leaf < 140; leaf++) {
        for (size_t callers = 0; callers < 1200; callers += callers < 140 ? 3 : 97) {
            bytes_clear(&text);
            bytes_append_text(&text, "#\n\n\na     1 2.000000: e: \n\t");
            memset(bytes_extend(&text, leaf), 'f', leaf);
            bytes_append_char(&text, '\n');
            memset(bytes_extend(&text, callers), 'c', callers);
            bytes_append_text(&text, "\n\nb 1 2.000000: e: \n\t1 f\n\nx\n\n");
            for (size_t set = 0; set < sizeof sets / sizeof *sets; set++) {
                for (int wide = text_hash_can_be_wide(); wide >= 0; wide--)
                    agree(sets[set], wide, text.data, text.len);
            }
        }
    }
    bytes_dispose(&text);
}

static bool differ(struct hash128 a, struct hash128 b)
{
    return a.low != b.low && a.high != b.high;
}

// Longer than some segments of the wide hash; a byte that is none, at the end, counts too.
static void check_hash(const struct text_hash *hash, const struct text_hash *other_seed, size_t len)
{
    static char text[3 * TEXT_HASH_SEGMENT * TEXT_HASH_BLOCK + 2];
    assert_true(len < sizeof text);
    memset(text, 'x', sizeof text);
    text[len] = '\0';
    struct hash128 plain = text_hash_bytes(hash, text, len);
    struct hash128 again = text_hash_bytes(hash, text, len);
    assert_true(plain.low == again.low && plain.high == again.high);
    assert_true(differ(plain, text_hash_bytes(other_seed, text, len)));
    assert_true(differ(plain, text_hash_bytes(hash, text, len + 1)));
    for (size_t at = 0; at < len; at += 1 + len / 200) {
        text[at] = 'y';
        struct hash128 changed = text_hash_bytes(hash, text, len);
        assert_true(differ(changed, plain));
        text[at] = 'x';
    }
}

static void test_the_hash_sees_every_byte(void **state)
{
    (void)state;
    struct text_hash hash, other_seed;
    text_hash_init(&hash, 5);
    text_hash_init(&other_seed, 6);
    assert_int_equal(hash.wide, text_hash_can_be_wide());
    for (int wide = hash.wide; wide >= 0; wide--) {
        hash.wide = other_seed.wide = wide;
        for (size_t len = 0; len <= 200; len++)
            check_hash(&hash, &other_seed, len);
        for (size_t blocks = 1; blocks <= 3 * TEXT_HASH_SEGMENT; blocks++)
            for (size_t more = 0; more < 3; more++)
                check_hash(&hash, &other_seed, blocks * TEXT_HASH_BLOCK - 1 + more);
    }
}

static void test_the_hash_of_blocks_that_changed_places_is_another(void **state)
{
    (void)state;
    static char text[3 * TEXT_HASH_SEGMENT * TEXT_HASH_BLOCK];
    struct text_hash hash;
    text_hash_init(&hash, 5);
    for (int wide = hash.wide; wide >= 0; wide--) {
        hash.wide = wide;
        memset(text, 'x', sizeof text);
        struct hash128 plain = text_hash_bytes(&hash, text, sizeof text);
        struct hash128 first = plain;
        for (size_t at = 0; at + 16 <= sizeof text; at += 16) {
            memset(text + at, 'y', 16);
            struct hash128 changed = text_hash_bytes(&hash, text, sizeof text);
            assert_true(differ(changed, plain) && (!at || differ(changed, first)));
            first = at ? first : changed;
            memset(text + at, 'x', 16);
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
        cmocka_unit_test(test_times_of_all_lengths),
        cmocka_unit_test(test_the_tail_of_a_record_is_that_of_the_one_before),
        cmocka_unit_test(test_blank_lines_in_a_row_do_not_lose_the_place),
        cmocka_unit_test(test_all_instruction_sets_agree),
        cmocka_unit_test(test_all_instruction_sets_agree_wherever_lines_end),
        cmocka_unit_test(test_the_hash_sees_every_byte),
        cmocka_unit_test(test_the_hash_of_blocks_that_changed_places_is_another),
        cmocka_unit_test(test_a_memo_remembers_until_it_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
