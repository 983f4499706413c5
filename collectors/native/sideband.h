// Where the kernel's records of what processes do come from: fork, exec, mmap, exit (perf events
// that count nothing). By them, addresses of short-lived processes can be named.
#ifndef FLICKER_COLLECTORS_NATIVE_SIDEBAND_H
#define FLICKER_COLLECTORS_NATIVE_SIDEBAND_H

#include "collectors/native/process_records.h"
#include "proto/err.h"

struct sideband;

// Opens one stream of records a CPU; needs root (or perf_event_paranoid <= 0).
int sideband_open(struct sideband **out, uint32_t cpus, struct err *err) MUST_CHECK;
// Maps the buffers; in the process that reads (mappings are not inherited by a fork).
int sideband_map(struct sideband *sideband, struct err *err) MUST_CHECK;
void sideband_close(struct sideband *sideband);

// Adds what has been written since.
void sideband_read(const struct sideband *sideband, struct process_records *records);

#endif
