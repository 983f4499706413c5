// The messages between the shell and its privileged parent.
#include "collectors/launcher_wire.h"

#include "proto/bytes.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WIRE_FDS = 2 };

static uint32_t append_strings(struct bytes *text, const char *const *strings)
{
    uint32_t count = 0;
    for (; strings && strings[count]; count++)
        bytes_append(text, strings[count], strlen(strings[count]) + 1);
    return count;
}

static int send_packet(int fd, struct msghdr *message)
{
    ssize_t sent;
    do
        sent = sendmsg(fd, message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

int wire_send_request(int fd, const struct wire_request *request, const char *const *args,
                      const char *const *environment, struct err *err)
{
    struct bytes text = {0};
    struct wire_request full = *request;
    full.arg_count = append_strings(&text, args);
    full.env_count = append_strings(&text, environment);
    full.text_bytes = (uint32_t)text.len;
    int status = 0;
    if (full.arg_count > LAUNCHER_MAX_ARGS || full.env_count > LAUNCHER_MAX_ARGS ||
        text.len > LAUNCHER_MAX_TEXT_BYTES) {
        status = err_set(err, -E2BIG, "the arguments are too long: %zu bytes, at most %d", text.len,
                         LAUNCHER_MAX_TEXT_BYTES);
    } else {
        struct iovec parts[2] = {{&full, sizeof full}, {text.data, text.len}};
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
        status = send_packet(fd, &message);
        if (status)
            err_set(err, status, "cannot reach the launcher: %s", strerror(-status));
    }
    bytes_dispose(&text);
    return status;
}

// Takes `count` strings off the text; false when it does not hold that many.
static bool split_strings(const char **at, const char *end, const char **strings, uint32_t count)
{
    if (count > LAUNCHER_MAX_ARGS)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        const char *nul = memchr(*at, '\0', (size_t)(end - *at));
        if (!nul)
            return false;
        strings[i] = *at;
        *at = nul + 1;
    }
    strings[count] = NULL;
    return true;
}

int wire_receive_request(int fd, struct wire_call *call)
{
    struct iovec parts[2] = {{&call->request, sizeof call->request},
                             {call->text, sizeof call->text}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t got;
    do
        got = recvmsg(fd, &message, 0); // no room for descriptors: what is sent along is dropped
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return got ? -errno : -EPIPE;
    const struct wire_request *request = &call->request;
    if ((size_t)got < sizeof *request || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) ||
        (size_t)got - sizeof *request != request->text_bytes)
        return -EBADMSG;
    const char *at = call->text;
    const char *end = call->text + request->text_bytes;
    if (!split_strings(&at, end, call->args, request->arg_count) ||
        !split_strings(&at, end, call->environment, request->env_count) || at != end)
        return -EBADMSG;
    return 0;
}

int wire_send_reply(int fd, struct wire_reply *reply, const int *fds)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * WIRE_FDS)];
        struct cmsghdr align;
    } control = {0};
    struct iovec part = {reply, sizeof *reply};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (reply->fd_count) {
        size_t bytes = sizeof(int) * reply->fd_count;
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(bytes);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        *header = (struct cmsghdr){CMSG_LEN(bytes), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(header), fds, bytes);
    }
    return send_packet(fd, &message);
}

int wire_receive_reply(int fd, struct wire_reply *reply, int fds[2])
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * WIRE_FDS)];
        struct cmsghdr align;
    } control = {0};
    struct iovec part = {reply, sizeof *reply};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    fds[0] = fds[1] = -1;
    ssize_t got;
    do
        got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return got ? -errno : -EPIPE;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    size_t count = header && header->cmsg_type == SCM_RIGHTS
                       ? (header->cmsg_len - CMSG_LEN(0)) / sizeof(int)
                       : 0;
    if (count)
        memcpy(fds, CMSG_DATA(header), sizeof(int) * (count < WIRE_FDS ? count : WIRE_FDS));
    if (got == sizeof *reply && reply->fd_count == count && count <= WIRE_FDS) {
        reply->message[sizeof reply->message - 1] = '\0';
        return 0;
    }
    for (size_t i = 0; i < WIRE_FDS; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = -1;
    }
    return -EBADMSG;
}
