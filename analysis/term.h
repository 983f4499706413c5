// One term of a filter (comm=demo, frame~^rebuild, !cpu=0-3): parsing, and matching one text or
// number. Internal to the filter; struct filter is here for its two halves.
#ifndef FLICKER_ANALYSIS_TERM_H
#define FLICKER_ANALYSIS_TERM_H

#include "analysis/filter.h"

struct number_range {
    uint32_t low, high; // both included
};

struct regex; // a compiled pattern with its limits

struct term {
    enum filter_key key;
    bool negated;
    char *text;                   // as it was given
    struct regex *regex;          // NULL: equality
    struct number_range *numbers; // of pid, tid and cpu without a regex
    size_t number_count;
    struct value_range values; // of value
};

struct filter {
    struct term *terms; // of all pushes, in order
    size_t term_count, term_capacity;
    size_t *push_at; // the first term of each push
    size_t push_count, push_capacity;
};

// As filter_add. On failure *out holds nothing.
int term_parse(struct term *out, enum filter_key key, bool negated, bool regex, const char *value,
               size_t *bad_at, struct err *err) MUST_CHECK;
void term_copy(struct term *out, const struct term *term);
void term_dispose(struct term *term);

// 1 when it matches (negation is the caller's), 0 when not, -E2BIG when a pattern ran into its
// limits.
int term_match_text(const struct term *term, const char *text, size_t len);
int term_match_number(const struct term *term, int64_t number);
// A new round over many texts: what patterns may cost is limited for each text and for a round.
void term_begin(const struct term *term);
// Says which pattern was too expensive, and returns -E2BIG.
int term_too_expensive(const struct term *term, struct err *err);

#endif
