// The collectors that this session started.
#include "shell/jobs.h"

#include "collectors/facts.h"
#include "proto/alloc.h"
#include "shell/overhead.h"
#include "shell/session.h"
#include "shell/units.h"
#include "viewer/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINES_PER_S = 100 };

static void say_left_out(struct job *job)
{
    if (job->lines_left_out)
        session_say(job->session, "[%u] and %u more line%s", job->number, job->lines_left_out,
                    units_s(job->lines_left_out));
    job->lines_left_out = 0;
}

// Of everything that it says: an error a line would bury the prompt as well.
static bool is_flood(struct job *job)
{
    int64_t now_ns = session_now_ns();
    if (now_ns - job->lines_since_ns >= NS_PER_S) {
        say_left_out(job);
        job->lines_since_ns = now_ns;
        job->lines = 0;
    }
    return ++job->lines > LINES_PER_S;
}

// As a terminal shows it, with a stop every eight cells.
static void put_with_tabs(struct bytes *out, const char *line)
{
    enum { STOP = 8 };
    size_t len;
    while (len = strcspn(line, "\t"), term_text(out, line, len), line[len]) {
        bytes_append(out, "        ", STOP - text_width(bytes_text(out), out->len) % STOP);
        line += len + 1;
    }
}

static void message(void *arg, bool is_error, const char *line)
{
    struct job *job = arg;
    if (is_flood(job)) {
        job->lines_left_out++;
        return;
    }
    struct bytes clean = {0};
    put_with_tabs(&clean, line);
    if (is_error)
        session_complain(job->session, "[%u] %s", job->number, bytes_text(&clean));
    else
        session_say(job->session, "[%u] %s", job->number, bytes_text(&clean));
    bytes_dispose(&clean);
}

int job_start(struct job **out, struct session *session, const struct collector *collector,
              const struct collect_request *request, struct err *err)
{
    struct jobs *jobs = &session->jobs;
    if (request->dry_run) {
        struct recording *none;
        struct sink nowhere = {0};
        struct recording_events silent = {0};
        return collector->start(&none, session->launcher, request, &nowhere, &silent, err);
    }
    struct job *job = xcalloc(1, sizeof *job);
    job->session = session;
    job->number = jobs->last_number + 1;
    struct sink *sink;
    job->source = buffer_source_add(session->buffer, collector->name, &sink);
    struct recording_events events = {.message = message, .arg = job};
    int code = collector->start(&job->recording, session->launcher, request, sink, &events, err);
    if (code) {
        buffer_source_drop(session->buffer, job->source);
        free(job);
        return code;
    }
    collect_request_copy(&job->request, request);
    job->watched_ns = job->rate_at_ns = session_now_ns();
    jobs->last_number++;
    array_reserve(&jobs->items, &jobs->capacity, jobs->count + 1);
    jobs->items[jobs->count++] = job;
    *out = job;
    return 0;
}

void job_stop(struct job *job)
{
    job->slower_hz = 0;
    recording_stop(job->recording);
}

struct job *job_by_number(const struct jobs *jobs, unsigned number)
{
    for (size_t i = 0; i < jobs->count; i++) {
        if (jobs->items[i]->number == number)
            return jobs->items[i];
    }
    return NULL;
}

static void measure_cpu(struct job *job, const struct recording_status *status, int64_t passed_ns)
{
    struct timespec own;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
    int64_t cpu_ns = facts_cpu_ns(status->pid), own_ns = own.tv_sec * NS_PER_S + own.tv_nsec;
    if (status->last_pid != status->pid)
        cpu_ns += facts_cpu_ns(status->last_pid);
    // One that has ended has no time any more.
    job->cpu_share = cpu_ns > job->cpu_ns && job->cpu_ns
                         ? (double)(cpu_ns - job->cpu_ns) / (double)passed_ns
                         : 0;
    job->own_cpu_share =
        job->own_cpu_ns ? (double)(own_ns - job->own_cpu_ns) / (double)passed_ns : 0;
    job->cpu_ns = cpu_ns;
    job->own_cpu_ns = own_ns;
}

static void measure_rate(struct job *job, const struct recording_status *status, int64_t now_ns)
{
    uint64_t samples = status->report ? status->report->samples : 0;
    int64_t passed_ns = now_ns - job->rate_at_ns;
    if (passed_ns < NS_PER_S)
        return;
    job->samples_per_s = (double)(samples - job->rate_samples) * 1e9 / (double)passed_ns;
    job->rate_samples = samples;
    job->rate_at_ns = now_ns;
    measure_cpu(job, status, passed_ns);
    overhead_heed(job, status);
}

static void say_end(struct job *job, const struct recording_status *status)
{
    struct session *session = job->session;
    say_left_out(job);
    uint64_t samples = status->report ? status->report->samples : 0;
    uint64_t lost = status->report ? status->report->lost : 0;
    struct bytes text = {0};
    bytes_printf(&text, "[%u] %s has ended: %s; ", job->number, status->collector->name,
                 *status->why_ended ? status->why_ended : "no reason given");
    units_put_things(&text, samples, "sample");
    bytes_append_text(&text, ", ");
    units_put_count(&text, lost);
    bytes_append_text(&text, " lost");
    if (status->report && status->report->skipped)
        bytes_printf(&text, ", %" PRIu64 " record%s not understood (%s)", status->report->skipped,
                     units_s(status->report->skipped), status->report->first_skipped_why);
    bool failed = status->garbled || (!status->in_order && status->exit_status != 0);
    session->jobs.failed |= failed;
    if (failed)
        session->jobs.failed_status = status->exit_status;
    if (failed && job->awaited && !status->ran)
        snprintf(session->jobs.failed_text, sizeof session->jobs.failed_text,
                 "nothing was recorded: %s %s", status->collector->name, status->why_ended);
    else if (failed)
        session_complain(session, "%s", bytes_text(&text));
    else
        session_say(session, "%s", bytes_text(&text));
    bytes_dispose(&text);
    if (!samples)
        buffer_source_drop(session->buffer, job->source);
}

// Returns false once the job has ended.
static bool tick(struct job *job, int64_t now_ns)
{
    bool runs = recording_tick(job->recording, now_ns);
    struct recording_status status;
    recording_status(job->recording, &status);
    if (status.state != RECORDING_STARTING && status.started_ns) {
        int64_t to_ns = status.ended_ns ? status.ended_ns : now_ns;
        int64_t from_ns = job->watched_ns > status.started_ns ? job->watched_ns : status.started_ns;
        if (to_ns > from_ns)
            buffer_source_watched(job->session->buffer, job->source, from_ns, to_ns);
        job->watched_ns = to_ns;
    }
    measure_rate(job, &status, now_ns);
    if (!runs) {
        buffer_source_ended(job->session->buffer, job->source);
        say_end(job, &status);
    }
    return runs;
}

static void job_free(struct job *job)
{
    recording_free(job->recording);
    collect_request_dispose(&job->request);
    free(job);
}

void jobs_tick(struct session *session, int64_t now_ns)
{
    struct jobs *jobs = &session->jobs;
    struct job **slower = xcalloc(jobs->count + 1, sizeof(struct job *));
    size_t kept = 0, slower_count = 0;
    for (size_t i = 0; i < jobs->count; i++) {
        struct job *job = jobs->items[i];
        if (tick(job, now_ns))
            jobs->items[kept++] = job;
        else if (job->slower_hz > 0)
            slower[slower_count++] = job;
        else
            job_free(job);
    }
    jobs->count = kept;
    for (size_t i = 0; i < slower_count; i++) {
        overhead_go_on(session, slower[i], now_ns);
        job_free(slower[i]);
    }
    free(slower);
}

int64_t jobs_wake_ns(const struct jobs *jobs, int64_t now_ns, bool watched)
{
    int64_t wake_ns = INT64_MAX;
    for (size_t i = 0; i < jobs->count; i++) {
        const struct job *job = jobs->items[i];
        int64_t due_ns = now_ns + recording_interval_ms(job->recording, watched) * NS_PER_MS;
        if (due_ns < wake_ns)
            wake_ns = due_ns;
    }
    return wake_ns;
}

size_t jobs_poll(const struct jobs *jobs, struct pollfd *out)
{
    size_t count = 0;
    for (size_t i = 0; i < jobs->count; i++) {
        int fds[RECORDING_FDS];
        size_t own = recording_fds(jobs->items[i]->recording, fds);
        for (size_t k = 0; k < own; k++)
            out[count++] = (struct pollfd){.fd = fds[k], .events = POLLIN};
    }
    return count;
}

void jobs_dispose(struct jobs *jobs)
{
    for (size_t i = 0; i < jobs->count; i++)
        job_free(jobs->items[i]);
    free(jobs->items);
    *jobs = (struct jobs){0};
}
