// The collectors that run under one process: started, signalled and reaped by number.
//
// The privileged parent owns one; without root the shell itself does.
#ifndef FLICKER_COLLECTORS_COLLECTOR_SET_H
#define FLICKER_COLLECTORS_COLLECTOR_SET_H

#include "collectors/pipeline.h"
#include "proto/bytes.h"

#include <stddef.h>

// Starts as {0}.
struct collector_set {
    struct collector_set_row *rows;
    size_t count, capacity;
    uint64_t last_id;
};

// As launcher_start(): checks, finds the programs, starts them.
int collector_set_start(struct collector_set *set, enum launcher_tool tool, const char *const *args,
                        const char *const *environment, struct launched *out,
                        struct err *err) MUST_CHECK;
// Appends what that would run as a line for a shell, with its whole environment.
int collector_set_describe(struct bytes *out, enum launcher_tool tool, const char *const *args,
                           const char *const *environment, struct err *err) MUST_CHECK;
int collector_set_signal(struct collector_set *set, uint64_t id, int signal) MUST_CHECK;
// True when it has ended; then it is also forgotten, and *status is its wait status.
bool collector_set_ended(struct collector_set *set, uint64_t id, int *status);
// Collects what has ended, so that nothing stays a zombie for long.
void collector_set_reap(struct collector_set *set);
// Ends and forgets everything: SIGINT, up to patience_ms, SIGKILL.
void collector_set_end(struct collector_set *set, int patience_ms);

#endif
