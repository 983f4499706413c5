// A column of varints, many at once.
#ifndef FLICKER_PROTO_VARINT_COLUMN_H
#define FLICKER_PROTO_VARINT_COLUMN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Reads `count` varints from the front of [at, end), each as varint_read does. Returns the byte
// after them; NULL when there are fewer, or one is not a varint: the content of `out` is then not
// defined.
const uint8_t *varint_column_read(uint64_t *out, size_t count, const uint8_t *at,
                                  const uint8_t *end);
// The same without the instructions that this machine may have, for tests.
const uint8_t *varint_column_read_portable(uint64_t *out, size_t count, const uint8_t *at,
                                           const uint8_t *end);
// Whether [at, end) is `count` times the same varint, at least once; which, in *out.
bool varint_column_is_constant(uint64_t *out, size_t count, const uint8_t *at, const uint8_t *end);

#endif
