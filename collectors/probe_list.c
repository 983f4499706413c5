// Asks bpftrace for its probes.
#include "collectors/probe_list.h"

#include "collectors/host.h"
#include "proto/alloc.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_BYTES = 32 << 20 };

struct probe_list {
    struct launcher *launcher;
    struct launched child;
    bool asked, complete;
    struct bytes text;
};

struct probe_list *probe_list_new(struct launcher *launcher)
{
    struct probe_list *list = xcalloc(1, sizeof *list);
    list->launcher = launcher;
    list->child = (struct launched){.stdout_fd = -1, .stderr_fd = -1};
    return list;
}

static void close_child(struct probe_list *list)
{
    int status = 0;
    if (list->child.stdout_fd >= 0) {
        close(list->child.stdout_fd);
        close(list->child.stderr_fd);
        if (!launcher_ended(list->launcher, list->child.id, &status)) {
            status = launcher_signal(list->launcher, list->child.id, SIGKILL);
            launcher_ended(list->launcher, list->child.id, &status);
        }
    }
    list->child.stdout_fd = -1;
}

void probe_list_free(struct probe_list *list)
{
    if (!list)
        return;
    close_child(list);
    bytes_dispose(&list->text);
    free(list);
}

static void ask(struct probe_list *list)
{
    static const char *const args[] = {"-l", NULL};
    struct err err = {0};
    list->asked = true;
    list->complete =
        launcher_start(list->launcher, LAUNCHER_BPFTRACE, args, NULL, &list->child, &err) != 0;
}

// False: nothing more has come.
static bool read_some(struct probe_list *list)
{
    char piece[1 << 16];
    ssize_t got = read(list->child.stdout_fd, piece, sizeof piece);
    if (got > 0)
        bytes_append(&list->text, piece, (size_t)got);
    bool failed = got < 0 && errno != EAGAIN && errno != EINTR;
    list->complete = got == 0 || failed || list->text.len > MAX_BYTES;
    return got > 0 && !list->complete;
}

const char *probe_list_text(struct probe_list *list, int patience_ms)
{
    if (!list->asked)
        ask(list);
    int64_t deadline_ns = host_now_ns() + patience_ms * INT64_C(1000000);
    while (!list->complete) {
        int64_t left_ns = deadline_ns - host_now_ns();
        if (read_some(list))
            continue;
        if (list->complete || left_ns <= 0)
            break;
        poll(&(struct pollfd){.fd = list->child.stdout_fd, .events = POLLIN}, 1,
             (int)(left_ns / 1000000) + 1);
    }
    if (list->complete)
        close_child(list);
    return bytes_text(&list->text);
}
