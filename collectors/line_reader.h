// Puts the fragments of a stream together to lines.
#ifndef FLICKER_COLLECTORS_LINE_READER_H
#define FLICKER_COLLECTORS_LINE_READER_H

#include "proto/bytes.h"

enum { LINE_READER_MAX_BYTES = 8192 }; // what is longer is handed on in pieces

// Starts as {0}.
struct line_reader {
    struct bytes held; // the line so far
};

typedef void line_fn(void *arg, const char *line, size_t len); // NUL-terminated, without newline

void line_reader_push(struct line_reader *reader, const char *data, size_t len, line_fn *line,
                      void *arg);
void line_reader_finish(struct line_reader *reader, line_fn *line, void *arg); // a last half line
void line_reader_dispose(struct line_reader *reader);

#endif
