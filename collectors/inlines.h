// Source lines and inlined functions of addresses, asked of a process that may die of it.
//
// What is asked for is sent off; who has patience left waits for the answer, else it is there the
// next time. A worker that dies or does not answer costs the file that it was at: one message, and
// the file is not asked about again.
#ifndef FLICKER_COLLECTORS_INLINES_H
#define FLICKER_COLLECTORS_INLINES_H

#include "collectors/debug_info.h"
#include "proto/bytes.h"

#include <stdbool.h>

struct inlines;

// A worker that does not answer for so long has hung.
#define INLINES_HANG_NS INT64_C(30000000000)

struct inlines *inlines_new(int64_t hang_ns);
void inlines_free(struct inlines *inlines);

// Adds a file and returns its number. The descriptors are taken over; image -1: it has no debug
// information, which is counted.
uint32_t inlines_add(struct inlines *inlines, const struct debug_info_files *files,
                     const char *path);
// As debug_info_find(); text is borrowed until the next call. *waiting: the answer is not there
// yet.
size_t inlines_find(struct inlines *inlines, uint32_t file, uint64_t address,
                    struct debug_frame out[DEBUG_INFO_MAX_FRAMES], bool *waiting);
// How long calls of inlines_find() may wait from now on, in all.
void inlines_be_patient(struct inlines *inlines, int64_t patience_ns);

// Appends what went wrong since the last call, a sentence; false: nothing.
bool inlines_complaint(struct inlines *inlines, struct bytes *out);
// Appends how many addresses were asked for, and how many of them are not known, and why.
void inlines_summary(const struct inlines *inlines, struct bytes *out);

#endif
