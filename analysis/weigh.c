// Counting by node, in two ways.
//
// Few samples: their nodes are listed, sorted and counted, so that the work does not depend on how
// many nodes there are. Many: each worker counts into an array with a place for every node; which
// samples pass is added as 0 or 1, since a branch would be mispredicted. Where all values of the
// view are one constant, as CPU samples' are, counting is all; else values are summed beside.
#include "analysis/weigh.h"

#include "analysis/parallel.h"
#include "analysis/radix.h"
#include "proto/alloc.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { FEW_SAMPLES = 1 << 15, NODES_A_SAMPLE = 8 };

struct counts {
    uint32_t *samples; // of each node
    uint64_t *values;  // NULL: all values are one
};

struct weigh_job {
    const struct view *view;
    bool one_value;
    uint64_t value;
    atomic_size_t next_run;
    struct counts counts[PARALLEL_MOST];
};

bool weigh_has_one_value(const struct view *view, uint64_t *value)
{
    if (view_cuts(view))
        return false;
    *value = view->run_count ? view->runs[0].segment->value : 0;
    for (size_t i = 0; i < view->run_count; i++) {
        if (view->runs[i].segment->values || view->runs[i].segment->value != *value)
            return false;
    }
    return true;
}

// `threads` and `cpus` are compile-time NULL or not in each copy of this loop.
static inline __attribute__((always_inline)) void count_passing(uint32_t *counts,
                                                                const struct view_run *run,
                                                                const uint8_t *threads,
                                                                const uint8_t *cpus)
{
    const uint32_t *const nodes = run->segment->nodes;
    const uint16_t *const sample_threads = run->segment->threads;
    const uint8_t *const sample_cpus = run->segment->cpus;
    for (uint32_t at = run->from, to = run->to; at < to; at++) {
        uint32_t passes = 1;
        if (threads)
            passes = threads[sample_threads[at]];
        if (cpus)
            passes &= cpus[sample_cpus[at]];
        counts[nodes[at]] += passes;
    }
}

static void count_run(uint32_t *counts, const struct view_run *run, const struct view_pass *pass)
{
    if (pass->wide) {
        for (uint32_t at = run->from; at < run->to; at++)
            counts[run->segment->nodes[at]] += view_passes(pass, run->segment, at);
    } else if (pass->threads && pass->cpus) {
        count_passing(counts, run, pass->threads, pass->cpus);
    } else if (pass->threads) {
        count_passing(counts, run, pass->threads, NULL);
    } else if (pass->cpus) {
        count_passing(counts, run, NULL, pass->cpus);
    } else {
        count_passing(counts, run, NULL, NULL);
    }
}

// Calls add(arg, node, value) for every sample of a run that passes and is worth something.
static inline __attribute__((always_inline)) void each_passing(
    const struct view *view, const struct view_run *run, const struct view_pass *pass,
    void (*add)(void *arg, uint32_t node, uint64_t value), void *arg)
{
    const struct segment *segment = run->segment;
    bool cut = view_cuts(view);
    size_t block = segment->timeless ? 0 : segment_block(segment, run->from);
    for (uint32_t at = run->from; at < run->to; at++) {
        uint64_t value = segment_value(segment, at);
        if (!view_passes(pass, segment, at))
            continue;
        if (cut) {
            int64_t time_ns =
                segment->timeless ? SAMPLE_NO_TIME : segment_time(segment, &block, at);
            if (!view_weigh(view, segment, at, time_ns, &value))
                continue;
        }
        add(arg, segment->nodes[at], value);
    }
}

static void add_to_counts(void *arg, uint32_t node, uint64_t value)
{
    struct counts *counts = arg;
    counts->samples[node]++;
    counts->values[node] += value;
}

static void weigh_many(void *arg, unsigned worker)
{
    struct weigh_job *job = arg;
    const struct view *view = job->view;
    struct counts *counts = &job->counts[worker];
    uint8_t *threads = view->bits.threads ? xmalloc(VIEW_THREADS) : NULL;
    size_t nodes = view->buffer->dict.node_count;
    struct worker_scratch *scratch = &view->buffer->scratch[worker];
    counts->samples = scratch_take_zeroed(&scratch->counts, nodes * sizeof *counts->samples);
    if (!job->one_value)
        counts->values = scratch_take_zeroed(&scratch->values, nodes * sizeof *counts->values);
    for (size_t i; (i = atomic_fetch_add(&job->next_run, 1)) < view->run_count;) {
        struct view_pass pass;
        if (view_is_canceled(view))
            break;
        if (!view_pass_of(view, &view->runs[i], threads, &pass))
            continue;
        if (job->one_value)
            count_run(counts->samples, &view->runs[i], &pass);
        else
            each_passing(view, &view->runs[i], &pass, add_to_counts, counts);
    }
    free(threads);
}

static void add_counts(struct counts *sum, const struct counts *counts, size_t nodes)
{
    for (size_t i = 0; i < nodes; i++)
        sum->samples[i] += counts->samples[i];
    for (size_t i = 0; sum->values && i < nodes; i++)
        sum->values[i] += counts->values[i];
}

static size_t count_some(const struct counts *counts, size_t nodes)
{
    size_t count = 0;
    for (size_t i = 0; i < nodes; i++)
        count += counts->samples[i] != 0;
    return count;
}

// The nodes that have samples.
static void gather(struct node_weights *out, const struct weigh_job *job)
{
    const struct counts *counts = &job->counts[0];
    size_t nodes = job->view->buffer->dict.node_count;
    out->items = scratch_take(out->scratch, count_some(counts, nodes) * sizeof *out->items);
    for (uint32_t i = 0; i < nodes && (i % FOLD_STEPS || !view_is_canceled(job->view)); i++) {
        uint64_t samples = counts->samples[i];
        if (samples)
            out->items[out->count++] = (struct weight){
                i, samples, counts->values ? counts->values[i] : samples * job->value};
    }
}

static int many(struct node_weights *out, const struct view *view, struct err *err)
{
    struct weigh_job job = {.view = view};
    unsigned threads = parallel_threads(view->query->threads, view->run_samples);
    job.one_value = weigh_has_one_value(view, &job.value);
    parallel_run(threads, weigh_many, &job);
    int rc = view_canceled(view, err);
    for (unsigned i = 1; i < threads && rc == 0; i++) {
        if (job.counts[i].samples) // else its thread could not be started
            add_counts(&job.counts[0], &job.counts[i], view->buffer->dict.node_count);
        rc = view_canceled(view, err);
    }
    if (rc == 0) {
        gather(out, &job);
        rc = view_canceled(view, err);
    }
    for (unsigned i = 0; i < threads; i++) {
        scratch_put(&view->buffer->scratch[i].counts);
        scratch_put(&view->buffer->scratch[i].values);
    }
    return rc;
}

// What the few are listed as: the node to sort by, and the place of the value.
struct listing {
    struct radix_item *items;
    uint64_t *values;
    uint32_t count;
};

static void add_to_listing(void *arg, uint32_t node, uint64_t value)
{
    struct listing *listing = arg;
    listing->items[listing->count] = (struct radix_item){node, listing->count};
    listing->values[listing->count++] = value;
}

static int few(struct node_weights *out, const struct view *view, struct err *err)
{
    struct listing listing = {
        .items = xreallocarray(NULL, 2 * view->run_samples, sizeof *listing.items),
        .values = xreallocarray(NULL, view->run_samples, sizeof *listing.values)};
    uint8_t *threads = view->bits.threads ? xmalloc(VIEW_THREADS) : NULL;
    int rc = view_canceled(view, err);
    for (size_t i = 0; i < view->run_count && rc == 0; i++) {
        struct view_pass pass;
        if (view_pass_of(view, &view->runs[i], threads, &pass))
            each_passing(view, &view->runs[i], &pass, add_to_listing, &listing);
    }
    radix_sort(listing.items, listing.items + listing.count, listing.count,
               view->buffer->dict.node_count);
    out->items = scratch_take(out->scratch, listing.count * sizeof *out->items);
    for (uint32_t i = 0; i < listing.count; i++) {
        uint32_t node = (uint32_t)listing.items[i].key;
        if (!out->count || out->items[out->count - 1].of != node)
            out->items[out->count++] = (struct weight){.of = node};
        out->items[out->count - 1].samples++;
        out->items[out->count - 1].value += listing.values[listing.items[i].value];
    }
    free(threads);
    free(listing.items);
    free(listing.values);
    return rc;
}

int weigh_nodes(struct node_weights *out, const struct view *view, struct err *err)
{
    *out = (struct node_weights){.scratch = &view->buffer->node_scratch};
    bool is_few = view->run_samples <= FEW_SAMPLES ||
                  view->run_samples <= view->buffer->dict.node_count / NODES_A_SAMPLE;
    return is_few ? few(out, view, err) : many(out, view, err);
}

void node_weights_dispose(struct node_weights *weights)
{
    if (weights->scratch)
        scratch_put(weights->scratch);
    *weights = (struct node_weights){0};
}
