// Does a known number of everything that can be recorded, when told to (SIGUSR1): allocates,
// writes, calls, forks, wakes. Says "done", then waits to be told to leave.
//
// libc has no frame pointers: the caller of its functions is missing from most stacks, its caller
// not. So everything is done two calls deep.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
#define PROBE(value) DTRACE_PROBE1(acts, step, value)
#else
#define PROBE(value) (void)(value)
#endif

#define LEAF __attribute__((noinline, noclone))

enum { BIG = 100, SMALL = 1000, KEPT = 7, WRITES = 10, FORKS = 20, WAKES = 25 };

static void *big[BIG], *small[SMALL], *kept[KEPT], *other[4];
static int pipe_fds[2];

LEAF static void alloc_big(void)
{
    for (volatile int i = 0; i < BIG; i++)
        big[i] = malloc(4096);
}

LEAF static void alloc_small(void)
{
    for (volatile int i = 0; i < SMALL; i++)
        small[i] = malloc(32);
}

LEAF static void alloc_kept(void)
{
    for (volatile int i = 0; i < KEPT; i++)
        kept[i] = malloc(100);
}

// 8000, 300 (through malloc), 600 (the same block, grown), 512 and 1024 bytes.
LEAF static void alloc_other(void)
{
    volatile size_t none = 0;
    other[0] = calloc(8, 1000);
    other[1] = realloc((void *)none, 300);
    other[1] = realloc(other[1], 600);
    if (posix_memalign(&other[2], 64, 512))
        abort();
    other[3] = aligned_alloc(256, 1024);
}

static void free_all(void)
{
    for (int i = 0; i < BIG; i++)
        free(big[i]);
    for (int i = 0; i < SMALL; i++)
        free(small[i]);
    for (int i = 0; i < 4; i++)
        free(other[i]);
}

LEAF static void one_write(int fd, size_t bytes)
{
    static const char text[100];
    volatile ssize_t done = write(fd, text, bytes);
    (void)done;
}

LEAF static void do_writes(void)
{
    for (volatile int i = 0; i < WRITES; i++)
        one_write(pipe_fds[1], 100);
}

// Not static: uprobes find it by name. 1 + ... + 10 = 55, and twice that is returned.
LEAF long act_step(long value)
{
    volatile long twice = 2 * value;
    PROBE(value);
    return twice;
}

LEAF static void do_steps(void)
{
    for (volatile long i = 1; i <= 10; i++)
        act_step(i);
}

LEAF static void one_fork(void)
{
    volatile pid_t child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
}

LEAF static void do_forks(void)
{
    for (volatile int i = 0; i < FORKS; i++)
        one_fork();
}

LEAF static void one_wait(int fd)
{
    volatile char byte;
    volatile ssize_t got = read(fd, (char *)&byte, 1);
    (void)got;
}

LEAF static void *sleeper_waits(void *fd)
{
    for (volatile int i = 0; i < WAKES; i++)
        one_wait(*(int *)fd);
    return NULL;
}

// The sleeper has fallen asleep by the time that it is woken.
LEAF static void waker_wakes(void)
{
    int fds[2];
    pthread_t sleeper;
    if (pipe(fds) || pthread_create(&sleeper, NULL, sleeper_waits, &fds[0]))
        abort();
    for (volatile int i = 0; i < WAKES; i++) {
        usleep(5000);
        one_write(fds[1], 1);
    }
    pthread_join(sleeper, NULL);
}

int main(void)
{
    sigset_t told;
    int signal = 0;
    sigemptyset(&told);
    sigaddset(&told, SIGUSR1);
    sigprocmask(SIG_BLOCK, &told, NULL);
    if (pipe(pipe_fds))
        return 1;
    puts("ready");
    fflush(stdout);
    sigwait(&told, &signal);
    alloc_big();
    alloc_small();
    alloc_kept();
    alloc_other();
    free_all();
    do_writes();
    do_steps();
    do_forks();
    waker_wakes();
    puts("done");
    fflush(stdout);
    sigwait(&told, &signal);
    return 0;
}
