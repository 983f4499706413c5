// Where the results of one command go: standard output, a file, or a command.
//
// Text is gathered and written in large pieces. What goes to a command is held until the loop feeds
// it: a pager that waits for a key must not stop the recording.
#ifndef FLICKER_SHELL_WRITER_H
#define FLICKER_SHELL_WRITER_H

#include "proto/output.h"
#include "shell/grammar.h"

#include <stdbool.h>
#include <sys/types.h>

struct writer {
    struct output base; // first: encoders and folds write into it; its cancel ends writing, except
                        // what goes to a command
    struct bytes text;  // gathered; commands may append to it directly
    enum redirect kind;
    int fd;
    char *name;
    pid_t child;      // of a command
    bool fed;         // the command has got all, its end is awaited
    bool made, begun; // the file: it was not there before; what it held has gone
};

// Opens the target (REDIRECT_NONE: stdout).
int writer_open(struct writer *writer, enum redirect kind, const char *target,
                struct err *err) MUST_CHECK;
// Takes over an open descriptor, called `name` in messages.
void writer_open_fd(struct writer *writer, int fd, const char *name, const atomic_bool *cancel);
// Ends the output: writes what is held. Returns 1 while a command has yet to read or to end (poll
// writer_fd, call again), 0 when all is done, or a negative errno. A reader that has gone away is
// no error.
int writer_finish(struct writer *writer, struct err *err) MUST_CHECK;
// The descriptor to poll for POLLOUT while writer_finish returns 1; -1: wait for the child.
int writer_fd(const struct writer *writer);
void writer_dispose(struct writer *writer);

#endif
