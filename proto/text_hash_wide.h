// The wide half of text_hash.h, for code that looks for something in the same blocks: it has them
// in a register already.
#ifndef FLICKER_PROTO_TEXT_HASH_WIDE_H
#define FLICKER_PROTO_TEXT_HASH_WIDE_H

#include "proto/text_hash.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define WIDE        __attribute__((target("avx512f,avx512bw,avx512vl,vpclmulqdq,bmi,bmi2,popcnt,lzcnt")))
#define WIDE_INLINE WIDE static inline __attribute__((always_inline))

// Of a text in the making.
struct wide_hash {
    const struct text_hash *hash;
    __m512i first, second; // the sums of this segment, in four parts each
    __m512i key;           // of the next block
    uint32_t blocks;       // of this segment
    struct hash128 state;  // of the segments before
};

#define WIDE_HASH_KEY 0x9e3779b97f4a7c15ull

WIDE_INLINE struct wide_hash wide_hash_start(const struct text_hash *hash)
{
    return (struct wide_hash){
        .hash = hash,
        .first = _mm512_setzero_si512(),
        .second = _mm512_setzero_si512(),
        .key = _mm512_loadu_si512(hash->keys),
        .state = {hash->seed, hash->seed ^ WIDE_HASH_KEY},
    };
}

// The sum of the four parts.
WIDE_INLINE __m128i wide_hash_fold(__m512i parts)
{
    __m256i two =
        _mm256_xor_si256(_mm512_castsi512_si256(parts), _mm512_extracti64x4_epi64(parts, 1));
    return _mm_xor_si128(_mm256_castsi256_si128(two), _mm256_extracti128_si256(two, 1));
}

WIDE_INLINE struct hash128 wide_hash_mix(struct hash128 state, __m512i parts, uint64_t more)
{
    __m128i sum = wide_hash_fold(parts);
    return hash128_mix(state, (uint64_t)_mm_cvtsi128_si64(sum) ^ more,
                       (uint64_t)_mm_extract_epi64(sum, 1));
}

// A block of text, which is followed by zeros where the text ends.
WIDE_INLINE void wide_hash_add(struct wide_hash *wide, __m512i block)
{
    if (wide->blocks == TEXT_HASH_SEGMENT) {
        wide->state = wide_hash_mix(wide->state, wide->first, 0);
        wide->state = wide_hash_mix(wide->state, wide->second, 0);
        wide->first = wide->second = _mm512_setzero_si512();
        wide->key = _mm512_loadu_si512(wide->hash->keys);
        wide->blocks = 0;
    }
    wide->blocks++;
    __m512i key = _mm512_loadu_si512(wide->hash->keys + (size_t)wide->blocks * 8);
    __m512i first = _mm512_xor_si512(block, wide->key), second = _mm512_xor_si512(block, key);
    wide->first = _mm512_xor_si512(wide->first, _mm512_clmulepi64_epi128(first, first, 1));
    wide->second = _mm512_xor_si512(wide->second, _mm512_clmulepi64_epi128(second, second, 1));
    wide->key = key;
}

// Of a text of so many bytes.
WIDE_INLINE struct hash128 wide_hash_end(const struct wide_hash *wide, size_t len)
{
    struct hash128 state = wide_hash_mix(wide->state, wide->first, len);
    state = wide_hash_mix(state, wide->second, 0);
    return (struct hash128){hash_mix(state.low, state.high ^ wide->hash->seed),
                            hash_mix(state.high ^ WIDE_HASH_KEY, state.low ^ len)};
}

// The 64 bytes of text from `at`, which is less than len; zeros behind its end.
WIDE_INLINE __m512i wide_load(const char *text, size_t at, size_t len)
{
    if (len - at >= TEXT_HASH_BLOCK)
        return _mm512_loadu_si512(text + at);
    return _mm512_maskz_loadu_epi8(_bzhi_u64(~0ull, (uint32_t)(len - at)), text + at);
}

WIDE_INLINE uint64_t wide_newlines(__m512i block)
{
    return _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8('\n'));
}

// Hashes a line, its newline included. Returns where that is; len: the text ends before.
WIDE_INLINE size_t wide_hash_line(struct hash128 *out, const struct text_hash *hash,
                                  const char *text, size_t from, size_t len)
{
    struct wide_hash wide = wide_hash_start(hash);
    for (size_t at = from; at < len; at += TEXT_HASH_BLOCK) {
        __m512i block = wide_load(text, at, len);
        uint64_t newlines = wide_newlines(block);
        if (newlines) {
            size_t end = at + (size_t)__builtin_ctzll(newlines);
            wide_hash_add(&wide, _mm512_maskz_mov_epi8(_blsmsk_u64(newlines), block));
            *out = wide_hash_end(&wide, end + 1 - from);
            return end;
        }
        wide_hash_add(&wide, block);
    }
    *out = (struct hash128){0};
    return len;
}

#endif
#endif
