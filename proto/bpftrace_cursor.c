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
        cursor->escaped = true;
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

bool cursor_take_written(struct cursor *cursor, uint64_t *out)
{
    if (!cursor->hex)
        return cursor_take_number(cursor, out);
    unsigned digit, count = 0;
    skip_blanks(cursor);
    for (*out = 0; count < 16 && take_hex(cursor, 1, &digit); count++)
        *out = *out << 4 | digit;
    return count > 0;
}

bool cursor_take_named(struct cursor *cursor, struct bytes *scratch, const char *name)
{
    return cursor_take_string(cursor, scratch) && !strcmp(scratch->data, name) &&
           cursor_take(cursor, ':');
}

bool cursor_take_signed(struct cursor *cursor, int64_t *out)
{
    uint64_t value;
    bool quoted = cursor_take(cursor, '"');
    bool negative = cursor_take(cursor, '-');
    if (!cursor_take_number(cursor, &value) || (quoted && !cursor_take(cursor, '"')))
        return false;
    int64_t bounded = value > INT64_MAX ? INT64_MAX : (int64_t)value;
    *out = negative ? -bounded : bounded;
    return true;
}

// A number that need not be whole, true, false, null: as it stands there.
static bool take_word(struct cursor *cursor, struct bytes *out)
{
    static const char *const words[] = {"true", "false", "null", "nan", "inf"};
    const char *start = cursor->at;
    while (cursor->at < cursor->end &&
           (isalnum((unsigned char)*cursor->at) || memchr("+-.", *cursor->at, 3)))
        cursor->at++;
    size_t len = (size_t)(cursor->at - start);
    bytes_append(out, start, len);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i]) == len && !memcmp(words[i], start, len))
            return true;
    }
    return len && (isdigit((unsigned char)*start) || *start == '-');
}

static bool append_value(struct cursor *cursor, struct bytes *out, struct bytes *scratch,
                         unsigned depth);

// What follows '[' or '{', with its end.
static bool append_members(struct cursor *cursor, struct bytes *out, struct bytes *scratch,
                           bool named, unsigned depth)
{
    char end = named ? '}' : ']';
    if (cursor_take(cursor, end))
        return true;
    do {
        if (named) {
            if (!cursor_take_string(cursor, scratch) || !cursor_take(cursor, ':'))
                return false;
            bytes_printf(out, "%s: ", bytes_text(scratch));
        }
        if (!append_value(cursor, out, scratch, depth))
            return false;
        if (!cursor_take(cursor, ','))
            return cursor_take(cursor, end);
        bytes_append_text(out, ", ");
    } while (true);
}

static bool append_value(struct cursor *cursor, struct bytes *out, struct bytes *scratch,
                         unsigned depth)
{
    enum { DEPTH_MAX = 32 };
    if (depth == DEPTH_MAX)
        return false;
    skip_blanks(cursor);
    if (cursor->at == cursor->end)
        return false;
    if (*cursor->at == '"') {
        bool good = cursor_take_string(cursor, scratch);
        bytes_append(out, bytes_text(scratch), scratch->len);
        return good;
    }
    bool named = *cursor->at == '{';
    if (!named && *cursor->at != '[')
        return take_word(cursor, out);
    cursor->at++;
    bytes_append_char(out, named ? '{' : '(');
    bool good = append_members(cursor, out, scratch, named, depth + 1);
    bytes_append_char(out, named ? '}' : ')');
    return good;
}

bool cursor_take_value(struct cursor *cursor, struct bytes *out, struct bytes *scratch)
{
    bytes_clear(out);
    return append_value(cursor, out, scratch, 0);
}

bool cursor_take_count(struct cursor *cursor, uint64_t *out)
{
    struct cursor tried = *cursor;
    bool quoted = cursor_take(&tried, '"');
    if (!cursor_take_number(&tried, out) || (quoted && !cursor_take(&tried, '"')))
        return false;
    if (tried.at < tried.end && memchr(".eE", *tried.at, 3))
        return false;
    *cursor = tried;
    return true;
}
