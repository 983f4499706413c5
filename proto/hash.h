// Seeded hashing of bytes and small keys.
//
// Names are chosen by whoever runs the processes that we watch, so every table that holds them is
// seeded from the kernel's random numbers. The mixing is a 64x64 -> 128 bit multiply folded
// (wyhash, Wang Yi, public domain).
#ifndef FLICKER_PROTO_HASH_H
#define FLICKER_PROTO_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// A random seed, new at every call.
uint64_t hash_seed(void);

static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 u128;
    u128 product = (u128)(a ^ 0xa0761d6478bd642full) * (b ^ 0xe7037ed1a0b428dbull);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t hash_pair(uint64_t seed, uint64_t a, uint64_t b)
{
    return hash_mix(hash_mix(seed ^ a, b), seed);
}

static inline uint64_t hash_load(const unsigned char *bytes, size_t len)
{
    uint64_t word = 0;
    if (len) // no bytes may be NULL
        memcpy(&word, bytes, len);
    return word;
}

static inline uint64_t hash_bytes(uint64_t seed, const void *data, size_t len)
{
    const unsigned char *at = data;
    uint64_t hash = hash_mix(seed, len);
    size_t left = len;
    for (; left >= 16; at += 16, left -= 16)
        hash = hash_mix(hash_load(at, 8) ^ hash, hash_load(at + 8, 8) ^ seed);
    if (left > 8) {
        hash = hash_mix(hash_load(at, 8) ^ hash, seed);
        at += 8;
        left -= 8;
    }
    return hash_mix(hash_load(at, left) ^ hash, seed ^ len);
}

#endif
