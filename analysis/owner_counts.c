// Counting by owner and node: a table of nodes for each owner, of which each worker has its own.
//
// Where owners are few, a table has a place for every node. Else it is a hash table that grows,
// since a thread has few of all nodes; and as most nodes are only one thread's, the samples of each
// node's first owner are counted beside its number. Samples are counted; values are summed beside
// only where they differ.
#include "analysis/owner_counts.h"

#include "analysis/parallel.h"
#include "analysis/weigh.h"
#include "proto/alloc.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    DENSE_MOST = 1 << 22, // places of all owners, for each worker
    FIRST_SLOTS = 64,
};

struct slot {
    uint32_t node; // + 1; 0: free
    uint32_t samples;
};

struct table {
    struct slot *slots;
    uint64_t *values; // of each slot; NULL: all values are one
    uint32_t mask, used;
    unsigned shift;
};

// What a node has of its first owner.
struct first {
    uint32_t key; // + 1; 0: not seen
    uint32_t samples;
};

struct worker {
    struct table *tables; // of each key
    struct first *firsts; // of each node; NULL: values differ
    uint32_t *dense;      // or samples, [key * nodes + node]
};

struct counting {
    const struct view *view;
    const struct owner_keys *keys;
    uint32_t nodes;
    bool dense, one_value;
    uint64_t value; // the one
    atomic_size_t next_run;
    struct worker workers[PARALLEL_MOST];
};

// ---- tables ----

static inline uint32_t first_slot(const struct table *table, uint32_t node)
{
    return (uint32_t)(node * UINT32_C(2654435769)) >> table->shift;
}

static void place(struct table *table, struct slot slot, uint64_t value)
{
    uint32_t at = first_slot(table, slot.node);
    while (table->slots[at].node)
        at = (at + 1) & table->mask;
    table->slots[at] = slot;
    if (table->values)
        table->values[at] = value;
}

static void grow(struct table *table, bool one_value)
{
    const struct table old = *table;
    size_t slots = old.slots ? 2 * ((size_t)old.mask + 1) : FIRST_SLOTS;
    table->slots = xcalloc(slots, sizeof *table->slots);
    table->values = one_value ? NULL : xcalloc(slots, sizeof *table->values);
    table->mask = (uint32_t)(slots - 1);
    table->shift = 32 - (unsigned)__builtin_ctzll(slots);
    for (size_t i = 0; old.slots && i <= old.mask; i++) {
        if (old.slots[i].node)
            place(table, old.slots[i], old.values ? old.values[i] : 0);
    }
    free(old.slots);
    free(old.values);
}

// The place of a node in a table, made when there is none.
static inline uint32_t slot_of(struct table *table, uint32_t node, bool one_value)
{
    if (!table->slots || table->used > table->mask / 2)
        grow(table, one_value);
    uint32_t at = first_slot(table, node + 1);
    while (table->slots[at].node != node + 1) {
        if (!table->slots[at].node) {
            table->slots[at].node = node + 1;
            table->used++;
            break;
        }
        at = (at + 1) & table->mask;
    }
    return at;
}

static inline void add(struct table *table, uint32_t node, uint32_t samples, uint64_t value,
                       bool one_value)
{
    uint32_t at = slot_of(table, node, one_value);
    table->slots[at].samples += samples;
    if (!one_value)
        table->values[at] += value;
}

static void table_dispose(struct table *table)
{
    free(table->slots);
    free(table->values);
    *table = (struct table){0};
}

// ---- counting ----

// Of each thread of a segment, or of each CPU: its key.
struct run_keys {
    uint32_t of[VIEW_THREADS];
    const uint8_t *narrow; // of each sample, which of them it is of: this one, or else that one
    const uint16_t *wide;
};

static void resolve_cpus(struct run_keys *out, const struct counting *counting,
                         const struct segment *segment)
{
    uint32_t last = counting->keys->count - 1;
    out->narrow = segment->cpus;
    out->wide = segment->wide_cpus;
    for (uint32_t cpu = 0; cpu < VIEW_THREADS; cpu++)
        out->of[cpu] = cpu < last ? cpu : last;
}

static void resolve_threads(struct run_keys *out, const struct counting *counting,
                            const struct segment *segment)
{
    out->narrow = NULL;
    out->wide = segment->threads;
    for (size_t i = 0; i < segment->thread_count; i++)
        out->of[i] = counting->keys->of_thread[segment->thread_ids[i]];
}

static inline uint32_t key_at(const struct run_keys *keys, uint32_t at)
{
    return keys->of[keys->narrow ? keys->narrow[at] : keys->wide[at]];
}

static inline void count_sample(struct worker *worker, uint32_t key, uint32_t node)
{
    struct first *first = &worker->firsts[node];
    if (!first->key)
        first->key = key + 1;
    if (first->key == key + 1)
        first->samples++;
    else
        add(&worker->tables[key], node, 1, 0, true);
}

// All values are one, and no interval is cut.
static void count_samples(struct counting *counting, struct worker *worker,
                          const struct view_run *run, const struct view_pass *pass,
                          const struct run_keys *keys)
{
    const struct segment *segment = run->segment;
    const uint32_t *nodes = segment->nodes;
    const size_t stride = counting->nodes;
    const bool all = !pass->threads && !pass->cpus && !pass->wide;
    for (uint32_t at = run->from; at < run->to; at++) {
        if (!all && !view_passes(pass, segment, at))
            continue;
        if (counting->dense)
            worker->dense[key_at(keys, at) * stride + nodes[at]]++;
        else
            count_sample(worker, key_at(keys, at), nodes[at]);
    }
}

static void add_firsts(const struct counting *counting, struct worker *worker)
{
    for (uint32_t node = 0; worker->firsts && node < counting->nodes; node++) {
        if (node % FOLD_STEPS == 0 && view_is_canceled(counting->view))
            break;
        const struct first *first = &worker->firsts[node];
        if (first->key)
            add(&worker->tables[first->key - 1], node, first->samples, 0, true);
    }
    free(worker->firsts);
    worker->firsts = NULL;
}

static void count_values(struct counting *counting, struct worker *worker,
                         const struct view_run *run, const struct view_pass *pass,
                         const struct run_keys *keys)
{
    const struct segment *segment = run->segment;
    size_t block = segment->timeless ? 0 : segment_block(segment, run->from);
    for (uint32_t at = run->from; at < run->to; at++) {
        uint64_t value;
        if (!view_passes(pass, segment, at))
            continue;
        const int64_t time_ns =
            segment->timeless ? SAMPLE_NO_TIME : segment_time(segment, &block, at);
        if (view_weigh(counting->view, segment, at, time_ns, &value))
            add(&worker->tables[key_at(keys, at)], segment->nodes[at], 1, value, false);
    }
}

static void worker_start(const struct counting *counting, struct worker *worker)
{
    const size_t keys = counting->keys->count, nodes = counting->nodes;
    if (counting->dense) {
        worker->dense = xcalloc(keys * nodes, sizeof *worker->dense);
        return;
    }
    worker->tables = xcalloc(keys, sizeof *worker->tables);
    if (counting->one_value)
        worker->firsts = xcalloc(nodes, sizeof *worker->firsts);
}

static void count_runs(void *arg, unsigned number)
{
    struct counting *counting = arg;
    const struct view *view = counting->view;
    struct worker *worker = &counting->workers[number];
    struct run_keys *keys = xmalloc(sizeof *keys);
    uint8_t *threads = view->bits.threads ? xmalloc(VIEW_THREADS) : NULL;
    worker_start(counting, worker);
    for (size_t i; (i = atomic_fetch_add(&counting->next_run, 1)) < view->run_count;) {
        const struct view_run *run = &view->runs[i];
        struct view_pass pass;
        if (view_is_canceled(view))
            break;
        if (!view_pass_of(view, run, threads, &pass))
            continue;
        if (counting->keys->of_thread)
            resolve_threads(keys, counting, run->segment);
        else
            resolve_cpus(keys, counting, run->segment);
        if (counting->one_value)
            count_samples(counting, worker, run, &pass, keys);
        else
            count_values(counting, worker, run, &pass, keys);
    }
    add_firsts(counting, worker);
    free(threads);
    free(keys);
}

// ---- rows ----

static void append(struct owner_rows *out, const struct owner_row *row)
{
    array_reserve(&out->items, &out->capacity, out->count + 1);
    out->items[out->count++] = *row;
}

static void take_dense(struct owner_rows *out, const struct counting *counting, uint32_t key)
{
    const size_t from = (size_t)key * counting->nodes;
    for (uint32_t node = 0; node < counting->nodes; node++) {
        uint64_t samples = 0;
        if (node % FOLD_STEPS == 0 && view_is_canceled(counting->view))
            break;
        for (unsigned i = 0; i < PARALLEL_MOST; i++)
            samples += counting->workers[i].dense ? counting->workers[i].dense[from + node] : 0;
        if (samples)
            append(out, &(struct owner_row){key, node, samples, samples * counting->value});
    }
}

// Those of the other workers come into the first one's.
static void merge(struct counting *counting, uint32_t key)
{
    struct table *into = &counting->workers[0].tables[key];
    for (unsigned i = 1; i < PARALLEL_MOST; i++) {
        struct table *table =
            counting->workers[i].tables ? &counting->workers[i].tables[key] : NULL;
        for (size_t at = 0; table && table->slots && at <= table->mask; at++) {
            if (at % FOLD_STEPS == 0 && view_is_canceled(counting->view))
                break;
            const struct slot *slot = &table->slots[at];
            if (slot->node)
                add(into, slot->node - 1, slot->samples, table->values ? table->values[at] : 0,
                    counting->one_value);
        }
        if (table)
            table_dispose(table);
    }
}

static void take_table(struct owner_rows *out, struct counting *counting, uint32_t key)
{
    merge(counting, key);
    struct table *table = &counting->workers[0].tables[key];
    array_reserve(&out->items, &out->capacity, out->count + table->used);
    for (size_t at = 0; table->slots && at <= table->mask; at++) {
        if (at % FOLD_STEPS == 0 && view_is_canceled(counting->view))
            break;
        const struct slot *slot = &table->slots[at];
        uint64_t value = table->values ? table->values[at] : slot->samples * counting->value;
        if (slot->node)
            append(out, &(struct owner_row){key, slot->node - 1, slot->samples, value});
    }
    table_dispose(table);
}

static void dispose(struct counting *counting)
{
    for (unsigned i = 0; i < PARALLEL_MOST; i++) {
        struct worker *worker = &counting->workers[i];
        for (uint32_t key = 0; worker->tables && key < counting->keys->count; key++)
            table_dispose(&worker->tables[key]);
        free(worker->tables);
        free(worker->dense);
    }
}

uint32_t owner_cpu_keys(const struct view *view)
{
    uint32_t most = 0;
    for (size_t i = 0; i < view->run_count; i++) {
        const struct segment *segment = view->runs[i].segment;
        if (segment->wide_cpus)
            return UINT16_MAX + 1;
        for (uint32_t cpu = 0; cpu < SEGMENT_NARROW_NO_CPU; cpu++) {
            if (segment->cpu_set[cpu / 64] >> cpu % 64 & 1 && cpu >= most)
                most = cpu + 1;
        }
    }
    return most + 1;
}

int owner_counts(struct owner_rows *out, const struct view *view, const struct owner_keys *keys,
                 struct err *err)
{
    struct counting counting = {
        .view = view, .keys = keys, .nodes = (uint32_t)view->buffer->dict.node_count};
    *out = (struct owner_rows){0};
    counting.one_value = weigh_has_one_value(view, &counting.value);
    counting.dense =
        counting.one_value && (uint64_t)keys->count * counting.nodes <= (uint64_t)DENSE_MOST;
    parallel_run(parallel_threads(view->query->threads, view->run_samples), count_runs, &counting);
    int rc = view_canceled(view, err);
    for (uint32_t key = 0; key < keys->count && rc == 0; key++) {
        if (counting.dense)
            take_dense(out, &counting, key);
        else
            take_table(out, &counting, key);
        rc = view_canceled(view, err);
    }
    dispose(&counting);
    return rc;
}
