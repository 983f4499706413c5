// Columns of varints without a branch that depends on their lengths.
//
// Where varints end is found for 64 bytes at once, as bits. So the load of one does not wait for
// the length of the one before, and the processor works on several at a time.
#include "proto/varint_column.h"

#include "proto/varint.h"

#include <string.h>
#if defined __x86_64__
#include <immintrin.h>
#endif

enum { WORD = sizeof(uint64_t), CHUNK = 64 };

// The lowest byte first, on every machine.
static inline uint64_t load(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

// A bit for each byte that a varint ends with.
static inline uint64_t ends_of(const uint8_t *chunk)
{
    uint64_t ends = 0;
    for (unsigned i = 0; i < CHUNK / WORD; i++) {
        uint64_t last = ~load(chunk + (size_t)i * WORD) >> 7 & UINT64_C(0x0101010101010101);
        ends |= (last * UINT64_C(0x0102040810204080) >> 56) << i * WORD;
    }
    return ends;
}

// Seven bits of each of the lowest `len` bytes, 1 to 8, together.
static inline uint64_t gather(uint64_t word, size_t len)
{
    word &= UINT64_MAX >> (WORD - len) * 8;
    word = (word & UINT64_C(0x007f007f007f007f)) | (word & UINT64_C(0x7f007f007f007f00)) >> 1;
    word = (word & UINT64_C(0x00003fff00003fff)) | (word & UINT64_C(0x3fff00003fff0000)) >> 2;
    return (word & UINT64_C(0x000000000fffffff)) | (word & UINT64_C(0x0fffffff00000000)) >> 4;
}

// `pack` is a compile-time constant in each copy.
static inline __attribute__((always_inline)) const uint8_t *read_all(
    uint64_t *out, size_t count, const uint8_t *at, const uint8_t *end,
    uint64_t (*pack)(uint64_t word, size_t len))
{
    uint64_t *const out_end = out + count;
    for (const uint8_t *chunk = at; end - chunk >= CHUNK + WORD && out < out_end; chunk += CHUNK) {
        for (uint64_t ends = ends_of(chunk); ends && out < out_end; ends &= ends - 1) {
            const uint8_t *next = chunk + __builtin_ctzll(ends) + 1;
            size_t len = (size_t)(next - at);
            if (__builtin_expect(len <= WORD, 1))
                *out = pack(load(at), len);
            else if (varint_read(at, next, out) != next)
                return NULL;
            out++;
            at = next;
        }
    }
    while (out < out_end && (at = varint_read(at, end, out)))
        out++;
    return at;
}

const uint8_t *varint_column_read_portable(uint64_t *out, size_t count, const uint8_t *at,
                                           const uint8_t *end)
{
    return read_all(out, count, at, end, gather);
}

#if defined __x86_64__
__attribute__((target("bmi,bmi2"))) static inline uint64_t extract(uint64_t word, size_t len)
{
    return _pext_u64(word, UINT64_C(0x7f7f7f7f7f7f7f7f) >> (WORD - len) * 8);
}

__attribute__((target("bmi,bmi2"))) static const uint8_t *read_bmi2(uint64_t *out, size_t count,
                                                                    const uint8_t *at,
                                                                    const uint8_t *end)
{
    return read_all(out, count, at, end, extract);
}
#endif

// Whether all are one byte long; they are then read.
static bool read_bytes(uint64_t *out, size_t count, const uint8_t *at, const uint8_t *end)
{
    uint64_t any = 0;
    size_t i = 0;
    if ((size_t)(end - at) < count)
        return false;
    for (; i + WORD <= count && !(any & UINT64_C(0x8080808080808080)); i += WORD)
        any |= load(at + i);
    for (; i < count; i++)
        any |= at[i];
    if (any & UINT64_C(0x8080808080808080))
        return false;
    for (i = 0; i < count; i++)
        out[i] = at[i];
    return true;
}

const uint8_t *varint_column_read(uint64_t *out, size_t count, const uint8_t *at,
                                  const uint8_t *end)
{
    if (read_bytes(out, count, at, end))
        return at + count;
#if defined __x86_64__
    if (__builtin_cpu_supports("bmi2"))
        return read_bmi2(out, count, at, end);
#endif
    return varint_column_read_portable(out, count, at, end);
}

bool varint_column_is_constant(uint64_t *out, size_t count, const uint8_t *at, const uint8_t *end)
{
    const uint8_t *next = varint_read(at, end, out);
    if (!next)
        return false;
    size_t len = (size_t)(next - at), all = (size_t)(end - at);
    return all / len == count && all % len == 0 && !memcmp(at, next, all - len);
}
