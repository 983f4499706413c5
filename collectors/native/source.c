// The kernel side of a recording.
#include "collectors/native/source.h"

#include "collectors/native/attach.h"
#include "proto/alloc.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BYTES_A_SAMPLE = 512, // a stack of 50 frames; a second of them finds room
    SAMPLED_MIN_BYTES = 1 << 20,
    TOLD_BYTES_PER_CPU = 512 << 10, // of kinds without a rate: they come in floods
    TOLD_MIN_BYTES = 4 << 20,
    RING_MAX_BYTES = 64 << 20,
};

struct source {
    struct native_object object;
    struct ring_buffer *ring;
    struct attachments attachments;
    uint32_t cpus;
    int64_t min_ns; // shorter times are not told
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

// A large ring takes its time to make, and its memory is cold whenever it is written to.
static uint32_t ring_bytes(const struct native_options *options, uint32_t cpus)
{
    bool sampled = options->kind == NATIVE_CPU &&
                   (options->sample_ns || (!options->event && !options->period));
    uint64_t per_cpu =
        sampled ? (uint64_t)options->hz * BYTES_A_SAMPLE : (uint64_t)TOLD_BYTES_PER_CPU;
    uint64_t wanted = cpus * per_cpu, bytes = sampled ? SAMPLED_MIN_BYTES : TOLD_MIN_BYTES;
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

static int load(struct source *source, const struct native_options *options, struct err *err)
{
    libbpf_set_print(quiet);
    int status = native_object_open(&source->object, options->kind, err);
    if (!status)
        status = attach_prepare(&source->object, options, err);
    if (status)
        return status;
    bpf_map__set_max_entries(source->object.ring, ring_bytes(options, source->cpus));
    status = native_object_load(&source->object);
    if (status == -EPERM)
        return err_set(err, status, "the kernel does not let us load BPF programs\n%s",
                       geteuid() ? "it needs root" : "is CAP_BPF missing in this container?");
    if (status)
        return err_set(err, status, "cannot load the BPF programs: %s", strerror(-status));
    return 0;
}

int source_open(struct source **out, const struct native_options *options, struct err *err)
{
    struct source *source = xcalloc(1, sizeof *source);
    int cpus = libbpf_num_possible_cpus();
    source->cpus = cpus > 0 ? (uint32_t)cpus : 1;
    source->min_ns = options->min_ns;
    int status = load(source, options, err);
    if (!status) {
        source->ring = ring_buffer__new(bpf_map__fd(source->object.ring), on_ring, source, NULL);
        status = source->ring
                     ? 0
                     : err_set(err, -errno, "cannot map the ring buffer: %s", strerror(errno));
    }
    if (!status)
        status = attach_all(&source->attachments, &source->object, options, source->cpus, err);
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
    attach_end(&source->attachments);
    ring_buffer__free(source->ring);
    native_object_close(&source->object);
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
    if (!source->object.away)
        return; // this kind has none
    int map = bpf_map__fd(source->object.away);
    uint32_t key = 0, next = 0;
    struct native_away entry;
    for (void *at = NULL; !bpf_map_get_next_key(map, at, &next); at = &key) {
        key = next;
        if (bpf_map_lookup_elem(map, &key, &entry) || !entry.since_ns ||
            (int64_t)entry.since_ns >= now_ns || now_ns - (int64_t)entry.began_ns < source->min_ns)
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
    return __atomic_load_n(source->object.lost, __ATOMIC_RELAXED);
}

uint32_t source_cpus(const struct source *source)
{
    return source->cpus;
}
