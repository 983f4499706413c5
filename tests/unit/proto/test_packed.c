// Numbers that wait: in and out in order, in little memory.
#include "proto/packed.h"
#include "tests/test.h"

static void test_in_and_out(void **state)
{
    (void)state;
    struct packed packed = {0};
    uint64_t in = 0, out = 0;
    for (int round = 0; round < 100000; round++) { // faster in than out, and then the rest
        packed_add(&packed, in * in * in);
        in++;
        packed_add(&packed, UINT64_MAX - in);
        if (round % 3 == 0) {
            assert_true(packed_take(&packed) == out * out * out);
            out++;
            assert_true(packed_take(&packed) == UINT64_MAX - out);
        }
    }
    assert_true(packed.count == 2 * (in - out));
    for (; out < in; out++) {
        assert_true(packed_take(&packed) == out * out * out);
        assert_true(packed_take(&packed) == UINT64_MAX - out - 1);
    }
    assert_true(packed.count == 0 && packed_take(&packed) == 0);
    packed_add(&packed, 5);
    assert_true(packed_take(&packed) == 5);
    packed_dispose(&packed);
}

// What is taken is given back: never more than a chunk or two is held of a queue that stays short.
static void test_chunks_are_given_back(void **state)
{
    (void)state;
    struct packed packed = {0};
    for (uint64_t i = 0; i < 1000000; i++) {
        packed_add(&packed, i);
        if (i >= 10)
            assert_true(packed_take(&packed) == i - 10);
        assert_true(!packed.first->next || !packed.first->next->next);
    }
    packed_dispose(&packed);
}

// At every length of a varint.
static void test_bounds(void **state)
{
    (void)state;
    struct packed packed = {0};
    for (unsigned bit = 0; bit < 64; bit++) {
        packed_add(&packed, (UINT64_C(1) << bit) - 1);
        packed_add(&packed, UINT64_C(1) << bit);
        packed_add(&packed, UINT64_MAX >> bit);
    }
    for (unsigned bit = 0; bit < 64; bit++) {
        assert_true(packed_take(&packed) == (UINT64_C(1) << bit) - 1);
        assert_true(packed_take(&packed) == UINT64_C(1) << bit);
        assert_true(packed_take(&packed) == UINT64_MAX >> bit);
    }
    packed_dispose(&packed);
}

// The same bytes as varint_write, whatever the length.
static void test_flat_varints(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        for (int delta = -1; delta <= 1; delta++) {
            uint64_t value = (UINT64_C(1) << bit) + (uint64_t)(int64_t)delta, read = 0;
            uint8_t one[VARINT_MAX_BYTES], other[VARINT_MAX_BYTES];
            size_t len = varint_write(one, value);
            assert_int_equal(varint_write_flat(other, value), len);
            assert_memory_equal(one, other, len);
            assert_ptr_equal(varint_read(other, other + len, &read), other + len);
            assert_true(read == value);
        }
    }
}

// Times are whole microseconds or not, and of either sign; beyond 2^61 ns they are rounded.
static void test_times(void **state)
{
    (void)state;
    static const int64_t TIMES[] = {0, 1, -1, 999, 1000, -1000, -1001, 1234567, INT64_C(1) << 60};
    const int64_t FAR = (INT64_C(1) << 61) + 123;
    for (size_t i = 0; i < sizeof TIMES / sizeof *TIMES; i++)
        assert_true(packed_to_ns(packed_ns(TIMES[i])) == TIMES[i]);
    assert_true(packed_to_ns(packed_ns(FAR)) == FAR / 1000 * 1000);
    assert_true(packed_to_ns(packed_ns(-FAR)) == -FAR / 1000 * 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_and_out), cmocka_unit_test(test_chunks_are_given_back),
        cmocka_unit_test(test_bounds),     cmocka_unit_test(test_flat_varints),
        cmocka_unit_test(test_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
