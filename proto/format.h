// The table of formats: every form in which samples come in or go out as bytes. Adding one: a file
// proto/NAME.c that defines `const struct format format_NAME`, a line in FORMAT_LIST, a test
// tests/unit/proto/test_NAME.c.
#ifndef FLICKER_PROTO_FORMAT_H
#define FLICKER_PROTO_FORMAT_H

#include "proto/hold.h"
#include "proto/output.h"
#include "proto/sink.h"

// What a decoder met on its way; nothing is dropped silently.
struct decode_report {
    uint64_t bytes;              // pushed so far
    uint64_t samples;            // given to the sink
    uint64_t no_stack;           // of those, without any frame
    uint64_t unresolved;         // frames without a name, counted per sample
    uint64_t frames;             // frames in all, counted per sample
    uint64_t lost;               // samples that the source says are missing
    uint64_t skipped;            // records not understood
    uint64_t first_skipped_line; // 1-based; 0: none, or the format has no lines
    uint64_t first_skipped_byte; // offset; valid when skipped > 0
    char first_skipped_why[160];
};

struct decode_options {
    // Names the bare addresses of user stacks, where the source prints none (bpftrace run with
    // BPFTRACE_NO_USER_SYMBOLS). NULL: they stay unresolved. Writes a frame of `dict` into *frame.
    void (*symbolise)(void *arg, struct dict *dict, int32_t pid, uint64_t address,
                      struct frame *frame);
    void *symbolise_arg;
    // Messages for people that came inside the stream (other bpftrace output). NULL: dropped.
    void (*text)(void *arg, const char *line, size_t len);
    void *text_arg;
    int64_t (*now_ns)(void *arg); // clock of a live stream, for what has no time; NULL: a file
    void *now_arg;
    const char *event_name; // of streams that do not say (bpftrace, folded); NULL: the format's own
    const char *event_unit;
    bool event_by_value;
    bool flush_each_push; // live: hand over every complete record at the end of each push
    double resample_hz;   // of traces: samples of what is open, so often; 0: spans with self times
    unsigned threads;     // that a reader of files may use; 0: as many as pay
    const atomic_bool *cancel; // set by a signal: ends a reader's wait for a pipe; may be NULL
};

struct decoder;

// Push style and split-invariant: the same bytes in any chunks give the same samples.
struct decoder_ops {
    // Takes all of data. Fails only when the stream cannot be gone on with (wrong format, sink
    // failed); a bad record is skipped and counted. len 0: nothing has come for a while.
    int (*push)(struct decoder *decoder, const void *data, size_t len, struct err *err);
    // The stream has ended: hands over what is complete, counts what was cut.
    int (*finish)(struct decoder *decoder, struct err *err);
    void (*free)(struct decoder *decoder); // NULL is fine
};

// What of push needs no dictionary, for other threads to do ahead. `cut`: how much of the text ends
// with a whole record, 0: unknown. `scan` looks at these, writes *notes and returns their length;
// push_scanned then takes exactly these bytes. The flag of `scan`: it helps another thread.
struct decoder_ahead {
    size_t (*cut)(const char *text, size_t len);
    size_t (*scan)(const struct decoder *, struct bytes *notes, const char *text, size_t, bool);
    int (*push_scanned)(struct decoder *decoder, const char *text, size_t len,
                        const struct bytes *notes, struct err *err);
};

// Embedded first in the concrete decoder.
struct decoder {
    const struct decoder_ops *ops;
    const struct decoder_ahead *ahead; // NULL: none
    struct sink *sink;                 // borrowed
    struct decode_report report;
};

struct encoder;
struct encoder_ops {
    int (*finish)(struct encoder *encoder, struct err *err); // writes what is still held
    void (*free)(struct encoder *encoder);
};

// Embedded first in the concrete encoder: a sink that writes.
struct encoder {
    struct sink sink;
    const struct encoder_ops *ops;
    struct output *output; // borrowed
};

struct format {
    const char *name;      // "perf-script"
    const char *summary;   // one line for help
    const char *extension; // ".folded"; what `export` goes by; NULL: none of its own
    // How sure these first bytes (up to 64 KiB) are of this format: 0 no, 100 certain.
    int (*probe)(const void *head, size_t len);
    // Never NULL results; options are copied. Both may be NULL in a row: not read, or not written.
    struct decoder *(*decoder_new)(struct sink *sink, const struct decode_options *options);
    struct encoder *(*encoder_new)(struct dict *dict, struct output *output);
    unsigned loses;       // of enum hold: what the encoder cannot hold; see inventory.h
    unsigned all_or_none; // of enum hold (time, CPU, thread): what it holds if every sample has it
    const char *event;    // what the decoder calls the event, where the encoder loses its name
};

// One line a row: X(name).
// clang-format off
#define FORMAT_LIST(X) \
    X(fks) \
    X(bpftrace_text) \
    X(bpftrace_json) \
    X(cpuprofile) \
    X(heapprofile) \
    X(pprof) \
    X(nflxprofile) \
    X(speedscope) \
    X(trace_event) \
    X(perf_script) \
    X(folded) \
    /* end */
// clang-format on

#define FORMAT_DECLARE(name) extern const struct format format_##name;
FORMAT_LIST(FORMAT_DECLARE)
#undef FORMAT_DECLARE

// All rows, NULL-terminated.
extern const struct format *const format_table[];

// By name; NULL when there is none.
const struct format *format_by_name(const char *name);
// By the ending of a path; NULL when there is none.
const struct format *format_by_extension(const char *path);
// The best match of these first bytes, NULL when nothing fits. *why (may be NULL) then says what
// was seen, for a message ("binary data", "text, but no stacks in the first 64 KiB").
const struct format *format_probe(const void *head, size_t len, const char **why);

static inline void decoder_free(struct decoder *decoder)
{
    if (decoder)
        decoder->ops->free(decoder);
}

static inline void encoder_free(struct encoder *encoder)
{
    if (encoder)
        encoder->ops->free(encoder);
}

// Counts a record that was not understood; keeps the place of the first.
void decode_report_skip(struct decode_report *report, uint64_t line, uint64_t byte,
                        const char *why);

#endif
