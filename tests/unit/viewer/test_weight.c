// Weights as people read them.
#include "tests/test.h"
#include "viewer/weight.h"

static void assert_duration(uint64_t ns, const char *expected)
{
    struct bytes out = {0};
    weight_append_duration(&out, ns);
    assert_string_equal(bytes_text(&out), expected);
    bytes_dispose(&out);
}

static void test_durations(void **state)
{
    (void)state;
    assert_duration(0, "0 ns");
    assert_duration(250000, "250 us");
    assert_duration(50000000, "50 ms");
    assert_duration(1000000000, "1 s");
    assert_duration(1264000000, "1.26 s");
    assert_duration(10040000000, "10 s");
    assert_duration(59000000000, "59 s");
    assert_duration(600000000000, "10 min");
}

static void assert_weight(const char *unit, bool by_value, uint64_t weight, const char *expected)
{
    struct dict dict;
    dict_init(&dict);
    struct event event = {dict_string_z(&dict, "event"), dict_string_z(&dict, unit), by_value};
    struct totals totals = {.event = dict_event(&dict, &event), .by_value = by_value};
    struct bytes out = {0};
    weight_append(&out, weight, &totals, &dict);
    assert_string_equal(bytes_text(&out), expected);
    bytes_dispose(&out);
    dict_dispose(&dict);
}

static void test_weights_carry_their_unit(void **state)
{
    (void)state;
    assert_weight("ns", false, 499, "499 samples");
    assert_weight("ns", false, 1, "1 sample");
    assert_weight("ns", true, 1260000000, "1.26 s");
    assert_weight("bytes", true, 512, "512 bytes");
    assert_weight("bytes", true, 4404019, "4.2 MiB");
    assert_weight("faults", true, 12, "12 faults");
    assert_weight("", true, 12, "12");
}

static void assert_share(double share, bool compact, const char *expected)
{
    struct bytes out = {0};
    weight_append_share(&out, share, compact);
    assert_string_equal(bytes_text(&out), expected);
    bytes_dispose(&out);
}

static void test_shares(void **state)
{
    (void)state;
    assert_share(0.54, false, "54 %");
    assert_share(0.54, true, "54%");
    assert_share(0.0349, true, "3.5%");
    assert_share(0.0996, true, "10%");
    assert_share(0, true, "0%");
    assert_share(1, false, "100 %");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_weights_carry_their_unit),
        cmocka_unit_test(test_shares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
