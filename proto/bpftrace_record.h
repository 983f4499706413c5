// From the lines that bpftrace prints to samples: what the text and the JSON form share.
//
// Lines that are recognised:
// - our own program's, printed by
//       printf("S %llu %d %d %d %s\n%s\n%s\nE\n", nsecs, pid, tid, cpu, comm, kstack(perf),
//              ustack(perf))
//   (or V, with a value: bpftrace_header.h), with "READY NSECS" before and "END" after them
// - any program's stacks (bpftrace_frame.h) after a header line (bpftrace_header.h); the kernel's
//   and the user's block of one sample may come in either order
// - maps whose keys hold stacks: "@[kstack, ustack, comm]: 12" becomes one sample worth 12, at the
//   time of the last line "T NSECS"; without such a line it has no time
// - "Lost 12 events"
// Any other line is for people: options.text. READY and END are handed on there too.
//
// A frame is of the kernel when its address is; where no addresses were printed, by its place: the
// kernel's block comes first.
#ifndef FLICKER_PROTO_BPFTRACE_RECORD_H
#define FLICKER_PROTO_BPFTRACE_RECORD_H

#include "proto/bpftrace_header.h"
#include "proto/format.h"
#include "proto/lines.h"

enum {
    BPFTRACE_FRAMES_MAX = 2048, // of one sample; more are dropped, and that is reported
    BPFTRACE_LINE_MAX_BYTES = 1 << 16,
    BPFTRACE_BATCH = 256,
};

enum bpftrace_state {
    BPFTRACE_IDLE,
    BPFTRACE_OWN,   // after a header of our own program
    BPFTRACE_LOOSE, // after a line that may be a header
    BPFTRACE_MAP,   // within the keys of a map
};

struct bpftrace_line {
    uint32_t start, len; // in `stack`
    uint32_t block;
};

struct bpftrace_record {
    struct decoder *decoder; // borrowed
    struct decode_options options;
    struct lines place; // number and offset of the line in hand, kept by the decoder

    enum bpftrace_state state;
    struct bytes head;  // the header line, or the keys of a map
    struct bytes stack; // frame lines, as printed
    struct bpftrace_line *lines;
    size_t line_count, line_capacity;
    uint32_t block;  // of the next frame
    uint32_t blanks; // blank lines since the header, or since the last frame
    bool too_deep;
    bool bare;                           // the last frame was an address alone
    uint64_t start_number, start_offset; // of the record, in the stream

    int64_t last_ns; // the last time seen; SAMPLE_NO_TIME before
    int64_t map_ns;  // of the last T line
    bool ended;      // END was said: maps that come now speak of the whole run
    bool map_timed;  // one came before it: they speak of what was left
    uint64_t lost;   // not yet handed over
    int64_t lost_from_ns;
    bool hello_said;
    struct sample samples[BPFTRACE_BATCH];
    size_t sample_count;
};

void bpftrace_record_init(struct bpftrace_record *record, struct decoder *decoder,
                          const struct decode_options *options);
void bpftrace_record_dispose(struct bpftrace_record *record);

// Takes one line without its newline; `place` says where it is.
int bpftrace_record_line(struct bpftrace_record *record, const char *line, size_t len,
                         struct err *err) MUST_CHECK;
// What is in hand is over: something else comes that is no line.
int bpftrace_record_end(struct bpftrace_record *record, struct err *err) MUST_CHECK;
// Nothing has come for a while: a line that waited for its stacks has none.
int bpftrace_record_quiet(struct bpftrace_record *record, struct err *err) MUST_CHECK;
void bpftrace_record_lost(struct bpftrace_record *record, uint64_t count);
// The time of a map that comes now: of the last T line, else now where the stream is live and the
// map does not speak of the whole run. SAMPLE_NO_TIME: it has none.
int64_t bpftrace_record_map_time(struct bpftrace_record *record);
// One value of a map without stacks, as a sample; key and bucket may be NULL.
struct bpftrace_value {
    const char *map, *key;
    size_t key_len;
    const char *bucket;
    uint64_t value;
};
int bpftrace_record_value(struct bpftrace_record *record, const struct bpftrace_value *value,
                          struct err *err) MUST_CHECK;
// Hands a line to the people.
void bpftrace_record_text(struct bpftrace_record *record, const char *line, size_t len);
// Hands over all complete samples; at the end of every push, for numbers may change after it.
int bpftrace_record_flush(struct bpftrace_record *record, struct err *err) MUST_CHECK;
// Whether a line is whole although the stream ended before its newline, as an edited file may.
bool bpftrace_record_is_whole(const struct bpftrace_record *record, const char *line, size_t len);
// The stream has ended; cut: within a line, so that a sample in hand is not whole.
int bpftrace_record_finish(struct bpftrace_record *record, bool cut, struct err *err) MUST_CHECK;

#endif
