// The record that every part of flicker speaks.
#ifndef FLICKER_PROTO_SAMPLE_H
#define FLICKER_PROTO_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#define SAMPLE_NO_TIME INT64_MIN
#define SAMPLE_NO_CPU  UINT16_MAX

// One observation: this thread, at this time, on this CPU, with this stack, was worth this much.
// Ids are of the dictionary of the sink that the sample goes into.
struct sample {
    int64_t time_ns; // on the source's clock (see struct hello); SAMPLE_NO_TIME where it has none
    uint64_t value;  // in the event's unit; 1 where the source counts only
    uint32_t node;   // DICT_ROOT: a sample without a stack
    uint32_t thread;
    uint16_t cpu; // SAMPLE_NO_CPU when unknown
    uint16_t event;
};

// Samples that have all but these columns in common, for who has them in columns.
struct sample_run {
    const uint32_t *nodes;
    const int64_t *times_ns; // NULL: none has a time
    const uint64_t *values;  // NULL: all are 1
    uint32_t count;
    uint32_t thread;
    uint16_t cpu;
    uint16_t event;
};

// Samples that are known to be missing. Where the time is not known exactly, the range is the
// widest that it can be (since the last sample, until now).
enum loss_where { LOSS_KERNEL, LOSS_RING, LOSS_OURS, LOSS_WHERES };

struct loss {
    int64_t from_ns; // SAMPLE_NO_TIME: no idea when
    int64_t to_ns;
    uint64_t count;
    int32_t cpu; // -1: not known which
    enum loss_where where;
};

// What a source's times are.
enum clock_kind {
    CLOCK_KIND_UNKNOWN,   // the file's own: comparable with itself only
    CLOCK_KIND_MONOTONIC, // CLOCK_MONOTONIC of `host`
    CLOCK_KIND_NONE,      // the samples have no time at all
};

// Says who speaks. Text is borrowed for the call; NULL and 0 mean unknown.
struct hello {
    const char *collector; // "perf", "bpftrace", "native", or the format's name for a file
    const char *command;   // what ran, for people
    const char *host;
    const char *kernel;
    double rate_hz;
    uint32_t cpus; // that were watched
    enum clock_kind clock;
    int64_t wall_offset_ns; // wall clock (ns since 1970) = time_ns + this; valid when wall_known
    bool wall_known;
};

#endif
