// Blocks for a known time and takes a known number of page faults, when told to (SIGUSR1).
//
// Prints the nanoseconds that it was blocked, by its own clock, then waits to be told to leave.
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>

#define LEAF __attribute__((noinline, noclone))

enum { SLEEPS = 10, SLEEP_NS = 50000000, PAGES = 256, PAGE_BYTES = 4096 };

static int64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

// libc has no frame pointers: the caller of nanosleep() is missing from the stack, its caller not.
LEAF static void one_sleep(void)
{
    volatile struct timespec time = {0, SLEEP_NS};
    nanosleep((const struct timespec *)&time, NULL);
}

LEAF static int64_t do_sleeps(void)
{
    volatile int64_t blocked_ns = 0;
    for (int i = 0; i < SLEEPS; i++) {
        int64_t start_ns = now_ns();
        one_sleep();
        blocked_ns += now_ns() - start_ns;
    }
    return blocked_ns;
}

LEAF static void touch_pages(void)
{
    char *pages =
        mmap(NULL, PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(pages, PAGES * PAGE_BYTES, MADV_NOHUGEPAGE);
    for (volatile int i = 0; i < PAGES; i++)
        pages[i * PAGE_BYTES] = 1;
    munmap(pages, PAGES * PAGE_BYTES);
}

int main(void)
{
    sigset_t told;
    int signal = 0;
    sigemptyset(&told);
    sigaddset(&told, SIGUSR1);
    sigprocmask(SIG_BLOCK, &told, NULL);
    sigwait(&told, &signal);
    int64_t blocked_ns = do_sleeps();
    touch_pages();
    printf("%lld\n", (long long)blocked_ns);
    fflush(stdout);
    sigwait(&told, &signal);
    return 0;
}
