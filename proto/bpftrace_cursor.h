// The pieces of a line of `bpftrace -f json`, read one after the other. Each take_ function steps
// over blanks first, and says whether what was wanted stood there.
#ifndef FLICKER_PROTO_BPFTRACE_CURSOR_H
#define FLICKER_PROTO_BPFTRACE_CURSOR_H

#include "proto/bytes.h"

#include <stdbool.h>
#include <stdint.h>

struct cursor {
    const char *at, *end;
    bool escaped; // a string held \uXXXX
    bool hex;     // numbers that bpftrace wrote straight to its stream are hexadecimal
};

bool cursor_take(struct cursor *cursor, char wanted);
// A string, unescaped into *out. Where char is signed, bytes from 0x80 come as \uffffffc3, which is
// no JSON: the byte 0xc3 is meant (all versions up to 0.26).
bool cursor_take_string(struct cursor *cursor, struct bytes *out);
bool cursor_take_number(struct cursor *cursor, uint64_t *out);
// One that bpftrace wrote straight to its stream.
bool cursor_take_written(struct cursor *cursor, uint64_t *out);
// A whole number, or one in quotes: since 0.24 those are that a double does not hold. Signed ones
// end at INT64_MAX.
bool cursor_take_signed(struct cursor *cursor, int64_t *out);
// The cursor stays where it is when there is none.
bool cursor_take_count(struct cursor *cursor, uint64_t *out);
// Any value, as text for people: 12, "a b" without its quotes, (1, 2), {a: 1}.
bool cursor_take_value(struct cursor *cursor, struct bytes *out, struct bytes *scratch);
// "name":
bool cursor_take_named(struct cursor *cursor, struct bytes *scratch, const char *name);

#endif
