// Opens what symbolising needs of other processes, and nothing else.
//
// Runs in the privileged parent on behalf of a process that it does not trust: a file is opened
// only because the kernel lists it in /proc/PID/maps as mapped and executable, never because of a
// path that was asked for.
#ifndef FLICKER_COLLECTORS_MAPPED_H
#define FLICKER_COLLECTORS_MAPPED_H

#include <stdint.h>
#include <sys/types.h>

// /proc/PID/maps; a descriptor or a negative errno.
int mapped_open_maps(pid_t pid);
// The regular file behind the executable mapping of the process that holds `address`.
int mapped_open_file(pid_t pid, uint64_t address);
// The symbols that a JIT wrote for the process: /tmp/perf-NSPID.map in its own mount namespace, a
// regular file of the process' own user.
int mapped_open_jit(pid_t pid);

#endif
