// Maps of bpftrace that hold no stacks: numbers by key, histograms, averages.
//
// What is printed while the program runs, with a time (a line "T NSECS" before it, or the time at
// which it came), becomes samples at that time: the map's name is the event and the thread, its key
// is a frame, a histogram's bucket another below it; of stats() the total counts. What is printed
// at the end speaks of the whole run and is for people: a table, a small histogram. So is at any
// time what is no number, or less than 0.
#ifndef FLICKER_PROTO_BPFTRACE_TABLE_H
#define FLICKER_PROTO_BPFTRACE_TABLE_H

#include "proto/bpftrace_cursor.h"
#include "proto/bpftrace_record.h"

enum {
    BPFTRACE_TABLE_ROWS = 20, // that are shown; bpftrace prints the largest last
    BPFTRACE_TABLE_COLUMNS = 3,
};

struct bpftrace_row {
    char *key; // NULL: of a map without keys
    char *cells[BPFTRACE_TABLE_COLUMNS];
};

// A map under way; starts with the first two set.
struct bpftrace_table {
    struct bpftrace_record *record;
    const char *name;                              // "@reads"
    const char *const *headings;                   // of the columns; NULL: of one, without
    struct bpftrace_row rows[BPFTRACE_TABLE_ROWS]; // the last ones
    size_t count;
};

// An entry that is a number; key NULL: a map without keys.
int bpftrace_table_count(struct bpftrace_table *table, const char *key, size_t key_len,
                         uint64_t value, struct err *err) MUST_CHECK;
// One that is anything else.
void bpftrace_table_text(struct bpftrace_table *table, const char *key, size_t key_len,
                         const char *text);
// Shows what is for people.
void bpftrace_table_finish(struct bpftrace_table *table);

// The data of a line of type "hist": {"@": [...]} or {"@": {"key": [...]}}. *good: it was one.
int bpftrace_table_hists(struct bpftrace_record *record, struct cursor *cursor, bool *good,
                         struct err *err) MUST_CHECK;
// The same of type "stats".
int bpftrace_table_stats(struct bpftrace_record *record, struct cursor *cursor, bool *good,
                         struct err *err) MUST_CHECK;
// The same of type "tseries" (since 0.24): it has its own, wall-clock times, and is for people.
bool bpftrace_table_series(struct bpftrace_record *record, struct cursor *cursor);

#endif
