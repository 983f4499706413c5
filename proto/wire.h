// The fields of a protobuf message, one after the other, straight from its bytes: for messages that
// are too large, or too many, to be unpacked into structures first.
#ifndef FLICKER_PROTO_WIRE_H
#define FLICKER_PROTO_WIRE_H

#include "proto/bytes.h"
#include "proto/varint.h"

#include <stdbool.h>

struct wire {
    const uint8_t *at, *end;
};

struct wire_field {
    uint64_t number;
    bool is_bytes;    // else a number
    uint64_t value;   // of a number (fixed ones as their bits)
    struct wire body; // of bytes: a message, a string, a packed column
};

static inline size_t wire_len(const struct wire *wire)
{
    return (size_t)(wire->end - wire->at);
}

// 1: *out is the next field; 0: the end; -1: malformed.
static inline int wire_next(struct wire *wire, struct wire_field *out)
{
    uint64_t tag, len;
    if (wire->at == wire->end)
        return 0;
    if (!(wire->at = varint_read(wire->at, wire->end, &tag)))
        return -1;
    *out = (struct wire_field){.number = tag >> 3};
    unsigned type = tag & 7;
    if (type == 0)
        return (wire->at = varint_read(wire->at, wire->end, &out->value)) ? 1 : -1;
    if (type == 2) {
        if (!(wire->at = varint_read(wire->at, wire->end, &len)) || len > wire_len(wire))
            return -1;
        out->is_bytes = true;
        out->body = (struct wire){wire->at, wire->at + len};
        wire->at += len;
        return 1;
    }
    size_t bytes = type == 1 ? 8 : type == 5 ? 4 : 0;
    if (!bytes || wire_len(wire) < bytes)
        return -1;
    for (size_t i = 0; i < bytes; i++)
        out->value |= (uint64_t)wire->at[i] << (8 * i);
    wire->at += bytes;
    return 1;
}

static inline void wire_put_raw(struct bytes *out, uint64_t value)
{
    uint8_t varint[VARINT_MAX_BYTES];
    bytes_append(out, varint, varint_write(varint, value));
}

// A number field; 0 is the default and is left out.
static inline void wire_put_number(struct bytes *out, unsigned number, uint64_t value)
{
    if (!value)
        return;
    wire_put_raw(out, (uint64_t)number << 3);
    wire_put_raw(out, value);
}

static inline void wire_put_bytes(struct bytes *out, unsigned number, const void *data, size_t len)
{
    wire_put_raw(out, (uint64_t)number << 3 | 2);
    wire_put_raw(out, len);
    bytes_append(out, data, len);
}

#endif
