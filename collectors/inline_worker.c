// The process that reads debug information.
#include "collectors/inline_worker.h"

#include "collectors/confine.h"
#include "proto/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SOCKET_FD = 3,    // of the worker
    FILES = 3,        // a packet brings at most
    CPU_SECONDS = 10, // one answer may take, a file's index included
    MAX_NAME_BYTES = 1024,
    MAX_FILE_BYTES = 512,
};
#define MEMORY_BYTES (1ul << 30)

static const char argument[] = "--read-debug-information";

struct module {
    struct debug_info_files files;
    struct debug_info *info; // NULL: not opened yet
    bool handed;
};

bool inline_worker_is_asked(int argc, char *const *argv)
{
    return argc == 2 && !strcmp(argv[1], argument);
}

// Runs in the new process, before it becomes this program anew.
static _Noreturn void become_worker(int socket_fd)
{
    char *const arguments[] = {(char *)"flicker-debug-info", (char *)argument, NULL};
    char *const environment[] = {NULL};
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int fd = 0; fd < SOCKET_FD; fd++)
        dup2(nothing, fd);
    if (socket_fd == SOCKET_FD)
        fcntl(socket_fd, F_SETFD, 0);
    else
        dup2(socket_fd, SOCKET_FD);
    close_range(SOCKET_FD + 1, ~0u, 0);
    sigset_t signals;
    sigemptyset(&signals);
    sigprocmask(SIG_SETMASK, &signals, NULL);
    execve("/proc/self/exe", arguments, environment);
    inline_worker_serve(); // not as this user: it does its work without a fresh memory, then
}

int inline_worker_start(pid_t *pid, int *socket_fd)
{
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
        return -errno;
    *pid = fork();
    if (*pid == 0)
        become_worker(sockets[1]);
    int status = *pid < 0 ? -errno : 0;
    close(sockets[1]);
    if (!status && fcntl(sockets[0], F_SETFL, O_NONBLOCK))
        status = -errno;
    if (!status)
        *socket_fd = sockets[0];
    else
        close(sockets[0]);
    return status;
}

static int send_packet(int fd, struct msghdr *message)
{
    ssize_t sent;
    do
        sent = sendmsg(fd, message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

int inline_worker_hand(int socket_fd, uint32_t module, const struct debug_info_files *files)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * FILES)];
        struct cmsghdr align;
    } control = {0};
    struct inline_request request = {
        .kind = INLINE_FILES,
        .module = module,
        .has_separate = files->separate >= 0,
        .has_shared = files->shared >= 0,
    };
    int fds[FILES] = {files->image}, count = 1;
    if (request.has_separate)
        fds[count++] = files->separate;
    if (request.has_shared)
        fds[count++] = files->shared;
    struct iovec part = {&request, sizeof request};
    size_t bytes = sizeof *fds * (size_t)count;
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = CMSG_SPACE(bytes)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){CMSG_LEN(bytes), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(header), fds, bytes);
    return send_packet(socket_fd, &message);
}

int inline_worker_ask(int socket_fd, uint32_t module, uint64_t address)
{
    struct inline_request request = {.kind = INLINE_FIND, .module = module, .address = address};
    struct iovec part = {&request, sizeof request};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    return send_packet(socket_fd, &message);
}

bool inline_worker_understand(const char *packet, size_t len, struct inline_reply *reply,
                              struct inline_reply_frame frames[DEBUG_INFO_MAX_FRAMES],
                              const char **text)
{
    if (len < sizeof *reply)
        return false;
    memcpy(reply, packet, sizeof *reply);
    size_t left = len - sizeof *reply;
    if (reply->frame_count > DEBUG_INFO_MAX_FRAMES || left < reply->frame_count * sizeof *frames)
        return false;
    memcpy(frames, packet + sizeof *reply, reply->frame_count * sizeof *frames);
    left -= reply->frame_count * sizeof *frames;
    *text = packet + len - left;
    for (uint32_t i = 0; i < reply->frame_count; i++) {
        size_t wanted = (size_t)frames[i].function_len + frames[i].file_len;
        if (wanted > left)
            return false;
        left -= wanted;
    }
    return left == 0;
}

// A request and the descriptors that came along; false when the other side has gone.
static bool receive(struct inline_request *request, int fds[FILES], size_t *fd_count)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * FILES)];
        struct cmsghdr align;
    } control = {0};
    struct iovec part = {request, sizeof *request};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t got;
    do
        got = recvmsg(SOCKET_FD, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got != sizeof *request || request->module >= INLINE_MAX_MODULES)
        return false;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *fd_count = header ? (header->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;
    if (*fd_count)
        memcpy(fds, CMSG_DATA(header), *fd_count * sizeof(int));
    return true;
}

static void take_files(struct module *module, const struct inline_request *request, const int *fds,
                       size_t fd_count)
{
    size_t wanted = 1u + (request->has_separate != 0) + (request->has_shared != 0);
    if (module->handed || fd_count != wanted)
        return;
    module->handed = true;
    module->files = (struct debug_info_files){
        .image = fds[0],
        .separate = request->has_separate ? fds[1] : -1,
        .shared = request->has_shared ? fds[wanted - 1] : -1,
    };
}

static uint16_t cut_len(const char *text, size_t most)
{
    return (uint16_t)(text ? strnlen(text, most) : 0);
}

static void answer(struct module *module, const struct inline_request *request, char *packet)
{
    struct debug_frame found[DEBUG_INFO_MAX_FRAMES];
    struct inline_reply reply = {.address = request->address, .module = request->module};
    confine_cpu(CPU_SECONDS);
    if (module->handed && !module->info)
        module->info = debug_info_open(&module->files);
    if (module->info)
        reply.frame_count = (uint32_t)debug_info_find(module->info, request->address, found);
    memcpy(packet, &reply, sizeof reply);
    char *frames = packet + sizeof reply;
    char *text = frames + reply.frame_count * sizeof(struct inline_reply_frame);
    for (uint32_t i = 0; i < reply.frame_count; i++) {
        struct inline_reply_frame frame = {
            .line = found[i].line,
            .function_len = cut_len(found[i].function, MAX_NAME_BYTES),
            .file_len = cut_len(found[i].file, MAX_FILE_BYTES),
        };
        memcpy(frames + i * sizeof frame, &frame, sizeof frame);
        if (frame.function_len)
            memcpy(text, found[i].function, frame.function_len);
        text += frame.function_len;
        if (frame.file_len)
            memcpy(text, found[i].file, frame.file_len);
        text += frame.file_len;
    }
    struct iovec part = {packet, (size_t)(text - packet)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (send_packet(SOCKET_FD, &message))
        _exit(0);
}

void inline_worker_serve(void)
{
    _Static_assert(DEBUG_INFO_MAX_FRAMES * (MAX_NAME_BYTES + MAX_FILE_BYTES + 16) <
                       INLINE_REPLY_BYTES,
                   "the longest reply has room");
    struct module *modules = xcalloc(INLINE_MAX_MODULES, sizeof *modules);
    char *packet = xmalloc(INLINE_REPLY_BYTES);
    struct inline_request request;
    int fds[FILES];
    size_t fd_count = 0;
    prctl(PR_SET_NAME, "flicker-lines");
    if (confine_reader(MEMORY_BYTES))
        _exit(1);
    while (receive(&request, fds, &fd_count)) {
        if (request.kind == INLINE_FILES)
            take_files(&modules[request.module], &request, fds, fd_count);
        else
            answer(&modules[request.module], &request, packet);
    }
    _exit(0);
}
