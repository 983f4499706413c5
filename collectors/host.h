// Facts of this host that every source's hello says.
#ifndef FLICKER_COLLECTORS_HOST_H
#define FLICKER_COLLECTORS_HOST_H

#include "proto/sample.h"

#include <sys/utsname.h>

// CLOCK_MONOTONIC, ns.
int64_t host_now_ns(void);
// Wall clock minus CLOCK_MONOTONIC, ns, good to about a microsecond.
int64_t host_wall_offset_ns(void);
// Fills host, kernel, CPUs and clock; text is borrowed from *names.
void host_hello(struct hello *hello, struct utsname *names);

#endif
