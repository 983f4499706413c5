// The process that reads debug information: no rights, no files but those that it is handed, little
// memory and time. A hostile file costs this process, and nobody else.
//
// It is this program anew, started with one argument: `main` gives way to inline_worker_serve()
// when inline_worker_is_asked().
#ifndef FLICKER_COLLECTORS_INLINE_WORKER_H
#define FLICKER_COLLECTORS_INLINE_WORKER_H

#include "collectors/debug_info.h"
#include "proto/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { INLINE_MAX_MODULES = 256, INLINE_REPLY_BYTES = 60 * 1024 };

// Files are handed over once, under a number below INLINE_MAX_MODULES. Only addresses are
// answered, each in turn.
enum inline_request_kind { INLINE_FILES, INLINE_FIND };

struct inline_request {
    uint32_t kind;
    uint32_t module;
    uint64_t address;
    uint32_t has_separate, has_shared; // descriptors that come along, after the file's own
};

// Followed by the frames, then by their text: each function, then its file, without NULs.
struct inline_reply {
    uint64_t address;
    uint32_t module;
    uint32_t frame_count;
};

struct inline_reply_frame {
    uint32_t line;
    uint16_t function_len, file_len;
};

bool inline_worker_is_asked(int argc, char *const *argv);
_Noreturn void inline_worker_serve(void);

// Starts one: its end of the socket (SOCK_SEQPACKET, non-blocking), and its pid, to be killed and
// waited for. 0 or a negative errno.
int inline_worker_start(pid_t *pid, int *socket_fd) MUST_CHECK;
// Each sends one packet; -EAGAIN: it is busy.
int inline_worker_hand(int socket_fd, uint32_t module,
                       const struct debug_info_files *files) MUST_CHECK;
int inline_worker_ask(int socket_fd, uint32_t module, uint64_t address) MUST_CHECK;
// Takes a reply apart; text lies in `packet`, lengths in the frames. False: it is no reply of ours.
bool inline_worker_understand(const char *packet, size_t len, struct inline_reply *reply,
                              struct inline_reply_frame frames[DEBUG_INFO_MAX_FRAMES],
                              const char **text);

#endif
