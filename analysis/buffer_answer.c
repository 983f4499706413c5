// The buffer's answers: fold, totals, heatmap, replay.
#include "analysis/fold_build.h"
#include "analysis/view.h"
#include "proto/alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// What each node has, and which nodes have anything.
struct node_weights {
    struct node_weight {
        uint64_t samples, value;
    } * weights;
    uint32_t *touched;
    size_t touched_count, touched_capacity;
};

static void node_weights_dispose(struct node_weights *nodes)
{
    free(nodes->weights);
    free(nodes->touched);
}

static void add_weight(struct node_weights *nodes, uint32_t node, uint64_t samples, uint64_t value)
{
    struct node_weight *weight = &nodes->weights[node];
    if (!weight->samples) {
        array_reserve(&nodes->touched, &nodes->touched_capacity, nodes->touched_count + 1);
        nodes->touched[nodes->touched_count++] = node;
    }
    weight->samples += samples;
    weight->value += value;
}

// The nodes' own filter and the idle ones are taken out afterwards, once per node.
static int weigh_nodes(struct view *view, struct node_weights *nodes, struct err *err)
{
    *nodes = (struct node_weights){0};
    nodes->weights = xcalloc(view->buffer->dict.node_count, sizeof *nodes->weights);
    for (size_t i = 0; i < view->run_count; i++) {
        const struct view_run *run = &view->runs[i];
        const struct segment *segment = run->segment;
        int rc = view_canceled(view, err);
        if (rc < 0)
            return rc;
        bool none;
        const uint8_t *threads = view_threads(view, run, &none);
        if (none)
            continue;
        size_t block = segment->timeless ? 0 : segment_block(segment, run->from);
        for (uint32_t at = run->from; at < run->to; at++) {
            if (!view_sample_passes(view, segment, threads, at))
                continue;
            uint64_t samples = 1;
            uint64_t value = segment_value(segment, at);
            if (view->intervals && !view->all_time) {
                while (at >= segment_block_end(segment, block))
                    block++;
                view_weigh(view, segment->blocks[block].base_ns + segment->offsets[at], value,
                           &samples, &value);
            }
            if (samples)
                add_weight(nodes, segment->nodes[at], samples, value);
        }
    }
    return 0;
}

// Adds what a node has to the totals; false when it does not count.
static bool count_node(const struct view *view, uint8_t marks, const struct node_weight *weight,
                       struct totals *totals)
{
    if (!(marks & VIEW_PASSES))
        return false;
    if (view->hides_idle && marks & CALLPATH_IDLE) {
        totals->idle += weight->samples;
        return false;
    }
    totals->samples += weight->samples;
    totals->value += weight->value;
    totals->no_stack += marks & CALLPATH_NO_STACK ? weight->samples : 0;
    totals->unresolved += marks & CALLPATH_UNRESOLVED ? weight->samples : 0;
    return true;
}

static bool counts(const struct view *view, const struct segment *segment, const uint8_t *threads,
                   uint32_t index, int64_t time_ns)
{
    uint8_t marks = view->marks[segment->nodes[index]];
    if (!(marks & VIEW_PASSES) || (view->hides_idle && marks & CALLPATH_IDLE) ||
        !view_sample_passes(view, segment, threads, index))
        return false;
    uint64_t samples;
    uint64_t weight;
    view_weigh(view, time_ns, segment_value(segment, index), &samples, &weight);
    return samples > 0;
}

static int64_t time_of(const struct segment *segment, uint32_t index)
{
    return segment->blocks[segment_block(segment, index)].base_ns + segment->offsets[index];
}

// The first and last sample that count: looked for from both ends of each run, and only where a run
// may still change the answer.
static void find_extent(struct view *view, struct totals *totals)
{
    for (size_t i = 0; i < view->run_count; i++) {
        const struct view_run *run = &view->runs[i];
        const struct segment *segment = run->segment;
        if (segment->timeless)
            continue;
        bool none;
        const uint8_t *threads = view_threads(view, run, &none);
        bool empty = totals->first_ns == SAMPLE_NO_TIME;
        if (none)
            continue;
        for (uint32_t at = run->from; at < run->to; at++) {
            int64_t time_ns = time_of(segment, at);
            if (!empty && time_ns >= totals->first_ns)
                break;
            if (counts(view, segment, threads, at, time_ns)) {
                totals->first_ns = time_ns;
                break;
            }
        }
        for (uint32_t at = run->to; at-- > run->from;) {
            int64_t time_ns = time_of(segment, at);
            if (!empty && time_ns <= totals->last_ns)
                break;
            if (counts(view, segment, threads, at, time_ns)) {
                totals->last_ns = time_ns;
                break;
            }
        }
    }
}

static int answer_fold(struct store *store, const struct query *query, struct fold *out,
                       struct err *err)
{
    *out = (struct fold){0};
    struct view view;
    struct node_weights nodes = {0};
    int rc = view_init(&view, (struct buffer *)store, query, VIEW_ANY, err);
    if (rc == 0)
        rc = weigh_nodes(&view, &nodes, err);
    if (rc == 0) {
        struct callpaths *callpaths = &view.buffer->callpaths;
        struct path_weight *weights = xreallocarray(NULL, nodes.touched_count, sizeof *weights);
        size_t count = 0;
        view_totals(&view, &out->totals);
        for (size_t i = 0; i < nodes.touched_count; i++) {
            uint32_t node = nodes.touched[i];
            const struct node_weight *weight = &nodes.weights[node];
            if (count_node(&view, view.marks[node], weight, &out->totals))
                weights[count++] =
                    (struct path_weight){callpaths->path_of[node], weight->samples, weight->value};
        }
        fold_build(out, callpaths, weights, count);
        find_extent(&view, &out->totals);
        free(weights);
    }
    node_weights_dispose(&nodes);
    view_dispose(&view);
    return rc;
}

static int answer_totals(struct store *store, const struct query *query, struct totals *out,
                         struct err *err)
{
    *out = (struct totals){.first_ns = SAMPLE_NO_TIME, .last_ns = SAMPLE_NO_TIME};
    struct view view;
    struct node_weights nodes = {0};
    int rc = view_init(&view, (struct buffer *)store, query, VIEW_ANY, err);
    if (rc == 0)
        rc = weigh_nodes(&view, &nodes, err);
    if (rc == 0) {
        view_totals(&view, out);
        for (size_t i = 0; i < nodes.touched_count; i++) {
            uint32_t node = nodes.touched[i];
            count_node(&view, view.marks[node], &nodes.weights[node], out);
        }
        find_extent(&view, out);
    }
    node_weights_dispose(&nodes);
    view_dispose(&view);
    return rc;
}

static const struct dict *answer_dict(struct store *store)
{
    return &((struct buffer *)store)->dict;
}

const struct store_ops buffer_store_ops = {
    .fold = answer_fold,
    .heatmap = buffer_heatmap,
    .totals = answer_totals,
    .replay = buffer_replay,
    .axis = buffer_axis,
    .dict = answer_dict,
};
