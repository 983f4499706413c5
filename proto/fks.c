// The row of the flicker stream in the table of formats.
#include "proto/fks.h"

#include <string.h>

static int fks_probe(const void *head, size_t len)
{
    size_t compared = len < FKS_MAGIC_BYTES ? len : FKS_MAGIC_BYTES;
    return compared && !memcmp(head, FKS_MAGIC, compared) ? 100 : 0;
}

const struct format format_fks = {
    .name = "fks",
    .summary = "flicker's own stream: everything, in few bytes",
    .extension = ".fks",
    .probe = fks_probe,
    .decoder_new = fks_decoder_new,
    .encoder_new = fks_encoder_new,
};
