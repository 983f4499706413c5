// Rewriting a fold in place.
#include "analysis/fold_edit.h"

#include "analysis/functions.h"
#include "analysis/names.h"
#include "proto/alloc.h"
#include "proto/hash.h"
#include "proto/sort.h"

#include <stdlib.h>
#include <string.h>

static uint64_t hash_of_child(const struct dict *dict, uint32_t parent, uint32_t frame)
{
    const struct frame *row = &dict->frames[frame];
    uint64_t function = hash_pair(dict->seed, ((uint64_t)row->name << 32) | row->module, row->kind);
    return hash_pair(dict->seed, parent, function);
}

static uint64_t child_hash(const void *owner, uint32_t id)
{
    const struct fold_edit *edit = owner;
    return hash_of_child(edit->fold->dict, edit->nodes[id].parent, edit->nodes[id].frame);
}

bool fold_same_function(const struct dict *dict, uint32_t a, uint32_t b)
{
    const struct frame *left = &dict->frames[a];
    const struct frame *right = &dict->frames[b];
    return a == b || (left->name == right->name && left->module == right->module &&
                      left->kind == right->kind &&
                      (!dict->by_line || (left->line == right->line && left->file == right->file)));
}

void fold_edit_init(struct fold_edit *edit, struct fold *fold)
{
    *edit = (struct fold_edit){.fold = fold, .count = 1};
    array_reserve(&edit->nodes, &edit->capacity, fold->count + 1);
    edit->nodes[0] = (struct fold_node){.frame = IDSET_NONE};
}

void fold_edit_expect(struct fold_edit *edit, size_t nodes)
{
    array_reserve(&edit->nodes, &edit->capacity, nodes);
    idset_expect(&edit->children, nodes);
}

// Looks at Ctrl-C at every so many steps.
static bool goes_on(struct fold_edit *edit, size_t step)
{
    if (step % FOLD_STEPS == 0)
        edit->canceled |= fold_is_canceled(edit->fold);
    return !edit->canceled;
}

static uint32_t append(struct fold_edit *edit, uint32_t parent, uint32_t frame)
{
    if (!goes_on(edit, edit->count))
        return 0;
    uint32_t id = (uint32_t)edit->count++;
    array_reserve(&edit->nodes, &edit->capacity, edit->count);
    edit->nodes[id] = (struct fold_node){.parent = parent, .frame = frame};
    return id;
}

uint32_t fold_edit_child(struct fold_edit *edit, uint32_t parent, uint32_t frame)
{
    const struct dict *dict = edit->fold->dict;
    struct idset *set = &edit->children;
    if (!goes_on(edit, edit->asked++))
        return 0;
    idset_reserve(set, child_hash, edit);
    uint32_t slot = idset_first(set, hash_of_child(dict, parent, frame));
    for (uint32_t id; (id = idset_at(set, slot)) != IDSET_NONE; slot = idset_next(set, slot)) {
        if (edit->nodes[id].parent == parent &&
            fold_same_function(dict, edit->nodes[id].frame, frame))
            return id;
    }
    uint32_t id = append(edit, parent, frame);
    if (id)
        idset_put(set, slot, id);
    return id;
}

void fold_edit_add(struct fold_edit *edit, uint32_t node, const struct fold_node *old)
{
    edit->nodes[node].self_samples += old->self_samples;
    edit->nodes[node].self_value += old->self_value;
}

static void take_off(uint64_t *from, uint64_t what)
{
    *from -= what < *from ? what : *from;
}

void fold_edit_drop(struct fold_edit *edit, const struct fold_node *old)
{
    struct totals *totals = &edit->fold->totals;
    const struct frame *frame =
        old->frame == IDSET_NONE ? NULL : &edit->fold->dict->frames[old->frame];
    if (!frame || frame->kind == FRAME_COMM)
        take_off(&totals->no_stack, old->self_samples);
    else if (frame_is_unresolved(frame))
        take_off(&totals->unresolved, old->self_samples);
}

static int compare_frames(const void *left, const void *right, void *dict)
{
    return functions_compare(dict, *(const uint32_t *)left, *(const uint32_t *)right);
}

// The frames that nodes have, each once; the caller frees them.
static uint32_t *frames_in_use(const struct fold_node *nodes, size_t node_count,
                               const struct dict *dict, size_t *count)
{
    bool *seen = xcalloc(dict->frame_count + 1, sizeof *seen);
    uint32_t *frames = NULL;
    size_t capacity = 0;
    *count = 0;
    for (size_t i = 1; i < node_count; i++) {
        if (seen[nodes[i].frame])
            continue;
        seen[nodes[i].frame] = true;
        array_reserve(&frames, &capacity, *count + 1);
        frames[(*count)++] = nodes[i].frame;
    }
    free(seen);
    return frames;
}

// The rank of each frame's function, by name in descending order. Ranks are below *count. The
// frames in use are few beside the nodes: those are compared, where nobody has yet. The caller
// frees it.
static uint32_t *rank_frames(struct fold_edit *edit, size_t *count)
{
    const struct dict *dict = edit->fold->dict;
    uint32_t *rank = xcalloc(dict->frame_count + 1, sizeof *rank);
    struct names *names = edit->fold->own;
    if (names && dict == &names->dict) {
        struct callpaths *callpaths = &names->callpaths;
        *count = 0;
        edit->canceled |= !callpaths_follow_unless(callpaths, edit->fold->cancel) ||
                          !callpaths_rank_unless(callpaths, edit->fold->cancel);
        if (edit->canceled)
            return rank;
        *count = callpaths->function_count;
        for (size_t i = 0; i < dict->frame_count; i++)
            rank[i] = (uint32_t)(*count - 1 - callpaths->rank[callpaths->function_of[i]]);
        return rank;
    }
    uint32_t *frames = frames_in_use(edit->nodes, edit->count, dict, count);
    edit->canceled |= !sort_unless(edit->fold->cancel, frames, *count, sizeof *frames,
                                   compare_frames, (void *)dict);
    for (size_t i = 0; i < *count; i++)
        rank[frames[i]] = (uint32_t)(*count - 1 - i);
    free(frames);
    return rank;
}

// All nodes but the root, by name in descending order.
static uint32_t *order_by_name(struct fold_edit *edit)
{
    size_t count;
    uint32_t *rank = rank_frames(edit, &count);
    uint32_t *before = xcalloc(count + 1, sizeof *before); // nodes that come before each rank
    uint32_t *order = xreallocarray(NULL, edit->count, sizeof *order);
    for (size_t i = 1; i < edit->count && goes_on(edit, i); i++)
        before[rank[edit->nodes[i].frame] + 1]++;
    for (size_t i = 1; i <= count; i++)
        before[i] += before[i - 1];
    for (uint32_t i = 1; i < edit->count && goes_on(edit, i); i++)
        order[before[rank[edit->nodes[i].frame]]++] = i;
    free(rank);
    free(before);
    return order;
}

// Renumbers depth first, children by name: pushed onto their parents' lists in descending order,
// they are popped in ascending order. Canceled, the nodes are any.
static struct fold_node *arrange(struct fold_edit *edit)
{
    size_t count = edit->count;
    uint32_t *order = order_by_name(edit);
    uint32_t *child = xcalloc(count, sizeof *child); // 0: none
    uint32_t *sibling = xcalloc(count, sizeof *sibling);
    for (size_t i = 0; i + 1 < count && goes_on(edit, i); i++) {
        uint32_t parent = edit->nodes[order[i]].parent;
        sibling[order[i]] = child[parent];
        child[parent] = order[i];
    }
    struct fold_node *out = xreallocarray(NULL, count, sizeof *out);
    uint32_t *number = order; // of each node in the new order; `order` has been used up
    for (uint32_t at = 0, next = 0; goes_on(edit, next);) {
        number[at] = next;
        out[next] = edit->nodes[at];
        out[next++].parent = number[edit->nodes[at].parent];
        if (child[at]) {
            at = child[at];
            continue;
        }
        while (at && !sibling[at])
            at = edit->nodes[at].parent;
        if (!at)
            break;
        at = sibling[at];
    }
    free(order);
    free(child);
    free(sibling);
    return out;
}

static void add_up(struct fold_edit *edit)
{
    for (size_t i = edit->count; i-- > 0 && goes_on(edit, i);) {
        struct fold_node *node = &edit->nodes[i];
        node->total_samples += node->self_samples;
        node->total_value += node->self_value;
        if (i) {
            edit->nodes[node->parent].total_samples += node->total_samples;
            edit->nodes[node->parent].total_value += node->total_value;
        }
    }
}

void fold_edit_commit(struct fold_edit *edit)
{
    struct fold *fold = edit->fold;
    add_up(edit);
    struct fold_node *nodes = edit->canceled ? NULL : arrange(edit);
    if (edit->canceled) {
        free(nodes);
        nodes = xcalloc(1, sizeof *nodes);
        nodes[0].frame = IDSET_NONE;
        edit->count = 1;
    }
    free(fold->nodes);
    fold->nodes = nodes;
    fold->count = fold->capacity = edit->count;
    fold->totals.samples = nodes[0].total_samples;
    fold->totals.value = nodes[0].total_value;
    free(edit->nodes);
    idset_dispose(&edit->children);
    *edit = (struct fold_edit){0};
}

void fold_use_names(struct fold *fold, struct names *names)
{
    if (fold->own == names)
        return;
    for (size_t i = 0; i < fold->count; i++) {
        uint32_t *frame = &fold->nodes[i].frame;
        if (*frame != IDSET_NONE)
            *frame = names_copy(names, fold->dict, *frame);
    }
    fold->totals.event = names_copy_event(names, fold->dict, fold->totals.event);
    fold->dict = &names->dict;
    names_release(fold->own);
    fold->own = names_hold(names);
}
