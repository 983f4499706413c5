// Splitting a scan over a few threads.
#ifndef FLICKER_ANALYSIS_PARALLEL_H
#define FLICKER_ANALYSIS_PARALLEL_H

#include <stddef.h>
#include <stdint.h>

enum { PARALLEL_MOST = 16 };

// How many threads pay for a scan of so many samples: `wanted` when not 0, else one for each half a
// million, up to the CPUs that there are; 1..PARALLEL_MOST.
unsigned parallel_threads(unsigned wanted, uint64_t samples);

// Calls work(arg, 0) on this thread and work(arg, 1..threads - 1) on others, and returns when all
// have. Where a thread cannot be started its share is this thread's: work must take its pieces
// from a common list. Signals are blocked in the others.
void parallel_run(unsigned threads, void (*work)(void *arg, unsigned worker), void *arg);

#endif
