// Columns of varints: with and without the machine's instructions, what varint_read reads one by
// one.
#include "proto/varint.h"
#include "proto/varint_column.h"
#include "tests/test.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 400 };

static uint64_t next(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *random >> 11 | *random << 53;
}

typedef const uint8_t *read_fn(uint64_t *out, size_t count, const uint8_t *at, const uint8_t *end);

static void assert_reads(read_fn *read, const uint8_t *text, size_t len, size_t count)
{
    uint8_t *exact = malloc(len ? len : 1); // so that a byte too far is seen
    uint64_t one, all[MOST];
    memcpy(exact, text, len);
    const uint8_t *end = exact + len, *at = exact, *after = read(all, count, exact, end);
    for (size_t i = 0; i < count && at; i++) {
        at = varint_read(at, end, &one);
        if (at && after)
            assert_int_equal(all[i], one);
    }
    assert_ptr_equal(after, at);
    free(exact);
}

static void test_columns_are_read_as_one_by_one(void **state)
{
    (void)state;
    uint64_t random = 5;
    for (unsigned bits = 1; bits <= 64; bits++) {
        uint8_t text[MOST * VARINT_MAX_BYTES];
        size_t len = 0;
        for (size_t i = 0; i < MOST; i++) // of all lengths up to that many bits
            len += varint_write(text + len, next(&random) >> (64 - bits) >> next(&random) % bits);
        static const size_t COUNTS[] = {0, 1, 7, 63, 64, 65, 256, MOST};
        for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++) {
            assert_reads(varint_column_read, text, len, COUNTS[i]);
            assert_reads(varint_column_read_portable, text, len, COUNTS[i]);
        }
        for (size_t cut = 1; cut < 90 && cut < len; cut++) {
            assert_reads(varint_column_read, text, len - cut, MOST);
            assert_reads(varint_column_read_portable, text, len - cut, MOST);
        }
    }
}

static void test_what_is_no_varint_is_refused(void **state)
{
    (void)state;
    uint8_t text[300];
    memset(text, 1, sizeof text);
    memset(text + 100, 0x80, 10); // and an end: eleven bytes
    assert_reads(varint_column_read, text, sizeof text, 200);
    assert_reads(varint_column_read_portable, text, sizeof text, 200);
}

static void test_a_column_of_one_number_is_found(void **state)
{
    (void)state;
    const uint8_t same[] = {0x81, 2, 0x81, 2, 0x81, 2}, other[] = {0x81, 2, 0x81, 2, 0x81, 3};
    uint64_t value = 0;
    assert_true(varint_column_is_constant(&value, 3, same, same + sizeof same));
    assert_int_equal(value, 257);
    assert_false(varint_column_is_constant(&value, 3, other, other + sizeof other));
    assert_false(varint_column_is_constant(&value, 2, same, same + sizeof same));
    assert_false(varint_column_is_constant(&value, 3, same, same + 5));
    assert_false(varint_column_is_constant(&value, 0, same, same));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_are_read_as_one_by_one),
        cmocka_unit_test(test_what_is_no_varint_is_refused),
        cmocka_unit_test(test_a_column_of_one_number_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
