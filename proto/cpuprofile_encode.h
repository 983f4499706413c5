// V8's .cpuprofile, written: for DevTools, VS Code and speedscope. All threads are in one tree,
// below their names.
#ifndef FLICKER_PROTO_CPUPROFILE_ENCODE_H
#define FLICKER_PROTO_CPUPROFILE_ENCODE_H

#include "proto/format.h"

struct encoder *cpuprofile_encoder_new(struct dict *dict, struct output *output);

#endif
