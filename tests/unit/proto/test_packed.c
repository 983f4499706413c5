// Numbers that wait: in and out in order, in little memory.
#include "proto/packed.h"
#include "tests/test.h"

#include <math.h>
#include <string.h>

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
    struct packed behind = {0};
    packed_append(&behind, &packed);
    assert_true(packed.count == 0 && behind.count == 2 * (in - out));
    for (; out < in; out++) {
        assert_true(packed_take(&behind) == out * out * out);
        assert_true(packed_take(&behind) == UINT64_MAX - out - 1);
    }
    assert_true(behind.count == 0 && packed_take(&behind) == 0);
    packed_add(&behind, 5);
    assert_true(packed_take(&behind) == 5);
    packed_dispose(&behind);
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

static void test_doubles(void **state)
{
    (void)state;
    static const double VALUES[] = {0,
                                    1,
                                    -1,
                                    0.5,
                                    1.25,
                                    -123456.789,
                                    1e15,
                                    0.1,
                                    1e300,
                                    1e-300,
                                    1.0 / 3.0,
                                    1e-9,
                                    -1e16,
                                    4503599627370497.5,
                                    1e18,
                                    123.4567891234,
                                    25253326720.125};
    struct packed packed = {0};
    for (size_t i = 0; i < sizeof VALUES / sizeof *VALUES; i++)
        packed_add_double(&packed, VALUES[i]);
    for (size_t i = 0; i < sizeof VALUES / sizeof *VALUES; i++) {
        double got = packed_take_double(&packed);
        assert_memory_equal(&got, &VALUES[i], sizeof got);
    }
    for (int i = -100000; i < 100000; i++) {
        packed_add_double(&packed, i / 1000.0);
        assert_true(packed_take_double(&packed) == i / 1000.0);
    }
    assert_true(packed_take_double(&packed) == 0);
    packed_dispose(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_and_out),
        cmocka_unit_test(test_chunks_are_given_back),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_doubles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
