// What the launcher may be asked to run: the checks of argument arrays and environments.
//
// The asking process parses bytes that others chose, so a request is judged as if it were hostile:
// only options from a list pass, and none of those writes a file, runs a program or a script, or
// loads code. (A bpftrace program may still read kernel and user memory: that is what it is for.)
#ifndef FLICKER_COLLECTORS_LAUNCHER_RULES_H
#define FLICKER_COLLECTORS_LAUNCHER_RULES_H

#include "collectors/launcher.h"

enum {
    LAUNCHER_MAX_ARGS = 256,
    LAUNCHER_MAX_TEXT_BYTES = 124 * 1024, // an argument of execve() holds 128 KiB
};

// 0, or -EINVAL naming the argument that is not allowed.
int launcher_check_args(enum launcher_tool tool, const char *const *args,
                        struct err *err) MUST_CHECK;
// 0, or -EINVAL naming the variable that is not on the list.
int launcher_check_environment(const char *const *environment, struct err *err) MUST_CHECK;

#endif
