// Comma-separated values, RFC 4180: what spreadsheets and data frames read. Lines end in LF.
#ifndef FLICKER_SHELL_CSV_H
#define FLICKER_SHELL_CSV_H

#include "proto/dict.h"
#include "shell/invocation.h"

#include <stdint.h>

// The first line: the names of the columns, with commas between them.
void csv_head(struct bytes *out, const char *columns);
// Cells of a row; csv_end ends it.
void csv_text(struct bytes *out, const char *text, size_t len);
void csv_text_z(struct bytes *out, const char *text);
void csv_uint(struct bytes *out, uint64_t value);
void csv_int(struct bytes *out, int64_t value);
// At most `digits` digits behind the point.
void csv_number(struct bytes *out, double value, unsigned digits);
void csv_empty(struct bytes *out); // a cell of which nothing is known
void csv_end(struct bytes *out);
// A frame's name, as folds show it.
void csv_frame(struct bytes *out, const struct dict *dict, uint32_t frame);

#endif
