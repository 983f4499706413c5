// Blocks of text in two registers of AVX-512, and what is where in them.
//
// For code that runs where text_hash_can_be_wide says so.
#ifndef FLICKER_PROTO_WIDE_BLOCK_H
#define FLICKER_PROTO_WIDE_BLOCK_H

#if defined(__x86_64__)
#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIDE        __attribute__((target("avx512f,avx512bw,avx512vl,vpclmulqdq,bmi,bmi2,popcnt,lzcnt")))
#define WIDE_INLINE WIDE static inline __attribute__((always_inline))

enum { WIDE_BLOCK = 128 }; // bytes

// A block of text, in two halves, or none of it: a bit for every byte.
struct wide_block {
    __m512i low, high;
};
struct wide_bits {
    uint64_t low, high;
};

// Whether less than a block is left from `at`, which is not behind the end.
WIDE_INLINE bool wide_is_last(size_t at, size_t len)
{
    return __builtin_expect(len - at < WIDE_BLOCK, 0);
}

// The bytes of text from there; zeros behind its end.
WIDE_INLINE struct wide_block wide_load(const char *text, size_t at, size_t len)
{
    if (wide_is_last(at, len)) {
        size_t left = len - at, low = left < 64 ? left : 64;
        return (struct wide_block){
            _mm512_maskz_loadu_epi8(_bzhi_u64(~0ull, (uint32_t)low), text + at),
            _mm512_maskz_loadu_epi8(_bzhi_u64(~0ull, (uint32_t)(left - low)), text + at + low)};
    }
    return (struct wide_block){_mm512_loadu_si512(text + at), _mm512_loadu_si512(text + at + 64)};
}

WIDE_INLINE struct wide_bits wide_newlines(struct wide_block block)
{
    __m512i newline = _mm512_set1_epi8('\n');
    return (struct wide_bits){_mm512_cmpeq_epi8_mask(block.low, newline),
                              _mm512_cmpeq_epi8_mask(block.high, newline)};
}

// What follows has no branches: where lines end is hard to foretell.

// All ones when there is no bit in the low half.
WIDE_INLINE uint64_t wide_low_is_empty(struct wide_bits bits)
{
    return -(uint64_t)(bits.low == 0);
}

// The number of the first bit; 128 when there is none.
WIDE_INLINE size_t wide_first(struct wide_bits bits)
{
    return _tzcnt_u64(bits.low) + (_tzcnt_u64(bits.high) & wide_low_is_empty(bits));
}

// All below the first bit; all when there is none.
WIDE_INLINE struct wide_bits wide_below(struct wide_bits bits)
{
    return (struct wide_bits){_blsi_u64(bits.low) - 1,
                              (_blsi_u64(bits.high) - 1) & wide_low_is_empty(bits)};
}

// The same and the first one.
WIDE_INLINE struct wide_bits wide_up_to(struct wide_bits bits)
{
    return (struct wide_bits){_blsmsk_u64(bits.low),
                              _blsmsk_u64(bits.high) & wide_low_is_empty(bits)};
}

WIDE_INLINE struct wide_block wide_keep(struct wide_block block, struct wide_bits kept)
{
    return (struct wide_block){_mm512_maskz_mov_epi8(kept.low, block.low),
                               _mm512_maskz_mov_epi8(kept.high, block.high)};
}

#endif
#endif
