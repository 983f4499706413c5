// What decoders share whose format can be read only when all of it is there (protobuf messages in
// one piece): the bytes are held, up to 2 GiB, and read at the end into a stage.
#ifndef FLICKER_PROTO_WHOLE_DECODER_H
#define FLICKER_PROTO_WHOLE_DECODER_H

#include "proto/stage.h"

struct whole_decoder;

// Reads the whole of data onto the stage and fills the hello. Fails with -EBADMSG when nothing
// could be read.
typedef int whole_read_fn(struct whole_decoder *decoder, const uint8_t *data, size_t len,
                          struct hello *hello, struct err *err);

struct whole_decoder {
    struct decoder base;
    whole_read_fn *read;
    struct bytes data;
    struct stage stage;
};

struct decoder *whole_decoder_new(whole_read_fn *read, struct sink *sink);
// Counts something that was not understood.
void whole_decoder_skip(struct whole_decoder *decoder, uint64_t byte, const char *why);

#endif
