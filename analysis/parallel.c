// Fork and join. Starting a thread costs some 50 us, a scan that pays at least a millisecond: no
// pool has to be kept.
#include "analysis/parallel.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

enum { SAMPLES_A_THREAD = 500000 };

unsigned parallel_threads(unsigned wanted, uint64_t samples)
{
    uint64_t threads = wanted;
    if (!wanted) {
        long cpus = sysconf(_SC_NPROCESSORS_ONLN);
        threads = samples / SAMPLES_A_THREAD;
        if (cpus > 0 && threads > (uint64_t)cpus)
            threads = (uint64_t)cpus;
    }
    return threads < 1 ? 1 : threads > PARALLEL_MOST ? PARALLEL_MOST : (unsigned)threads;
}

struct job {
    void (*work)(void *arg, unsigned worker);
    void *arg;
    unsigned worker;
};

static void *run(void *arg)
{
    const struct job *job = arg;
    job->work(job->arg, job->worker);
    return NULL;
}

void parallel_run(unsigned threads, void (*work)(void *arg, unsigned worker), void *arg)
{
    pthread_t ids[PARALLEL_MOST];
    struct job jobs[PARALLEL_MOST];
    unsigned started = 0;
    sigset_t all;
    sigset_t old;
    if (threads > 1) {
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        for (unsigned worker = 1; worker < threads; worker++) {
            jobs[started] = (struct job){work, arg, worker};
            if (pthread_create(&ids[started], NULL, run, &jobs[started]) == 0)
                started++;
        }
        pthread_sigmask(SIG_SETMASK, &old, NULL);
    }
    work(arg, 0);
    for (unsigned i = 0; i < started; i++)
        pthread_join(ids[i], NULL);
}
