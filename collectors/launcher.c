// The handle of the launcher: asks the privileged parent, or does it here where there is none.
#include "collectors/launcher.h"

#include "collectors/collector_set.h"
#include "collectors/facts.h"
#include "collectors/launcher_parent.h"
#include "collectors/launcher_wire.h"
#include "collectors/mapped.h"
#include "collectors/privileges.h"
#include "proto/alloc.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LEAVE_PATIENCE_MS = 300, SOCKET_BUFFER_BYTES = 512 * 1024 };

struct launcher {
    int socket_fd;            // -1: no parent
    struct collector_set set; // where there is no parent
};

static struct launcher *launcher_new(int socket_fd)
{
    struct launcher *launcher = xcalloc(1, sizeof *launcher);
    launcher->socket_fd = socket_fd;
    return launcher;
}

struct launcher *launcher_local(void)
{
    return launcher_new(-1);
}

// The child: the invoking user from here on. SIGTERM, not SIGKILL, when the parent dies: there is
// a buffer to save.
static int become_user(pid_t parent, struct err *err)
{
    launcher_parent_unblock_signals();
    int status = privileges_drop(err);
    if (!status && (prctl(PR_SET_PDEATHSIG, SIGTERM) || getppid() != parent))
        status = err_set(err, -ESRCH, "the launcher has gone");
    return status;
}

int launcher_check_tracing(const struct launcher *launcher, struct err *err)
{
    const char *why;
    if (!launcher_is_privileged(launcher))
        return err_set(err, -EPERM, "not root\nstart flicker with sudo");
    if (facts_may_trace(getppid(), &why))
        return 0;
    return err_set(err, -EPERM,
                   "%s\nstart flicker on the host, or the container with --privileged or --cap-add "
                   "of both",
                   why);
}

int launcher_split(struct launcher **out, enum launcher_power power, struct err *err)
{
    *out = NULL;
    if (geteuid() != 0) {
        *out = launcher_local();
        return 0;
    }
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
        return err_set(err, -errno, "cannot make the launcher's socket: %s", strerror(errno));
    int bytes = SOCKET_BUFFER_BYTES;
    setsockopt(sockets[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes); // less still works
    pid_t parent = getpid();
    fflush(NULL);
    launcher_parent_block_signals();
    pid_t child = fork();
    if (child > 0) {
        close(sockets[1]);
        launcher_parent_serve(child, sockets[0], power);
    }
    int status = child < 0 ? -errno : 0;
    close(sockets[0]);
    if (status) {
        close(sockets[1]);
        launcher_parent_unblock_signals();
        return err_set(err, status, "cannot fork the launcher: %s", strerror(-status));
    }
    status = become_user(parent, err);
    if (status)
        close(sockets[1]);
    else
        *out = launcher_new(sockets[1]);
    return status;
}

void launcher_free(struct launcher *launcher)
{
    if (!launcher)
        return;
    if (launcher->socket_fd >= 0)
        close(launcher->socket_fd);
    collector_set_end(&launcher->set, LEAVE_PATIENCE_MS);
    free(launcher);
}

bool launcher_is_privileged(const struct launcher *launcher)
{
    return launcher->socket_fd >= 0;
}

// One question, one answer. The parent answers at once or has gone.
static int ask(struct launcher *launcher, const struct wire_request *request,
               const char *const *args, const char *const *environment, struct wire_reply *reply,
               int fds[2], struct err *err)
{
    fds[0] = fds[1] = -1;
    int status = wire_send_request(launcher->socket_fd, request, args, environment, err);
    if (status)
        return status;
    status = wire_receive_reply(launcher->socket_fd, reply, fds);
    if (status)
        return err_set(err, status, "the launcher does not answer: %s", strerror(-status));
    return reply->status < 0 ? err_set(err, reply->status, "%s",
                                       *reply->message ? reply->message : strerror(-reply->status))
                             : reply->status;
}

int launcher_start(struct launcher *launcher, enum launcher_tool tool, const char *const *args,
                   const char *const *environment, struct launched *out, struct err *err)
{
    if (!launcher_is_privileged(launcher))
        return collector_set_start(&launcher->set, tool, args, environment, out, err);
    *out = (struct launched){.stdout_fd = -1, .stderr_fd = -1};
    struct wire_request request = {.kind = WIRE_START, .tool = tool};
    struct wire_reply reply;
    int fds[2];
    int status = ask(launcher, &request, args, environment, &reply, fds, err);
    if (!status)
        *out = (struct launched){fds[0], fds[1], reply.id, reply.pid, reply.last_pid};
    return status;
}

int launcher_signal(struct launcher *launcher, uint64_t id, int signal)
{
    if (!launcher_is_privileged(launcher))
        return collector_set_signal(&launcher->set, id, signal);
    struct wire_request request = {.kind = WIRE_SIGNAL, .id = id, .number = signal};
    struct wire_reply reply;
    int fds[2];
    return ask(launcher, &request, NULL, NULL, &reply, fds, NULL);
}

bool launcher_ended(struct launcher *launcher, uint64_t id, int *status)
{
    if (!launcher_is_privileged(launcher))
        return collector_set_ended(&launcher->set, id, status);
    struct wire_request request = {.kind = WIRE_ENDED, .id = id};
    struct wire_reply reply = {0};
    int fds[2];
    int answer = ask(launcher, &request, NULL, NULL, &reply, fds, NULL);
    *status = reply.wait_status;
    return answer != 0; // a launcher that has gone took its collectors along
}

static int ask_fd(struct launcher *launcher, const struct wire_request *request)
{
    struct wire_reply reply;
    int fds[2];
    int status = ask(launcher, request, NULL, NULL, &reply, fds, NULL);
    return status ? status : fds[0];
}

int launcher_open_maps(struct launcher *launcher, pid_t pid)
{
    if (!launcher_is_privileged(launcher))
        return mapped_open_maps(pid);
    return ask_fd(launcher, &(struct wire_request){.kind = WIRE_MAPS, .number = pid});
}

int launcher_open_mapped(struct launcher *launcher, pid_t pid, uint64_t address)
{
    if (!launcher_is_privileged(launcher))
        return mapped_open_file(pid, address);
    return ask_fd(launcher,
                  &(struct wire_request){.kind = WIRE_MAPPED, .number = pid, .address = address});
}

int launcher_open_jit(struct launcher *launcher, pid_t pid)
{
    if (!launcher_is_privileged(launcher))
        return mapped_open_jit(pid);
    return ask_fd(launcher, &(struct wire_request){.kind = WIRE_JIT, .number = pid});
}
