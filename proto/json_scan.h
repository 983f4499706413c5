// What JSON is made of, in bytes that are at hand: digits, numbers, the plain bytes of strings.
#ifndef FLICKER_PROTO_JSON_SCAN_H
#define FLICKER_PROTO_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

enum { INTEGER_BYTES = 24 }; // that may be looked at for one

INLINE bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

INLINE bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

INLINE bool is_letter(char c)
{
    return (unsigned char)((c | 0x20) - 'a') < 26;
}

INLINE bool is_scalar_byte(char c)
{
    return is_digit(c) || is_letter(c) || c == '-' || c == '+' || c == '.';
}

// The number that eight digits make, as values of 0 to 9, the first in the lowest byte.
INLINE uint64_t join_digits(uint64_t word)
{
    word = word * 10 + (word >> 8);
    return ((word & 0x000000ff000000ffu) * 0x000f424000000064u +
            (word >> 16 & 0x000000ff000000ffu) * 0x0000271000000001u) >>
           32;
}

// How many of eight bytes are digits, from the first on, and their number.
INLINE unsigned eight_digits(const char *at, uint64_t *number)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    word ^= 0x3030303030303030u; // digits are 0 to 9 now; the high bit marks what is none
    uint64_t others =
        (((word & 0x7f7f7f7f7f7f7f7fu) + 0x7676767676767676u) | word) & 0x8080808080808080u;
    unsigned digits = others ? (unsigned)__builtin_ctzll(others) / 8 : 8;
    if (!digits)
        return 0;
    *number = join_digits(word << (64 - 8 * digits)); // zeros before them
    return digits;
}

// The digits of an integer, up to 15, in INTEGER_BYTES that may be read. Returns what follows,
// which must not be more of a number; NULL: it is something else.
INLINE const char *read_integer(const char *at, int64_t *out)
{
    static const uint64_t POWERS[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
    uint64_t number = 0, rest = 0;
    bool negative = *at == '-';
    unsigned digits = eight_digits(at += negative, &number);
    at += digits;
    if (digits == 8) {
        digits = eight_digits(at, &rest);
        if (digits == 8)
            return NULL;
        number = number * POWERS[digits] + rest;
        at += digits;
    } else if (!digits) {
        return NULL;
    }
    *out = negative ? -(int64_t)number : (int64_t)number;
    return at;
}

// The end of a string's plain bytes: its quote, an escape, or the end of what is there.
INLINE const char *scan_plain(const char *at, const char *end, bool *has_high_bytes)
{
    unsigned char high = 0;
#ifdef __SSE2__
    const __m128i quotes = _mm_set1_epi8('"'), backslashes = _mm_set1_epi8('\\');
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        unsigned stops = (unsigned)_mm_movemask_epi8(
            _mm_or_si128(_mm_cmpeq_epi8(bytes, quotes), _mm_cmpeq_epi8(bytes, backslashes)));
        unsigned highs = (unsigned)_mm_movemask_epi8(bytes);
        *has_high_bytes |= (highs & (stops ? (stops & -stops) - 1 : 0xffff)) != 0;
        if (stops)
            return at + __builtin_ctz(stops);
    }
#endif
    while (at < end && *at != '"' && *at != '\\')
        high |= (unsigned char)*at++;
    *has_high_bytes |= high >= 0x80;
    return at;
}

static inline size_t count_digits(const char *text, size_t len)
{
    size_t digits = 0;
    while (digits < len && is_digit(text[digits]))
        digits++;
    return digits;
}

// As RFC 8259 has it, but that zeros may lead.
static inline bool is_number(const char *text, size_t len)
{
    const char *at = text, *end = text + len;
    at += at < end && *at == '-';
    size_t digits = count_digits(at, (size_t)(end - at));
    at += digits;
    if (digits && at < end && *at == '.') {
        digits = count_digits(at + 1, (size_t)(end - at - 1));
        at += 1 + digits;
    }
    if (digits && at < end && (*at | 0x20) == 'e') {
        at++;
        at += at < end && (*at == '-' || *at == '+');
        digits = count_digits(at, (size_t)(end - at));
        at += digits;
    }
    return digits && at == end;
}

#endif
