// Where our BPF programs hang.
#include "collectors/native/attach.h"

#include "collectors/native/allocator.h"
#include "collectors/native/cgroups.h"
#include "collectors/native/flicker.skel.h"
#include "collectors/native/perf_event.h"
#include "collectors/native/probe.h"
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

static void load_programs(struct flicker_bpf *bpf, const struct native_options *options)
{
    const struct bpf_program *wanted[8] = {NULL};
    size_t count = 0;
    switch (options->kind) {
    case NATIVE_CPU:
        wanted[count++] = bpf->progs.on_cpu;
        break;
    case NATIVE_FAULTS:
        wanted[count++] = bpf->progs.on_fault;
        break;
    case NATIVE_RUNQ:
        wanted[count++] = bpf->progs.on_runnable;
        wanted[count++] = bpf->progs.on_new;
        wanted[count++] = bpf->progs.on_switch;
        wanted[count++] = bpf->progs.on_tick;
        break;
    case NATIVE_WAKEUP:
        wanted[count++] = bpf->progs.on_waking;
        wanted[count++] = bpf->progs.on_switch;
        wanted[count++] = bpf->progs.on_tick;
        break;
    case NATIVE_OFFCPU:
        wanted[count++] = bpf->progs.on_switch;
        wanted[count++] = bpf->progs.on_tick;
        break;
    case NATIVE_PROBE:
        wanted[count++] = probe_program(bpf, options);
        break;
    case NATIVE_MALLOC:
    default:
        wanted[count++] = bpf->progs.on_malloc;
        wanted[count++] = bpf->progs.on_calloc;
        wanted[count++] = bpf->progs.on_realloc;
        wanted[count++] = bpf->progs.on_memalign;
        wanted[count++] = bpf->progs.on_posix_memalign;
        if (options->live) {
            wanted[count++] = bpf->progs.on_free;
            wanted[count++] = bpf->progs.on_allocated;
        }
        break;
    }
    struct bpf_program *program;
    bpf_object__for_each_program(program, bpf->obj)
    {
        bool is_wanted = false;
        for (size_t i = 0; i < count; i++)
            is_wanted = is_wanted || wanted[i] == program;
        bpf_program__set_autoload(program, is_wanted);
    }
}

// Maps that the kind does not use are not made: each costs time at the start.
static void create_maps(const struct flicker_bpf *bpf, const struct native_options *options)
{
    bool sched = options->kind == NATIVE_OFFCPU || options->kind == NATIVE_WAKEUP ||
                 options->kind == NATIVE_RUNQ;
    bool usdt = options->kind == NATIVE_PROBE && options->probe == PROBE_USDT;
    bool malloc = options->kind == NATIVE_MALLOC;
    bpf_map__set_autocreate(bpf->maps.away, sched);
    bpf_map__set_autocreate(bpf->maps.blank, sched);
    bpf_map__set_autocreate(bpf->maps.budgets, malloc);
    bpf_map__set_autocreate(bpf->maps.pendings, malloc);
    bpf_map__set_autocreate(bpf->maps.blocks, malloc);
    bpf_map__set_autocreate(bpf->maps.__bpf_usdt_specs, usdt);
    bpf_map__set_autocreate(bpf->maps.__bpf_usdt_ip_to_spec_id, usdt);
}

static int set_target(const struct flicker_bpf *bpf, const struct native_options *options,
                      struct err *err)
{
    struct flicker_bpf__rodata *constants = bpf->rodata;
    constants->target_pid = (uint32_t)options->pid;
    constants->target_tid = (uint32_t)options->tid;
    constants->target_has_cpus = options->has_cpus;
    memcpy(constants->target_cpus, options->cpus, sizeof constants->target_cpus);
    if (options->comm) {
        constants->target_has_comm = true;
        strncpy(constants->target_comm, options->comm, sizeof constants->target_comm - 1);
    }
    uint64_t cgroup = 0;
    int status = options->cgroup
                     ? cgroups_find(&cgroup, &constants->target_cgroup_level, options->cgroup, err)
                     : 0;
    constants->target_cgroup = cgroup;
    return status;
}

int attach_prepare(struct flicker_bpf *bpf, const struct native_options *options, struct err *err)
{
    struct flicker_bpf__rodata *constants = bpf->rodata;
    constants->kind = options->kind;
    constants->min_ns = (uint64_t)options->min_ns;
    constants->want_kernel = options->kernel;
    constants->want_user = options->user;
    constants->depth = (uint32_t)options->depth;
    constants->every_bytes = options->every_bytes > 1 ? (uint64_t)options->every_bytes : 0;
    constants->want_live = options->live;
    load_programs(bpf, options);
    create_maps(bpf, options);
    int status = set_target(bpf, options, err);
    if (!status && options->kind == NATIVE_PROBE)
        status = probe_prepare(bpf, options, err);
    if (!status && options->kind == NATIVE_MALLOC)
        status = allocator_prepare(bpf, options, err);
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
    bool one_by_one = perf_event_is_counted(attr) && !options->period;
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
static int attach_sched(struct attachments *attachments, const struct flicker_bpf *bpf,
                        uint32_t cpus, struct err *err)
{
    struct perf_event_attr tick = {.size = sizeof tick,
                                   .type = PERF_TYPE_SOFTWARE,
                                   .config = PERF_COUNT_SW_CPU_CLOCK,
                                   .sample_period = TICK_NS};
    int status = 0;
    for (uint32_t cpu = 0; !status && cpu < cpus && !attachments->count; cpu++)
        status = attach_cpu(attachments, &tick, "cpu-clock", bpf->progs.on_tick, cpu, err);
    const struct bpf_program *const programs[] = {bpf->progs.on_switch, bpf->progs.on_waking,
                                                  bpf->progs.on_runnable, bpf->progs.on_new};
    for (size_t i = 0; !status && i < sizeof programs / sizeof *programs; i++) {
        if (bpf_program__autoload(programs[i]))
            status = attach_tracing(attachments, programs[i], err);
    }
    return status;
}

int attach_all(struct attachments *attachments, const struct flicker_bpf *bpf,
               const struct native_options *options, uint32_t cpus, struct err *err)
{
    struct perf_event_attr attr = {.size = sizeof attr};
    int status = 0;
    switch (options->kind) {
    case NATIVE_CPU:
        status = cpu_event(&attr, options, err);
        return status ? status
                      : attach_cpus(attachments, &attr, options, bpf->progs.on_cpu, cpus, err);
    case NATIVE_FAULTS:
        attr.type = PERF_TYPE_SOFTWARE;
        attr.config = PERF_COUNT_SW_PAGE_FAULTS;
        attr.sample_period = 1;
        return attach_cpus(attachments, &attr, options, bpf->progs.on_fault, cpus, err);
    case NATIVE_PROBE:
        return probe_attach(attachments, bpf, options, err);
    case NATIVE_MALLOC:
        return allocator_attach(attachments, bpf, options, err);
    default:
        return attach_sched(attachments, bpf, cpus, err);
    }
}
