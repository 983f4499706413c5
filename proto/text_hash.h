// The hash by which lines and call chains of text are recognised: see hash128.h for what it is good
// for and how good it must be.
//
// Most machines take hash128_bytes. Those that multiply eight words without carry at once take
// that, as NH (Black et al., "UMAC", 1999) over polynomials (Lemire and Kaser, "Faster 64-bit
// universal hashing using carry-less multiplications", 2015): with a secret key word for every word
// of a segment, the sum of (first word + its key) * (second word + its key) over all pairs is the
// same for two given segments with a chance of 2^-64 at most. Two such sums, the second with the
// keys some words further, make that 2^-128. Each half of the hash is one of the sums of the last
// segment, mixed with a state that those of the segments before were mixed into, as hash128_bytes
// mixes words.
//
// What a text's hash is differs between machines, so that it must not leave the process.
#ifndef FLICKER_PROTO_TEXT_HASH_H
#define FLICKER_PROTO_TEXT_HASH_H

#include "proto/hash128.h"

#include <stdbool.h>

enum {
    TEXT_HASH_BLOCK = 128,                 // bytes
    TEXT_HASH_WORDS = TEXT_HASH_BLOCK / 8, // of a block
    TEXT_HASH_SEGMENT = 8,                 // blocks
    TEXT_HASH_SHIFT = 64 / 8,              // words between the keys of the two sums
    TEXT_HASH_KEYS = TEXT_HASH_SEGMENT * TEXT_HASH_WORDS + TEXT_HASH_SHIFT,
};

struct text_hash {
    uint64_t seed;
    bool wide;
    uint8_t keys_at;                   // the first key: where a line of the cache begins
    uint64_t keys[TEXT_HASH_KEYS + 7]; // when wide
};

// Whether this machine can be wide.
bool text_hash_can_be_wide(void);
// Wide where the machine can.
void text_hash_init(struct text_hash *hash, uint64_t seed);

struct hash128 text_hash_wide(const struct text_hash *hash, const char *data, size_t len);

static inline struct hash128 text_hash_bytes(const struct text_hash *hash, const char *data,
                                             size_t len)
{
    return hash->wide ? text_hash_wide(hash, data, len) : hash128_bytes(hash->seed, data, len);
}

#endif
