// A workload of known shape, for the demo: a small server with a stall that comes and goes.
#ifndef FLICKER_SHELL_DEMO_WORKLOAD_H
#define FLICKER_SHELL_DEMO_WORKLOAD_H

// Turns this process into the workload: its comm and that of its four workers is "demo". Together
// they use about a tenth of one CPU for requests (handle_request), and at a random moment in
// every 5 s one of them holds the shared lock and burns 300 ms of CPU time in rebuild_index, while
// the others block on it.
//
// Runs until stdin is closed or the parent is gone, whichever comes first: nothing is left running.
// Call it in a child that has a pipe as stdin, before any thread is started. Returns an exit code.
int demo_workload_run(void);

#endif
