// The setting max-overhead: what a collector may take of a CPU.
#ifndef FLICKER_SHELL_OVERHEAD_H
#define FLICKER_SHELL_OVERHEAD_H

#include "shell/jobs.h"

// Called once a second or so, after the job's share was measured. One that samples CPUs at a rate
// and takes too much is stopped, to go on at half of it (job->slower_hz); of any other it is said,
// once, that it takes more than it may.
void overhead_heed(struct job *job, const struct recording_status *status);
// Starts again what was stopped so and has ended, as a source of its own: samples carry their
// period, so totals are CPU time whatever the rate.
void overhead_go_on(struct session *session, const struct job *old, int64_t now_ns);

#endif
