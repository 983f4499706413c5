// Columns of numbers that wait: in and out in order, one by one or many, in little memory.
#include "proto/narrow.h"
#include "tests/test.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// Numbers of changing widths, a few blocks of each.
static uint64_t number(uint64_t at)
{
    static const unsigned BITS[] = {3, 8, 9, 16, 17, 32, 33, 64};
    uint64_t mixed = at * 0x9e3779b97f4a7c15u + 1;
    return mixed >> (64 - BITS[at / 200 % (sizeof BITS / sizeof *BITS)]);
}

static void add_some(struct narrow *narrow, uint64_t from, size_t count)
{
    uint64_t values[1000];
    for (size_t i = 0; i < count; i++)
        values[i] = number(from + i);
    if (count == 1)
        narrow_add(narrow, values[0]);
    else
        narrow_add_many(narrow, values, count);
}

static void take_some(struct narrow *narrow, uint64_t from, size_t count)
{
    uint64_t values[1000];
    if (count == 1)
        values[0] = narrow_take(narrow);
    else
        narrow_take_many(narrow, values, count);
    for (size_t i = 0; i < count; i++)
        assert_true(values[i] == number(from + i));
}

static void test_in_and_out(void **state)
{
    (void)state;
    struct narrow narrow = {0};
    uint64_t in = 0, out = 0;
    srand(7);
    for (int round = 0; round < 20000; round++) { // more in than out, then more out
        size_t count = rand() % 3 ? (size_t)rand() % 4 : (size_t)rand() % 1000;
        bool adds = rand() % 100 < (round < 10000 ? 60 : 40);
        if (adds) {
            add_some(&narrow, in, count);
            in += count;
        } else {
            count = count < in - out ? count : (size_t)(in - out);
            take_some(&narrow, out, count);
            out += count;
        }
        assert_true(narrow.count == in - out);
    }
    for (; out < in; out++)
        take_some(&narrow, out, 1);
    assert_true(narrow_take(&narrow) == 0);
    add_some(&narrow, 5, 1);
    take_some(&narrow, 5, 1);
    narrow_dispose(&narrow);
}

static void test_append(void **state)
{
    (void)state;
    for (size_t before = 0; before < 200; before += 13) {
        for (size_t behind = 0; behind < 200; behind += 17) {
            struct narrow one = {0}, other = {0};
            add_some(&one, 0, before);
            add_some(&other, before, behind);
            narrow_append(&one, &other);
            assert_true(other.count == 0 && !other.head && one.count == before + behind);
            take_some(&one, 0, before + behind);
            narrow_dispose(&one);
        }
    }
}

// A million numbers of two bytes take two bytes, and what is taken is given back.
static void test_memory(void **state)
{
    (void)state;
    enum { NUMBERS = 1 << 20 };
    struct narrow narrow = {0};
    size_t idle = mallinfo2().uordblks;
    for (unsigned i = 0; i < NUMBERS; i++)
        narrow_add(&narrow, i & 0xffff);
    size_t full = mallinfo2().uordblks - idle;
    for (unsigned i = 0; i < NUMBERS - 100; i++)
        assert_true(narrow_take(&narrow) == (i & 0xffff));
    size_t left = mallinfo2().uordblks - idle;
    narrow_dispose(&narrow);
#ifndef __SANITIZE_ADDRESS__ // whose allocator does not count
    assert_in_range(full, NUMBERS * 2, NUMBERS * 2.1);
    assert_in_range(left, 0, 200000);
#else
    (void)full, (void)left;
#endif
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
    struct narrow narrow = {0};
    for (size_t i = 0; i < sizeof VALUES / sizeof *VALUES; i++)
        narrow_add_double(&narrow, VALUES[i]);
    for (size_t i = 0; i < sizeof VALUES / sizeof *VALUES; i++) {
        double got = narrow_take_double(&narrow);
        assert_memory_equal(&got, &VALUES[i], sizeof got);
    }
    for (int i = -100000; i < 100000; i++) {
        narrow_add_double(&narrow, i / 1000.0);
        assert_true(narrow_take_double(&narrow) == i / 1000.0);
    }
    assert_true(narrow_take_double(&narrow) == 0);
    narrow_dispose(&narrow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_and_out),
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_doubles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
