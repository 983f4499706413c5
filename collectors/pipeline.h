// One started collector as its parent process sees it: one program, or two joined by a pipe.
//
// Every program is a session of its own (the terminal's signals do not reach it), reads /dev/null
// or the program before it, and dies with its parent (PR_SET_PDEATHSIG).
#ifndef FLICKER_COLLECTORS_PIPELINE_H
#define FLICKER_COLLECTORS_PIPELINE_H

#include "collectors/launcher.h"

enum { PIPELINE_STAGES = 2, PIPELINE_PIPE_BYTES = 1 << 20 };

struct pipeline {
    pid_t pids[PIPELINE_STAGES]; // 0: no such stage, or reaped
    pid_t first;                 // of the first stage, also when it was reaped
    int status;                  // of the first stage, once reaped
    int reader_status;           // of the second
    bool first_ended;
    int stdin_fd; // write end of the first stage's stdin; -1: it reads /dev/null
};

// A program to run: argv[0] is its path.
struct pipeline_stage {
    char *const *argv;
};

// Starts the stages with this environment. On success *stdout_fd and *stderr_fd are the read ends,
// close-on-exec and non-blocking, and the caller's. `hold_stdin` keeps a pipe to the first stage,
// for a program that ends when its stdin closes.
int pipeline_start(struct pipeline *pipeline, const struct pipeline_stage *stages, size_t count,
                   char *const *environment, bool hold_stdin, int *stdout_fd, int *stderr_fd,
                   struct err *err) MUST_CHECK;
// SIGKILL goes to every stage, others to the first only; a first stage whose stdin is held is
// interrupted by closing that. -ESRCH: it has ended.
int pipeline_signal(struct pipeline *pipeline, int signal);
// Collects what has ended; true once every stage has.
bool pipeline_reap(struct pipeline *pipeline);
// How it ended, once reaped: the wait status of its first stage; of the second, with
// LAUNCHER_OF_READER, where that broke off what the first still wrote.
int pipeline_status(const struct pipeline *pipeline);
// Ends it now, for good: SIGINT, up to patience_ms to leave, SIGKILL; reaps.
void pipeline_end(struct pipeline *const *pipelines, size_t count, int patience_ms);

#endif
