// Runs lines: statement by statement, one command at a time, between the other work of the loop.
#ifndef FLICKER_SHELL_EXECUTE_H
#define FLICKER_SHELL_EXECUTE_H

#include "shell/invocation.h"

#include <poll.h>

// Starts as {0}.
struct execution {
    struct bytes line; // as typed
    char *name;        // of the script, "" for -c and the prompt
    unsigned line_number;
    struct statements statements;
    size_t next;
    struct invocation run;
    bool running;   // run is a command that has begun
    bool finishing; // it is done, its output is not
};

// Begins a line (name: of the script, "" otherwise). Mistakes of grammar are reported at once.
void execute_line(struct session *session, const char *line, const char *name,
                  unsigned line_number);
// Goes on; returns false when the line is done.
bool execute_step(struct session *session, int64_t now_ns);
// Whether a line is being run.
bool execute_busy(const struct execution *execution);
// When execute_step is due: 0 at once, INT64_MAX only after an event.
int64_t execute_wake_ns(const struct execution *execution);
// What to poll for the running command; false: nothing.
bool execute_poll(const struct execution *execution, struct pollfd *out);
void execution_dispose(struct execution *execution);

#endif
