// The kernel side of a recording.
#include "collectors/native/source.h"

#include "collectors/native/flicker.skel.h"
#include "proto/alloc.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    RING_BYTES_PER_CPU = 512 << 10, // 100 ms of 10 kHz with deep stacks
    RING_MIN_BYTES = 4 << 20,
    RING_MAX_BYTES = 64 << 20,
    TICK_NS = 250000000,
};

struct source {
    struct flicker_bpf *bpf;
    struct ring_buffer *ring;
    struct bpf_link **links;
    int *fds; // perf events, one a CPU
    size_t link_count, fd_count;
    uint32_t cpus;
    source_event_fn *event;
    void *event_arg;
    size_t left; // of this drain
};

static int on_ring(void *arg, void *data, size_t bytes)
{
    struct source *source = arg;
    const struct native_event *event = data;
    size_t frames = bytes >= sizeof *event
                        ? (size_t)event->kernel_frames + (size_t)event->user_frames
                        : SIZE_MAX / 16;
    if (bytes >= sizeof *event + frames * 8)
        source->event(source->event_arg, event, bytes);
    return --source->left ? 0 : -EAGAIN; // a negative value stops the drain after this event
}

static uint32_t ring_bytes(uint32_t cpus)
{
    uint64_t wanted = (uint64_t)cpus * RING_BYTES_PER_CPU, bytes = RING_MIN_BYTES;
    while (bytes < wanted && bytes < RING_MAX_BYTES)
        bytes *= 2;
    return (uint32_t)bytes;
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
    (void)level;
    (void)format;
    (void)args;
    return 0; // errors come back as numbers, and are said in our words
}

static bool is_of_kind(const struct flicker_bpf *bpf, const struct bpf_program *program,
                       enum native_kind kind)
{
    switch (kind) {
    case NATIVE_CPU:
        return program == bpf->progs.on_cpu;
    case NATIVE_FAULTS:
        return program == bpf->progs.on_fault;
    default:
        return program == bpf->progs.on_switch || program == bpf->progs.on_tick;
    }
}

static int load(struct source *source, const struct native_options *options, struct err *err)
{
    libbpf_set_print(quiet);
    source->bpf = flicker_bpf__open();
    if (!source->bpf)
        return err_set(err, -errno, "cannot open the BPF programs: %s", strerror(errno));
    source->bpf->rodata->target_pid = (uint32_t)options->pid;
    source->bpf->rodata->min_ns = (uint64_t)options->min_ns;
    source->bpf->rodata->want_kernel = options->kernel;
    source->bpf->rodata->want_user = options->user;
    struct bpf_program *program;
    bpf_object__for_each_program(program, source->bpf->obj)
        bpf_program__set_autoload(program, is_of_kind(source->bpf, program, options->kind));
    bpf_map__set_max_entries(source->bpf->maps.ring, ring_bytes(source->cpus));
    int status = flicker_bpf__load(source->bpf);
    if (status == -EPERM)
        return err_set(err, status, "the kernel does not let us load BPF programs\n%s",
                       geteuid() ? "it needs root" : "is CAP_BPF missing in this container?");
    if (status)
        return err_set(err, status, "cannot load the BPF programs: %s", strerror(-status));
    return 0;
}

// The events of each kind, per CPU.
static struct perf_event_attr event_of(const struct native_options *options)
{
    struct perf_event_attr attr = {
        .size = sizeof attr,
        .type = PERF_TYPE_SOFTWARE,
        .config =
            options->kind == NATIVE_FAULTS ? PERF_COUNT_SW_PAGE_FAULTS : PERF_COUNT_SW_CPU_CLOCK,
        .freq = options->kind == NATIVE_CPU,
        .sample_freq = options->hz, // the same field as sample_period
    };
    if (options->kind != NATIVE_CPU)
        attr.sample_period = options->kind == NATIVE_FAULTS ? 1 : TICK_NS;
    return attr;
}

static int attach_cpu(struct source *source, const struct native_options *options,
                      struct bpf_program *program, uint32_t cpu, struct err *err)
{
    struct perf_event_attr attr = event_of(options);
    int fd = (int)syscall(SYS_perf_event_open, &attr, -1, (int)cpu, -1, PERF_FLAG_FD_CLOEXEC);
    int status = fd < 0 ? -errno : 0;
    if (status == -ENODEV || status == -ENXIO) // offline
        return 0;
    if (status == -EINVAL)
        return err_set(err, status,
                       "cannot sample at %u Hz\nkernel.perf_event_max_sample_rate is the limit",
                       options->hz);
    if (status)
        return err_set(err, status, "cannot sample CPU %u: %s", cpu, strerror(-status));
    source->fds[source->fd_count++] = fd;
    struct bpf_link *link = bpf_program__attach_perf_event(program, fd);
    if (!link)
        return err_set(err, -errno, "cannot attach to the events of CPU %u: %s", cpu,
                       strerror(errno));
    source->links[source->link_count++] = link;
    return 0;
}

static int attach_events(struct source *source, const struct native_options *options,
                         struct bpf_program *program, struct err *err)
{
    // Time that passes is told by the first CPU that there is.
    bool one = options->kind == NATIVE_OFFCPU;
    int status = 0;
    for (uint32_t cpu = 0; !status && cpu < source->cpus && !(one && source->fd_count); cpu++)
        status = attach_cpu(source, options, program, cpu, err);
    return status || source->fd_count ? status : err_set(err, -ENODEV, "no CPU can be sampled");
}

static int attach_tracing(struct source *source, struct bpf_program *program, struct err *err)
{
    struct bpf_link *link = bpf_program__attach(program);
    if (!link)
        return err_set(err, -errno, "cannot attach '%s': %s", bpf_program__name(program),
                       strerror(errno));
    source->links[source->link_count++] = link;
    return 0;
}

static int attach(struct source *source, const struct native_options *options, struct err *err)
{
    const struct flicker_bpf *bpf = source->bpf;
    if (options->kind == NATIVE_CPU)
        return attach_events(source, options, bpf->progs.on_cpu, err);
    if (options->kind == NATIVE_FAULTS)
        return attach_events(source, options, bpf->progs.on_fault, err);
    int status = attach_events(source, options, bpf->progs.on_tick, err);
    return status ? status : attach_tracing(source, bpf->progs.on_switch, err);
}

int source_open(struct source **out, const struct native_options *options, struct err *err)
{
    struct source *source = xcalloc(1, sizeof *source);
    int cpus = libbpf_num_possible_cpus();
    source->cpus = cpus > 0 ? (uint32_t)cpus : 1;
    source->links = xcalloc(source->cpus + 1, sizeof(struct bpf_link *));
    source->fds = xcalloc(source->cpus, sizeof *source->fds);
    int status = load(source, options, err);
    if (!status) {
        source->ring = ring_buffer__new(bpf_map__fd(source->bpf->maps.ring), on_ring, source, NULL);
        status = source->ring
                     ? 0
                     : err_set(err, -errno, "cannot map the ring buffer: %s", strerror(errno));
    }
    if (!status)
        status = attach(source, options, err);
    if (status) {
        source_close(source);
        source = NULL;
    }
    *out = source;
    return status;
}

void source_close(struct source *source)
{
    if (!source)
        return;
    for (size_t i = 0; i < source->link_count; i++)
        bpf_link__destroy(source->links[i]);
    // A link closes its event; the last event may have got none.
    if (source->fd_count > source->link_count)
        close(source->fds[source->fd_count - 1]);
    ring_buffer__free(source->ring);
    flicker_bpf__destroy(source->bpf);
    free(source->links);
    free(source->fds);
    free(source);
}

int source_drain(struct source *source, size_t max_events, source_event_fn *event, void *arg)
{
    source->event = event;
    source->event_arg = arg;
    source->left = max_events;
    int status = ring_buffer__consume(source->ring);
    return status == -EAGAIN || status > 0 ? 0 : status;
}

void source_flush(struct source *source, int64_t now_ns, source_event_fn *event, void *arg)
{
    int map = bpf_map__fd(source->bpf->maps.away);
    uint32_t key = 0, next = 0;
    struct native_away entry;
    for (void *at = NULL; !bpf_map_get_next_key(map, at, &next); at = &key) {
        key = next;
        if (bpf_map_lookup_elem(map, &key, &entry) || !entry.since_ns ||
            (int64_t)entry.since_ns >= now_ns)
            continue;
        size_t frames = (size_t)entry.event.kernel_frames + entry.event.user_frames;
        if (frames > sizeof entry.frames / sizeof *entry.frames)
            continue;
        entry.event.time_ns = (uint64_t)now_ns;
        entry.event.value = (uint64_t)now_ns - entry.since_ns;
        event(arg, &entry.event, sizeof entry.event + frames * sizeof *entry.frames);
    }
}

uint64_t source_lost(const struct source *source)
{
    return __atomic_load_n(&source->bpf->bss->lost, __ATOMIC_RELAXED);
}

uint32_t source_cpus(const struct source *source)
{
    return source->cpus;
}
