// The launcher: the one process that keeps root, and the handle by which the rest asks it.
//
// `main` calls launcher_split() before any library or thread starts. As root it forks: the parent
// keeps its privileges and does nothing but start collectors from its table, open files that
// symbolising needs, end collectors when the child has gone, and restore the terminal. The child
// (the shell) goes on as the invoking user, without capabilities. Not as root there is no parent:
// the handle starts what an ordinary user may start.
#ifndef FLICKER_COLLECTORS_LAUNCHER_H
#define FLICKER_COLLECTORS_LAUNCHER_H

#include "proto/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct launcher;

enum { LAUNCHER_MAX_PROGRAM_BYTES = 120 * 1024 }; // of a bpftrace program's text

// What the parent does when it is asked. Who reads what strangers made (stacks, symbol tables) gets
// no more than it needs.
enum launcher_power {
    LAUNCHER_COLLECTS, // everything here
    LAUNCHER_OPENS,    // it opens files of processes, and starts nothing
};

// Returns in the child (or, without root, in the only process) with *out set. In the parent it does
// not return: the parent serves until the child ends and exits with the child's status.
int launcher_split(struct launcher **out, enum launcher_power power, struct err *err) MUST_CHECK;
// The handle without a parent, whoever we are: it does what this process may do itself.
struct launcher *launcher_local(void);
// Collectors that still run are ended.
void launcher_free(struct launcher *launcher);
// Whether there is a privileged parent.
bool launcher_is_privileged(const struct launcher *launcher);
// Whether what it starts may load BPF programs and sample the whole host. -EPERM: not root, or one
// that lacks the rights for it; what would help stands on the second line.
int launcher_check_tracing(const struct launcher *launcher, struct err *err) MUST_CHECK;

// The programs that may be started; the launcher finds their paths itself.
enum launcher_tool {
    LAUNCHER_BPFTRACE,
    LAUNCHER_PERF_RECORD, // `perf record ARGS -o -` piped into `perf script -i - ...`
    LAUNCHER_NATIVE,      // flicker-collect, our own
    LAUNCHER_TOOLS
};

// A started collector as the shell sees it. Descriptors are non-blocking, close-on-exec and owned
// by the caller; -1 where there is none.
struct launched {
    int stdout_fd;  // the stream
    int stderr_fd;  // every process of the pipeline
    uint64_t id;    // for launcher_signal
    pid_t pid;      // of the first process, to show
    pid_t last_pid; // of the last one of a pipeline, else the same
};

// Starts a tool with an argument array (after the program's name; NULL-terminated) and extra
// environment ("NAME=VALUE", NULL-terminated, of a fixed list of names). -ENOENT: not installed;
// -EPERM: not as this user; -EINVAL: an argument that is not allowed. The privileged parent checks
// every one.
int launcher_start(struct launcher *launcher, enum launcher_tool tool, const char *const *args,
                   const char *const *environment, struct launched *out,
                   struct err *err) MUST_CHECK;

// Sends SIGINT, SIGTERM or SIGKILL to a started collector (to the recorder of a pipeline).
int launcher_signal(struct launcher *launcher, uint64_t id, int signal) MUST_CHECK;

// Reaps: true when the collector has ended; *status is then a wait status of its first process, or
// of the one that read what that wrote and ended too early, with this bit, which is not one of
// theirs.
enum { LAUNCHER_OF_READER = 1 << 16 };
bool launcher_ended(struct launcher *launcher, uint64_t id, int *status);

// Each opens a file of a running process, read-only; a descriptor or a negative errno.
int launcher_open_maps(struct launcher *launcher, pid_t pid); // /proc/PID/maps
// The file behind the executable mapping that holds this address, deleted or in another mount
// namespace though it may be.
int launcher_open_mapped(struct launcher *launcher, pid_t pid, uint64_t address);
// The names that a JIT wrote for this process (/tmp/perf-PID.map, of its own namespaces).
int launcher_open_jit(struct launcher *launcher, pid_t pid);

#endif
