// Filters: which threads, CPUs and stacks count.
//
// A filter is a stack of pushes; each push is a list of terms. Within a push, repeated keys are
// or-ed, negated ones and-ed, different keys and-ed; pushes are and-ed. A frame or module term
// holds for a sample when any frame of its stack matches.
#ifndef FLICKER_ANALYSIS_FILTER_H
#define FLICKER_ANALYSIS_FILTER_H

#include "proto/dict.h"
#include "proto/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum filter_key {
    FILTER_COMM,
    FILTER_PID,
    FILTER_TID,
    FILTER_CPU,
    FILTER_FRAME,
    FILTER_MODULE,
    FILTER_CGROUP,
    FILTER_VALUE,
    FILTER_KEYS
};

struct filter;
struct value_range;

struct filter *filter_new(void);
struct filter *filter_copy(const struct filter *filter);
void filter_free(struct filter *filter);
// A copy with other terms for values: `values` is a list of ranges ("1ms..2ms,5ms.."), or "all" for
// none. `filter` may be NULL. NULL and -EINVAL in *err when it is not understood.
struct filter *filter_with_values(const struct filter *filter, const char *values, struct err *err);

// A copy without the terms for values of the first `pushes` pushes: for a picture of all values, in
// which those are marked.
struct filter *filter_any_value(const struct filter *filter, size_t pushes);
// Which values pass, rising; the caller frees *out. Returns how many ranges; 0: all pass. Where
// none does it is one whose ends are the wrong way round.
size_t filter_values(const struct filter *filter, struct value_range **out);

// The key's word ("comm"), and back (FILTER_KEYS when there is none).
const char *filter_key_name(enum filter_key key);
enum filter_key filter_key_by_name(const char *name, size_t len);

// Opens a new push; the terms that follow belong to it.
void filter_push(struct filter *filter);
// Adds a term to the newest push. `value` is a name, a number, a list or range of numbers
// ("0-3,7"), a range of values ("1ms..2s", "4K..", "..100", the ends included; no regex), or, with
// regex, a PCRE2 pattern (unanchored). -EINVAL with the offset inside value in
// *bad_at (may be NULL) when it is not understood.
int filter_add(struct filter *filter, enum filter_key key, bool negated, bool regex,
               const char *value, size_t *bad_at, struct err *err) MUST_CHECK;
// Drops the newest push; false when there was none.
bool filter_pop(struct filter *filter);
size_t filter_pushes(const struct filter *filter);
bool filter_is_empty(const struct filter *filter);
// As it would be typed: "comm=demo frame~^rebuild"; the caller frees it.
char *filter_text(const struct filter *filter);

// The filter against one dictionary: a bit for every thread, node and CPU. A bit set means that it
// passes; NULL that all do.
struct names;

struct filter_bits {
    uint64_t *threads; // dict->thread_count bits
    uint64_t *nodes;   // dict->node_count bits
    uint64_t *cpus;    // 65536 bits
    // Which values pass; none: all do. Rising.
    struct value_range *values;
    size_t value_count;
};

// Both ends included.
struct value_range {
    uint64_t low, high;
};

// Of a sample's own value, whatever part of it lies in the query's ranges; of an interval that was
// told in pieces, of their sum.
static inline bool filter_passes_value(const struct filter_bits *bits, uint64_t value)
{
    for (size_t i = 0; i < bits->value_count; i++) {
        if (value >= bits->values[i].low && value <= bits->values[i].high)
            return true;
    }
    return !bits->value_count;
}

// Each regex runs once per distinct name, under match limits for one and for all of them: -E2BIG
// with the pattern named when a pattern is too expensive. -ECANCELED soon after *cancel (may be
// NULL) was set. What functions are called by people is put into *names, which the caller keeps for
// the next time and releases; see transforms_readable.
int filter_compile(const struct filter *filter, const struct dict *dict, const atomic_bool *cancel,
                   struct names **names, struct filter_bits *bits, struct err *err) MUST_CHECK;
void filter_bits_dispose(struct filter_bits *bits);

#endif
