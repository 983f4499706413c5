// Where the programs that collectors run are installed.
#ifndef FLICKER_COLLECTORS_TOOL_H
#define FLICKER_COLLECTORS_TOOL_H

#include "collectors/launcher.h"
#include "proto/bytes.h"

#include <limits.h>

// "bpftrace", "perf", "flicker-collect".
const char *tool_name(enum launcher_tool tool);
// Finds a program by name in the absolute directories of $PATH. -ENOENT with a message when it is
// not there.
int tool_find_program(char path[PATH_MAX], const char *name, struct err *err) MUST_CHECK;
// The same for a tool; our own is also looked for beside the running program.
int tool_find(char path[PATH_MAX], enum launcher_tool tool, struct err *err) MUST_CHECK;

// Appends the version that it says of itself ("0.17.0"); nothing when it says none in time. It is
// run as this process, unprivileged.
void tool_put_version(struct bytes *out, enum launcher_tool tool);

#endif
