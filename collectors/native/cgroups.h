// Paths of cgroups by their ids: the unified hierarchy (v2), the one that BPF speaks of.
#ifndef FLICKER_COLLECTORS_NATIVE_CGROUPS_H
#define FLICKER_COLLECTORS_NATIVE_CGROUPS_H

#include "proto/err.h"

#include <stdbool.h>
#include <stdint.h>

struct cgroups;

struct cgroups *cgroups_new(void);
void cgroups_free(struct cgroups *cgroups);
// Its path from the root of the hierarchy ("/system.slice/x.service", "/"); NULL when it is not
// known (any more). Looks through the hierarchy when an id is new, at most once a second. Borrowed
// until the next call.
const char *cgroups_path(struct cgroups *cgroups, uint64_t id);
// Id and level (the root is 0) of a path: with or without the mount point before it.
int cgroups_find(uint64_t *id, uint32_t *level, const char *path, struct err *err) MUST_CHECK;

#endif
