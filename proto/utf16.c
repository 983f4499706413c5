// UTF-16 text to UTF-8, in pieces.
#include "proto/utf16.h"

bool utf16_detect(bool *big_endian, const void *head, size_t len)
{
    const unsigned char *at = head;
    if (len < 2 || at[0] + at[1] != 0xfe + 0xff || (at[0] != 0xfe && at[0] != 0xff))
        return false;
    *big_endian = at[0] == 0xfe;
    return true;
}

static void append(struct bytes *out, unsigned code)
{
    char text[4];
    size_t len;
    if (code < 0x80) {
        text[0] = (char)code;
        len = 1;
    } else if (code < 0x800) {
        text[0] = (char)(0xc0 | code >> 6);
        text[1] = (char)(0x80 | (code & 0x3f));
        len = 2;
    } else if (code < 0x10000) {
        text[0] = (char)(0xe0 | code >> 12);
        text[1] = (char)(0x80 | (code >> 6 & 0x3f));
        text[2] = (char)(0x80 | (code & 0x3f));
        len = 3;
    } else {
        text[0] = (char)(0xf0 | code >> 18);
        text[1] = (char)(0x80 | (code >> 12 & 0x3f));
        text[2] = (char)(0x80 | (code >> 6 & 0x3f));
        text[3] = (char)(0x80 | (code & 0x3f));
        len = 4;
    }
    bytes_append(out, text, len);
}

static void take_unit(struct utf16 *utf16, unsigned unit, struct bytes *out)
{
    if (utf16->high && unit >= 0xdc00 && unit < 0xe000) {
        append(out, 0x10000 + ((utf16->high - 0xd800) << 10) + (unit - 0xdc00));
        utf16->high = 0;
        return;
    }
    if (utf16->high)
        append(out, 0xfffd);
    utf16->high = unit >= 0xd800 && unit < 0xdc00 ? unit : 0;
    if (unit >= 0xdc00 && unit < 0xe000)
        append(out, 0xfffd);
    else if (!utf16->high && unit != 0xfeff) // a byte order mark is no text
        append(out, unit);
}

void utf16_convert(struct utf16 *utf16, const void *data, size_t len, struct bytes *out)
{
    const unsigned char *at = data, *end = at + len;
    for (; at < end; at++) {
        if (!utf16->odd) {
            utf16->held = *at;
            utf16->odd = true;
            continue;
        }
        utf16->odd = false;
        unsigned first = utf16->held, second = *at;
        take_unit(utf16, utf16->big_endian ? first << 8 | second : second << 8 | first, out);
    }
}
