// The messages between the shell and its privileged parent: one SOCK_SEQPACKET packet each.
#ifndef FLICKER_COLLECTORS_LAUNCHER_WIRE_H
#define FLICKER_COLLECTORS_LAUNCHER_WIRE_H

#include "collectors/launcher.h"
#include "collectors/launcher_rules.h"

enum wire_kind { WIRE_START, WIRE_SIGNAL, WIRE_ENDED, WIRE_MAPS, WIRE_MAPPED, WIRE_JIT };

// Followed by arg_count + env_count strings, each with its NUL.
struct wire_request {
    uint32_t kind;  // enum wire_kind
    uint32_t tool;  // enum launcher_tool
    int32_t number; // a signal, a pid
    uint32_t arg_count, env_count;
    uint32_t text_bytes;
    uint64_t id;      // of a started collector
    uint64_t address; // of a mapping
};

// With up to two descriptors.
struct wire_reply {
    int32_t status; // 0, 1 for "yes", or a negative errno
    int32_t pid, last_pid;
    int32_t wait_status;
    uint32_t fd_count;
    uint64_t id;
    char message[ERR_MESSAGE_BYTES];
};

// A received request with its strings taken apart.
struct wire_call {
    struct wire_request request;
    char text[LAUNCHER_MAX_TEXT_BYTES];
    const char *args[LAUNCHER_MAX_ARGS + 1];
    const char *environment[LAUNCHER_MAX_ARGS + 1];
};

// All return 0 or a negative errno. -EPIPE: the other side has gone.
int wire_send_request(int fd, const struct wire_request *request, const char *const *args,
                      const char *const *environment, struct err *err) MUST_CHECK;
// -EBADMSG: not a request of ours; nothing of it may be used.
int wire_receive_request(int fd, struct wire_call *call) MUST_CHECK;
int wire_send_reply(int fd, struct wire_reply *reply, const int *fds) MUST_CHECK;
// fds: room for two, -1 where none came.
int wire_receive_reply(int fd, struct wire_reply *reply, int fds[2]) MUST_CHECK;

#endif
