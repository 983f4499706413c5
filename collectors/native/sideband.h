// The kernel's records of what processes do: fork, exec, mmap, exit (perf events that count
// nothing). By them, addresses of short-lived processes can be named.
#ifndef FLICKER_COLLECTORS_NATIVE_SIDEBAND_H
#define FLICKER_COLLECTORS_NATIVE_SIDEBAND_H

#include "collectors/symbols.h"
#include "proto/err.h"

struct sideband;

// Opens one stream of records a CPU; needs root (or perf_event_paranoid <= 0).
int sideband_open(struct sideband **out, uint32_t cpus, struct err *err) MUST_CHECK;
// Maps the buffers; in the process that reads (mappings are not inherited by a fork).
int sideband_map(struct sideband *sideband, struct err *err) MUST_CHECK;
void sideband_close(struct sideband *sideband);

// Collects what has been written since.
void sideband_read(struct sideband *sideband);
// Hands on what happened up to a time (CLOCK_MONOTONIC), in order, and forgets it.
void sideband_apply(struct sideband *sideband, struct symbols *symbols, int64_t until_ns);
// When the first of those that were not handed on happened; INT64_MAX: there is none.
int64_t sideband_next_ns(const struct sideband *sideband);
// When the thread of this tid started, of those whose start was recorded; else 0.
int64_t sideband_thread_start(const struct sideband *sideband, int32_t tid);
// Records that found no room, so far.
uint64_t sideband_lost(const struct sideband *sideband);

#endif
