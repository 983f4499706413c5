// The records of `perf script` text, read line by line: the way that understands everything.
//
// One sample is at hand at a time: its header was read, its frames are coming. What is complete is
// added up in a batch for the sink.
#ifndef FLICKER_PROTO_PERF_RECORDS_H
#define FLICKER_PROTO_PERF_RECORDS_H

#include "proto/format.h"
#include "proto/perf_hello.h"
#include "proto/perf_known.h"
#include "proto/perf_tally.h"

enum { PERF_BATCH = 512 };

struct perf_records {
    struct decoder *decoder;       // whose sink and report are used; borrowed
    char *event_name, *event_unit; // of samples that name no event
    bool event_by_value;
    void (*text)(void *arg, const char *line, size_t len);
    void *text_arg;

    struct perf_hello hello;
    bool hello_sent;
    uint64_t line, byte; // of the line at hand; 1-based and absolute
    int failed;          // the sink's error; nothing goes on after it

    bool pending;  // a sample is at hand
    bool dropping; // frames that belong to no sample, or to one that was cut: counted once
    struct sample sample;
    uint32_t comm; // string
    uint64_t pending_line, pending_byte;
    struct decode_report pending_report; // as it was before the header, and `dropping` too
    bool pending_dropping;
    struct frame *frames; // leaf first; PERF_STACK_MAX
    uint32_t *ids;        // theirs, when the sample is complete
    size_t frame_count;
    bool on_header; // its frame came on the header's line

    struct perf_tally tally;
    struct sample batch[PERF_BATCH];
    size_t batch_count;
};

void perf_records_init(struct perf_records *records, struct decoder *decoder,
                       const struct decode_options *options); // options may be NULL
void perf_records_dispose(struct perf_records *records);

// Takes the whole lines of text, also the last one when `final`. Returns how many bytes that was.
// This and all below: failures are kept in `failed`.
size_t perf_records_take(struct perf_records *records, const char *text, size_t len, bool final,
                         struct err *err);
// The sample at hand is complete.
void perf_records_emit(struct perf_records *records, struct err *err);
// A complete sample, read another way.
void perf_records_add(struct perf_records *records, const struct sample *sample, struct err *err);
// Hands the batch to the sink.
void perf_records_flush(struct perf_records *records, struct err *err);
// The stream has ended: hands over all, and the hello where no sample came.
void perf_records_finish(struct perf_records *records, struct err *err);
// A sample whose record may go on is read again when the rest has come: forgets it. Returns how
// many of the bytes taken it began before.
size_t perf_records_take_back(struct perf_records *records);
// Counts something skipped at the line at hand.
void perf_records_skip(struct perf_records *records, const char *why);

#endif
