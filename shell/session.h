// Everything that a session is: there is no other state.
#ifndef FLICKER_SHELL_SESSION_H
#define FLICKER_SHELL_SESSION_H

#include "analysis/buffer.h"
#include "analysis/selection.h"
#include "analysis/spikes.h"
#include "collectors/launcher.h"
#include "collectors/probe_list.h"
#include "shell/execute.h"
#include "shell/feed.h"
#include "shell/jobs.h"
#include "shell/marks.h"
#include "shell/setting.h"
#include "shell/signals.h"
#include "viewer/server.h"

struct prompt;

struct session {
    struct launcher *launcher;
    struct buffer *buffer;
    struct store *store; // the buffer's
    struct selection *selection;
    struct marks marks;
    struct settings settings;
    uint64_t auto_budget_bytes; // what buffer=auto means here
    uint64_t budget_bytes;      // the `buffer` setting that is in force
    struct jobs jobs;
    struct probe_list *probes; // for completion
    struct server *server;     // NULL until `view`, or the prompt, needs it
    struct prompt *prompt;     // NULL: nobody types
    struct feed feed;
    struct execution execution;
    struct signals signals;
    char page_source[160];       // what the page says of the newest source
    bool json;                   // --json: every command that can
    bool quiet;                  // -q: errors only
    struct names *names;         // of rewritten stacks, kept from one answer to the next
    uint64_t transforms_applied; // to the last fold, see analysis/transform.h
    bool warned_leave;           // Ctrl-D came once while something was recording
    bool quitting;
    enum exit_code exit_code;
};

// The launcher is borrowed.
int session_init(struct session *session, struct launcher *launcher, struct err *err) MUST_CHECK;
void session_dispose(struct session *session);

// What settings mean for the buffer and the selection takes effect.
void session_apply_settings(struct session *session);

// A message for people: stderr, above the line that is being typed. Lines are not wrapped; the
// final newline is added. say is silent under -q.
void session_say(struct session *session, const char *format, ...) PRINTF_LIKE(2, 3);
void session_complain(struct session *session, const char *format, ...) PRINTF_LIKE(2, 3);
// A file was damaged, and what could be read of it is there: complains. A script goes on, but its
// exit code says that not all was well.
void session_damaged(struct session *session, const char *format, ...) PRINTF_LIKE(2, 3);

// CLOCK_MONOTONIC.
int64_t session_now_ns(void);
// The axis, and what "@" means on it: now while something is recorded, else the last sample.
int64_t session_axis(struct session *session, struct axis *axis);

// Sets the selection to what these time words mean (also "all" and "spike"). *bad_at: see
// timewords.h.
int session_slice(struct session *session, const char *words, size_t *bad_at,
                  struct err *err) MUST_CHECK;
// The spikes in the rate of what this query lets through, in cells of 20 ms; the caller disposes
// both results, also after a failure.
int session_spikes(struct session *session, const struct query *query, struct heatmap *heatmap,
                   struct spikes *spikes, struct err *err) MUST_CHECK;
// Makes the server run; its URL is then server_url(session->server).
int session_serve(struct session *session, struct err *err) MUST_CHECK;

#endif
