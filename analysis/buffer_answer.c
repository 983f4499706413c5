// The buffer's answers: folds and totals; heatmaps and replay have files of their own.
#include "analysis/fold_build.h"
#include "analysis/fold_owners.h"
#include "analysis/thread_weights.h"
#include "analysis/view.h"
#include "analysis/weigh.h"

// The nodes' weights become those of their call paths, in place.
static int fold_weights(struct fold *out, const struct view *view, struct node_weights *nodes,
                        struct err *err)
{
    struct callpaths *callpaths = view->callpaths;
    size_t count = 0;
    for (size_t i = 0; i < nodes->count && (i % FOLD_STEPS || !fold_is_canceled(out)); i++) {
        struct weight weight = nodes->items[i];
        if (!view_count_node(view, &weight, &out->totals))
            continue;
        weight.of = callpaths->path_of[weight.of];
        nodes->items[count++] = weight;
    }
    fold_build(out, callpaths, nodes->items, count);
    return fold_canceled(out, err);
}

static int answer_fold(struct store *store, const struct query *query, struct fold *out,
                       struct err *err)
{
    *out = (struct fold){.cancel = query->cancel};
    struct view view;
    struct node_weights nodes = {0};
    int rc = view_init(&view, (struct buffer *)store, query, VIEW_ANY, err);
    if (rc == 0)
        view_totals(&view, &out->totals);
    if (rc == 0 && query->first != QUERY_FIRST_COMM) {
        rc = fold_owners(out, &view, err);
    } else if (rc == 0) {
        rc = weigh_nodes(&nodes, &view, err);
        if (rc == 0)
            rc = fold_weights(out, &view, &nodes, err);
    }
    if (rc == 0)
        view_extent(&view, out->totals.samples > 0, &out->totals);
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
        rc = weigh_nodes(&nodes, &view, err);
    if (rc == 0) {
        view_totals(&view, out);
        for (size_t i = 0; i < nodes.count; i++)
            view_count_node(&view, &nodes.items[i], out);
        view_extent(&view, out->samples > 0, out);
    }
    node_weights_dispose(&nodes);
    view_dispose(&view);
    return rc;
}

static int answer_threads(struct store *store, const struct query *query,
                          struct thread_weights *out, struct err *err)
{
    struct view view;
    int rc = view_init(&view, (struct buffer *)store, query, VIEW_ANY, err);
    if (rc == 0)
        rc = thread_weights(out, &view, err);
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
    .threads = answer_threads,
    .replay = buffer_replay,
    .axis = buffer_axis,
    .dict = answer_dict,
};
