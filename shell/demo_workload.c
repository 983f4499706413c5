// A workload of known shape, for the demo.
//
// Its stacks must be complete for every collector, so this file is compiled with frame pointers and
// without tail calls (shell/demo.cmake), leaves touch the stack (compilers drop the frame of a leaf
// that does not), and the work is arithmetic: libc has no frame pointers.
#include "shell/demo_workload.h"

#include "proto/alloc.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum {
    WORKERS = 4,
    PERIOD_MS = 5000, // of the stall
    STALL_MS = 300,   // of CPU time
    LOOKUP_US = 50,   // of CPU time, under the lock
    PARSE_US = 250,
    RENDER_US = 700,
    COMPRESS_US = 400,
    ROUNDS = 20000, // of arithmetic between two looks at the clock: some 60 us
    PAUSE_MS = 50,  // between two requests of a worker, on average
};

struct server {
    pthread_mutex_t lock;
    int64_t started_ns;
    int64_t rebuild_ns; // when the next stall is due; under the lock
    uint64_t periods;   // that had theirs; under the lock
    uint64_t random;    // under the lock
};

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void pause_ns(int64_t ns)
{
    struct timespec time = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    while (nanosleep(&time, &time) != 0 && errno == EINTR)
        ;
}

// xorshift64 (Marsaglia 2003).
static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

// Burns so much CPU time of the thread in the body of the calling function, which stays the leaf:
// the volatile local keeps its frame and the loop. Time of the CPU, not rounds: a crowded host is
// several times slower.
#define BURN_US(us)                                                                                \
    do {                                                                                           \
        int64_t end_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) + (us)*INT64_C(1000);                   \
        volatile uint64_t burnt = 1;                                                               \
        do {                                                                                       \
            for (uint64_t round = 0; round < ROUNDS; round++)                                      \
                burnt = burnt * 6364136223846793005u + round;                                      \
        } while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < end_ns);                                      \
    } while (0)

#define NOINLINE __attribute__((noinline))

static NOINLINE void rebuild_index(void)
{
    BURN_US(STALL_MS * 1000);
}

static NOINLINE void parse_query(void)
{
    BURN_US(PARSE_US);
}

static NOINLINE void look_up(void)
{
    BURN_US(LOOKUP_US);
}

static NOINLINE void render_page(void)
{
    BURN_US(RENDER_US);
}

static NOINLINE void compress_reply(void)
{
    BURN_US(COMPRESS_US);
}

// A random moment in the next period, away from its ends: two stalls never touch.
static void schedule_rebuild(struct server *server)
{
    enum { MARGIN_MS = 500 };
    uint64_t at_ms = MARGIN_MS + random_next(&server->random) % (PERIOD_MS - 2 * MARGIN_MS);
    server->rebuild_ns =
        server->started_ns + (int64_t)(server->periods * PERIOD_MS + at_ms) * INT64_C(1000000);
    server->periods++;
}

static NOINLINE void use_index(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    if (clock_ns(CLOCK_MONOTONIC) >= server->rebuild_ns) {
        rebuild_index();
        schedule_rebuild(server);
    }
    look_up();
    pthread_mutex_unlock(&server->lock);
}

static NOINLINE void handle_request(struct server *server)
{
    parse_query();
    use_index(server);
    render_page();
    compress_reply();
}

static void *serve(void *arg)
{
    struct server *server = arg;
    for (;;) {
        handle_request(server);
        pthread_mutex_lock(&server->lock);
        uint64_t random = random_next(&server->random);
        pthread_mutex_unlock(&server->lock);
        pause_ns((int64_t)(PAUSE_MS * 1000000 / 2 + random % (PAUSE_MS * 1000000)));
    }
    return NULL;
}

int demo_workload_run(void)
{
    pid_t parent = getppid();
    prctl(PR_SET_NAME, "demo");
    setsid(); // Ctrl-C is for the shell; and with autogroups the scheduler gives a fair share
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        return EXIT_SUCCESS; // it went before we could ask to be told

    struct server *server = xcalloc(1, sizeof *server); // the workers' until the process ends
    pthread_mutex_init(&server->lock, NULL);
    server->started_ns = clock_ns(CLOCK_MONOTONIC);
    server->random = (uint64_t)server->started_ns | 1;
    schedule_rebuild(server);
    for (int i = 0; i < WORKERS; i++) {
        pthread_t worker;
        if (pthread_create(&worker, NULL, serve, server) != 0)
            return EXIT_FAILURE;
    }
    char byte;
    ssize_t got;
    do
        got = read(STDIN_FILENO, &byte, 1);
    while (got > 0 || (got < 0 && errno == EINTR));
    return EXIT_SUCCESS;
}
