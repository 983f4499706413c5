// The wide half of text_hash.h, for code that looks for something in the same blocks: it has them
// in a register already.
#ifndef FLICKER_PROTO_TEXT_HASH_WIDE_H
#define FLICKER_PROTO_TEXT_HASH_WIDE_H

#include "proto/text_hash.h"
#include "proto/wide_block.h"

#include <assert.h>

#if defined(__x86_64__)
static_assert((int)TEXT_HASH_BLOCK == (int)WIDE_BLOCK, "a block is hashed as it was looked at");

// Of a text in the making.
struct wide_hash {
    const struct text_hash *hash;
    __m512i first, second; // the sums of this segment, in four parts each
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
        .state = {hash->seed, hash->seed ^ WIDE_HASH_KEY},
    };
}

// Both sums of this segment: two words of the first, two of the second.
struct wide_sums {
    uint64_t words[4];
};

WIDE_INLINE struct wide_sums wide_hash_sums(const struct wide_hash *wide)
{
    __m512i low = _mm512_shuffle_i64x2(wide->first, wide->second, 0x44);
    __m512i high = _mm512_shuffle_i64x2(wide->first, wide->second, 0xee);
    __m512i halves = _mm512_xor_si512(low, high); // two parts of each sum are left
    __m512i sums = _mm512_xor_si512(halves, _mm512_shuffle_i64x2(halves, halves, 0xb1));
    __m128i first = _mm512_castsi512_si128(sums), second = _mm512_extracti32x4_epi32(sums, 2);
    return (struct wide_sums){
        {(uint64_t)_mm_cvtsi128_si64(first), (uint64_t)_mm_extract_epi64(first, 1),
         (uint64_t)_mm_cvtsi128_si64(second), (uint64_t)_mm_extract_epi64(second, 1)}};
}

// What a block adds to a sum with these keys.
WIDE_INLINE __m512i wide_hash_sum(__m512i sum, struct wide_block block, const uint64_t *keys)
{
    enum { XOR_OF_THREE = 0x96 }; // as a table of truth
    __m512i low = _mm512_xor_si512(block.low, _mm512_loadu_si512(keys));
    __m512i high = _mm512_xor_si512(block.high, _mm512_loadu_si512(keys + TEXT_HASH_WORDS / 2));
    return _mm512_ternarylogic_epi64(sum, _mm512_clmulepi64_epi128(low, low, 1),
                                     _mm512_clmulepi64_epi128(high, high, 1), XOR_OF_THREE);
}

// A block of text, which is followed by zeros where the text ends.
WIDE_INLINE void wide_hash_add(struct wide_hash *wide, struct wide_block block)
{
    if (__builtin_expect(wide->blocks == TEXT_HASH_SEGMENT, 0)) {
        struct wide_sums sums = wide_hash_sums(wide);
        wide->state = hash128_mix(wide->state, sums.words[0], sums.words[1]);
        wide->state = hash128_mix(wide->state, sums.words[2], sums.words[3]);
        wide->first = wide->second = _mm512_setzero_si512();
        wide->blocks = 0;
    }
    const uint64_t *keys =
        wide->hash->keys + wide->hash->keys_at + (size_t)wide->blocks * TEXT_HASH_WORDS;
    wide->first = wide_hash_sum(wide->first, block, keys);
    wide->second = wide_hash_sum(wide->second, block, keys + TEXT_HASH_SHIFT);
    wide->blocks++;
}

// Of a text of so many bytes. Each half is made of one sum: both together are as good as two are.
WIDE_INLINE struct hash128 wide_hash_end(const struct wide_hash *wide, size_t len)
{
    struct wide_sums sums = wide_hash_sums(wide);
    return (struct hash128){
        hash_mix(sums.words[0] ^ wide->state.low, sums.words[1] ^ wide->state.high ^ len),
        hash_mix(sums.words[2] ^ wide->state.high, sums.words[3] ^ wide->state.low ^ ~len)};
}

// Hashes a line, its newline included. Returns where that is; len: the text ends before.
WIDE_INLINE size_t wide_hash_line(struct hash128 *out, const struct text_hash *hash,
                                  const char *text, size_t from, size_t len)
{
    struct wide_hash wide = wide_hash_start(hash);
    for (size_t at = from;; at += WIDE_BLOCK) {
        struct wide_block block = wide_load(text, at, len);
        struct wide_bits newlines = wide_newlines(block);
        if (newlines.low | newlines.high) {
            size_t end = at + wide_first(newlines);
            wide_hash_add(&wide, wide_keep(block, wide_up_to(newlines)));
            *out = wide_hash_end(&wide, end + 1 - from);
            return end;
        }
        if (wide_is_last(at, len))
            break;
        wide_hash_add(&wide, block);
    }
    *out = (struct hash128){0};
    return len;
}

#endif
#endif
