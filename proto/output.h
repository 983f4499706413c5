// Where an encoder's bytes go: a file, a pipe, a string, a socket.
#ifndef FLICKER_PROTO_OUTPUT_H
#define FLICKER_PROTO_OUTPUT_H

#include "proto/bytes.h"
#include "proto/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

// Embedded first in the concrete output, or filled by hand.
struct output {
    // Takes all the bytes, or returns a negative errno with *err filled.
    int (*write)(struct output *output, const void *data, size_t len, struct err *err);
    // Once it is set nobody wants the bytes, and who makes them gives up soon. NULL: never.
    const atomic_bool *cancel;
};

static inline bool output_is_canceled(const struct output *output)
{
    return output->cancel && atomic_load_explicit(output->cancel, memory_order_relaxed);
}

// -ECANCELED when it is, else 0.
int output_canceled(const struct output *output, struct err *err) MUST_CHECK;

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

// An output into a descriptor: short writes and EINTR are handled, nothing is buffered. Once it is
// canceled, writing fails with -ECANCELED.
struct output_fd {
    struct output base;
    int fd;           // borrowed
    const char *name; // for messages; borrowed
};
void output_fd_init(struct output_fd *output, int fd, const char *name);

#endif
