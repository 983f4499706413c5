// Where an encoder's bytes go: a file, a pipe, a string, a socket.
#ifndef FLICKER_PROTO_OUTPUT_H
#define FLICKER_PROTO_OUTPUT_H

#include "proto/bytes.h"
#include "proto/err.h"

#include <stdatomic.h>

// Embedded first in the concrete output, or filled by hand.
struct output {
    // Takes all the bytes, or returns a negative errno with *err filled.
    int (*write)(struct output *output, const void *data, size_t len, struct err *err);
};

static inline MUST_CHECK int output_write(struct output *output, const void *data, size_t len,
                                          struct err *err)
{
    return output->write(output, data, len, err);
}

// An output into a string.
struct output_bytes {
    struct output base;
    struct bytes *bytes; // borrowed
};
void output_bytes_init(struct output_bytes *output, struct bytes *bytes);

// An output into a descriptor: short writes and EINTR are handled, nothing is buffered.
struct output_fd {
    struct output base;
    int fd;                    // borrowed
    const char *name;          // for messages; borrowed
    const atomic_bool *cancel; // once it is set, writing fails with -ECANCELED; NULL: never
};
void output_fd_init(struct output_fd *output, int fd, const char *name);

#endif
