// Outputs into strings and descriptors.
#include "proto/output.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

int output_canceled(const struct output *output, struct err *err)
{
    return output_is_canceled(output) ? err_set(err, -ECANCELED, "interrupted") : 0;
}

static int write_to_bytes(struct output *output, const void *data, size_t len, struct err *err)
{
    (void)err;
    bytes_append(((struct output_bytes *)output)->bytes, data, len);
    return 0;
}

void output_bytes_init(struct output_bytes *output, struct bytes *bytes)
{
    *output = (struct output_bytes){.base.write = write_to_bytes, .bytes = bytes};
}

enum { PIECE_BYTES = 4 << 20 }; // between two looks at Ctrl-C

static int write_to_fd(struct output *base, const void *data, size_t len, struct err *err)
{
    struct output_fd *output = (struct output_fd *)base;
    for (size_t done = 0; done < len;) {
        int canceled = output_canceled(base, err);
        if (canceled)
            return canceled;
        size_t piece = len - done < PIECE_BYTES ? len - done : PIECE_BYTES;
        ssize_t wrote = write(output->fd, (const char *)data + done, piece);
        if (wrote >= 0) {
            done += (size_t)wrote;
        } else if (errno == EAGAIN) {
            poll(&(struct pollfd){.fd = output->fd, .events = POLLOUT}, 1, -1);
        } else if (errno != EINTR) {
            int code = -errno;
            return err_set(err, code, "cannot write '%s': %s", output->name, strerror(-code));
        }
    }
    return 0;
}

void output_fd_init(struct output_fd *output, int fd, const char *name)
{
    *output = (struct output_fd){.base.write = write_to_fd, .fd = fd, .name = name};
}
