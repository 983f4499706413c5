// A bit of everything that can be recorded, over and over, in two threads: "mixed" and "mixed-two".
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))

static NOINLINE uint64_t burn(void)
{
    volatile uint64_t sum = 0;
    for (uint64_t i = 0; i < 2000000; i++)
        sum += i * i;
    return sum;
}

static NOINLINE void touch(void)
{
    enum { BYTES = 64 * 4096 };
    char *pages = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int at = 0; pages != MAP_FAILED && at < BYTES; at += 4096)
        pages[at] = 1;
    munmap(pages, BYTES);
}

NOINLINE void mixed_step(int size)
{
    char *volatile block = malloc((size_t)size);
    free(block);
}

static NOINLINE void call(int fd)
{
    const struct timespec shortly = {.tv_nsec = 8000000};
    ssize_t wrote = write(fd, "x", 1);
    (void)wrote;
    nanosleep(&shortly, NULL);
}

static _Noreturn NOINLINE void *go_on(void *name)
{
    int fd = open("/dev/null", O_WRONLY);
    if (name)
        prctl(PR_SET_NAME, name);
    for (;;) {
        burn();
        touch();
        mixed_step(100000);
        call(fd);
    }
}

int main(void)
{
    pthread_t two;
    alarm(600);
    if (pthread_create(&two, NULL, go_on, "mixed-two"))
        return 1;
    go_on(NULL);
}
