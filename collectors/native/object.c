// The BPF object of a kind of recording.
#include "collectors/native/object.h"

#include "collectors/native/malloc.skel.h"
#include "collectors/native/probes.skel.h"
#include "collectors/native/sampling.skel.h"
#include "collectors/native/sched.skel.h"

#include <errno.h>
#include <string.h>

// The skeletons have their own types with fields of the same names.
#define OPEN(name)                                                                                 \
    do {                                                                                           \
        object->name = name##_bpf__open();                                                         \
        if (!object->name)                                                                         \
            break;                                                                                 \
        object->object = object->name->obj;                                                        \
        object->target = (struct native_target *)&object->name->rodata->target;                    \
        object->ring = object->name->maps.ring;                                                    \
        object->lost = (const uint64_t *)&object->name->bss->lost;                                 \
    } while (0)

int native_object_open(struct native_object *object, enum native_kind kind, struct err *err)
{
    *object = (struct native_object){0};
    switch (kind) {
    case NATIVE_CPU:
    case NATIVE_FAULTS:
        OPEN(sampling);
        break;
    case NATIVE_PROBE:
        OPEN(probes);
        break;
    case NATIVE_MALLOC:
        OPEN(malloc);
        break;
    default:
        OPEN(sched);
        object->away = object->sched ? object->sched->maps.away : NULL;
        break;
    }
    return object->object
               ? 0
               : err_set(err, -errno, "cannot open the BPF programs: %s", strerror(errno));
}

int native_object_load(struct native_object *object)
{
    return object->sampling ? sampling_bpf__load(object->sampling)
           : object->probes ? probes_bpf__load(object->probes)
           : object->malloc ? malloc_bpf__load(object->malloc)
                            : sched_bpf__load(object->sched);
}

void native_object_close(struct native_object *object)
{
    sampling_bpf__destroy(object->sampling);
    probes_bpf__destroy(object->probes);
    malloc_bpf__destroy(object->malloc);
    sched_bpf__destroy(object->sched);
    *object = (struct native_object){0};
}
