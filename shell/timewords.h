// Time as it is typed: "7.2 7.5", "@-10s", "14:03:12.5 14:03:13", "13:08:44.86+380ms".
//
//     range  = point ("-" point | " " point | "+" duration)?      alone: until the end
//     point  = seconds from the start      7.2  7.2s  1500ms  2m
//            | from the end                @-10s  @
//            | the wall clock              14:03:12.5  14:03  2026-11-22T14:03:12  ...Z (UTC)
//
// Several ranges are joined by commas. A wall-clock time without a date is the one nearest to the
// recording.
#ifndef FLICKER_SHELL_TIMEWORDS_H
#define FLICKER_SHELL_TIMEWORDS_H

#include "analysis/query.h"
#include "analysis/store.h"
#include "proto/bytes.h"
#include "proto/err.h"

// Parses ranges; their order and overlap are left as typed. `end_ns` is what "@" is: now, for a
// live recording. *ranges is the caller's to free, also after a failure; *bad_at is the offset in
// text.
int timewords_parse(struct range **ranges, size_t *count, const char *text, const struct axis *axis,
                    int64_t end_ns, size_t *bad_at, struct err *err) MUST_CHECK;

// A moment of the axis as local time, "13:08:44.860", with its date where that is not today's,
// "2026-11-22T13:08:44.860"; on an axis without a wall clock as seconds
// from its start, "7.200 s".
void timewords_put_point(struct bytes *out, const struct axis *axis, int64_t time_ns);
// A range for people: local time and UTC, or seconds from the start. Its end has a date where that
// is another than its start's.
void timewords_put_range(struct bytes *out, const struct axis *axis, const struct range *range);
// A range as the shell would read it back: "7.200-7.500".
void timewords_put_typed(struct bytes *out, const struct axis *axis, const struct range *range);

#endif
