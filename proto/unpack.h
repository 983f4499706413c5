// The plain bytes of a file that may be packed: gzip, zstd, UTF-16.
#ifndef FLICKER_PROTO_UNPACK_H
#define FLICKER_PROTO_UNPACK_H

#include "proto/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    // A file that unpacks to more than this many times its size is taken for a bomb and refused,
    // once it has given UNPACK_FREE_BYTES.
    UNPACK_MAX_RATIO = 250,
    UNPACK_FREE_BYTES = 32 << 20,
};

struct unpack;

// Opens path for reading. On failure *out is NULL. Messages do not repeat the path. Who waits for
// the other end of a pipe, here or in unpack_read, is interrupted by a signal that sets *cancel
// (may be NULL): -ECANCELED.
int unpack_open(struct unpack **out, const char *path, const atomic_bool *cancel,
                struct err *err) MUST_CHECK;
// Fills buffer as far as there are bytes: less than len only at the end, or before damage, which
// the next call tells. Returns how many, or a negative errno.
ssize_t unpack_read(struct unpack *unpack, void *buffer, size_t len, struct err *err) MUST_CHECK;
// Whether the text is the file's own bytes, *text_at (the length of a byte order mark) of them left
// out; known after the first unpack_read.
bool unpack_is_plain(const struct unpack *unpack, uint64_t *text_at);
// Reads from this offset of the file, on any thread. Returns as unpack_read.
ssize_t unpack_read_at(struct unpack *unpack, void *buffer, size_t len, uint64_t at,
                       struct err *err) MUST_CHECK;
// Bytes of the file read so far, and its size (0: not known).
uint64_t unpack_done(const struct unpack *unpack);
uint64_t unpack_size(const struct unpack *unpack);
void unpack_free(struct unpack *unpack);

#endif
