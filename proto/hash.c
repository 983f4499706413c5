// Where the seeds come from.
#include "proto/hash.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

uint64_t hash_seed(void)
{
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, 0) == (ssize_t)sizeof seed)
        return seed;
    struct timespec now; // a kernel without getrandom: guessable, but still different every time
    clock_gettime(CLOCK_MONOTONIC, &now);
    return hash_pair((uint64_t)(uintptr_t)&now, (uint64_t)now.tv_nsec, (uint64_t)now.tv_sec);
}
