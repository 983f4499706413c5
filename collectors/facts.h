// What this kernel and these processes are, for `doctor` and `status`. Unprivileged, and read anew
// at every call.
#ifndef FLICKER_COLLECTORS_FACTS_H
#define FLICKER_COLLECTORS_FACTS_H

#include "proto/bytes.h"
#include "proto/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

// CPU time that a process and its children that run have used, user and system; 0 when it is not
// there. A collector of ours is two processes: one that may, and one that works.
int64_t facts_cpu_ns(pid_t pid);
// Appends "uid 0, CapEff 000001ffffffffff"; false when the process is not there.
bool facts_put_rights(struct bytes *out, pid_t pid);
// Whether a process may load BPF programs and sample the whole host: root of a container may not.
// If not, *why (may be NULL) says what it lacks.
bool facts_may_trace(pid_t pid, const char **why);
// Whether tracefs is mounted where bpftrace looks for tracepoints.
bool facts_has_tracefs(void);
bool facts_has_kprobes(void);
// -ENOTSUP: BPF programs cannot tell this process, 0 for any, as its number is one of a PID
// namespace (a container's) and theirs are the host's.
int facts_check_process(pid_t pid, struct err *err) MUST_CHECK;
// What the kernel offers to collectors, a line each; below what it lacks, what that costs and the
// command that would change it.
void facts_put_kernel(struct bytes *out);

#endif
