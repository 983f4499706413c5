// One running collector: a child process, its pipes, its decoder, its life and death.
#ifndef FLICKER_COLLECTORS_RECORDING_H
#define FLICKER_COLLECTORS_RECORDING_H

#include "collectors/collector.h"

#include <poll.h>

// What `jobs` and `status` show.
struct recording_status {
    enum recording_state state;
    bool ran;      // it came as far as recording
    bool in_order; // it ends, or has ended, because it was stopped or its time was up
    bool garbled;  // what it sent could not be read
    const struct collector *collector;
    const char *command;                      // what ran, as a shell line; borrowed
    pid_t pid, last_pid;                      // of a pipeline; the same when it is one process
    uint64_t lost[LOSS_WHERES];               // what is known to be missing, by where it went
    int64_t started_ns, running_ns, ended_ns; // CLOCK_MONOTONIC; 0: not yet
    int64_t first_sample_ns;                  // 0: none yet
    const struct decode_report *report;       // borrowed; NULL before the first byte
    int exit_status;                          // wait status, when ended
    char why_ended[256]; // "stopped", "its process has ended", "killed by signal 9"
};
void recording_status(const struct recording *recording, struct recording_status *out);

const char *recording_state_name(enum recording_state state); // "starting"

// Drains the pipes in bounded bites, decodes into the sink, drives start and stop. The loop calls
// it every recording_interval_ms() and when one of recording_fds() is readable. Never blocks.
// Returns false once the recording has ended and everything was read.
bool recording_tick(struct recording *recording, int64_t now_ns);
// Descriptors to poll for POLLIN, at most RECORDING_FDS; returns how many. stderr, so that errors
// show at once. The stream itself is mostly drained on ticks: waking for every line would cost more
// than the parsing. One that comes seldom, in whole rounds, is read as it comes. A process that is
// watched for its end is among them.
enum { RECORDING_FDS = 3 };
size_t recording_fds(const struct recording *recording, int fds[RECORDING_FDS]);
// Longer where nobody looks at what comes in, and little does.
int recording_interval_ms(const struct recording *recording, bool watched);

// Begins a graceful stop (the protocol of its collector); ticks carry it out. A second call kills.
void recording_stop(struct recording *recording);
void recording_free(struct recording *recording); // kills what still runs

#endif
