// Errors: a message that is too long loses its middle, and keeps what it says last.
#include "proto/err.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

static void test_a_message_is_what_was_said(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(err_set(&err, -ENOENT, "'%s': not there", "x"), -ENOENT);
    assert_int_equal(err_prefix(&err, "%s:%d", "file", 7), -ENOENT);
    assert_string_equal(err.message, "file:7: 'x': not there");
    assert_int_equal(err_set(&err, 0, "an errno of 0 is a mistake"), -EINVAL);
    assert_int_equal(err_set(NULL, -EIO, "nobody listens"), -EIO);
}

static void test_of_a_long_name_the_middle_goes(void **state)
{
    (void)state;
    char name[20000];
    struct err err = {0};
    for (size_t len = 0; len < sizeof name; len += len < 1100 ? 1 : 997) {
        memset(name, 'a', len);
        name[len] = '\0';
        err_set(&err, -ENAMETOOLONG, "cannot open '%s': too long", name);
        assert_true(strlen(err.message) < ERR_MESSAGE_BYTES);
        assert_memory_equal(err.message, "cannot open '", 13);
        if (len < 8000)
            assert_string_equal(err.message + strlen(err.message) - 10, ": too long");
        assert_int_equal(!strstr(err.message, "..."), len <= ERR_MESSAGE_BYTES - 1 - 24);
        err_set(&err, -ENAMETOOLONG, "too long");
        err_prefix(&err, "'%s'", name);
        assert_true(strlen(err.message) < ERR_MESSAGE_BYTES);
        assert_string_equal(err.message + strlen(err.message) - 10, ": too long");
        err_set(&err, -ENAMETOOLONG, "cannot open '%.5000s': too long", name);
        err_prefix(&err, "'%s'", name);
        assert_true(strlen(err.message) < ERR_MESSAGE_BYTES);
        assert_string_equal(err.message + strlen(err.message) - 10, ": too long");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_message_is_what_was_said),
        cmocka_unit_test(test_of_a_long_name_the_middle_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
