// What the comment lines at the top of `perf script --header` say of the recording.
#ifndef FLICKER_PROTO_PERF_HELLO_H
#define FLICKER_PROTO_PERF_HELLO_H

#include "proto/sample.h"

#include <stddef.h>

// Starts as {0}.
struct perf_hello {
    char *host, *kernel, *command; // NULL: not said
    double rate_hz;
    uint32_t cpus;
    bool monotonic; // "clockid: monotonic"
    bool wall_known;
    int64_t wall_offset_ns;
};

void perf_hello_dispose(struct perf_hello *hello);
// Takes one line that begins with '#'.
void perf_hello_line(struct perf_hello *hello, const char *line, size_t len);
// Fills *out, which borrows from hello; has_time: whether the samples carry times at all.
void perf_hello_get(const struct perf_hello *hello, bool has_time, struct hello *out);

#endif
