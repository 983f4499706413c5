// The setting max-overhead: what a collector may take of a CPU.
#include "shell/overhead.h"

#include "shell/session.h"
#include "shell/units.h"

#include <math.h>

enum { SECONDS_OVER = 3 }; // one that takes too much for so long; shorter ones are its start

static void slow_down(struct job *job, const struct recording_status *status, double most,
                      double hz)
{
    double slower_hz = floor(hz / 2);
    session_say(job->session,
                "[%u] %s takes %.1f %% of a CPU, more than max-overhead=%g%%: it goes on at %g "
                "instead of %g Hz",
                job->number, status->collector->name, job->cpu_share * 100, most, slower_hz, hz);
    job_stop(job);
    job->slower_hz = slower_hz;
}

static void say_exceeded(struct job *job, const struct recording_status *status, double most)
{
    const char *why = job->request.program || job->request.file
                          ? "what its program does is not changed"
                          : "it tells of each event, or by period, and has no rate to lower";
    if (!job->said_over)
        session_say(job->session,
                    "[%u] %s takes %.1f %% of a CPU, more than max-overhead=%g%%: %s; 'stop %u' "
                    "ends it",
                    job->number, status->collector->name, job->cpu_share * 100, most, why,
                    job->number);
    job->said_over = true;
}

void overhead_heed(struct job *job, const struct recording_status *status)
{
    double most = job->session->settings.max_overhead;
    bool over = most > 0 && job->cpu_share * 100 > most;
    job->seconds_over = over ? job->seconds_over + 1 : 0;
    if (job->seconds_over < SECONDS_OVER || status->state != RECORDING_RUNNING)
        return;
    double hz = status->collector->rate_hz(&job->request);
    if (hz >= 2)
        slow_down(job, status, most, hz);
    else
        say_exceeded(job, status, most);
}

void overhead_go_on(struct session *session, const struct job *old, int64_t now_ns)
{
    struct recording_status status;
    struct collect_request request = old->request;
    struct err err = {0};
    struct job *job;
    recording_status(old->recording, &status);
    request.hz_most = old->slower_hz;
    if (request.for_ns)
        request.for_ns -= now_ns - status.running_ns;
    if (old->request.for_ns && request.for_ns <= 0)
        return;
    if (job_start(&job, session, status.collector, &request, &err))
        session_complain(session, "%s", err.message);
}
