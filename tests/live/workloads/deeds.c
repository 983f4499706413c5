// Does one kind of thing over and over, so that a probe of it fires: deeds KIND. Ends when killed.
// deeds KIND COUNT does it so often, once SIGUSR2 has come, and then writes "COUNT NS": how often,
// and how long what it waited for took by its own clock.
//
// libc has no frame pointers, so the function that calls it may be missing from a stack; deed_loop,
// two levels up, is always there.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LEAF __attribute__((noinline, noclone))

static uint64_t waited_ns;

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

LEAF static void pause_ms(volatile long ms)
{
    struct timespec time = {0, ms * 1000000};
    nanosleep(&time, NULL);
}

LEAF static void do_sleep(void)
{
    uint64_t since_ns = now_ns();
    pause_ms(5);
    waited_ns += now_ns() - since_ns;
}

static void *ends_at_once(void *unused)
{
    return unused;
}

LEAF static void *sleeps_once(void *unused)
{
    do_sleep();
    return unused;
}

static void run_thread(void *(*body)(void *))
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, body, NULL) || pthread_join(thread, NULL))
        exit(1);
}

// One thread sleeps after a thousand have come and gone: whoever remembers the dead has no room for
// it in the end (where there are more ids than bpftrace has room: kernel.pid_max).
LEAF static void do_threads(void)
{
    for (int i = 0; i < 1000; i++)
        run_thread(ends_at_once);
    run_thread(sleeps_once);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *hold_lock(void *unused)
{
    (void)unused;
    for (;;) {
        pthread_mutex_lock(&lock);
        pause_ms(5);
        pthread_mutex_unlock(&lock);
        pause_ms(1);
    }
    return NULL;
}

LEAF static void do_futex(void)
{
    static pthread_t holder;
    if (!holder)
        pthread_create(&holder, NULL, hold_lock, NULL);
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
    pause_ms(1);
}

// Two that wake each other through pipes.
LEAF static void do_wake(void)
{
    static int there[2], back[2];
    char byte = 0;
    if (!there[1]) {
        if (pipe(there) || pipe(back))
            exit(1);
        if (fork() == 0) {
            close(there[1]);
            while (read(there[0], &byte, 1) == 1) {
                pause_ms(3);
                if (write(back[1], &byte, 1) != 1)
                    exit(0);
            }
            exit(0);
        }
        close(there[0]);
    }
    uint64_t since_ns = now_ns();
    if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
        exit(1);
    waited_ns += now_ns() - since_ns;
}

// More that want to run than there are CPUs.
LEAF static void do_crowd(void)
{
    static int begun;
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    if (!begun++) {
        sched_setaffinity(0, sizeof first, &first);
        for (int i = 0; i < 2; i++) {
            if (fork() == 0) {
                for (volatile unsigned spin = 0;; spin++) // until its parent has gone
                    if (spin % 100000000 == 0 && getppid() == 1)
                        exit(0);
            }
        }
    }
    for (volatile int i = 0; i < 1000000; i++)
        ;
    pause_ms(1);
}

LEAF static void do_open(void)
{
    int fd = open("/proc/self/deed-that-is-not-there", O_RDONLY);
    if (fd >= 0)
        close(fd);
    pause_ms(5);
}

LEAF static void do_fsync(void)
{
    char path[] = "deeds-XXXXXX";
    int fd = mkstemp(path);
    unlink(path);
    if (fd < 0 || write(fd, path, sizeof path) < 0)
        exit(1);
    uint64_t since_ns = now_ns(); // writing waits, too, when the disk is busy
    if (fsync(fd))
        exit(1);
    waited_ns += now_ns() - since_ns;
    close(fd);
    pause_ms(5);
}

// Connections to somebody who accepts none: once the queue is full, what asks for one is dropped,
// and sent again after a second.
LEAF static void do_retransmit(void)
{
    enum { CALLERS = 8 };
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), callers[CALLERS];
    if (bind(listener, (struct sockaddr *)&address, len) || listen(listener, 0) ||
        getsockname(listener, (struct sockaddr *)&address, &len))
        exit(1);
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (connect(callers[i], (struct sockaddr *)&address, len) && errno != EINPROGRESS)
            exit(1);
    }
    sleep(2);
    for (int i = 0; i < CALLERS; i++)
        close(callers[i]);
    close(listener);
}

LEAF static void do_malloc(void)
{
    void *volatile block = malloc(4000);
    free(block);
    pause_ms(2);
}

LEAF static void do_mmap(void)
{
    void *area = mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(area, 1 << 20);
    pause_ms(2);
}

LEAF static void do_touch(void)
{
    enum { BYTES = 64 << 20, STEP = 4096 };
    char *area = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(area, BYTES, MADV_NOHUGEPAGE);
    for (volatile int i = 0; i < BYTES / STEP / 64; i++)
        area[i * STEP] = 1;
    munmap(area, BYTES);
    pause_ms(20);
}

// Reads a file of twice its cgroup's memory, over and over.
LEAF static void do_reclaim(void)
{
    enum { BYTES = 32 << 20, PIECE = 1 << 16 };
    static char piece[PIECE];
    static int fd = -1;
    if (fd < 0) {
        char path[] = "deeds-XXXXXX";
        fd = mkstemp(path);
        unlink(path);
    }
    lseek(fd, 0, SEEK_SET);
    for (int i = 0; i < BYTES / PIECE; i++) {
        if (write(fd, piece, PIECE) != PIECE)
            exit(1);
    }
    fsync(fd);
}

LEAF static void do_signal(void)
{
    kill(getpid(), SIGUSR1);
    pause_ms(5);
}

// libc's own fork() keeps something else in the frame pointer.
LEAF static void do_fork(void)
{
    pid_t child = (pid_t)syscall(SYS_fork);
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
    pause_ms(5);
}

LEAF static void do_exec(void)
{
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/true", "true", (char *)NULL);
        _exit(127);
    }
    waitpid(child, NULL, 0);
    pause_ms(5);
}

LEAF static void do_migrate(void)
{
    static int cpu;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu ^= 1, &set);
    sched_setaffinity(0, sizeof set, &set);
    pause_ms(5);
}

static const struct {
    const char *kind;
    void (*deed)(void);
} deeds[] = {
    {"sleep", do_sleep},     {"futex", do_futex},
    {"wake", do_wake},       {"crowd", do_crowd},
    {"open", do_open},       {"fsync", do_fsync},
    {"malloc", do_malloc},   {"retransmit", do_retransmit},
    {"mmap", do_mmap},       {"touch", do_touch},
    {"reclaim", do_reclaim}, {"signal", do_signal},
    {"fork", do_fork},       {"exec", do_exec},
    {"migrate", do_migrate}, {"threads", do_threads},
};

LEAF static void deed_loop(void (*deed)(void), long count)
{
    for (volatile long i = 0; count < 0 || i < count; i++)
        deed();
}

// No stdio: it would ask for memory.
static _Noreturn void do_counted(void (*deed)(void), long count)
{
    char line[64];
    sigset_t set;
    int got;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    sigwait(&set, &got);
    deed_loop(deed, count);
    int len = snprintf(line, sizeof line, "%ld %llu\n", count, (unsigned long long)waited_ns);
    if (write(STDOUT_FILENO, line, (size_t)len) != len)
        exit(1);
    for (;;)
        pause();
}

int main(int argc, char **argv)
{
    signal(SIGUSR1, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; argc > 1 && i < sizeof deeds / sizeof *deeds; i++) {
        if (strcmp(deeds[i].kind, argv[1]) != 0)
            continue;
        if (argc > 2)
            do_counted(deeds[i].deed, atol(argv[2]));
        deed_loop(deeds[i].deed, -1);
    }
    fprintf(stderr, "usage: deeds KIND\n");
    return 2;
}
