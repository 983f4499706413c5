// Memory that a question needs for a moment and the next one again: kept, because fresh pages cost
// more than the counting that is done in them.
#ifndef FLICKER_ANALYSIS_SCRATCH_H
#define FLICKER_ANALYSIS_SCRATCH_H

#include <stddef.h>

enum { SCRATCH_KEPT_BYTES = 48 << 20 }; // of each piece; larger ones go when they are put back

// Starts as {0}.
struct scratch {
    void *data;
    size_t bytes;
};

// At least `bytes` of memory, of any content; valid until it is put back.
void *scratch_take(struct scratch *scratch, size_t bytes);
void *scratch_take_zeroed(struct scratch *scratch, size_t bytes);
// The memory is no longer used; nothing need have been taken.
void scratch_put(struct scratch *scratch);
void scratch_dispose(struct scratch *scratch);

#endif
