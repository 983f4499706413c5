// The collectors that this session started.
#ifndef FLICKER_SHELL_JOBS_H
#define FLICKER_SHELL_JOBS_H

#include "collectors/recording.h"

#include <poll.h>

struct session;

struct job {
    unsigned number; // from 1
    struct recording *recording;
    uint32_t source; // in the buffer
    struct session *session;
    struct collect_request request; // own copy
    int64_t watched_ns;             // the buffer knows until here that the source runs
    bool awaited;                   // a `record` waits for its start, and tells when that fails
    // Lines that its program printed beside samples, in this second: a flood is cut short.
    int64_t lines_since_ns;
    unsigned lines, lines_left_out;
    // See the setting max-overhead, and overhead.h.
    double slower_hz; // 0: it does not go on slower
    unsigned seconds_over;
    bool said_over;
    // The rate, over the last second or so.
    int64_t rate_at_ns;
    uint64_t rate_samples;
    double samples_per_s;
    int64_t cpu_ns, own_cpu_ns;      // used until then, by its processes and by flicker
    double cpu_share, own_cpu_share; // of one CPU, in that time
};

// Starts as {0}.
struct jobs {
    struct job **items; // in order of their numbers; those that have ended are gone
    size_t count, capacity;
    unsigned last_number;
    bool failed;           // a collector ended that should not have, since this was last cleared
    int failed_status;     // its wait status
    char failed_text[512]; // how an awaited one ended that never recorded
};

int job_start(struct job **out, struct session *session, const struct collector *collector,
              const struct collect_request *request, struct err *err) MUST_CHECK;
void job_stop(struct job *job);
// NULL when there is none of this number (or it has ended).
struct job *job_by_number(const struct jobs *jobs, unsigned number);

// Ticks all; says what has ended.
void jobs_tick(struct session *session, int64_t now_ns);
// When jobs_tick is due; INT64_MAX: no jobs. `watched`: somebody may look at what comes in.
int64_t jobs_wake_ns(const struct jobs *jobs, int64_t now_ns, bool watched);
// Appends what to poll for; at most RECORDING_FDS * jobs->count entries. Returns how many.
size_t jobs_poll(const struct jobs *jobs, struct pollfd *out);
// Kills what still runs.
void jobs_dispose(struct jobs *jobs);

#endif
