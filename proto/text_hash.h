// The hash by which lines and call chains of text are recognised: see hash128.h for what it is good
// for and how good it must be.
//
// Most machines take hash128_bytes. Those that multiply eight words without carry at once take
// that, as NH (Black et al., "UMAC", 1999) over polynomials (Lemire and Kaser, "Faster 64-bit
// universal hashing using carry-less multiplications", 2015): with a secret key word for every word
// of a segment, the sum of (first word + its key) * (second word + its key) over all pairs is the
// same for two given segments with a chance of 2^-64 at most. Two such sums, the second with the
// keys one block further, make that 2^-128. The sums of each segment are then mixed into a state as
// hash128_bytes mixes words.
//
// What a text's hash is differs between machines, so that it must not leave the process.
#ifndef FLICKER_PROTO_TEXT_HASH_H
#define FLICKER_PROTO_TEXT_HASH_H

#include "proto/hash128.h"

#include <stdbool.h>

enum {
    TEXT_HASH_BLOCK = 64,   // bytes
    TEXT_HASH_SEGMENT = 16, // blocks
    TEXT_HASH_KEYS = (TEXT_HASH_SEGMENT + 1) * TEXT_HASH_BLOCK / 8,
};

struct text_hash {
    uint64_t seed;
    bool wide;
    uint64_t keys[TEXT_HASH_KEYS]; // when wide
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
