// Reads a file of any known format into a sink: opens, unpacks gzip and zstd, finds the format.
#ifndef FLICKER_PROTO_READER_H
#define FLICKER_PROTO_READER_H

#include "proto/format.h"

// One file being read, in bounded bites, so that a large one can be stopped between two.
struct reader;

// Opens path and finds its format by content (as `format_name`, when not NULL). The sink and path
// are borrowed while the reader lives. On failure *out is NULL.
int reader_open(struct reader **out, const char *path, const char *format_name, struct sink *sink,
                const struct decode_options *options, struct err *err) MUST_CHECK;
// Reads one bite (about 1 MiB, less where most of it is new). Returns 1 while there is more, 0 at
// the end, or a negative errno: what was read stays in the sink.
int reader_step(struct reader *reader, struct err *err) MUST_CHECK;
// Bytes of the file consumed so far, and its size (0 when not known, a pipe).
void reader_progress(const struct reader *reader, uint64_t *done_bytes, uint64_t *size_bytes);
const struct format *reader_format(const struct reader *reader);
const struct decode_report *reader_report(const struct reader *reader);
void reader_free(struct reader *reader);

#endif
