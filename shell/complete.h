// Completion: what could stand at the cursor. Knows the tables (commands, keys, settings) and what
// the buffer has seen (comms, pids, functions, modules); knows nothing of the terminal.
#ifndef FLICKER_SHELL_COMPLETE_H
#define FLICKER_SHELL_COMPLETE_H

#include <stdbool.h>
#include <stddef.h>

struct session;
struct command;

enum { COMPLETE_KEPT = 1000 };

// Starts as {0}.
struct completions {
    char **items; // sorted, as they would be typed (quoted where needed)
    size_t count, capacity;
    size_t total;                  // of which `count` are kept
    size_t from;                   // they replace the line from here to the cursor
    const struct command *command; // whose arguments they are; NULL: a command's name
};

void complete_line(struct completions *out, const struct session *session, const char *line,
                   size_t cursor);
// Length of what all items begin with.
size_t completions_common(const struct completions *completions);
void completions_dispose(struct completions *completions);

#endif
