// Durations, sizes and counts as people write and read them.
#ifndef FLICKER_SHELL_UNITS_H
#define FLICKER_SHELL_UNITS_H

#include "proto/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NS_PER_S  INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

// Parses a decimal number at the start of text, exact to the ns, scaled by 1e9. Returns the bytes
// taken, 0 when there is none or it does not fit.
size_t units_scan_seconds(const char *text, int64_t *ns);
// Parses a duration at the start of text: number with ns, us, ms, s (the default), m, h or d.
// Returns the bytes taken, 0 when there is none.
size_t units_scan_duration(const char *text, int64_t *ns);
// The whole text must be one, and of at most 100 years: it may be added to any clock's time.
bool units_parse_duration(const char *text, int64_t *ns);
// Bytes: number with K, M, G (powers of 1024; "KiB", "MB" are read as these, too).
bool units_parse_size(const char *text, uint64_t *bytes);
// A decimal number without a unit.
bool units_parse_count(const char *text, uint64_t *count);

// "380 ms", "12.5 s", "1:36", "2:03:00".
void units_put_duration(struct bytes *out, int64_t ns);
// "512 MiB".
void units_put_size(struct bytes *out, uint64_t bytes);
// Thousands apart: "1 234 567".
void units_put_count(struct bytes *out, uint64_t count);
// "1 sample", "1 234 samples"; the thing's plural takes an s.
void units_put_things(struct bytes *out, uint64_t count, const char *thing);
// What makes a plural of a thing that is counted: "s", or "" of one.
const char *units_s(uint64_t count);
// "840", "1.3k", "2.4M": for the prompt.
void units_put_short(struct bytes *out, double count);
// "0.4", "12", "66": a share in percent, without the sign.
void units_put_percent(struct bytes *out, double share);

#endif
