// JSON values as numbers and text.
#include "proto/json_value.h"

#include "proto/json_reader.h"
#include "proto/utf8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

// Up to 18 digits and nothing else: nearly all numbers.
static bool plain_int(const struct json_value *value, int64_t *out)
{
    *out = value->integer;
    if (value->is_integer)
        return true;
    size_t at = value->len && value->text[0] == '-', start = at;
    int64_t number = 0;
    for (; at < value->len && at - start < 18; at++) {
        unsigned digit = (unsigned char)value->text[at] - (unsigned)'0';
        if (digit > 9)
            return false;
        number = number * 10 + digit;
    }
    *out = start ? -number : number;
    return at == value->len && at > start;
}

// Up to 15 digits with a point among them: both the digits and the power of ten are exact, so that
// their quotient is rounded once, as strtod does.
static bool plain_decimal(const struct json_value *value, double *out)
{
    static const double POWERS[] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    const char *at = value->text, *end = at + value->len, *point = NULL;
    bool negative = at < end && *at == '-';
    uint64_t digits = 0;
    if (value->len > 17)
        return false;
    for (at += negative; at < end; at++) {
        if (is_digit(*at))
            digits = digits * 10 + (uint64_t)(*at - '0');
        else if (*at == '.' && !point)
            point = at;
        else
            return false;
    }
    if (!point || point == end - 1 || value->len - negative - 1 > 15)
        return false;
    double number = (double)digits / POWERS[end - 1 - point];
    *out = negative ? -number : number;
    return true;
}

double json_value_double(const struct json_value *value)
{
    char text[JSON_NUMBER_MAX_BYTES + 1];
    int64_t number;
    double decimal;
    if (value->kind != JSON_NUMBER && value->kind != JSON_STRING)
        return 0;
    if (plain_int(value, &number))
        return (double)number;
    if (plain_decimal(value, &decimal))
        return decimal;
    size_t len = value->len < sizeof text - 1 ? value->len : sizeof text - 1;
    memcpy(text, value->text, len);
    text[len] = '\0';
    double wide = strtod(text, NULL);
    return isfinite(wide) ? wide : 0;
}

bool json_value_fixed(const struct json_value *value, unsigned digits, int64_t *out)
{
    static const double POWERS[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
    const char *at = value->text, *end = at + value->len;
    bool negative = at < end && *at == '-';
    uint64_t whole = 0;
    unsigned seen = 0, behind = 0;
    if (value->is_integer && !__builtin_mul_overflow(value->integer, (int64_t)POWERS[digits], out))
        return true;
    at += negative;
    for (; at < end && is_digit(*at) && seen < 19; at++, seen++)
        whole = whole * 10 + (uint64_t)(*at - '0');
    if (at < end && *at == '.' && seen + digits <= 19) {
        bool up = false;
        for (at++; at < end && is_digit(*at); at++, behind++) {
            if (behind < digits)
                whole = whole * 10 + (uint64_t)(*at - '0');
            else if (behind == digits)
                up = *at >= '5';
        }
        for (; behind < digits; behind++)
            whole *= 10;
        whole += up;
    } else if (at == end && seen + digits <= 19) {
        for (; behind < digits; behind++)
            whole *= 10;
    } else {
        at = NULL;
    }
    if (at == end && seen && whole <= INT64_MAX &&
        (value->kind == JSON_NUMBER || value->kind == JSON_STRING)) {
        *out = negative ? -(int64_t)whole : (int64_t)whole;
        return true;
    }
    double wide = json_value_double(value) * POWERS[digits]; // an exponent, or very long
    if ((value->kind != JSON_NUMBER && value->kind != JSON_STRING) || !(fabs(wide) < 9.2e18))
        return false;
    *out = llround(wide);
    return true;
}

int64_t json_value_int(const struct json_value *value)
{
    int64_t number;
    if ((value->kind == JSON_NUMBER || value->kind == JSON_STRING) && plain_int(value, &number))
        return number;
    double wide = json_value_double(value);
    return wide >= 0x1p63 ? INT64_MAX : wide < -0x1p63 ? INT64_MIN : (int64_t)wide;
}

void json_quote(struct bytes *out, const char *text, size_t len)
{
    bytes_append_char(out, '"');
    for (size_t at = 0; at < len;) {
        unsigned char c = (unsigned char)text[at];
        size_t good = utf8_length(text + at, len - at);
        if (c == '"' || c == '\\') {
            bytes_append_char(out, '\\');
            bytes_append_char(out, (char)c);
        } else if (c < 0x20) {
            bytes_printf(out, "\\u%04x", c);
        } else {
            bytes_append(out, good ? text + at : "\xef\xbf\xbd", good ? good : 3);
        }
        at += good ? good : 1;
    }
    bytes_append_char(out, '"');
}
