// The JSON writer.
#include "viewer/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void comma(struct json *json)
{
    if (json->more)
        bytes_append_char(json->out, ',');
    json->more = true;
}

void json_open(struct json *json, char bracket)
{
    comma(json);
    bytes_append_char(json->out, bracket);
    json->more = false;
}

void json_close(struct json *json, char bracket)
{
    bytes_append_char(json->out, bracket);
    json->more = true;
}

void json_key(struct json *json, const char *key)
{
    json_text_z(json, key);
    bytes_append_char(json->out, ':');
    json->more = false;
}

void json_null(struct json *json)
{
    comma(json);
    bytes_append_text(json->out, "null");
}

void json_bool(struct json *json, bool value)
{
    comma(json);
    bytes_append_text(json->out, value ? "true" : "false");
}

// Heatmaps are mostly small numbers: no printf for them.
void json_uint(struct json *json, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;

    comma(json);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    bytes_append(json->out, digits + at, sizeof digits - at);
}

void json_int(struct json *json, int64_t value)
{
    if (value >= 0) {
        json_uint(json, (uint64_t)value);
        return;
    }
    comma(json);
    bytes_printf(json->out, "%" PRId64, value);
}

void json_number(struct json *json, double value, unsigned digits)
{
    if (!isfinite(value)) {
        json_null(json);
        return;
    }
    comma(json);
    char text[400];
    int len = snprintf(text, sizeof text, "%.*f", (int)digits, value);
    if (digits) {
        while (len > 1 && text[len - 1] == '0')
            len--;
        if (text[len - 1] == '.')
            len--;
    }
    bytes_append(json->out, text, (size_t)len);
}

// Length of the UTF-8 sequence that starts here, 0 when it is none (RFC 3629: no surrogates, no
// overlong forms, nothing above U+10FFFF).
static size_t utf8_sequence(const unsigned char *text, size_t len)
{
    unsigned char first = text[0];
    size_t want = first < 0x80                     ? 1
                  : first >= 0xc2 && first <= 0xdf ? 2
                  : first >= 0xe0 && first <= 0xef ? 3
                  : first >= 0xf0 && first <= 0xf4 ? 4
                                                   : 0;

    if (want == 0 || want > len)
        return 0;
    for (size_t i = 1; i < want; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    if ((first == 0xe0 && text[1] < 0xa0) || (first == 0xed && text[1] > 0x9f) ||
        (first == 0xf0 && text[1] < 0x90) || (first == 0xf4 && text[1] > 0x8f))
        return 0;
    return want;
}

static void escaped(struct bytes *out, unsigned char c)
{
    if (c == '"' || c == '\\') {
        bytes_append_char(out, '\\');
        bytes_append_char(out, (char)c);
    } else {
        bytes_printf(out, "\\u%04x", c);
    }
}

void json_text(struct json *json, const char *text, size_t len)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t i = 0, plain = 0; // text[plain, i) can be copied as it is

    comma(json);
    bytes_append_char(json->out, '"');
    while (i < len) {
        size_t sequence = utf8_sequence(at + i, len - i);
        bool special = sequence == 1 && (at[i] < 0x20 || at[i] == 0x7f || at[i] == '"' ||
                                         at[i] == '\\' || at[i] == '<');
        if (sequence > 0 && !special) {
            i += sequence;
            continue;
        }
        bytes_append(json->out, text + plain, i - plain);
        if (special)
            escaped(json->out, at[i]);
        else
            bytes_append_text(json->out, "\xef\xbf\xbd");
        plain = ++i;
    }
    bytes_append(json->out, text + plain, i - plain);
    bytes_append_char(json->out, '"');
}

void json_text_z(struct json *json, const char *text)
{
    json_text(json, text ? text : "", text ? strlen(text) : 0);
}
