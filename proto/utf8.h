// UTF-8: how long the character at a place is.
#ifndef FLICKER_PROTO_UTF8_H
#define FLICKER_PROTO_UTF8_H

#include <stddef.h>

// Bytes of the character at text (1 to 4), or 0 when it is not well-formed (RFC 3629: no overlong
// forms, no surrogates, nothing above U+10FFFF) or is cut off.
static inline size_t utf8_length(const char *text, size_t len)
{
    const unsigned char *at = (const unsigned char *)text;
    if (!len || at[0] < 0x80)
        return len ? 1 : 0;
    size_t need = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4 || len < need)
        return 0;
    for (size_t i = 1; i < need; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
        (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
        return 0;
    return need;
}

#endif
