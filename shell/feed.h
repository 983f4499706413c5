// Where command lines come from when nobody types: scripts, -c texts, a pipe on standard input.
//
// A stack: `source FILE` pushes a script, and the one below goes on when it has ended. Lines with
// an open quote, or with a backslash at their end, go on in the next line.
#ifndef FLICKER_SHELL_FEED_H
#define FLICKER_SHELL_FEED_H

#include "proto/bytes.h"
#include "proto/err.h"

#include <stdbool.h>
#include <stddef.h>

struct feed_script {
    char *name; // for messages: "demo.fl"; "" for -c
    struct bytes text;
    size_t at;
    unsigned line; // of the next byte, from 1
    int fd;        // still being read; -1: all is there
};

// Starts as {0}.
struct feed {
    struct feed_script *scripts;
    size_t count, capacity;
};

enum { FEED_DEPTH = 16 };

void feed_dispose(struct feed *feed);
void feed_push_text(struct feed *feed, const char *name, const char *text);
int feed_push_file(struct feed *feed, const char *path, struct err *err) MUST_CHECK;
// Takes lines from a descriptor as they come; it is borrowed.
void feed_push_fd(struct feed *feed, const char *name, int fd);

enum feed_result { FEED_LINE, FEED_WAIT, FEED_END };
// FEED_LINE: *out is the next line (whole statements), at `line` of `name`, borrowed until the next
// call. FEED_WAIT: poll feed_fd() and call feed_read. FEED_END: all scripts have ended.
enum feed_result feed_next(struct feed *feed, struct bytes *out, const char **name, unsigned *line);
int feed_fd(const struct feed *feed); // -1: none
void feed_read(struct feed *feed);
// Drops all scripts (after an error).
void feed_clear(struct feed *feed);

#endif
