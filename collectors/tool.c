// Where the programs that collectors run are installed.
//
// $PATH is the one that flicker was started with (sudo replaces it by its secure_path); relative
// entries are skipped, because what is found here may be run as root.
#include "collectors/tool.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
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

// What it prints for --version: the first piece of its output, which is one line.
static size_t run_for_version(const char *path, char *said, size_t size)
{
    enum { PATIENCE_MS = 1000 };
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return 0;
    pid_t child = fork();
    if (!child) {
        setpgid(0, 0);
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        dup2(null, STDIN_FILENO);
        dup2(null, STDERR_FILENO);
        dup2(ends[1], STDOUT_FILENO);
        execl(path, path, "--version", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    ssize_t got = 0;
    if (child > 0 && poll(&(struct pollfd){.fd = ends[0], .events = POLLIN}, 1, PATIENCE_MS) > 0)
        got = read(ends[0], said, size);
    close(ends[0]);
    if (child > 0) {
        setpgid(child, child); // whoever comes first
        kill(-child, SIGKILL); // what is no version may go on for ever
        waitpid(child, NULL, 0);
    }
    return got > 0 ? (size_t)got : 0;
}

void tool_put_version(struct bytes *out, enum launcher_tool tool)
{
    char path[PATH_MAX], said[256];
    if (tool_find(path, tool, NULL))
        return;
    size_t len = run_for_version(path, said, sizeof said - 1);
    said[len] = '\0';
    // "bpftrace v0.17.0", "perf version 6.1.192"
    const char *at = said + strcspn(said, "\n0123456789");
    size_t version = strspn(at, "0123456789.");
    if (strchr(said, '\n') && version >= 3 && isdigit((unsigned char)*at))
        bytes_append(out, at, version);
}
