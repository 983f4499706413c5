// What outlives a session: its directory, its history, and the samples of one that was ended.
#ifndef FLICKER_SHELL_RESCUE_H
#define FLICKER_SHELL_RESCUE_H

#include "proto/err.h"

struct session;
struct query;

// A file in $XDG_STATE_HOME/flicker (made when missing, mode 0700); the caller frees it. NULL:
// there is no such directory and none can be made.
char *rescue_path(const char *name);
// SIGHUP or SIGTERM: writes all samples to rescue.fks in the state directory. One that is there and
// was not opened yet becomes rescue-old.fks.
void rescue_save(struct session *session);
// It was read to its end: it is kept as rescue-opened.fks and offered no more, the older one is.
void rescue_opened(struct session *session);
// Says that there is one, if there is.
void rescue_offer(struct session *session);

// Writes samples in the format of the path's ending to a file that appears only when it is whole.
// *samples counts them.
int rescue_write(struct session *session, const struct query *query, const char *path,
                 const char *format_name, unsigned long long *bytes, struct err *err) MUST_CHECK;

#endif
