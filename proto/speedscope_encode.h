// Writes speedscope's own format, see speedscope.c.
#ifndef FLICKER_PROTO_SPEEDSCOPE_ENCODE_H
#define FLICKER_PROTO_SPEEDSCOPE_ENCODE_H

#include "proto/format.h"

struct encoder *speedscope_encoder_new(struct dict *dict, struct output *output);

#endif
