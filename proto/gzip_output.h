// An output that packs with gzip what goes to another.
#ifndef FLICKER_PROTO_GZIP_OUTPUT_H
#define FLICKER_PROTO_GZIP_OUTPUT_H

#include "proto/output.h"

#include <zlib.h>

struct gzip_output {
    struct output base;
    struct output *next; // borrowed
    z_stream zlib;
};

void gzip_output_init(struct gzip_output *gzip, struct output *next);
// Writes what is held back, and the trailer.
int gzip_output_finish(struct gzip_output *gzip, struct err *err) MUST_CHECK;
void gzip_output_dispose(struct gzip_output *gzip);

#endif
