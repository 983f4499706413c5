// The pieces of a line of `bpftrace -f json`, read one after the other. Each take_ function steps
// over blanks first, and says whether what was wanted stood there.
#ifndef FLICKER_PROTO_BPFTRACE_CURSOR_H
#define FLICKER_PROTO_BPFTRACE_CURSOR_H

#include "proto/bytes.h"

#include <stdbool.h>
#include <stdint.h>

struct cursor {
    const char *at, *end;
};

bool cursor_take(struct cursor *cursor, char wanted);
// A string, unescaped into *out. Bytes from 0x80 come as \uffffffc3 up to bpftrace 0.17, which is
// no JSON: the byte 0xc3 is meant.
bool cursor_take_string(struct cursor *cursor, struct bytes *out);
bool cursor_take_number(struct cursor *cursor, uint64_t *out);
bool cursor_take_signed(struct cursor *cursor, int64_t *out);
// "name":
bool cursor_take_named(struct cursor *cursor, struct bytes *scratch, const char *name);

#endif
