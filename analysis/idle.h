// Which kernel functions a CPU runs when it has nothing to run.
#ifndef FLICKER_ANALYSIS_IDLE_H
#define FLICKER_ANALYSIS_IDLE_H

#include <stdbool.h>

// Part of the idle loop itself: do_idle, cpuidle_enter_state, native_safe_halt...
bool idle_is_loop(const char *function);
// How a CPU comes to its idle loop at boot: start_kernel, secondary_startup_64...
bool idle_is_startup(const char *function);
// The comm of the idle threads: swapper/0.
bool idle_is_comm(const char *comm);

#endif
