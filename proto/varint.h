// Varints as protobuf writes them: seven bits a byte, the lowest first; the top bit says "more".
#ifndef FLICKER_PROTO_VARINT_H
#define FLICKER_PROTO_VARINT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { VARINT_MAX_BYTES = 10 };

// Reads one varint of [at, end). Returns the byte after it; NULL when it is cut off or longer than
// ten bytes.
static inline const uint8_t *varint_read(const uint8_t *at, const uint8_t *end, uint64_t *out)
{
    if (__builtin_expect(at < end && *at < 0x80, 1)) {
        *out = *at;
        return at + 1;
    }
    if (__builtin_expect(end - at >= 2 && at[1] < 0x80, 1)) {
        *out = (*at & 0x7fu) | (uint64_t)at[1] << 7;
        return at + 2;
    }
    uint64_t value = 0;
    for (unsigned shift = 0; at < end && shift < 7 * VARINT_MAX_BYTES; shift += 7) {
        uint8_t byte = *at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = value;
            return at;
        }
    }
    return NULL;
}

// Writes one; returns its length.
static inline size_t varint_write(uint8_t out[VARINT_MAX_BYTES], uint64_t value)
{
    size_t len = 0;
    for (; value >= 0x80; value >>= 7)
        out[len++] = (uint8_t)(value | 0x80);
    out[len++] = (uint8_t)value;
    return len;
}

// The same without a branch that depends on the length, for numbers of changing ones: always writes
// eight bytes or more.
static inline size_t varint_write_flat(uint8_t out[VARINT_MAX_BYTES], uint64_t value)
{
    if (__builtin_expect(value >> 28 != 0, 0))
        return varint_write(out, value);
    uint64_t word = (value & 0x3fff) | (value & 0xfffc000) << 2;
    word = (word & 0x007f007f) | (word & 0x3f803f80) << 1;
    unsigned bits = 32 - (unsigned)__builtin_clz((unsigned)value | 1);
    size_t len = (bits + 6) * 37 >> 8; // a seventh
    word |= 0x80808080 & ((UINT64_C(1) << 8 * (len - 1)) - 1);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    memcpy(out, &word, sizeof word);
    return len;
}

// Small negative numbers as small positive ones (sint64).
static inline uint64_t zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
}

static inline int64_t unzigzag(uint64_t value)
{
    return (int64_t)((value >> 1) ^ -(value & 1));
}

#endif
