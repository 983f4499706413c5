// Stacks among the keys of a map in the JSON of bpftrace 0.24 and later, which have lost their
// blanks.
//
//     \t5604154672b2run+42(/opt/workload)               \t5604154672b2 run+42 (/opt/workload)
//     \t5604154672b20x5604154672b2([unknown])           \t5604154672b2 0x5604154672b2 ([unknown])
//     vfs_read+187                                              vfs_read+187
//
// Where an address ends is inferred: kernel addresses have 16 digits, those of position-independent
// programs and of libraries 12, others 6. Blanks within names stay lost.
#ifndef FLICKER_PROTO_BPFTRACE_SQUEEZED_H
#define FLICKER_PROTO_BPFTRACE_SQUEEZED_H

#include "proto/bytes.h"

// Appends the keys, several lines, with the blanks of their frames.
void bpftrace_unsqueeze(struct bytes *out, const char *keys, size_t len);

#endif
