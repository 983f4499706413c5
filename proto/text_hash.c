// The hash by which lines and call chains of text are recognised.
#include "proto/text_hash.h"

#include "proto/text_hash_wide.h"

#include <stdlib.h>

bool text_hash_can_be_wide(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("vpclmulqdq") && __builtin_cpu_supports("bmi2") &&
           __builtin_cpu_supports("popcnt");
#else
    return false;
#endif
}

void text_hash_init(struct text_hash *hash, uint64_t seed)
{
    hash->seed = seed;
    hash->wide = text_hash_can_be_wide();
    hash->keys_at = -((uintptr_t)hash->keys / sizeof *hash->keys) % 8;
    uint64_t *keys = hash->keys + hash->keys_at;
    for (size_t i = 0; hash->wide && i < TEXT_HASH_KEYS; i++)
        keys[i] = hash_pair(hash_mix(seed, i), i, seed);
}

#if defined(__x86_64__)
WIDE struct hash128 text_hash_wide(const struct text_hash *hash, const char *data, size_t len)
{
    struct wide_hash wide = wide_hash_start(hash);
    for (size_t at = 0; at < len; at += TEXT_HASH_BLOCK)
        wide_hash_add(&wide, wide_load(data, at, len));
    return wide_hash_end(&wide, len);
}
#else
struct hash128 text_hash_wide(const struct text_hash *hash, const char *data, size_t len)
{
    (void)hash, (void)data, (void)len;
    abort(); // nobody is wide
}
#endif
