// `status --json`: all that status shows, for machines.
#ifndef FLICKER_SHELL_STATUS_JSON_H
#define FLICKER_SHELL_STATUS_JSON_H

#include "shell/session.h"

// Appends one object, with a newline, to the run's results. `stacks` says how stacks are made
// readable.
void status_json(struct session *session, struct invocation *run, const struct query *query,
                 const struct bytes *stacks);

// The rows of a heatmap that status speaks of: those that are set, or the page's while somebody
// looks at it; 0: none, as the terminal's divide the rate where they can.
uint32_t status_rows(const struct session *session);

#endif
