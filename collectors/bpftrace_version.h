// Which bpftrace is installed, and what differs between versions for those who run it. What differs
// in its output is known to the decoders, which read all forms.
#ifndef FLICKER_COLLECTORS_BPFTRACE_VERSION_H
#define FLICKER_COLLECTORS_BPFTRACE_VERSION_H

#include "collectors/launcher.h"

#include <stdbool.h>

struct bpftrace_version {
    unsigned major, minor;
};

// Runs `bpftrace --version`, in bounded time. A version that cannot be made out (a build of its
// source says a commit) is taken for the newest.
void bpftrace_version_ask(struct bpftrace_version *out, struct launcher *launcher);
// What it says: "bpftrace v0.17.0". False: not that.
bool bpftrace_version_parse(struct bpftrace_version *out, const char *said);

// 0.17 is the oldest whose output was read.
bool bpftrace_is_too_old(const struct bpftrace_version *version);
// BPFTRACE_NO_USER_SYMBOLS: up to 0.19. Since 0.18 there is ustack(raw).
bool bpftrace_obeys_no_user_symbols(const struct bpftrace_version *version);
// In the JSON of 0.24 and later the keys of maps have lost their blanks, also those within names;
// its text has them.
bool bpftrace_json_keeps_keys(const struct bpftrace_version *version);
// One SIGINT is enough for 0.21 and later, which look at it at least every 0.1 s. A second one
// while they leave would cost what is printed by END and after it.
bool bpftrace_heeds_interrupts(const struct bpftrace_version *version);
// 0.26 reads the list of tracepoints before any program runs, one of profile: alone, too.
bool bpftrace_needs_tracefs(const struct bpftrace_version *version);
// Variables beside that, NULL-terminated: room for what a flood brings between two reads, and for
// stacks, of which one that finds no place is lost. Names that a version does not know it warns
// about or ignores, so each gets its own. What the program's text sets in its own config stays as
// it says: a variable would outdo it.
enum { BPFTRACE_VARIABLES = 3 };
void bpftrace_environment(const char *out[BPFTRACE_VARIABLES + 1],
                          const struct bpftrace_version *version, bool names, const char *text);

#endif
