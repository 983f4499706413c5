// A seeded hash of 128 bits: wide enough to stand for the bytes themselves.
//
// Caches of parsed text would need the text to compare with: more memory than what was parsed out
// of it. Under a seed that nobody outside knows, two texts share their 128 bits with a chance of
// about 2^-128, whoever chose them. Both halves are multiply-and-fold chains as in hash.h, over all
// of the data but with their operands paired differently.
#ifndef FLICKER_PROTO_HASH128_H
#define FLICKER_PROTO_HASH128_H

#include "proto/hash.h"

struct hash128 {
    uint64_t low, high;
};

static inline uint64_t hash128_word(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

// Four independent chains, so that their multiplications overlap.
static inline struct hash128 hash128_bytes(uint64_t seed, const char *data, size_t len)
{
    uint64_t keep = seed ^ 0x9e3779b97f4a7c15ull;
    uint64_t a = seed ^ len, b = keep + len, c = ~seed - len, d = ~(keep ^ len);
    char last[32] = {0};
    const char *at = data;
    size_t left = len;
    for (; left > 32; at += 32, left -= 32) {
        a = hash_mix(hash128_word(at) ^ a, hash128_word(at + 8) ^ seed);
        b = hash_mix(hash128_word(at + 16) ^ b, hash128_word(at + 24) ^ keep);
        c = hash_mix(hash128_word(at) ^ keep, hash128_word(at + 8) ^ c);
        d = hash_mix(hash128_word(at + 16) ^ seed, hash128_word(at + 24) ^ d);
    }
    if (len >= 32) { // the last 32 bytes, overlapping what was read
        at = data + len - 32;
    } else {
        memcpy(last, at, left);
        at = last;
    }
    a = hash_mix(hash128_word(at) ^ a, hash128_word(at + 8) ^ seed);
    b = hash_mix(hash128_word(at + 16) ^ b, hash128_word(at + 24) ^ keep);
    c = hash_mix(hash128_word(at) ^ keep, hash128_word(at + 8) ^ c);
    d = hash_mix(hash128_word(at + 16) ^ seed, hash128_word(at + 24) ^ d);
    return (struct hash128){hash_mix(a, b ^ seed), hash_mix(c ^ keep, d)};
}

// Of two texts one after the other.
static inline struct hash128 hash128_join(struct hash128 first, struct hash128 second)
{
    return (struct hash128){hash_mix(first.low, second.low ^ second.high),
                            hash_mix(first.high ^ second.low, second.high)};
}

#endif
