// What is being looked at: time ranges and filters, with undo. One selection serves the prompt, the
// scripts and every page; whoever changes it raises its generation.
#ifndef FLICKER_ANALYSIS_SELECTION_H
#define FLICKER_ANALYSIS_SELECTION_H

#include "analysis/query.h"

struct selection;

struct selection *selection_new(void);
void selection_free(struct selection *selection);

// Sets the time ranges (copied; sorted and merged). None: all time.
void selection_set_ranges(struct selection *selection, const struct range *ranges, size_t count);
// Replaces the filter (taken over).
void selection_set_filter(struct selection *selection, struct filter *filter);
// Replaces the filter's terms for values; see filter_with_values.
int selection_set_values(struct selection *selection, const char *values,
                         struct err *err) MUST_CHECK;
void selection_set_event(struct selection *selection, const char *event); // NULL: the default
void selection_set_source(struct selection *selection, uint32_t source);
void selection_set_idle(struct selection *selection, bool idle);

const struct range *selection_ranges(const struct selection *selection, size_t *count);
const struct filter *selection_filter(const struct selection *selection); // NULL: none

// Takes back the last change; false when there is none (64 are kept).
bool selection_undo(struct selection *selection);

// Makes the last two changes one: they are taken back together.
void selection_join(struct selection *selection);

// Raised by every change.
uint64_t selection_generation(const struct selection *selection);

// The query that the selection stands for; borrowed until the next change.
void selection_query(const struct selection *selection, struct query *out);

#endif
