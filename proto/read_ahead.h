// Reads and unpacks a file on a thread of its own, some pieces ahead of whoever decodes it.
#ifndef FLICKER_PROTO_READ_AHEAD_H
#define FLICKER_PROTO_READ_AHEAD_H

#include "proto/format.h"
#include "proto/unpack.h"

enum {
    READ_AHEAD_BYTES = 256 << 10, // of one piece
    READ_AHEAD_PIECES = 4,
};

struct read_ahead;

// A piece of the file, in order. It is the reader's until the next call of read_ahead_next.
struct read_piece {
    char *text; // READ_AHEAD_BYTES
    size_t len;
    bool scanned;       // by the decoder's scan, with these notes
    struct bytes notes; //
    bool last;          // nothing comes after it
    int failed;         // last, and reading ended with this error
    struct err err;
};

// Starts with `held` bytes that were read before. Uses unpack, and the decoder's scan (when it has
// one and `scan` is set), until freed. NULL when no thread can be had.
struct read_ahead *read_ahead_new(struct unpack *unpack, struct decoder *decoder, bool scan,
                                  const char *held, size_t held_len);
// Waits for the next piece.
const struct read_piece *read_ahead_next(struct read_ahead *ahead);
void read_ahead_free(struct read_ahead *ahead);

#endif
