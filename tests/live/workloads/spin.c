// A CPU load of known shape: of its loop leaf_hot, leaf_warm and leaf_cold do 60, 30 and 10 %.
//
// The volatile counter keeps a frame in the leaves: gcc drops the frame pointer of a leaf that does
// not touch its stack, and the caller would be missing from every stack.
//
//     spin SECONDS [THREADS]
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#define LEAF __attribute__((noinline, noclone))

static volatile uint64_t sum;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

#define DEFINE_LEAF(name)                                                                          \
    LEAF static uint64_t name(uint64_t rounds)                                                     \
    {                                                                                              \
        uint64_t x = rounds;                                                                       \
        for (volatile uint64_t i = 0; i < rounds; i++)                                             \
            x = x * 6364136223846793005ull + 1442695040888963407ull;                               \
        return x;                                                                                  \
    }
DEFINE_LEAF(leaf_hot)
DEFINE_LEAF(leaf_warm)
DEFINE_LEAF(leaf_cold)

LEAF static void do_hot(void)
{
    sum += leaf_hot(120000);
}

LEAF static void do_warm(void)
{
    sum += leaf_warm(60000);
}

LEAF static void do_cold(void)
{
    sum += leaf_cold(20000);
}

LEAF static void work_loop(double end)
{
    while (now() < end) {
        do_hot();
        do_warm();
        do_cold();
    }
}

static double end_time;

static void *run(void *arg)
{
    char name[16];
    snprintf(name, sizeof name, "spin-w%d", (int)(intptr_t)arg);
    prctl(PR_SET_NAME, name);
    work_loop(end_time);
    return NULL;
}

int main(int argc, char **argv)
{
    enum { MAX_THREADS = 64 };
    pthread_t threads[MAX_THREADS];
    int count = argc > 2 ? atoi(argv[2]) : 1;
    end_time = now() + (argc > 1 ? atof(argv[1]) : 10);
    count = count < 1 ? 1 : count > MAX_THREADS ? MAX_THREADS : count;
    for (int i = 1; i < count; i++)
        pthread_create(&threads[i], NULL, run, (void *)(intptr_t)i);
    work_loop(end_time);
    for (int i = 1; i < count; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
