// Answers to the page's questions: heatmap, flame graph, top.
#include "analysis/top.h"
#include "proto/alloc.h"
#include "viewer/api_params.h"
#include "viewer/api_stacks.h"
#include "viewer/delta.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void write_name(struct json *json, const struct dict *dict, uint32_t frame)
{
    struct bytes text = {0};

    fold_frame_text(dict, frame, &text);
    json_text(json, bytes_text(&text), text.len);
    bytes_dispose(&text);
}

static void write_string(struct json *json, const struct dict *dict, uint32_t string)
{
    json_text(json, dict_text(dict, string), dict_text_len(dict, string));
}

// Kinds as the page colours them: FRAME_KINDS stands for "unresolved".
static unsigned kind_of(const struct frame *frame)
{
    return frame->kind != FRAME_COMM && frame_is_unresolved(frame) ? FRAME_KINDS : frame->kind;
}

static void write_totals(struct json *json, const char *key, const struct totals *totals,
                         const struct dict *dict, const struct axis *axis)
{
    json_key(json, key);
    json_open(json, '{');
    json_key(json, "samples");
    json_uint(json, totals->samples);
    json_key(json, "value");
    json_uint(json, totals->value);
    json_key(json, "idle");
    json_uint(json, totals->idle);
    json_key(json, "noStack");
    json_uint(json, totals->no_stack);
    json_key(json, "unresolved");
    json_uint(json, totals->unresolved);
    json_key(json, "lost");
    json_uint(json, totals->lost);
    json_key(json, "byValue");
    json_bool(json, totals->by_value);
    if (totals->event < dict->event_count) {
        json_key(json, "event");
        write_string(json, dict, dict->events[totals->event].name);
        json_key(json, "unit");
        write_string(json, dict, dict->events[totals->event].unit);
    }
    if (totals->samples && totals->first_ns != SAMPLE_NO_TIME) {
        json_key(json, "first");
        json_int(json, totals->first_ns - axis->start_ns);
        json_key(json, "last");
        json_int(json, totals->last_ns - axis->start_ns);
    }
    json_close(json, '}');
}

// A fold with its children as lists, in the fold's order (by name).
struct tree {
    const struct fold *fold;
    uint32_t *first, *next;    // of children; 0: none, since node 0 is nobody's child
    const struct delta *delta; // against the same nodes in the baseline; NULL: not compared
};

static void tree_init(struct tree *tree, const struct fold *fold, const struct delta *delta)
{
    tree->fold = fold;
    tree->delta = delta;
    tree->first = xcalloc(fold->count + 1, sizeof *tree->first);
    tree->next = xcalloc(fold->count + 1, sizeof *tree->next);
    for (size_t node = fold->count; node-- > 1;) {
        uint32_t parent = fold->nodes[node].parent;
        tree->next[node] = tree->first[parent];
        tree->first[parent] = (uint32_t)node;
    }
}

static void tree_dispose(struct tree *tree)
{
    free(tree->first);
    free(tree->next);
}

// What the baseline has of a node, in total and of its own, and the step of its colour.
static void write_delta(struct json *json, const struct delta *delta, uint32_t node)
{
    const struct fold *base = &delta->diff->b;
    int step = delta_step(delta, node);

    if (fold_total(base, &base->nodes[node])) {
        json_key(json, "b");
        json_uint(json, fold_total(base, &base->nodes[node]));
    }
    if (fold_self(base, &base->nodes[node])) {
        json_key(json, "bs");
        json_uint(json, fold_self(base, &base->nodes[node]));
    }
    if (step) {
        json_key(json, "d");
        json_int(json, step);
    }
}

static void write_node(struct json *json, const struct tree *tree, uint32_t node)
{
    const struct fold *fold = tree->fold;
    const struct fold_node *at = &fold->nodes[node];

    json_open(json, '{');
    json_key(json, "n");
    if (node == 0) {
        json_text_z(json, "all");
    } else {
        const struct frame *frame = &fold->dict->frames[at->frame];
        write_name(json, fold->dict, at->frame);
        json_key(json, "k");
        json_uint(json, kind_of(frame));
        if (frame->module != DICT_EMPTY) {
            json_key(json, "m");
            write_string(json, fold->dict, frame->module);
        }
    }
    json_key(json, "v");
    json_uint(json, fold_total(fold, at));
    if (fold_self(fold, at)) {
        json_key(json, "s");
        json_uint(json, fold_self(fold, at));
    }
    if (tree->delta)
        write_delta(json, tree->delta, node);
}

// What the baseline has alone is no part of this picture.
static bool is_narrow(uint64_t total, double limit)
{
    return !total || (double)total < limit;
}

// The tree as nested objects. Not recursive: a stack may be thousands of frames deep.
static uint64_t write_tree(struct json *json, const struct tree *tree, double least)
{
    const struct fold_node *nodes = tree->fold->nodes;
    double limit = least * (double)fold_total(tree->fold, &nodes[0]);
    uint64_t pruned = 0;
    uint32_t node = 0;

    write_node(json, tree, 0);
    for (uint32_t next = tree->first[0];;) {
        while (next && is_narrow(fold_total(tree->fold, &nodes[next]), limit)) {
            pruned += fold_total(tree->fold, &nodes[next]) > 0;
            next = tree->next[next];
        }
        if (next) { // down: the first child that is wide enough opens its parent's list
            if (json->out->data[json->out->len - 1] != '}') {
                json_key(json, "c");
                json_open(json, '[');
            }
            write_node(json, tree, next);
            node = next;
            next = tree->first[node];
            continue;
        }
        // up: a list that was opened ends with a child's brace
        if (json->out->data[json->out->len - 1] == '}')
            json_close(json, ']');
        json_close(json, '}');
        if (node == 0)
            return pruned;
        next = tree->next[node];
        node = nodes[node].parent;
    }
}

// Self weight by kind, for the legend.
static void write_kinds(struct json *json, const struct fold *fold)
{
    uint64_t kinds[FRAME_KINDS + 1] = {0};

    for (size_t node = 1; node < fold->count; node++)
        kinds[kind_of(&fold->dict->frames[fold->nodes[node].frame])] +=
            fold_self(fold, &fold->nodes[node]);
    json_key(json, "kinds");
    json_open(json, '[');
    for (size_t kind = 0; kind <= FRAME_KINDS; kind++)
        json_uint(json, kinds[kind]);
    json_close(json, ']');
}

// What both answers say of what they rest on.
static void write_basis(struct json *json, const struct server_host *host,
                        const struct api_stacks *stacks)
{
    struct axis axis;

    store_axis(host->store, &axis);
    write_totals(json, "totals", &stacks->here.totals, stacks->here.dict, &axis);
    if (stacks->has_base)
        write_totals(json, "base", &stacks->base.totals, stacks->base.dict, &axis);
    json_key(json, "tooFew");
    json_bool(json, stacks->too_few);
    if (stacks->reason.code) {
        json_key(json, "note");
        json_text_z(json, stacks->reason.message);
    }
}

int api_flame(struct bytes *out, const struct server_host *host, const struct api_params *params,
              struct err *err)
{
    struct api_stacks stacks = {0};
    struct json json = {.out = out};
    double least;
    int rc = api_share(&least, params, "least", 0.001, err);

    if (rc == 0)
        rc = api_stacks_ask(&stacks, host, params, false, err);
    if (rc)
        goto out;
    const struct fold *shown = api_stacks_shown(&stacks);
    json_open(&json, '{');
    write_basis(&json, host, &stacks);
    json_key(&json, "elided");
    json_bool(&json, stacks.compared && stacks.elided);
    write_kinds(&json, shown);
    json_key(&json, "root");
    if (shown->count == 0) {
        json_null(&json);
    } else {
        bool with_base = stacks.compared && !stacks.elided;
        struct delta delta;
        struct tree tree;
        if (with_base)
            delta_init(&delta, &stacks.diff);
        tree_init(&tree, shown, with_base ? &delta : NULL);
        uint64_t pruned = write_tree(&json, &tree, least);
        json_key(&json, "pruned");
        json_uint(&json, pruned);
        tree_dispose(&tree);
    }
    json_close(&json, '}');
out:
    api_stacks_dispose(&stacks);
    return rc;
}

static void write_top_row(struct json *json, const struct fold *fold, const struct top_row *row,
                          const struct diff_row *against)
{
    const struct dict *dict = fold->dict;
    const struct frame *frame = &dict->frames[row->frame];
    bool by_value = fold->totals.by_value;

    json_open(json, '{');
    json_key(json, "n");
    write_name(json, dict, row->frame);
    json_key(json, "k");
    json_uint(json, kind_of(frame));
    json_key(json, "m");
    write_string(json, dict, frame->module);
    json_key(json, "f");
    write_string(json, dict, frame->file);
    json_key(json, "line");
    json_uint(json, frame->line);
    json_key(json, "self");
    json_uint(json, by_value ? row->self_value : row->self_samples);
    json_key(json, "total");
    json_uint(json, by_value ? row->total_value : row->total_samples);
    if (against) {
        json_key(json, "baseSelf");
        json_uint(json, by_value ? against->b.self_value : against->b.self_samples);
        json_key(json, "baseTotal");
        json_uint(json, by_value ? against->b.total_value : against->b.total_samples);
        json_key(json, "low");
        json_number(json, against->low, 6);
        json_key(json, "high");
        json_number(json, against->high, 6);
        json_key(json, "moved");
        json_bool(json, against->moved);
    }
    json_close(json, '}');
}

// The n heaviest functions here; those that only the baseline has are none.
static void write_top(struct json *json, const struct api_stacks *stacks, enum top_order order,
                      size_t n)
{
    const struct fold *fold = stacks->compared ? &stacks->diff.a : &stacks->here;
    const struct diff_row **by_frame = NULL;
    struct diff_rows all = {0};
    struct top top;

    if (stacks->compared) { // one tree: functions have the same frames in both lists
        diff_functions(&all, &stacks->diff, order);
        by_frame = xcalloc(fold->dict->frame_count + 1, sizeof *by_frame);
        for (size_t i = 0; i < all.count; i++)
            by_frame[all.rows[i].a.frame] = &all.rows[i];
    }
    top_of_fold(&top, fold, order);
    while (top.count && !top.rows[top.count - 1].total_samples)
        top.count--;
    json_key(json, "functions");
    json_uint(json, top.count);
    json_key(json, "rows");
    json_open(json, '[');
    for (size_t i = 0; i < top.count && i < n; i++)
        write_top_row(json, fold, &top.rows[i], by_frame ? by_frame[top.rows[i].frame] : NULL);
    json_close(json, ']');
    top_dispose(&top);
    diff_rows_dispose(&all);
    free(by_frame);
}

int api_top(struct bytes *out, const struct server_host *host, const struct api_params *params,
            struct err *err)
{
    const char *by = params->get(params->arg, "by");
    struct api_stacks stacks = {0};
    struct json json = {.out = out};
    int64_t n;
    int rc = api_int(&n, params, "n", 1, 1000, 30, err);

    if (rc == 0 && by && strcmp(by, "self") != 0 && strcmp(by, "total") != 0)
        rc = err_set(err, -EINVAL, "by='%.20s': expected self or total", by);
    if (rc == 0)
        rc = api_stacks_ask(&stacks, host, params, true, err);
    if (rc == 0) {
        json_open(&json, '{');
        write_basis(&json, host, &stacks);
        write_top(&json, &stacks, by && *by == 't' ? TOP_BY_TOTAL : TOP_BY_SELF, (size_t)n);
        json_close(&json, '}');
    }
    api_stacks_dispose(&stacks);
    return rc;
}

// The selection's filter with what this request adds: one more push, or none.
static int narrowed(struct filter **out, const struct filter *filter,
                    const struct api_params *params, struct err *err)
{
    const char *search = params->get(params->arg, "search");
    const char *cpu = params->get(params->arg, "cpu");
    int rc = 0;

    *out = filter ? filter_copy(filter) : filter_new();
    if (search || cpu)
        filter_push(*out);
    if (search)
        rc = filter_add(*out, FILTER_FRAME, false, true, search, NULL, err);
    if (rc == 0 && cpu)
        rc = filter_add(*out, FILTER_CPU, false, false, cpu, NULL, err);
    return rc;
}

int api_heatmap(struct bytes *out, const struct server_host *host, const struct api_params *params,
                int64_t edge_ns, struct err *err)
{
    struct json json = {.out = out};
    struct selection *wide = NULL;
    struct filter *filter = NULL;
    struct live_shape shape = {0};
    struct live *live = NULL;
    struct axis axis;

    store_axis(host->store, &axis);
    int rc = api_shape(&shape, params, &axis, err);
    if (rc == 0)
        rc = narrowed(&filter, selection_filter(host->selection), params, err);
    if (rc)
        goto out;
    struct query query;
    selection_query(host->selection, &query);
    wide = selection_new();
    selection_set_filter(wide, filter);
    filter = NULL; // taken over
    selection_set_event(wide, query.event);
    selection_set_source(wide, query.source);
    selection_set_idle(wide, query.idle);
    live = live_new(&shape);
    live_refresh(live, host->store, wide, edge_ns, 0);
    if (live->err.code) {
        rc = err_set(err, live->err.code, "%s", live->err.message);
        goto out;
    }
    json_open(&json, '{');
    api_head(&json, host, live, edge_ns);
    api_columns(&json, live, &axis, 0);
    api_spikes(&json, live, &axis);
    json_close(&json, '}');
out:
    live_free(live);
    selection_free(wide);
    filter_free(filter);
    return rc;
}
