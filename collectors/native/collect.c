// The recording itself.
#include "collectors/native/collect.h"

#include "collectors/host.h"
#include "collectors/native/cgroups.h"
#include "collectors/native/live_blocks.h"
#include "collectors/native/perf_event.h"
#include "collectors/native/probe.h"
#include "collectors/native/stacks.h"
#include "proto/alloc.h"
#include "proto/bytes.h"
#include "proto/fks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    EVENTS_PER_ROUND = 1 << 16,
    // The dictionary of a host that starts ever new programs: beyond this it begins anew.
    DICT_MAX_BYTES = 128 << 20,
    CLOCK_EVERY = 4, // events
    HELD_MAX_BYTES = 16 << 20,
    ASKED_AHEAD = 64, // events
    WAKER_SLOTS = 256,
    CGROUP_SLOTS = 64,
};
#define CGROUP_RECHECK_NS INT64_C(1000000000) // of one that was not found
#define HAND_ON_NS        INT64_C(15000000)
#define HOLD_NS           INT64_C(4000000000)
#define LIVE_TELL_NS      INT64_C(1000000000)

struct pending {
    int64_t time_ns;
    size_t at; // of `events`
};

// Who woke a thread, by that thread's tid: between the two events of it.
struct waker_slot {
    const struct native_event *event; // of this round
    uint64_t tid;
};

struct cgroup_slot {
    uint64_t id;
    uint32_t path; // string
    int64_t asked_ns;
};

struct collect {
    const struct native_options *options;
    struct source *source;
    struct sideband *sideband;
    struct process_records *records; // what it brings
    struct symbols *symbols;
    struct stacks *stacks;
    struct encoder *encoder;
    struct sink *sink;   // the encoder's
    struct bytes events; // of this round, each as in the ring, padded to 8 bytes
    struct pending *pending;
    size_t pending_count, pending_capacity;
    struct bytes held; // events that wait for source lines, and all after them
    struct sample *samples;
    size_t sample_capacity;
    uint16_t event;
    uint64_t lost;
    int64_t round_ns; // when the last round was
    struct waker_slot wakers[WAKER_SLOTS];
    struct cgroups *cgroups;
    struct cgroup_slot cgroup_slots[CGROUP_SLOTS];
    struct live_blocks blocks;
    int64_t blocks_told_ns;
};

struct collect *collect_new(const struct native_options *options, struct source *source,
                            struct sideband *sideband, struct kernel_symbols *kernel,
                            struct symbols *symbols, struct encoder *encoder)
{
    struct collect *collect = xcalloc(1, sizeof *collect);
    *collect = (struct collect){
        .options = options,
        .source = source,
        .sideband = sideband,
        .records = process_records_new(),
        .symbols = symbols,
        .stacks = stacks_new(encoder->sink.dict, symbols, kernel),
        .encoder = encoder,
        .sink = &encoder->sink,
        .round_ns = host_now_ns(),
        .cgroups = cgroups_new(),
    };
    if (sideband)
        symbols_expect_records(symbols);
    // It may be gone when its first event is read.
    if (options->pid)
        symbols_space(symbols, (int32_t)options->pid);
    return collect;
}

void collect_free(struct collect *collect)
{
    if (!collect)
        return;
    stacks_free(collect->stacks);
    process_records_free(collect->records);
    cgroups_free(collect->cgroups);
    live_blocks_dispose(&collect->blocks);
    bytes_dispose(&collect->events);
    bytes_dispose(&collect->held);
    free(collect->pending);
    free(collect->samples);
    free(collect);
}

// A perf event that was asked for: clocks are counted by samples, others add up their periods.
static struct event cpu_event(struct dict *dict, const struct native_options *options)
{
    const char *name = options->event;
    struct perf_event_attr attr = {0};
    struct err unused = {0};
    bool clock = options->sample_ns ||
                 (!perf_event_find(&attr, name, &unused) && perf_event_is_clock(&attr));
    bool plain = !strpbrk(name, "/:=") && strlen(name) > 4;
    return (struct event){
        .name = dict_string_z(dict, name),
        .unit = dict_string_z(dict, clock   ? "ns"
                                    : plain ? name
                                            : "events"),
        .by_value = !clock,
    };
}

static struct event probe_event(struct dict *dict, const struct native_options *options)
{
    char name[512];
    bool tracepoint = options->probe == PROBE_TRACEPOINT;
    snprintf(name, sizeof name, "%s%s%s", tracepoint ? "" : native_probe_name(options->probe),
             tracepoint ? "" : ":", options->target);
    return (struct event){
        .name = dict_string_z(dict, name),
        .unit = dict_string_z(dict, probe_unit(options)),
        .by_value = options->value,
    };
}

static void name_event(struct collect *collect)
{
    struct dict *dict = collect->sink->dict;
    const struct native_options *options = collect->options;
    static const struct {
        const char *name, *unit;
        bool by_value;
    } events[NATIVE_KINDS] = {
        [NATIVE_CPU] = {"cpu-clock", "ns", false},
        [NATIVE_OFFCPU] = {"offcpu", "ns", true},
        [NATIVE_WAKEUP] = {"wakeup", "ns", true},
        [NATIVE_RUNQ] = {"runq", "ns", true},
        [NATIVE_FAULTS] = {"page-faults", "faults", false},
        [NATIVE_MALLOC] = {"malloc", "bytes", true},
    };
    const enum native_kind kind = options->kind;
    struct event event;
    if (kind == NATIVE_PROBE)
        event = probe_event(dict, options);
    else if (kind == NATIVE_CPU && options->event)
        event = cpu_event(dict, options);
    else
        event = (struct event){
            .name = dict_string_z(dict, options->live ? "malloc-live" : events[kind].name),
            .unit = dict_string_z(dict, events[kind].unit),
            .by_value = events[kind].by_value,
        };
    collect->event = (uint16_t)dict_event(dict, &event);
}

// 0 where it is events that are told, not moments.
static double rate_of(const struct native_options *options)
{
    struct perf_event_attr attr = {0};
    struct err unused = {0};
    const char *event = options->event ? options->event : "cpu-clock";
    if (options->sample_ns)
        return (double)options->hz;
    if (options->kind != NATIVE_CPU || options->period || perf_event_find(&attr, event, &unused))
        return 0;
    return perf_event_is_counted(&attr) ? 0 : (double)options->hz;
}

int collect_hello(struct collect *collect, struct err *err)
{
    struct utsname names;
    struct hello hello = {.collector = "native", .rate_hz = rate_of(collect->options)};
    host_hello(&hello, &names);
    const uint32_t online = hello.cpus;
    for (uint32_t cpu = 0; cpu < online; cpu++)
        hello.cpus -= !native_wants_cpu(collect->options, cpu);
    name_event(collect);
    int status = sink_hello(collect->sink, &hello, err);
    return status ? status : fks_encoder_flush(collect->encoder, err);
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

static const uint64_t *frames_of(const struct native_event *event)
{
    return (const uint64_t *)(event + 1);
}

static uint32_t comm_of(struct dict *dict, const struct native_event *event)
{
    return dict_string(dict, event->comm, strnlen(event->comm, sizeof event->comm));
}

// Its path. What is not found is asked for again: it may have been too new.
static uint32_t cgroup_of(struct collect *collect, uint64_t id)
{
    struct cgroup_slot *slot = &collect->cgroup_slots[id % CGROUP_SLOTS];
    if (!id || (slot->id == id && slot->path))
        return id ? slot->path : DICT_EMPTY;
    int64_t now_ns = host_now_ns();
    if (slot->id == id && now_ns - slot->asked_ns < CGROUP_RECHECK_NS)
        return DICT_EMPTY;
    const char *path = cgroups_path(collect->cgroups, id);
    *slot = (struct cgroup_slot){id, path ? dict_string_z(collect->sink->dict, path) : DICT_EMPTY,
                                 now_ns};
    return slot->path;
}

// Below the sleeper's stack: who woke it, and where.
static uint32_t with_waker(struct collect *collect, uint32_t node, const struct native_event *event)
{
    struct dict *dict = collect->sink->dict;
    const struct waker_slot *slot = &collect->wakers[event->tid % WAKER_SLOTS];
    const struct native_event *waker = slot->event;
    char name[64];
    // A piece of a sleep that goes on has no waker yet; one that found no room is not known.
    bool known = waker && slot->tid == event->tid && waker->time_ns == event->time_ns;
    if (known)
        snprintf(name, sizeof name, "[woken by %.*s]", (int)sizeof waker->comm, waker->comm);
    else
        snprintf(name, sizeof name, "[waker not seen]");
    const struct frame frame = {
        .name = dict_string_z(dict, name),
        .module = dict_string_z(dict, "[kernel]"),
        .kind = FRAME_KERNEL,
    };
    node = dict_node(dict, node, dict_frame(dict, &frame));
    return known ? stacks_node(collect->stacks, waker, frames_of(waker), node) : node;
}

// Most programs do not say it, as that would take the kernel's types; records of forks do.
static int64_t start_of(const struct collect *collect, const struct native_event *event)
{
    return event->start_ns ? (int64_t)event->start_ns
                           : process_records_start_of(collect->records, (int32_t)event->tid);
}

static struct sample sample_of(struct collect *collect, const struct native_event *event)
{
    struct dict *dict = collect->sink->dict;
    uint32_t comm = comm_of(dict, event);
    const struct thread thread = {
        .pid = (int32_t)event->pid,
        .tid = (int32_t)event->tid,
        .comm = comm,
        .cgroup = cgroup_of(collect, event->cgroup),
        .start_ns = start_of(collect, event),
    };
    uint32_t node =
        stacks_node(collect->stacks, event, frames_of(event), dict_comm_node(dict, comm));
    if (event->kind == NATIVE_OFFCPU || event->kind == NATIVE_WAKEUP)
        node = with_state(dict, node, event->state);
    if (event->kind == NATIVE_WAKEUP)
        node = with_waker(collect, node, event);
    return (struct sample){
        .time_ns = (int64_t)event->time_ns,
        .value = collect->options->sample_ns ? (uint64_t)collect->options->sample_ns : event->value,
        .node = node,
        .thread = dict_thread(dict, &thread),
        .cpu = event->cpu,
        .event = collect->event,
    };
}

// One event of the round; true when *out is a sample of now.
static bool take(struct collect *collect, const struct native_event *event, struct sample *out)
{
    switch (event->kind) {
    case NATIVE_WAKER:
        collect->wakers[event->subject % WAKER_SLOTS] = (struct waker_slot){event, event->subject};
        return false;
    case NATIVE_FREED:
        live_blocks_remove(&collect->blocks, event->subject);
        return false;
    default:
        *out = sample_of(collect, event);
        if (!collect->options->live)
            return true;
        live_blocks_add(&collect->blocks, event->subject, out);
        return false;
    }
}

// Blocks that have lived long enough; at the end, all.
static int tell_blocks(struct collect *collect, bool last, int64_t now_ns, struct err *err)
{
    int64_t age_ns = collect->options->min_ns;
    if (!last && (!age_ns || now_ns - collect->blocks_told_ns < LIVE_TELL_NS))
        return 0;
    collect->blocks_told_ns = now_ns;
    array_reserve(&collect->samples, &collect->sample_capacity, collect->blocks.count + 1);
    size_t count =
        live_blocks_tell(&collect->blocks, last ? now_ns : now_ns - age_ns, collect->samples);
    return sink_samples(collect->sink, collect->samples, count, err);
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
    if (dict_bytes(dict) < DICT_MAX_BYTES || collect->options->live)
        return; // blocks hold numbers for long
    uint64_t generation = dict->generation;
    dict_dispose(dict);
    dict_init(dict);
    dict->generation = generation + 1;
    stacks_clear(collect->stacks);
    memset(collect->cgroup_slots, 0, sizeof collect->cgroup_slots);
    name_event(collect);
}

static int hand_on(struct collect *collect, size_t count, struct err *err)
{
    int status = sink_samples(collect->sink, collect->samples, count, err);
    return status ? status : fks_encoder_flush(collect->encoder, err);
}

static const struct native_event *event_at(const struct collect *collect, size_t i)
{
    return (const void *)(collect->events.data + collect->pending[i].at);
}

static size_t bytes_of(const struct native_event *event)
{
    return sizeof *event + sizeof(uint64_t) * ((size_t)event->kernel_frames + event->user_frames);
}

// Whether an event may wait, in whose stack lines were asked for that are not known yet. Live
// blocks were taken in by then.
static bool may_hold(const struct collect *collect, const struct pending *pending, bool last)
{
    return !last && !collect->options->live && collect->events.len < HELD_MAX_BYTES &&
           host_now_ns() - pending->time_ns < HOLD_NS;
}

// This event, its waker before it, and all after it belong to the next round.
static void hold_from(struct collect *collect, size_t i)
{
    const struct pending *pending = collect->pending;
    while (i && pending[i - 1].time_ns == pending[i].time_ns &&
           event_at(collect, i - 1)->kind == NATIVE_WAKER)
        i--;
    for (; i < collect->pending_count; i++) {
        const struct native_event *event = event_at(collect, i);
        bytes_append(&collect->held, event, bytes_of(event));
    }
}

// The lines of the events that wait behind one are asked for meanwhile: as far as processes map now
// what they mapped then.
static void ask_ahead(struct collect *collect, size_t i)
{
    struct dict *dict = collect->sink->dict;
    int64_t until_ns = process_records_next_ns(collect->records);
    size_t end =
        i + ASKED_AHEAD < collect->pending_count ? i + ASKED_AHEAD : collect->pending_count;
    for (; i < end && collect->pending[i].time_ns < until_ns; i++) {
        const struct native_event *event = event_at(collect, i);
        if (event->kind < NATIVE_KINDS)
            stacks_node(collect->stacks, event, frames_of(event),
                        dict_comm_node(dict, comm_of(dict, event)));
    }
    stacks_waited(collect->stacks);
}

// Those that were held are the first of the next round.
static void take_held(struct collect *collect)
{
    for (size_t at = 0; at < collect->held.len;) {
        const struct native_event *event = (const void *)(collect->held.data + at);
        keep_event(collect, event, bytes_of(event));
        at += bytes_of(event);
    }
    bytes_clear(&collect->held);
}

// The events of this round become samples. A new program's symbols can take long to read: what is
// ready by then goes out first.
static int name_events(struct collect *collect, bool last, struct err *err)
{
    size_t ready = 0;
    int64_t since_ns = host_now_ns();
    int status = 0;
    for (size_t i = 0; i < collect->pending_count && !status; i++) {
        process_records_apply(collect->records, collect->symbols, collect->pending[i].time_ns);
        ready += take(collect, event_at(collect, i), &collect->samples[ready]);
        if (stacks_waited(collect->stacks) && may_hold(collect, &collect->pending[i], last)) {
            ready--;
            hold_from(collect, i);
            ask_ahead(collect, i + 1);
            break;
        }
        if (i % CLOCK_EVERY == 0 && host_now_ns() - since_ns > HAND_ON_NS) {
            status = hand_on(collect, ready, err);
            ready = 0;
            since_ns = host_now_ns();
        }
    }
    memset(collect->wakers, 0, sizeof collect->wakers);
    return status ? status : sink_samples(collect->sink, collect->samples, ready, err);
}

// After the ring: what happened before the last event is then among the records. No event is yet to
// come of a process that ended before the time.
static void read_records(struct collect *collect, int64_t ended_ns)
{
    for (size_t i = 0; i < collect->pending_count; i++)
        process_records_want(collect->records, (int32_t)event_at(collect, i)->pid);
    sideband_read(collect->sideband, collect->records);
    process_records_order(collect->records, ended_ns);
}

int collect_round(struct collect *collect, bool last, struct err *err)
{
    int64_t now_ns = host_now_ns();
    collect->pending_count = 0;
    bytes_clear(&collect->events);
    take_held(collect);
    const size_t held = collect->pending_count;
    int status = source_drain(collect->source, EVENTS_PER_ROUND, keep_event, collect);
    if (status)
        return err_set(err, status, "cannot read the ring: %s", strerror(-status));
    bool full = collect->pending_count - held >= EVENTS_PER_ROUND;
    if (last && !full)
        source_flush(collect->source, now_ns, keep_event, collect);
    size_t count = collect->pending_count;
    if (collect->sideband)
        read_records(collect, full ? 0 : now_ns);
    if (count)
        qsort(collect->pending, count, sizeof *collect->pending, by_time);
    array_reserve(&collect->samples, &collect->sample_capacity, count + 1);
    status = name_events(collect, last && !full, err);
    if (!full && !collect->held.len) // else there are events of before to come
        process_records_apply(collect->records, collect->symbols, now_ns);
    symbols_sweep(collect->symbols);
    if (!status && collect->options->live)
        status = tell_blocks(collect, last && !full, now_ns, err);
    if (!status)
        status = say_losses(collect, now_ns, err);
    if (!status)
        status = fks_encoder_flush(collect->encoder, err);
    bound_dict(collect);
    return status ? status : full;
}
