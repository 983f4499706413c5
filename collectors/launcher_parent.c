// The privileged side of the launcher: one loop over the socket and the signals, no library, no
// thread, no byte parsed but requests of fixed shape.
#include "collectors/launcher_parent.h"

#include "collectors/collector_set.h"
#include "collectors/launcher_wire.h"
#include "collectors/mapped.h"
#include "proto/alloc.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

// How long collectors may take to leave once the shell has gone; nothing runs after a second.
enum { LEAVE_PATIENCE_MS = 300 };

struct parent {
    pid_t child;
    enum launcher_power power;
    int socket_fd; // -1 once the child closed it
    bool child_ended;
    int child_status;
    struct collector_set set;
    struct wire_call *call;
};

static void handled_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGCHLD);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGHUP);
}

void launcher_parent_block_signals(void)
{
    sigset_t signals;
    handled_signals(&signals);
    sigprocmask(SIG_BLOCK, &signals, NULL);
}

void launcher_parent_unblock_signals(void)
{
    sigset_t signals;
    handled_signals(&signals);
    sigprocmask(SIG_UNBLOCK, &signals, NULL);
}

// One descriptor (or a negative errno) becomes the reply.
static void reply_fd(struct wire_reply *reply, int *fds, int fd)
{
    reply->status = fd < 0 ? fd : 0;
    if (fd >= 0)
        fds[reply->fd_count++] = fd;
}

static void start(struct parent *parent, struct wire_reply *reply, int *fds)
{
    const struct wire_call *call = parent->call;
    struct launched launched;
    struct err err = {0};
    reply->status = collector_set_start(&parent->set, (enum launcher_tool)call->request.tool,
                                        call->args, call->environment, &launched, &err);
    snprintf(reply->message, sizeof reply->message, "%s", err.message);
    if (reply->status)
        return;
    reply->id = launched.id;
    reply->pid = launched.pid;
    reply->last_pid = launched.last_pid;
    fds[reply->fd_count++] = launched.stdout_fd;
    fds[reply->fd_count++] = launched.stderr_fd;
}

static void answer(struct parent *parent)
{
    const struct wire_request *request = &parent->call->request;
    struct wire_reply reply = {0};
    int fds[2] = {-1, -1};
    switch (request->kind) {
    case WIRE_START:
        if (parent->power == LAUNCHER_COLLECTS)
            start(parent, &reply, fds);
        else
            reply.status = -EPERM;
        break;
    case WIRE_SIGNAL:
        reply.status = collector_set_signal(&parent->set, request->id, request->number);
        break;
    case WIRE_ENDED:
        reply.status = collector_set_ended(&parent->set, request->id, &reply.wait_status);
        break;
    case WIRE_MAPS:
        reply_fd(&reply, fds, mapped_open_maps(request->number));
        break;
    case WIRE_MAPPED:
        reply_fd(&reply, fds, mapped_open_file(request->number, request->address));
        break;
    case WIRE_JIT:
        reply_fd(&reply, fds, mapped_open_jit(request->number));
        break;
    default:
        reply.status = -EINVAL;
    }
    // A child that has gone is seen by the loop.
    int sent = wire_send_reply(parent->socket_fd, &reply, fds);
    (void)sent;
    for (size_t i = 0; i < reply.fd_count; i++)
        close(fds[i]);
}

// False when the child closed the socket or speaks nonsense: it is then on its own.
static bool serve_request(struct parent *parent)
{
    if (wire_receive_request(parent->socket_fd, parent->call))
        return false;
    answer(parent);
    return true;
}

static void watch_child(struct parent *parent)
{
    int status = 0;
    while (!parent->child_ended && waitpid(parent->child, &status, WNOHANG | WUNTRACED) > 0) {
        if (WIFSTOPPED(status)) {
            // Stop with it, so that the shell that started us sees a stopped job; go on together.
            raise(SIGSTOP);
            kill(parent->child, SIGCONT);
            continue;
        }
        parent->child_ended = true;
        parent->child_status = status;
    }
}

// A SIGINT of the terminal went to the child, too; one that somebody sent was meant for flicker,
// and this is the process whose number people see.
static bool is_for_child(const struct signalfd_siginfo *info)
{
    return info->ssi_signo != SIGCHLD && (info->ssi_signo != SIGINT || info->ssi_code != SI_KERNEL);
}

static void take_signals(struct parent *parent, int signal_fd)
{
    struct signalfd_siginfo info;
    while (read(signal_fd, &info, sizeof info) == sizeof info) {
        if (is_for_child(&info))
            kill(parent->child, (int)info.ssi_signo);
    }
    watch_child(parent);
    collector_set_reap(&parent->set);
}

static void loop(struct parent *parent, int signal_fd)
{
    while (!parent->child_ended) {
        struct pollfd fds[2] = {{signal_fd, POLLIN, 0}, {parent->socket_fd, POLLIN, 0}};
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        if (fds[0].revents)
            take_signals(parent, signal_fd);
        if (fds[1].revents && !serve_request(parent)) {
            // The shell let go of the launcher: end what it started, wait for its own end.
            close(parent->socket_fd);
            parent->socket_fd = -1;
            collector_set_end(&parent->set, LEAVE_PATIENCE_MS);
        }
    }
}

// A child that leaves has put the terminal right itself. For one that was killed it is done here,
// unless the terminal is another's now: of a pager that reads our output, or the shell's, which
// started us in the background.
static void restore_terminal(const struct termios *terminal, int status)
{
    if (WIFSIGNALED(status) && tcgetpgrp(STDIN_FILENO) == getpgrp())
        tcsetattr(STDIN_FILENO, TCSADRAIN, terminal);
}

void launcher_parent_serve(pid_t child, int socket_fd, enum launcher_power power)
{
    // What the terminal sends is the child's business.
    const int ignored[] = {SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE};
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        signal(ignored[i], SIG_IGN);
    struct termios terminal;
    bool has_terminal = !tcgetattr(STDIN_FILENO, &terminal);
    sigset_t signals;
    handled_signals(&signals);
    int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    struct parent parent = {.child = child, .power = power, .socket_fd = socket_fd};
    parent.call = xmalloc(sizeof *parent.call);
    watch_child(&parent);
    if (signal_fd >= 0)
        loop(&parent, signal_fd);
    else
        kill(child, SIGTERM);
    collector_set_end(&parent.set, LEAVE_PATIENCE_MS);
    while (!parent.child_ended && waitpid(child, &parent.child_status, 0) < 0 && errno == EINTR)
        continue;
    int status = parent.child_status;
    if (has_terminal)
        restore_terminal(&terminal, status);
    free(parent.call);
    exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}
