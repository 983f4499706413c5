// Asks bpftrace for its version.
#include "collectors/bpftrace_version.h"

#include "collectors/host.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_before(const struct bpftrace_version *version, unsigned minor)
{
    return version->major == 0 && version->minor < minor;
}

bool bpftrace_version_parse(struct bpftrace_version *out, const char *said)
{
    return sscanf(said, "bpftrace v%u.%u", &out->major, &out->minor) == 2 ||
           sscanf(said, "bpftrace %u.%u", &out->major, &out->minor) == 2;
}

// The first bytes that it says; it has long ended when the time is up.
static void read_said(const struct launched *child, char *said, size_t size)
{
    enum { PATIENCE_MS = 5000 };
    int64_t deadline_ns = host_now_ns() + PATIENCE_MS * INT64_C(1000000);
    size_t len = 0;
    while (len + 1 < size) {
        ssize_t got = read(child->stdout_fd, said + len, size - 1 - len);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            break;
        len += got > 0 ? (size_t)got : 0;
        int64_t left_ms = (deadline_ns - host_now_ns()) / 1000000;
        if (left_ms <= 0)
            break;
        if (got < 0)
            poll(&(struct pollfd){.fd = child->stdout_fd, .events = POLLIN}, 1, (int)left_ms);
    }
    said[len] = '\0';
}

void bpftrace_version_ask(struct bpftrace_version *out, struct launcher *launcher)
{
    static const char *const args[] = {"--version", NULL};
    struct launched child;
    struct err err = {0};
    char said[128];
    int status = 0;
    *out = (struct bpftrace_version){UINT_MAX, 0};
    if (launcher_start(launcher, LAUNCHER_BPFTRACE, args, NULL, &child, &err))
        return;
    read_said(&child, said, sizeof said);
    if (!bpftrace_version_parse(out, said))
        *out = (struct bpftrace_version){UINT_MAX, 0};
    close(child.stdout_fd);
    close(child.stderr_fd);
    if (!launcher_ended(launcher, child.id, &status)) {
        status = launcher_signal(launcher, child.id, SIGKILL);
        launcher_ended(launcher, child.id, &status);
    }
}

bool bpftrace_is_too_old(const struct bpftrace_version *version)
{
    return is_before(version, 17);
}

bool bpftrace_obeys_no_user_symbols(const struct bpftrace_version *version)
{
    return is_before(version, 20);
}

bool bpftrace_json_keeps_keys(const struct bpftrace_version *version)
{
    return is_before(version, 24);
}

bool bpftrace_heeds_interrupts(const struct bpftrace_version *version)
{
    return !is_before(version, 21);
}

bool bpftrace_needs_tracefs(const struct bpftrace_version *version)
{
    return !is_before(version, 26);
}

void bpftrace_environment(const char *out[BPFTRACE_VARIABLES + 1],
                          const struct bpftrace_version *version, bool names, const char *text)
{
    size_t count = 0;
    bool old = bpftrace_obeys_no_user_symbols(version);
    if (old && !names)
        out[count++] = "BPFTRACE_NO_USER_SYMBOLS=1";
    if (!strstr(text, "max_map_keys"))
        out[count++] = old ? "BPFTRACE_MAP_KEYS_MAX=32768" : "BPFTRACE_MAX_MAP_KEYS=32768";
    if (!strstr(text, "perf_rb_pages"))
        out[count++] = "BPFTRACE_PERF_RB_PAGES=256";
    out[count] = NULL;
}
