// What each thread has of a view's samples.
#ifndef FLICKER_ANALYSIS_THREAD_WEIGHTS_H
#define FLICKER_ANALYSIS_THREAD_WEIGHTS_H

#include "analysis/view.h"

// See store_threads.
int thread_weights(struct thread_weights *out, const struct view *view, struct err *err) MUST_CHECK;

#endif
