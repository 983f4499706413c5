// Which functions of a process allocate, and the probes on them.
#ifndef FLICKER_COLLECTORS_NATIVE_ALLOCATOR_H
#define FLICKER_COLLECTORS_NATIVE_ALLOCATOR_H

#include "collectors/native/attach.h"

// Both look for the file of the process that allocates: its program (linked statically), a library
// with malloc in its name (jemalloc, tcmalloc, mimalloc), else its libc.
void allocator_prepare(const struct native_object *object, const struct native_options *options);
int allocator_attach(struct attachments *attachments, const struct native_object *object,
                     const struct native_options *options, struct err *err) MUST_CHECK;

#endif
