// What processes did, as the kernel's records tell it (fork, exec, mmap, exit): put in order of
// time and handed on.
#ifndef FLICKER_COLLECTORS_NATIVE_PROCESS_RECORDS_H
#define FLICKER_COLLECTORS_NATIVE_PROCESS_RECORDS_H

#include "collectors/symbols.h"

struct process_records;

struct process_records *process_records_new(void);
void process_records_free(struct process_records *records);

// Adds what a perf buffer held: whole records, which end in their time.
void process_records_add(struct process_records *records, const void *data, size_t len);
// Says that addresses of this process are going to be asked for, before the next call of order().
void process_records_want(struct process_records *records, int32_t pid);
// Puts what was added in order. Who came and went meanwhile, before this time, and is not wanted is
// left out: most processes that are gone at once are never sampled, and to follow them costs more
// than to name all the samples. Returns how many are to be handed on.
size_t process_records_order(struct process_records *records, int64_t until_ns);
// Hands on what happened up to a time (CLOCK_MONOTONIC), in order, and forgets it.
void process_records_apply(struct process_records *records, struct symbols *symbols,
                           int64_t until_ns);
// When the first of those that were not handed on happened; INT64_MAX: there is none.
int64_t process_records_next_ns(const struct process_records *records);
// When the thread of this tid started, of those whose start was recorded; else 0.
int64_t process_records_start_of(const struct process_records *records, int32_t tid);

#endif
