// The demo: a workload of known shape, recorded live on this host.
#ifndef FLICKER_SHELL_DEMO_H
#define FLICKER_SHELL_DEMO_H

#include "proto/err.h"

struct session;

// The hidden mode of this program that is the workload.
#define DEMO_WORKLOAD_OPTION "--demo-workload"

struct demo {
    int keep_fd; // the workload ends when this closes
    int pid;
};

// Starts the workload. Called before launcher_split(): what root may do for it must be done first.
int demo_launch(struct demo *demo, struct err *err) MUST_CHECK;
// Feeds the session with the demo's commands; where nothing can be recorded, ends the
// workload and shows the recording that comes with the program.
int demo_start(struct demo *demo, struct session *session, struct err *err) MUST_CHECK;
void demo_stop(struct demo *demo);

#endif
