// Rewriting the frames of a fold.
//
// The tree that comes out is one of nodes of the names' dictionary, so that a path that was seen in
// an earlier answer is found, not made, and its place among its siblings is known.
#include "analysis/rewrite.h"

#include "analysis/fold_build.h"
#include "analysis/fold_edit.h"
#include "proto/alloc.h"

#include <stdlib.h>

void rewrite_init(struct rewrite *rewrite, struct fold *fold, struct names *names)
{
    *rewrite = (struct rewrite){.fold = fold, .names = fold->own ? fold->own : names};
    size_t capacity = 0, list_capacity = 0;
    rewrite->index_of = xcalloc(fold->dict->frame_count + 1, sizeof *rewrite->index_of);
    for (size_t i = 1; i < fold->count; i++) {
        uint32_t frame = fold->nodes[i].frame;
        if (rewrite->index_of[frame])
            continue;
        size_t at = rewrite->count++;
        array_reserve(&rewrite->images, &capacity, rewrite->count);
        array_reserve(&rewrite->list, &list_capacity, rewrite->count);
        rewrite->images[at] = (struct names_image){.at = (uint32_t)at, .count = 1};
        rewrite->list[at] = fold->own ? frame : names_copy(names, fold->dict, frame);
        rewrite->index_of[frame] = (uint32_t)rewrite->count;
    }
    rewrite->list_count = rewrite->count;
}

bool rewrite_detects(const struct rewrite *rewrite, struct names_memo *memo,
                     names_detect_fn *detect)
{
    const struct dict *dict = &rewrite->names->dict;
    for (size_t i = 0; i < rewrite->list_count; i++) {
        uint32_t frame = rewrite->list[i];
        if (dict->frames[frame].kind != FRAME_COMM &&
            names_detects(rewrite->names, memo, frame, detect))
            return true;
    }
    return false;
}

void rewrite_add(struct rewrite *rewrite, struct names_memo *memo, names_rewrite_fn *by)
{
    struct rewriting rewriting = {.argument = memo->argument};
    uint32_t *list = NULL;
    size_t count = 0, capacity = 0;
    for (size_t i = 0; i < rewrite->count; i++) {
        struct names_image *image = &rewrite->images[i];
        size_t from = count;
        for (uint32_t j = 0; j < image->count; j++) {
            const struct names_image *of =
                names_image(rewrite->names, memo, rewrite->list[image->at + j], by, &rewriting);
            array_reserve(&list, &capacity, count + of->count);
            for (uint32_t k = 0; k < of->count; k++)
                list[count++] = memo->list[of->at + k];
        }
        size_t most = count - from < UINT16_MAX ? count - from : UINT16_MAX;
        *image = (struct names_image){.at = (uint32_t)from, .count = (uint16_t)most};
    }
    free(rewrite->list);
    rewrite->list = list;
    rewrite->list_count = count;
    rewrite->changed = true;
    bytes_dispose(&rewriting.scratch);
}

static bool joins(const struct dict *dict, uint32_t node, uint32_t frame, enum rewrite_join join)
{
    if (node == DICT_ROOT || join == REWRITE_JOIN_NONE ||
        (join == REWRITE_JOIN_UNRESOLVED && !frame_is_unresolved(&dict->frames[frame])))
        return false;
    return fold_same_function(dict, dict->nodes[node].frame, frame);
}

// The nodes that the fold's nodes become, with their own weights.
static struct weight *weigh(const struct rewrite *rewrite, enum rewrite_join join)
{
    const struct fold *fold = rewrite->fold;
    struct dict *dict = &rewrite->names->dict;
    struct weight *weights = xreallocarray(NULL, fold->count + 1, sizeof *weights);
    bool canceled = false;
    for (size_t i = 0; i < fold->count; i++) {
        const struct fold_node *old = &fold->nodes[i];
        uint32_t node = DICT_ROOT;
        if (i % FOLD_STEPS == 0)
            canceled = fold_is_canceled(fold);
        if (i && !canceled) {
            const struct names_image *image = &rewrite->images[rewrite->index_of[old->frame] - 1];
            node = weights[old->parent].of;
            for (uint32_t j = 0; j < image->count; j++) {
                uint32_t frame = rewrite->list[image->at + j];
                if (!joins(dict, node, frame, join))
                    node = dict_node(dict, node, frame);
            }
        }
        weights[i] = (struct weight){node, old->self_samples, old->self_value};
    }
    return weights;
}

static void build(struct rewrite *rewrite, enum rewrite_join join)
{
    struct fold *fold = rewrite->fold;
    struct names *names = rewrite->names;
    struct weight *weights = weigh(rewrite, join);
    bool whole = callpaths_follow_unless(&names->callpaths, fold->cancel);
    for (size_t i = 0; i < fold->count; i++)
        weights[i].of = whole ? names->callpaths.path_of[weights[i].of] : 0;
    struct fold_node *old = fold->nodes;
    if (!fold->own) {
        fold->totals.event = names_copy_event(names, fold->dict, fold->totals.event);
        fold->own = names_hold(names);
    }
    fold_build(fold, &names->callpaths, weights, fold->count);
    fold->totals.samples = fold->nodes[0].total_samples;
    fold->totals.value = fold->nodes[0].total_value;
    free(old);
    free(weights);
}

void rewrite_commit(struct rewrite *rewrite, enum rewrite_join join)
{
    if (rewrite->changed || join != REWRITE_JOIN_NONE)
        build(rewrite, join);
    free(rewrite->index_of);
    free(rewrite->images);
    free(rewrite->list);
    *rewrite = (struct rewrite){0};
}
