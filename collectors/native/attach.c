// Where our BPF programs hang.
#include "collectors/native/attach.h"

#include "collectors/native/allocator.h"
#include "collectors/native/cgroups.h"
#include "collectors/native/malloc.skel.h"
#include "collectors/native/perf_event.h"
#include "collectors/native/probe.h"
#include "collectors/native/sampling.skel.h"
#include "collectors/native/sched.skel.h"
#include "proto/alloc.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TICK_NS = 250000000 };

void attach_end(struct attachments *attachments)
{
    for (size_t i = 0; i < attachments->count; i++)
        bpf_link__destroy(attachments->links[i]);
    free(attachments->links);
    *attachments = (struct attachments){0};
}

void attach_keep(struct attachments *attachments, struct bpf_link *link)
{
    array_reserve(&attachments->links, &attachments->capacity, attachments->count + 1);
    attachments->links[attachments->count++] = link;
}

// ---- before loading ----

// Programs that are not named are not loaded.
static void load_programs(const struct native_object *object, const struct native_options *options)
{
    const struct bpf_program *left_out[8] = {NULL};
    size_t count = 0;
    switch (options->kind) {
    case NATIVE_CPU:
        left_out[count++] = object->sampling->progs.on_fault;
        break;
    case NATIVE_FAULTS:
        left_out[count++] = object->sampling->progs.on_cpu;
        break;
    case NATIVE_OFFCPU:
        left_out[count++] = object->sched->progs.on_waking;
        left_out[count++] = object->sched->progs.on_runnable;
        left_out[count++] = object->sched->progs.on_new;
        break;
    case NATIVE_WAKEUP:
        left_out[count++] = object->sched->progs.on_runnable;
        left_out[count++] = object->sched->progs.on_new;
        break;
    case NATIVE_RUNQ:
        left_out[count++] = object->sched->progs.on_waking;
        break;
    case NATIVE_MALLOC:
        if (!options->live) {
            left_out[count++] = object->malloc->progs.on_free;
            left_out[count++] = object->malloc->progs.on_allocated;
        }
        break;
    default: {
        struct bpf_program *program;
        bpf_object__for_each_program(program, object->object)
            bpf_program__set_autoload(program, program == probe_program(object, options));
        break;
    }
    }
    for (size_t i = 0; i < count; i++)
        bpf_program__set_autoload((struct bpf_program *)left_out[i], false);
}

int attach_prepare(const struct native_object *object, const struct native_options *options,
                   struct err *err)
{
    struct native_target *target = object->target;
    *target = (struct native_target){
        .pid = (uint32_t)options->pid,
        .tid = (uint32_t)options->tid,
        .kind = options->kind,
        .min_ns = (uint64_t)options->min_ns,
        .depth = (uint32_t)options->depth,
        .want_kernel = options->kernel,
        .want_user = options->user,
        .has_comm = options->comm,
        .has_cpus = options->has_cpus,
    };
    for (size_t i = 0; i < NATIVE_CPU_WORDS; i++)
        target->cpus[i] = options->cpus[i];
    if (options->comm)
        strncpy(target->comm, options->comm, sizeof target->comm - 1);
    uint64_t cgroup = 0;
    int status =
        options->cgroup ? cgroups_find(&cgroup, &target->cgroup_level, options->cgroup, err) : 0;
    target->cgroup = cgroup;
    load_programs(object, options);
    if (!status && options->kind == NATIVE_PROBE)
        status = probe_prepare(object, options, err);
    if (!status && options->kind == NATIVE_MALLOC)
        allocator_prepare(object, options);
    return status;
}

// ---- perf events ----

static int attach_cpu(struct attachments *attachments, struct perf_event_attr *attr,
                      const char *name, const struct bpf_program *program, uint32_t cpu,
                      struct err *err)
{
    int fd = (int)syscall(SYS_perf_event_open, attr, -1, (int)cpu, -1, PERF_FLAG_FD_CLOEXEC);
    int status = fd < 0 ? -errno : 0;
    if (status == -ENODEV || status == -ENXIO) // offline
        return 0;
    if (status)
        return perf_event_why_not(attr, name, status, err);
    struct bpf_link *link = bpf_program__attach_perf_event(program, fd); // takes fd over
    if (!link) {
        status =
            err_set(err, -errno, "cannot attach to the events of CPU %u: %s", cpu, strerror(errno));
        close(fd);
        return status;
    }
    attach_keep(attachments, link);
    return 0;
}

// The event of a recording of CPUs: by frequency, or by period. What is counted without a PMU is
// told one by one unless it is said otherwise.
static int cpu_event(struct perf_event_attr *attr, const struct native_options *options,
                     struct err *err)
{
    int status = perf_event_find(attr, options->event ? options->event : "cpu-clock", err);
    if (status)
        return status;
    bool one_by_one = perf_event_is_counted(attr) && !options->period && !options->hz_given;
    if (options->period || one_by_one) {
        attr->sample_period = one_by_one ? 1 : (uint64_t)options->period;
        return 0;
    }
    attr->freq = 1;
    attr->sample_freq = (uint64_t)options->hz;
    return 0;
}

static int attach_cpus(struct attachments *attachments, struct perf_event_attr *attr,
                       const struct native_options *options, const struct bpf_program *program,
                       uint32_t cpus, struct err *err)
{
    const char *name = options->event ? options->event : "cpu-clock";
    int status = 0;
    for (uint32_t cpu = 0; !status && cpu < cpus; cpu++) {
        if (native_wants_cpu(options, cpu))
            status = attach_cpu(attachments, attr, name, program, cpu, err);
    }
    if (status || attachments->count)
        return status;
    return err_set(err, -ENODEV, "no CPU of those that were asked for is online");
}

static int attach_tracing(struct attachments *attachments, const struct bpf_program *program,
                          struct err *err)
{
    struct bpf_link *link = bpf_program__attach(program);
    if (!link)
        return err_set(err, -errno, "cannot attach '%s': %s", bpf_program__name(program),
                       strerror(errno));
    attach_keep(attachments, link);
    return 0;
}

// The scheduler's points, and one timer by which long times are told in pieces.
static int attach_sched(struct attachments *attachments, const struct native_object *object,
                        uint32_t cpus, struct err *err)
{
    struct perf_event_attr tick = {.size = sizeof tick,
                                   .type = PERF_TYPE_SOFTWARE,
                                   .config = PERF_COUNT_SW_CPU_CLOCK,
                                   .sample_period = TICK_NS};
    int status = 0;
    for (uint32_t cpu = 0; !status && cpu < cpus && !attachments->count; cpu++)
        status =
            attach_cpu(attachments, &tick, "cpu-clock", object->sched->progs.on_tick, cpu, err);
    const struct bpf_program *const programs[] = {
        object->sched->progs.on_switch, object->sched->progs.on_waking,
        object->sched->progs.on_runnable, object->sched->progs.on_new};
    for (size_t i = 0; !status && i < sizeof programs / sizeof *programs; i++) {
        if (bpf_program__autoload(programs[i]))
            status = attach_tracing(attachments, programs[i], err);
    }
    return status;
}

int attach_all(struct attachments *attachments, const struct native_object *object,
               const struct native_options *options, uint32_t cpus, struct err *err)
{
    struct perf_event_attr attr = {.size = sizeof attr};
    int status = 0;
    switch (options->kind) {
    case NATIVE_CPU:
        status = cpu_event(&attr, options, err);
        return status ? status
                      : attach_cpus(attachments, &attr, options, object->sampling->progs.on_cpu,
                                    cpus, err);
    case NATIVE_FAULTS:
        attr.type = PERF_TYPE_SOFTWARE;
        attr.config = PERF_COUNT_SW_PAGE_FAULTS;
        attr.sample_period = 1;
        return attach_cpus(attachments, &attr, options, object->sampling->progs.on_fault, cpus,
                           err);
    case NATIVE_PROBE:
        return probe_attach(attachments, object, options, err);
    case NATIVE_MALLOC:
        return allocator_attach(attachments, object, options, err);
    default:
        return attach_sched(attachments, object, cpus, err);
    }
}
