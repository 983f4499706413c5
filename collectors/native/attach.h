// Where our BPF programs hang: perf events, tracing points of the scheduler, probes of the user's,
// the allocator of a process.
#ifndef FLICKER_COLLECTORS_NATIVE_ATTACH_H
#define FLICKER_COLLECTORS_NATIVE_ATTACH_H

#include "collectors/native/object.h"

#include <stddef.h>

struct bpf_link;

// Starts as {0}.
struct attachments {
    struct bpf_link **links;
    size_t count, capacity;
};

// What must be known before the programs are loaded: fields, cgroups, which programs. Fills their
// constants.
int attach_prepare(const struct native_object *object, const struct native_options *options,
                   struct err *err) MUST_CHECK;
// Attaches what this kind needs; events begin to come.
int attach_all(struct attachments *attachments, const struct native_object *object,
               const struct native_options *options, uint32_t cpus, struct err *err) MUST_CHECK;
// Takes a link over.
void attach_keep(struct attachments *attachments, struct bpf_link *link);
void attach_end(struct attachments *attachments);

#endif
