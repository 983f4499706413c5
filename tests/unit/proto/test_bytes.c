// Byte strings: numbers as text.
#include "proto/bytes.h"
#include "tests/test.h"

static void test_numbers(void **state)
{
    (void)state;
    static const uint64_t NUMBERS[] = {0, 9, 10, 1234567890, UINT64_MAX};
    struct bytes bytes = {0};
    for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++) {
        bytes_append_number(&bytes, NUMBERS[i]);
        bytes_append_char(&bytes, ' ');
    }
    assert_string_equal(bytes_text(&bytes), "0 9 10 1234567890 18446744073709551615 ");
    bytes_dispose(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_numbers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
