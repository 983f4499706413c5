// Where the programs that collectors run are installed.
//
// $PATH is the one that flicker was started with (sudo replaces it by its secure_path); relative
// entries are skipped, because what is found here may be run as root.
#include "collectors/tool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *tool_name(enum launcher_tool tool)
{
    static const char *const names[LAUNCHER_TOOLS] = {
        [LAUNCHER_BPFTRACE] = "bpftrace",
        [LAUNCHER_PERF_RECORD] = "perf",
        [LAUNCHER_NATIVE] = "flicker-collect",
    };
    return (unsigned)tool < LAUNCHER_TOOLS ? names[tool] : "?";
}

int tool_find_program(char path[PATH_MAX], const char *name, struct err *err)
{
    const char *at = getenv("PATH");
    while (at && *at) {
        int len = (int)strcspn(at, ":");
        if (*at == '/' && snprintf(path, PATH_MAX, "%.*s/%s", len, at, name) < PATH_MAX &&
            !access(path, X_OK))
            return 0;
        at += len + (at[len] == ':');
    }
    return err_set(err, -ENOENT, "'%s' is not installed, or not in $PATH", name);
}

int tool_find(char path[PATH_MAX], enum launcher_tool tool, struct err *err)
{
    if (tool == LAUNCHER_NATIVE) {
        char self[PATH_MAX];
        ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
        self[len < 0 ? 0 : len] = '\0';
        char *slash = strrchr(self, '/');
        int dir_len = slash ? (int)(slash - self) : 0;
        if (slash &&
            snprintf(path, PATH_MAX, "%.*s/%s", dir_len, self, tool_name(tool)) < PATH_MAX &&
            !access(path, X_OK))
            return 0;
    }
    return tool_find_program(path, tool_name(tool), err);
}
