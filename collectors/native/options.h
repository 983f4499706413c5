// What flicker-collect was asked for.
#ifndef FLICKER_COLLECTORS_NATIVE_OPTIONS_H
#define FLICKER_COLLECTORS_NATIVE_OPTIONS_H

#include "collectors/native/events.h"
#include "proto/err.h"

#include <stdbool.h>
#include <stdint.h>

struct native_options {
    enum native_kind kind;
    uint32_t hz;       // cpu
    int64_t min_ns;    // offcpu: shorter absences are not told
    int32_t pid;       // 0: every process
    int64_t for_ns;    // 0: until it is stopped
    bool kernel, user; // sides of the stack
};

// 0, or -EINVAL naming the word.
int native_options_parse(struct native_options *options, int argc, char *const *argv,
                         struct err *err) MUST_CHECK;
extern const char native_usage[];
// "cpu"; and the event that its samples are of. kind < NATIVE_KINDS.
const char *native_kind_name(enum native_kind kind);

#endif
