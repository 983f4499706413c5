// Folds whose stacks begin with the process, thread or CPU that ran them (query.first), instead of
// the thread's name.
#ifndef FLICKER_ANALYSIS_FOLD_OWNERS_H
#define FLICKER_ANALYSIS_FOLD_OWNERS_H

#include "analysis/view.h"

// Fills out->nodes with names in a dictionary of its own, and adds to out->totals what is counted.
// The work is proportional to the samples in view: each is looked up by owner and node.
int fold_owners(struct fold *out, const struct view *view, struct err *err) MUST_CHECK;

#endif
