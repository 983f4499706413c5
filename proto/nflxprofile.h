// nflxprofile, FlameScope's format (proto/nflxprofile.proto): samples with times, and one node a
// stack.
//
// Which fields are in use is said by params: has_node_stack (node.stack holds the stack, the node's
// name is the comm), has_parent (nodes are linked to their parents), else by children;
// has_node_pid, has_samples_cpu, has_samples_pid, has_samples_tid, hasValues. A switch that is not
// there counts as set when the field is there.
#ifndef FLICKER_PROTO_NFLXPROFILE_H
#define FLICKER_PROTO_NFLXPROFILE_H

#include "proto/format.h"

// The row's functions.
struct decoder *nflxprofile_decoder_new(struct sink *sink, const struct decode_options *options);
struct encoder *nflxprofile_encoder_new(struct dict *dict, struct output *output);

// The library's word for a kind of frame, and back; "" and unknown words are user frames.
const char *nflxprofile_libtype(enum frame_kind kind);
enum frame_kind nflxprofile_kind(const char *libtype);

#endif
