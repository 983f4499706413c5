// The BPF object of a kind of recording. There are several, so that a start takes no longer than it
// must: one that needs the kernel's types (BTF) makes libbpf read all of them.
#ifndef FLICKER_COLLECTORS_NATIVE_OBJECT_H
#define FLICKER_COLLECTORS_NATIVE_OBJECT_H

#include "collectors/native_options.h"

struct bpf_map;
struct bpf_object;

// Of the skeletons one is not NULL; the rest are its parts.
struct native_object {
    struct sampling_bpf *sampling; // cpu, faults
    struct sched_bpf *sched;       // offcpu, wakeup, runq
    struct probes_bpf *probes;
    struct malloc_bpf *malloc;
    struct bpf_object *object;
    struct native_target *target; // to be set before loading
    struct bpf_map *ring;
    struct bpf_map *away; // of sched; else NULL
    const uint64_t *lost; // counts while it runs
};

// Opens the object of the kind; nothing is in the kernel yet.
int native_object_open(struct native_object *object, enum native_kind kind,
                       struct err *err) MUST_CHECK;
// 0 or a negative errno.
int native_object_load(struct native_object *object) MUST_CHECK;
void native_object_close(struct native_object *object);

#endif
