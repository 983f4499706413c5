// Compiled filters, kept: the one that is set is asked with again and again.
#ifndef FLICKER_ANALYSIS_KEPT_FILTER_H
#define FLICKER_ANALYSIS_KEPT_FILTER_H

#include "analysis/callpaths.h"
#include "analysis/filter.h"

enum { KEPT_FILTERS = 2 };
// A node that the filter does not let pass; a mark beside enum callpath_flag.
enum { KEPT_FILTER_FAILS = 128 };

struct kept_filter {
    char *text;      // as filter_text says it; NULL: none is kept here
    uint64_t number; // of this text; stays while it is kept, however the dictionary grows
    uint64_t used;
    uint64_t generation; // of the dictionary, and what was in it
    size_t threads, nodes;
    struct filter_bits bits;
    uint8_t *marks; // of each node: enum callpath_flag, KEPT_FILTER_FAILS; NULL: nodes all pass
};

struct kept_filters {
    struct kept_filter items[KEPT_FILTERS];
    uint64_t clock, numbers;
    struct names *names; // what people call the functions; NULL: nobody has asked
};

// What filter_compile makes, and the marks. *out is borrowed until the next call. The callpaths
// must have followed the dictionary. Returns what filter_compile does.
int kept_filters_compile(struct kept_filters *kept, const struct filter *filter,
                         const struct callpaths *callpaths, const atomic_bool *cancel,
                         const struct kept_filter **out, struct err *err) MUST_CHECK;
// They can be asked again.
void kept_filters_dispose(struct kept_filters *kept);
size_t kept_filters_bytes(const struct kept_filters *kept);

#endif
