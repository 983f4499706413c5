// Reads, unpacks and scans a file some pieces ahead of whoever decodes it, on threads of its own.
//
// A piece is read, scanned where the decoder can (by the thread that read it, while others go on),
// and taken (in order, by the thread that decodes, which does the work of the others itself when
// nothing is ready). A file of plain text is read by all threads at once, each at its place; what
// has to be unpacked in order, by one at a time.
#ifndef FLICKER_PROTO_READ_AHEAD_H
#define FLICKER_PROTO_READ_AHEAD_H

#include "proto/format.h"
#include "proto/unpack.h"

enum {
    READ_AHEAD_BYTES = 256 << 10,  // of one piece: with less, threads wake each other too often
    READ_AHEAD_OVERLAP = 32 << 10, // of them, to look for where the first record begins
    READ_AHEAD_HELPERS = 3,        // threads at most
    READ_AHEAD_PIECES = READ_AHEAD_HELPERS + 3, // one in work by each thread, and two that wait
};

struct read_ahead;

// A piece of the file, in order. It is the reader's until the next call of read_ahead_next.
struct read_piece {
    char *text;
    size_t len;
    bool scanned;       // by the decoder's scan, with these notes
    struct bytes notes; //
    bool last;          // nothing comes after it
    int failed;         // last, and reading ended with this error
    struct err err;
    // read_ahead's own
    char *memory;  // READ_AHEAD_BYTES, with text somewhere in it
    uint64_t from; // of plain text: where text lies in it
    bool ready;
};

// Starts with `held` bytes that were read before. Uses unpack, and the decoder's scan when it has
// one, until freed. With no helpers, all is done by read_ahead_next.
struct read_ahead *read_ahead_new(struct unpack *unpack, struct decoder *decoder, const char *held,
                                  size_t held_len, unsigned helpers);
// Waits for the next piece. Not to be called after the last one.
const struct read_piece *read_ahead_next(struct read_ahead *ahead);
void read_ahead_free(struct read_ahead *ahead);

#endif
