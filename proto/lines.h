// Cuts pushed bytes into lines, whatever the chunks.
#ifndef FLICKER_PROTO_LINES_H
#define FLICKER_PROTO_LINES_H

#include "proto/bytes.h"

#include <stdbool.h>
#include <stdint.h>

// Starts with {.limit = longest line in bytes}.
struct lines {
    size_t limit;
    struct bytes pending; // the beginning of a line
    uint64_t dropped;     // of that line, beyond the limit
    uint64_t number;      // 1-based, of the line in hand
    uint64_t offset;      // of its first byte in the stream
    bool too_long;        // the line in hand was cut at `limit`
};

// Gets a line without its '\n' (a '\r' before it goes too). A non-zero result stops the push.
typedef int lines_each_fn(void *arg, const char *line, size_t len, struct err *err);

int lines_push(struct lines *lines, const void *data, size_t len, lines_each_fn *each, void *arg,
               struct err *err) MUST_CHECK;
// Hands over a last line that does not end in '\n'.
int lines_finish(struct lines *lines, lines_each_fn *each, void *arg, struct err *err) MUST_CHECK;
void lines_dispose(struct lines *lines);

#endif
