// Counting by thread: by its number in the segment, then by that of the dictionary.
//
// Of whole sealed segments the samples that count are known as bits (mask.h), so that their threads
// are all that has to be read.
#include "analysis/thread_weights.h"

#include "analysis/mask.h"
#include "analysis/parallel.h"
#include "proto/alloc.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { WORD = 64 };

struct tally {
    uint64_t samples, value;
};

struct worker {
    struct tally *tallies; // of each thread of the dictionary
    // Of the threads of a segment: samples take turns in two places, as a count that has only just
    // been written is slow to read.
    uint32_t counts[2][VIEW_THREADS];
    uint8_t passes[VIEW_THREADS]; // see view_pass_of
};

struct counting {
    const struct view *view;
    uint8_t *mask_nodes; // see mask.h
    atomic_size_t next_run;
    struct worker *workers[PARALLEL_MOST];
};

static void count_word(uint32_t (*counts)[VIEW_THREADS], const uint16_t *threads, uint32_t count,
                       uint64_t bits)
{
    for (uint32_t i = 0; i < count; i++)
        counts[i % 2][threads[i]] += bits >> i & 1;
}

// A whole segment of one value.
static void count_mask(struct worker *worker, const struct segment *segment,
                       const struct segment_mask *mask)
{
    const size_t bytes = segment->thread_count * sizeof **worker->counts;
    memset(worker->counts[0], 0, bytes);
    memset(worker->counts[1], 0, bytes);
    for (uint32_t at = 0; at < segment->count; at += WORD) {
        const uint32_t count = segment->count - at < WORD ? segment->count - at : WORD;
        if (!mask->bits || mask->bits[at / WORD])
            count_word(worker->counts, segment->threads + at, count,
                       mask->bits ? mask->bits[at / WORD] : UINT64_MAX);
    }
    for (size_t i = 0; i < segment->thread_count; i++) {
        struct tally *tally = &worker->tallies[segment->thread_ids[i]];
        const uint64_t samples = (uint64_t)worker->counts[0][i] + worker->counts[1][i];
        tally->samples += samples;
        tally->value += samples * segment->value;
    }
}

static void count_each(const struct view *view, struct worker *worker, const struct view_run *run,
                       const struct view_pass *pass)
{
    const struct segment *segment = run->segment;
    size_t block = segment->timeless ? 0 : segment_block(segment, run->from);
    for (uint32_t at = run->from; at < run->to; at++) {
        uint64_t value;
        if (!view_passes(pass, segment, at) || !view_counts(view, view->marks[segment->nodes[at]]))
            continue;
        const int64_t time_ns =
            segment->timeless ? SAMPLE_NO_TIME : segment_time(segment, &block, at);
        if (!view_weigh(view, segment, at, time_ns, &value))
            continue;
        struct tally *tally = &worker->tallies[segment->thread_ids[segment->threads[at]]];
        tally->samples++;
        tally->value += value;
    }
}

static void count_runs(void *arg, unsigned number)
{
    struct counting *counting = arg;
    const struct view *view = counting->view;
    struct worker *worker = counting->workers[number] = xmalloc(sizeof *worker);
    worker->tallies = xcalloc(view->buffer->dict.thread_count + 1, sizeof *worker->tallies);
    for (size_t i; (i = atomic_fetch_add(&counting->next_run, 1)) < view->run_count;) {
        const struct view_run *run = &view->runs[i];
        struct view_pass pass;
        if (view_is_canceled(view))
            break;
        const struct segment_mask *mask =
            run->segment->values ? NULL : mask_of(view, run, counting->mask_nodes, worker->passes);
        if (mask)
            count_mask(worker, run->segment, mask);
        else if (view_pass_of(view, run, worker->passes, &pass))
            count_each(view, worker, run, &pass);
    }
}

static void add_up(struct thread_weights *out, const struct counting *counting)
{
    const size_t threads = counting->view->buffer->dict.thread_count;
    out->items = xreallocarray(NULL, threads + 1, sizeof *out->items);
    for (uint32_t thread = 0; thread < threads; thread++) {
        struct thread_weight weight = {.thread = thread};
        for (size_t i = 0; i < PARALLEL_MOST; i++) {
            const struct worker *worker = counting->workers[i];
            weight.samples += worker ? worker->tallies[thread].samples : 0;
            weight.value += worker ? worker->tallies[thread].value : 0;
        }
        if (weight.samples)
            out->items[out->count++] = weight;
    }
}

int thread_weights(struct thread_weights *out, const struct view *view, struct err *err)
{
    struct counting counting = {.view = view, .mask_nodes = mask_nodes(view)};
    parallel_run(parallel_threads(view->query->threads, view->run_samples), count_runs, &counting);
    int rc = view_canceled(view, err);
    if (rc == 0)
        add_up(out, &counting);
    for (size_t i = 0; i < PARALLEL_MOST; i++) {
        if (counting.workers[i])
            free(counting.workers[i]->tallies);
        free(counting.workers[i]);
    }
    free(counting.mask_nodes);
    return rc;
}
