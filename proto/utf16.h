// UTF-16 text to UTF-8, in pieces: what PowerShell's `>` makes of a text file.
#ifndef FLICKER_PROTO_UTF16_H
#define FLICKER_PROTO_UTF16_H

#include "proto/bytes.h"

#include <stdbool.h>

// Starts as {0} with big_endian set.
struct utf16 {
    bool big_endian;
    bool odd;           // one byte of a unit is held
    unsigned char held; // that byte
    unsigned high;      // a high surrogate that waits for its low one; 0: none
};

// Whether text of this order begins with a byte order mark; *big_endian says which.
bool utf16_detect(bool *big_endian, const void *head, size_t len);
// Appends the UTF-8 of data to *out. A unit that pairs with none becomes U+FFFD.
void utf16_convert(struct utf16 *utf16, const void *data, size_t len, struct bytes *out);

#endif
