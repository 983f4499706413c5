// Taking from a process all that it does not need for reading the descriptors that it holds.
#ifndef FLICKER_COLLECTORS_CONFINE_H
#define FLICKER_COLLECTORS_CONFINE_H

#include "proto/err.h"

// No capabilities, no way to new ones; at most so much memory of its own (beside mapped files); no
// core file; system calls that reach beyond its own memory and descriptors fail. 0 or a negative
// errno. What a sanitizer cannot live with is left out under it.
int confine_reader(unsigned long memory_bytes) MUST_CHECK;
// From now on it may run for so many seconds of CPU, and is killed then.
void confine_cpu(unsigned seconds);

#endif
