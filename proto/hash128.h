// A seeded hash of 128 bits: wide enough to stand for the bytes themselves.
//
// Caches of parsed text would need the text to compare with: more memory than what was parsed out
// of it. Every 16 bytes are mixed into a state of 128 bits by one multiplication of 64 by 64 bits
// whose whole product is kept. Both factors depend on the seed, so that whoever chooses texts
// without knowing it makes two of them meet with a chance of about 2^-62 (a factor that is 0 loses
// what the other one held), and texts that nobody chose with one of about 2^-128.
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

static inline struct hash128 hash128_mix(struct hash128 state, uint64_t first, uint64_t second)
{
    __extension__ typedef unsigned __int128 u128;
    u128 product = (u128)(state.low ^ first) * (state.high ^ second);
    // The low half, whose low bits depend on few, meets the other factor next.
    return (struct hash128){(uint64_t)(product >> 64), (uint64_t)product};
}

// Up to 15 bytes as two words.
static inline uint64_t hash128_short(uint64_t *second, const char *at, size_t len)
{
    *second = 0;
    if (len >= 8) {
        *second = hash128_word(at + len - 8); // overlapping; the length is hashed, too
        return hash128_word(at);
    }
    uint64_t word = 0;
    for (size_t i = 0; i < len; i++)
        word = word << 8 | (unsigned char)at[i];
    return word;
}

// Two independent chains, so that their multiplications overlap.
static inline struct hash128 hash128_bytes(uint64_t seed, const char *data, size_t len)
{
    const uint64_t key = 0x9e3779b97f4a7c15ull, other_key = 0xe7037ed1a0b428dbull;
    struct hash128 a = {seed ^ len, seed ^ key}, b = {~seed - len, seed + other_key};
    const char *at = data;
    for (size_t left = len; left > 32; at += 32, left -= 32) {
        a = hash128_mix(a, hash128_word(at), hash128_word(at + 8));
        b = hash128_mix(b, hash128_word(at + 16), hash128_word(at + 24));
    }
    if (len >= 16) { // the last 32 bytes, or all, overlapping what was read
        at = len >= 32 ? data + len - 32 : data;
        a = hash128_mix(a, hash128_word(at), hash128_word(at + 8));
        b = hash128_mix(b, hash128_word(data + len - 16), hash128_word(data + len - 8));
    } else {
        uint64_t second, first = hash128_short(&second, data, len);
        a = hash128_mix(a, first, second);
    }
    a = hash128_mix(a, b.low, b.high);
    return (struct hash128){hash_mix(a.low, a.high ^ seed), hash_mix(a.high ^ key, a.low ^ len)};
}

// Of two texts one after the other.
static inline struct hash128 hash128_join(struct hash128 first, struct hash128 second)
{
    return (struct hash128){hash_mix(first.low, second.low ^ second.high),
                            hash_mix(first.high ^ second.low, second.high)};
}

#endif
