// Reads a line of `bpftrace -f json` piece by piece.
#include "proto/bpftrace_cursor.h"

#include "proto/bpftrace_header.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

static void skip_blanks(struct cursor *cursor)
{
    while (cursor->at < cursor->end && (*cursor->at == ' ' || *cursor->at == '\t'))
        cursor->at++;
}

bool cursor_take(struct cursor *cursor, char wanted)
{
    skip_blanks(cursor);
    if (cursor->at == cursor->end || *cursor->at != wanted)
        return false;
    cursor->at++;
    return true;
}

static bool take_hex(struct cursor *cursor, unsigned digits, unsigned *out)
{
    unsigned value = 0;
    if (cursor->end - cursor->at < (ptrdiff_t)digits)
        return false;
    for (unsigned i = 0; i < digits; i++) {
        unsigned char c = (unsigned char)cursor->at[i];
        if (!isxdigit(c))
            return false;
        value = value << 4 | (isdigit(c) ? c - (unsigned)'0' : (c | 0x20u) - 'a' + 10u);
    }
    cursor->at += digits;
    *out = value;
    return true;
}

static void append_utf8(struct bytes *out, unsigned code)
{
    if (code < 0x80) {
        bytes_append_char(out, (char)code);
    } else if (code < 0x800) {
        bytes_append_char(out, (char)(0xc0 | code >> 6));
        bytes_append_char(out, (char)(0x80 | (code & 0x3f)));
    } else {
        bytes_append_char(out, (char)(0xe0 | code >> 12));
        bytes_append_char(out, (char)(0x80 | (code >> 6 & 0x3f)));
        bytes_append_char(out, (char)(0x80 | (code & 0x3f)));
    }
}

static bool take_escape(struct cursor *cursor, struct bytes *out)
{
    static const char FROM[] = "nrtbf\"\\/", TO[] = "\n\r\t\b\f\"\\/";
    if (cursor->at == cursor->end)
        return false;
    char c = *cursor->at++;
    if (c == 'u') {
        unsigned code, byte;
        if (!take_hex(cursor, 4, &code))
            return false;
        struct cursor quirk = *cursor;
        if (code == 0xffff && take_hex(&quirk, 4, &byte) && byte >> 8 == 0xff) {
            *cursor = quirk;
            bytes_append_char(out, (char)(byte & 0xff));
        } else {
            append_utf8(out, code);
        }
        return true;
    }
    const char *known = strchr(FROM, c);
    if (!c || !known)
        return false;
    bytes_append_char(out, TO[known - FROM]);
    return true;
}

// A string, unescaped into *out.
bool cursor_take_string(struct cursor *cursor, struct bytes *out)
{
    bytes_clear(out);
    bytes_append(out, "", 0);
    if (!cursor_take(cursor, '"'))
        return false;
    while (cursor->at < cursor->end) {
        const char *start = cursor->at;
        while (cursor->at < cursor->end && *cursor->at != '"' && *cursor->at != '\\')
            cursor->at++;
        bytes_append(out, start, (size_t)(cursor->at - start));
        if (cursor->at == cursor->end)
            return false;
        if (*cursor->at++ == '"')
            return true;
        if (!take_escape(cursor, out))
            return false;
    }
    return false;
}

bool cursor_take_number(struct cursor *cursor, uint64_t *out)
{
    skip_blanks(cursor);
    const char *start = cursor->at;
    while (cursor->at < cursor->end && isdigit((unsigned char)*cursor->at))
        cursor->at++;
    return bpftrace_number(start, (size_t)(cursor->at - start), out);
}

bool cursor_take_named(struct cursor *cursor, struct bytes *scratch, const char *name)
{
    return cursor_take_string(cursor, scratch) && !strcmp(scratch->data, name) &&
           cursor_take(cursor, ':');
}

bool cursor_take_signed(struct cursor *cursor, int64_t *out)
{
    uint64_t value;
    bool negative = cursor_take(cursor, '-');
    if (!cursor_take_number(cursor, &value) || value > INT64_MAX)
        return false;
    *out = negative ? -(int64_t)value : (int64_t)value;
    return true;
}
