// Chrome's Trace Event format, written: for Perfetto, chrome://tracing, speedscope and FlameScope.
//
// A thread's samples become spans (B and E): frames that two samples which touch have in common
// stay open. A sample is as long as it is worth, one unit a nanosecond, so that totals stay exact;
// one that overlaps the next moves it. A sample without a time follows the one before it.
#ifndef FLICKER_PROTO_TRACE_EVENT_ENCODE_H
#define FLICKER_PROTO_TRACE_EVENT_ENCODE_H

#include "proto/format.h"

struct encoder *trace_event_encoder_new(struct dict *dict, struct output *output);

#endif
