// The recording itself.
#include "collectors/native/collect.h"

#include "collectors/host.h"
#include "collectors/native/stacks.h"
#include "proto/alloc.h"
#include "proto/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    EVENTS_PER_ROUND = 1 << 16,
    // The dictionary of a host that starts ever new programs: beyond this it begins anew.
    DICT_MAX_BYTES = 128 << 20,
};

struct pending {
    int64_t time_ns;
    size_t at; // of `events`
};

struct collect {
    const struct native_options *options;
    struct source *source;
    struct sideband *sideband;
    struct symbols *symbols;
    struct stacks *stacks;
    struct sink *sink;
    struct bytes events; // of this round, each as in the ring, padded to 8 bytes
    struct pending *pending;
    size_t pending_count, pending_capacity;
    struct sample *samples;
    size_t sample_capacity;
    uint16_t event;
    uint64_t lost;
    int64_t round_ns; // when the last round was
};

struct collect *collect_new(const struct native_options *options, struct source *source,
                            struct sideband *sideband, struct kernel_symbols *kernel,
                            struct symbols *symbols, struct sink *sink)
{
    struct collect *collect = xcalloc(1, sizeof *collect);
    *collect = (struct collect){
        .options = options,
        .source = source,
        .sideband = sideband,
        .symbols = symbols,
        .stacks = stacks_new(sink->dict, symbols, kernel),
        .sink = sink,
        .round_ns = host_now_ns(),
    };
    return collect;
}

void collect_free(struct collect *collect)
{
    if (!collect)
        return;
    stacks_free(collect->stacks);
    bytes_dispose(&collect->events);
    free(collect->pending);
    free(collect->samples);
    free(collect);
}

static void name_event(struct collect *collect)
{
    struct dict *dict = collect->sink->dict;
    static const struct {
        const char *name, *unit;
        bool by_value;
    } events[NATIVE_KINDS] = {
        [NATIVE_CPU] = {"cpu-clock", "ns", false},
        [NATIVE_OFFCPU] = {"offcpu", "ns", true},
        [NATIVE_FAULTS] = {"page-faults", "faults", false},
    };
    const enum native_kind kind = collect->options->kind;
    const struct event event = {
        .name = dict_string_z(dict, events[kind].name),
        .unit = dict_string_z(dict, events[kind].unit),
        .by_value = events[kind].by_value,
    };
    collect->event = (uint16_t)dict_event(dict, &event);
}

int collect_hello(struct collect *collect, struct err *err)
{
    struct utsname names;
    struct hello hello = {.collector = "native",
                          .rate_hz =
                              collect->options->kind == NATIVE_CPU ? collect->options->hz : 0};
    host_hello(&hello, &names);
    name_event(collect);
    return sink_hello(collect->sink, &hello, err);
}

// In the ring callback: nothing but a copy.
static void keep_event(void *arg, const struct native_event *event, size_t bytes)
{
    struct collect *collect = arg;
    array_reserve(&collect->pending, &collect->pending_capacity, collect->pending_count + 1);
    collect->pending[collect->pending_count++] =
        (struct pending){(int64_t)event->time_ns, collect->events.len};
    bytes_append(&collect->events, event, (bytes + 7) & ~(size_t)7);
}

static int by_time(const void *left, const void *right)
{
    const struct pending *a = left, *b = right;
    if (a->time_ns != b->time_ns)
        return a->time_ns < b->time_ns ? -1 : 1;
    return a->at < b->at ? -1 : a->at > b->at;
}

// Why a thread is off its CPU is the leaf of its stack; sleeping, the rule, is not said.
static uint32_t with_state(struct dict *dict, uint32_t node, unsigned state)
{
    static const char *const names[] = {
        [NATIVE_DISK] = "[disk sleep]",
        [NATIVE_PREEMPTED] = "[preempted]",
        [NATIVE_OTHER] = "[stopped]",
    };
    if (state == NATIVE_SLEEPING || state > NATIVE_OTHER)
        return node;
    const struct frame frame = {
        .name = dict_string_z(dict, names[state]),
        .module = dict_string_z(dict, "[kernel]"),
        .kind = FRAME_KERNEL,
    };
    return dict_node(dict, node, dict_frame(dict, &frame));
}

static struct sample sample_of(struct collect *collect, const struct native_event *event)
{
    struct dict *dict = collect->sink->dict;
    uint32_t comm = dict_string(dict, event->comm, strnlen(event->comm, sizeof event->comm));
    const struct thread thread = {
        .pid = (int32_t)event->pid,
        .tid = (int32_t)event->tid,
        .comm = comm,
        .start_ns = (int64_t)event->start_ns,
    };
    uint32_t node = stacks_node(collect->stacks, event, (const uint64_t *)(event + 1), comm);
    if (event->kind == NATIVE_OFFCPU)
        node = with_state(dict, node, event->state);
    return (struct sample){
        .time_ns = (int64_t)event->time_ns,
        .value = event->value,
        .node = node,
        .thread = dict_thread(dict, &thread),
        .cpu = event->cpu,
        .event = collect->event,
    };
}

static int say_losses(struct collect *collect, int64_t now_ns, struct err *err)
{
    uint64_t lost = source_lost(collect->source);
    struct loss loss = {.from_ns = collect->round_ns,
                        .to_ns = now_ns,
                        .count = lost - collect->lost,
                        .cpu = -1,
                        .where = LOSS_RING};
    collect->lost = lost;
    collect->round_ns = now_ns;
    return loss.count ? sink_loss(collect->sink, &loss, err) : 0;
}

// Between two rounds nobody holds a number: a dictionary that grew too large begins anew.
static void bound_dict(struct collect *collect)
{
    struct dict *dict = collect->sink->dict;
    if (dict_bytes(dict) < DICT_MAX_BYTES)
        return;
    uint64_t generation = dict->generation;
    dict_dispose(dict);
    dict_init(dict);
    dict->generation = generation + 1;
    stacks_clear(collect->stacks);
    name_event(collect);
}

int collect_round(struct collect *collect, bool last, struct err *err)
{
    int64_t now_ns = host_now_ns();
    collect->pending_count = 0;
    bytes_clear(&collect->events);
    int status = source_drain(collect->source, EVENTS_PER_ROUND, keep_event, collect);
    if (status)
        return err_set(err, status, "cannot read the ring: %s", strerror(-status));
    if (last && collect->options->kind == NATIVE_OFFCPU)
        source_flush(collect->source, now_ns, keep_event, collect);
    // Read after the ring: what happened before the last event is then among the records.
    if (collect->sideband)
        sideband_read(collect->sideband);
    size_t count = collect->pending_count;
    if (count)
        qsort(collect->pending, count, sizeof *collect->pending, by_time);
    array_reserve(&collect->samples, &collect->sample_capacity, count + 1);
    for (size_t i = 0; i < count; i++) {
        if (collect->sideband)
            sideband_apply(collect->sideband, collect->symbols, collect->pending[i].time_ns);
        collect->samples[i] =
            sample_of(collect, (const void *)(collect->events.data + collect->pending[i].at));
    }
    if (collect->sideband)
        sideband_apply(collect->sideband, collect->symbols, now_ns);
    symbols_sweep(collect->symbols);
    status = sink_samples(collect->sink, collect->samples, count, err);
    if (!status)
        status = say_losses(collect, now_ns, err);
    bound_dict(collect);
    return status;
}
