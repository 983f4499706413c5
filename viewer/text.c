// Text that strangers chose, made safe to show and measured in cells.
#include "viewer/text.h"

#include <string.h>

static bool is_shown(uint32_t c)
{
    if (c < 0x20 || (c >= 0x7f && c < 0xa0))
        return false;
    if ((c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f)
        return false; // would turn the rest of the line round
    if (c == 0x2028 || c == 0x2029 || c == 0xfeff)
        return false;
    return (c & 0xfffe) != 0xfffe && !(c >= 0xfdd0 && c <= 0xfdef);
}

uint32_t text_next(const char **at, const char *end)
{
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *byte = (const unsigned char *)*at;
    size_t left = (size_t)(end - *at);
    size_t len = byte[0] < 0x80             ? 1
                 : (byte[0] & 0xe0) == 0xc0 ? 2
                 : (byte[0] & 0xf0) == 0xe0 ? 3
                 : (byte[0] & 0xf8) == 0xf0 ? 4
                                            : 0;
    uint32_t code = len <= 1 ? byte[0] : byte[0] & (0x7fu >> len);
    bool good = len > 0 && len <= left;
    for (size_t i = 1; good && i < len; i++) {
        good = (byte[i] & 0xc0) == 0x80;
        code = code << 6 | (byte[i] & 0x3f);
    }
    if (!good || code < smallest[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
        *at += 1;
        return '?';
    }
    *at += len;
    return is_shown(code) ? code : '?';
}

unsigned text_cell_width(uint32_t c)
{
    static const uint32_t wide[][2] = {{0x1100, 0x115f},   {0x2e80, 0x303e},  {0x3041, 0xa4cf},
                                       {0xac00, 0xd7a3},   {0xf900, 0xfaff},  {0xfe30, 0xfe6f},
                                       {0xff00, 0xff60},   {0xffe0, 0xffe6},  {0x1f300, 0x1f64f},
                                       {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};
    if ((c >= 0x300 && c <= 0x36f) || (c >= 0x200b && c <= 0x200d) || (c >= 0xfe00 && c <= 0xfe0f))
        return 0;
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) {
        if (c >= wide[i][0] && c <= wide[i][1])
            return 2;
    }
    return 1;
}

unsigned text_width(const char *text, size_t len)
{
    unsigned width = 0;
    for (const char *at = text, *end = text + len; at < end;)
        width += text_cell_width(text_next(&at, end));
    return width;
}

static void append_code_point(struct bytes *out, uint32_t c)
{
    char utf8[4];
    size_t len;
    if (c < 0x80) {
        utf8[0] = (char)c;
        len = 1;
    } else if (c < 0x800) {
        utf8[0] = (char)(0xc0 | c >> 6);
        len = 2;
    } else if (c < 0x10000) {
        utf8[0] = (char)(0xe0 | c >> 12);
        len = 3;
    } else {
        utf8[0] = (char)(0xf0 | c >> 18);
        len = 4;
    }
    for (size_t i = 1; i < len; i++)
        utf8[i] = (char)(0x80 | (c >> 6 * (len - 1 - i) & 0x3f));
    bytes_append(out, utf8, len);
}

void text_append_clean(struct bytes *out, const char *text, size_t len, bool ascii)
{
    for (const char *at = text, *end = text + len; at < end;) {
        uint32_t c = text_next(&at, end);
        append_code_point(out, ascii && c >= 0x80 ? '?' : c);
    }
}

void text_append_xml(struct bytes *out, const char *text, size_t len)
{
    for (const char *at = text, *end = text + len; at < end;) {
        uint32_t c = text_next(&at, end);
        switch (c) {
        case '&':
            bytes_append_text(out, "&amp;");
            break;
        case '<':
            bytes_append_text(out, "&lt;");
            break;
        case '>':
            bytes_append_text(out, "&gt;");
            break;
        case '"':
            bytes_append_text(out, "&quot;");
            break;
        default:
            append_code_point(out, c);
        }
    }
}

// Where the longest tail that starts after a "::" outside of brackets and is at most `width` cells
// begins, else the shortest tail; NULL when there is no "::".
static const char *qualified_tail(const char *text, size_t len, unsigned width)
{
    int depth = 0;
    const char *best = NULL;
    for (size_t i = len; i >= 2; i--) { // from the end: brackets close before they open
        char c = text[i - 1];
        depth += c == '>' || c == ')' ? 1 : c == '<' || c == '(' ? -1 : 0;
        if (depth != 0 || c != ':' || text[i - 2] != ':')
            continue;
        if (best && text_width(text + i, len - i) > width)
            break;
        best = text + i;
    }
    return best && best < text + len ? best : NULL;
}

// As much as fits into `width` cells, "~" at the end when that is not all. Returns the cells used.
static unsigned append_cut(struct bytes *out, const char *text, const char *end, unsigned width)
{
    bool whole = text_width(text, (size_t)(end - text)) <= width;
    unsigned used = 0;
    const char *at = text;
    while (at < end) {
        const char *next = at;
        unsigned cells = text_cell_width(text_next(&next, end));
        if (used + cells > width - !whole)
            break;
        used += cells;
        at = next;
    }
    bytes_append(out, text, (size_t)(at - text));
    if (whole)
        return used;
    bytes_append_char(out, '~');
    return used + 1;
}

unsigned text_append_short(struct bytes *out, const char *text, size_t len, unsigned width)
{
    enum { READABLE = 3, READABLE_TAIL = 6 };
    const char *end = text + len;
    if (text_width(text, len) <= width)
        return append_cut(out, text, end, width);
    if (width < READABLE)
        return 0;
    bool has_dots = width >= READABLE_TAIL; // narrower, they would take the name's place
    unsigned left = has_dots ? width - 2 : width;
    const char *tail = qualified_tail(text, len, left);
    if (!tail)
        return append_cut(out, text, end, width);
    if (has_dots)
        bytes_append_text(out, "..");
    return width - left + append_cut(out, tail, end, left);
}
