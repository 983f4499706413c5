// Signals as flags and as a descriptor for the loop.
#ifndef FLICKER_SHELL_SIGNALS_H
#define FLICKER_SHELL_SIGNALS_H

#include "proto/err.h"

#include <stdatomic.h>
#include <stdbool.h>

// One for the process: see signals.c.
struct signals {
    atomic_bool interrupted; // Ctrl-C: also the cancel flag of the query that runs
    atomic_int ending;       // SIGTERM or SIGHUP that came; 0: none
    atomic_bool resized;     // SIGWINCH
    atomic_bool resumed;     // SIGCONT: who had the terminal meanwhile set it up as they liked
    int wake[2];             // a pipe; readable after any signal, SIGCHLD included
};

int signals_init(struct signals *signals, struct err *err) MUST_CHECK;
// Empties the pipe.
void signals_drain(struct signals *signals);
void signals_dispose(struct signals *signals);

#endif
