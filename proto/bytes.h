// A growing byte string: what text and messages are built in.
#ifndef FLICKER_PROTO_BYTES_H
#define FLICKER_PROTO_BYTES_H

#include "proto/err.h"

#include <stddef.h>
#include <stdint.h>

// Starts as {0}. `data` is always NUL-terminated once something was appended; NULL before.
struct bytes {
    char *data;
    size_t len;
    size_t capacity;
};

void bytes_dispose(struct bytes *bytes);
void bytes_clear(struct bytes *bytes); // empties, keeps the memory
void bytes_append(struct bytes *bytes, const void *data, size_t len);
// Makes it len bytes longer, and returns where they are to be written.
void *bytes_extend(struct bytes *bytes, size_t len);
void bytes_append_text(struct bytes *bytes, const char *text);
void bytes_append_char(struct bytes *bytes, char c);
void bytes_append_number(struct bytes *bytes, uint64_t number); // in decimal
void bytes_printf(struct bytes *bytes, const char *format, ...) PRINTF_LIKE(2, 3);
// A word as a shell reads it: in single quotes where it needs them.
void bytes_append_quoted(struct bytes *bytes, const char *word);
// Drops the first len bytes.
void bytes_consume(struct bytes *bytes, size_t len);
// The text so far, "" when empty; borrowed until the next change.
const char *bytes_text(const struct bytes *bytes);

#endif
