// Memory kept between questions.
#include "analysis/scratch.h"

#include "proto/alloc.h"

#include <stdlib.h>
#include <string.h>

void *scratch_take(struct scratch *scratch, size_t bytes)
{
    if (bytes > scratch->bytes) {
        free(scratch->data);
        scratch->bytes = bytes + bytes / 4; // tables grow a little from one question to the next
        scratch->data = xmalloc(scratch->bytes);
    }
    return scratch->data;
}

void *scratch_take_zeroed(struct scratch *scratch, size_t bytes)
{
    return memset(scratch_take(scratch, bytes), 0, bytes);
}

void scratch_put(struct scratch *scratch)
{
    if (scratch->bytes > SCRATCH_KEPT_BYTES)
        scratch_dispose(scratch);
}

void scratch_dispose(struct scratch *scratch)
{
    free(scratch->data);
    *scratch = (struct scratch){0};
}
