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
    LOOKUP_US = 100,  // of CPU time, under the lock
    PARSE_US = 400,
    RENDER_US = 1000,
    COMPRESS_US = 600,
    PAUSE_MS = 40, // between two requests of a worker, on average
};

struct server {
    pthread_mutex_t lock;
    int64_t started_ns;
    int64_t rebuild_ns;     // when the next stall is due; under the lock
    uint64_t periods;       // that had theirs; under the lock
    uint64_t rounds_per_ms; // of burn(), measured at the start
    uint64_t random;        // under the lock
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

// Arithmetic in the body of the calling function, which stays the leaf. The volatile local keeps
// its frame and the loop.
#define BURN(rounds)                                                                               \
    do {                                                                                           \
        volatile uint64_t burnt = 1;                                                               \
        for (uint64_t round = 0; round < (rounds); round++)                                        \
            burnt = burnt * 6364136223846793005u + round;                                          \
    } while (0)

#define NOINLINE __attribute__((noinline))

static NOINLINE void calibrate(struct server *server)
{
    enum { ROUNDS = 1 << 22 };
    int64_t from_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    BURN(ROUNDS);
    int64_t spent_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - from_ns;
    server->rounds_per_ms = (uint64_t)(ROUNDS * 1e6 / (double)(spent_ns > 0 ? spent_ns : 1)) + 1;
}

// Until the thread has used that much CPU time: on a busy host the stall takes longer, and is as
// heavy.
static NOINLINE void rebuild_index(const struct server *server)
{
    int64_t end_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) + STALL_MS * INT64_C(1000000);
    do
        BURN(server->rounds_per_ms);
    while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < end_ns);
}

static NOINLINE void parse_query(const struct server *server)
{
    BURN(server->rounds_per_ms * PARSE_US / 1000);
}

static NOINLINE void look_up(const struct server *server)
{
    BURN(server->rounds_per_ms * LOOKUP_US / 1000);
}

static NOINLINE void render_page(const struct server *server)
{
    BURN(server->rounds_per_ms * RENDER_US / 1000);
}

static NOINLINE void compress_reply(const struct server *server)
{
    BURN(server->rounds_per_ms * COMPRESS_US / 1000);
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
        rebuild_index(server);
        schedule_rebuild(server);
    }
    look_up(server);
    pthread_mutex_unlock(&server->lock);
}

static NOINLINE void handle_request(struct server *server)
{
    parse_query(server);
    use_index(server);
    render_page(server);
    compress_reply(server);
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
    calibrate(server);
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
