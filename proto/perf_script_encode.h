// Writes samples as `perf script` prints them, for FlameScope, FlameGraph and whatever else reads
// that text.
#ifndef FLICKER_PROTO_PERF_SCRIPT_ENCODE_H
#define FLICKER_PROTO_PERF_SCRIPT_ENCODE_H

#include "proto/format.h"

// The row's encoder_new. A streaming encoder: what it holds does not grow.
struct encoder *perf_script_encoder_new(struct dict *dict, struct output *output);

#endif
