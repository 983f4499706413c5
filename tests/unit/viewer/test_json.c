// The JSON writer: commas, escapes, bytes that are not UTF-8.
#include "tests/test.h"
#include "viewer/json.h"

#include <math.h>
#include <string.h>

static void structure(void **state)
{
    struct bytes out = {0};
    struct json json = {.out = &out};

    (void)state;
    json_open(&json, '{');
    json_key(&json, "a");
    json_uint(&json, UINT64_MAX);
    json_key(&json, "b");
    json_open(&json, '[');
    json_int(&json, INT64_MIN);
    json_bool(&json, true);
    json_null(&json);
    json_open(&json, '[');
    json_close(&json, ']');
    json_open(&json, '{');
    json_close(&json, '}');
    json_close(&json, ']');
    json_key(&json, "c");
    json_text_z(&json, NULL);
    json_close(&json, '}');
    assert_string_equal(
        bytes_text(&out),
        "{\"a\":18446744073709551615,\"b\":[-9223372036854775808,true,null,[],{}],\"c\":\"\"}");
    bytes_dispose(&out);
}

static void check_text(const char *text, size_t len, const char *want)
{
    struct bytes out = {0};
    struct json json = {.out = &out};

    json_text(&json, text, len);
    assert_string_equal(bytes_text(&out), want);
    bytes_dispose(&out);
}

static void texts(void **state)
{
    (void)state;
    check_text("plain", 5, "\"plain\"");
    check_text("a\"b\\c", 5, "\"a\\\"b\\\\c\"");
    check_text("\n\0\x1b", 3, "\"\\u000a\\u0000\\u001b\"");
    check_text("</script>", 9, "\"\\u003c/script>\"");
    check_text("\xc3\xa4\xe2\x82\xac\xf0\x9f\x94\xa5", 9,
               "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x94\xa5\"");
    // A lone continuation, an overlong slash, a surrogate, beyond U+10FFFF, a cut sequence.
    check_text("\x80", 1, "\"\xef\xbf\xbd\"");
    check_text("\xc0\xaf", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");
    check_text("\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    check_text("\xf4\x90\x80\x80", 4, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    check_text("x\xe2\x82", 3, "\"x\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void check_number(double value, unsigned digits, const char *want)
{
    struct bytes out = {0};
    struct json json = {.out = &out};

    json_number(&json, value, digits);
    assert_string_equal(bytes_text(&out), want);
    bytes_dispose(&out);
}

static void numbers(void **state)
{
    (void)state;
    check_number(0.5, 3, "0.5");
    check_number(100, 0, "100");
    check_number(1.0, 2, "1");
    check_number(0.00004, 3, "0");
    check_number(NAN, 2, "null");
    check_number(-INFINITY, 2, "null");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(structure),
        cmocka_unit_test(texts),
        cmocka_unit_test(numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
