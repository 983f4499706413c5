// A weight (samples, or a sum in the event's unit) as people read it.
#ifndef FLICKER_VIEWER_WEIGHT_H
#define FLICKER_VIEWER_WEIGHT_H

#include "analysis/fold.h"
#include "proto/bytes.h"

#include <stdint.h>

// Appends "499 samples", "1.26 s", "4.20 MiB", "12 faults".
void weight_append(struct bytes *out, uint64_t weight, const struct totals *totals,
                   const struct dict *dict);
// Appends a length of time with its unit: "50 ms", "1.26 s", "10 s", "250 us".
void weight_append_duration(struct bytes *out, uint64_t duration_ns);
// Appends a share 0..1 of something: "54 %" where that says enough, "0.4 %" below 10 %. compact:
// "54%".
void weight_append_share(struct bytes *out, double share, bool compact);

#endif
