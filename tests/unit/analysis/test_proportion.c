// Shares compared: published values, edges, and what chance does.
#include "analysis/proportion.h"
#include "tests/test.h"

#include <math.h>

static void assert_near(double got, double want, double tolerance)
{
    if (fabs(got - want) > tolerance)
        fail_msg("got %.10g, expected %.10g", got, want);
}

static void assert_interval(struct proportion a, struct proportion b, double low, double high)
{
    double got_low, got_high;
    proportion_difference(&got_low, &got_high, a, b);
    assert_near(got_low, low, 0.00006);
    assert_near(got_high, high, 0.00006);
}

// Newcombe 1998, table II, method 10.
static void test_the_interval_is_newcombes(void **state)
{
    (void)state;
    assert_interval((struct proportion){56, 70}, (struct proportion){48, 80}, 0.0524, 0.3339);
    assert_interval((struct proportion){9, 10}, (struct proportion){3, 10}, 0.1705, 0.8090);
    assert_interval((struct proportion){5, 56}, (struct proportion){0, 29}, -0.0381, 0.1926);
    assert_interval((struct proportion){0, 10}, (struct proportion){0, 10}, -0.2775, 0.2775);
    assert_interval((struct proportion){10, 10}, (struct proportion){0, 10}, 0.6075, 1.0000);
}

static void test_an_empty_side_says_nothing(void **state)
{
    (void)state;
    struct proportion none = {0, 0};
    assert_interval(none, none, -1, 1);
    double low, high;
    proportion_difference(&low, &high, (struct proportion){5, 10}, none);
    assert_true(low < -0.2 && high > 0.7 && high <= 1);
    assert_true(proportion_chance(none, (struct proportion){5, 10}) == 1);
    assert_true(proportion_share(none) == 0);
}

// By hand from the hypergeometric distribution.
static void test_chance_is_fishers_exact_test(void **state)
{
    (void)state;
    assert_near(proportion_chance((struct proportion){3, 3}, (struct proportion){0, 3}), 0.1,
                1e-12);
    assert_near(proportion_chance((struct proportion){0, 3}, (struct proportion){3, 3}), 0.1,
                1e-12);
    // Fisher's tea: 3 of 4 against 1 of 4, one tail is 17/70.
    assert_near(proportion_chance((struct proportion){3, 4}, (struct proportion){1, 4}), 34. / 70,
                1e-12);
    assert_true(proportion_chance((struct proportion){7, 10}, (struct proportion){7, 10}) == 1);
    assert_true(proportion_chance((struct proportion){0, 10}, (struct proportion){0, 10}) == 1);
    assert_true(proportion_chance((struct proportion){10, 10}, (struct proportion){20, 20}) == 1);
}

static void test_chance_of_large_groups_is_that_of_the_normal_distribution(void **state)
{
    (void)state;
    struct proportion a = {501000, 1000000}, b = {499000, 1000000};
    double z = 0.002 / sqrt(2 * 0.25 / 1e6); // 2.83
    assert_near(proportion_chance(a, b), erfc(z / sqrt(2)), 1e-4);
    a = (struct proportion){600000000, 1000000000};
    b = (struct proportion){1, 1000000000};
    assert_true(proportion_chance(a, b) == 0);
}

// Files of folded stacks may count nanoseconds or bytes: a share of 1e18 of them takes no longer,
// and small shares are as sure beside any total.
static void test_chance_of_any_counts_is_known_at_once(void **state)
{
    (void)state;
    const uint64_t many = UINT64_C(1000000000000000000);
    struct proportion half = {many / 2, many};
    assert_true(proportion_chance(half, half) == 1);
    assert_near(proportion_chance(half, (struct proportion){many / 2 - 2000000000, many}), erfc(2),
                1e-3);
    assert_true(proportion_chance(half, (struct proportion){many / 3, many}) == 0);
    // Of two Poisson numbers 30 and 60 the first is one of 90 coins' heads: binomial.
    const double coins = 0.0020560, whole = 1e-5;
    struct proportion few = {30, many}, more = {60, many};
    assert_near(proportion_chance(few, more), coins, whole);
    few.hits = many - 30;
    more.hits = many - 60;
    assert_near(proportion_chance(few, more), coins, whole);
    assert_near(proportion_chance((struct proportion){3, 4}, half), 0.625, 1e-9);
    assert_near(proportion_chance(half, (struct proportion){3, 4}), 0.625, 1e-9);
    assert_true(proportion_chance((struct proportion){1000, 1000}, half) < 1e-290);
}

static void test_adjusting_is_holms_and_keeps_the_places(void **state)
{
    (void)state;
    double chances[] = {0.04, 0.01, 0.03, 0.005};
    proportion_adjust(chances, 4);
    assert_near(chances[3], 0.02, 1e-12);
    assert_near(chances[1], 0.03, 1e-12);
    assert_near(chances[2], 0.06, 1e-12);
    assert_near(chances[0], 0.06, 1e-12);
    proportion_adjust(chances, 0);
    double one[] = {0.7};
    proportion_adjust(one, 1);
    assert_near(one[0], 0.7, 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_interval_is_newcombes),
        cmocka_unit_test(test_an_empty_side_says_nothing),
        cmocka_unit_test(test_chance_is_fishers_exact_test),
        cmocka_unit_test(test_chance_of_large_groups_is_that_of_the_normal_distribution),
        cmocka_unit_test(test_chance_of_any_counts_is_known_at_once),
        cmocka_unit_test(test_adjusting_is_holms_and_keeps_the_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
