// What tracefs tells of a tracepoint.
#ifndef FLICKER_COLLECTORS_NATIVE_TRACEPOINT_H
#define FLICKER_COLLECTORS_NATIVE_TRACEPOINT_H

#include "proto/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tracepoint_field {
    uint32_t offset, bytes; // in the record that programs see
    bool is_signed;
};

// Splits "SYSTEM:NAME" and looks whether there is one. -ENOENT says what is missing: the
// tracepoint, or tracefs.
int tracepoint_find(char system[64], char name[64], const char *target, struct err *err) MUST_CHECK;
// Finds a number among its fields; the message of -ENOENT lists them.
int tracepoint_field(struct tracepoint_field *field, const char *system, const char *name,
                     const char *wanted, struct err *err) MUST_CHECK;

#endif
