// The flicker stream, .fks (proto/stream.proto): lossless, streaming, read at the speed of memory.
//
// A stream that is cut anywhere opens to its last whole message; the cut is counted in the report.
#ifndef FLICKER_PROTO_FKS_H
#define FLICKER_PROTO_FKS_H

#include "proto/format.h"

#define FKS_MAGIC                                                                                  \
    "\x89"                                                                                         \
    "fks\r\n\x1a\n"

enum {
    FKS_MAGIC_BYTES = 8,
    FKS_MESSAGE_MAX_BYTES = 1 << 20,
};

// The row's decoder_new and encoder_new.
struct decoder *fks_decoder_new(struct sink *sink, const struct decode_options *options);
// Whether a message has begun that is not whole yet.
bool fks_decoder_waits(const struct decoder *decoder);
struct encoder *fks_encoder_new(struct dict *dict, struct output *output);

// Writes what an fks encoder holds back (at most some 2048 samples), so that the reader of a pipe
// sees it at once.
int fks_encoder_flush(struct encoder *encoder, struct err *err) MUST_CHECK;

#endif
