// Rewriting a fold in place.
#include "analysis/fold_edit.h"

#include "analysis/functions.h"
#include "proto/alloc.h"
#include "proto/hash.h"

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
                      left->kind == right->kind);
}

void fold_edit_init(struct fold_edit *edit, struct fold *fold)
{
    *edit = (struct fold_edit){.fold = fold, .count = 1};
    array_reserve(&edit->nodes, &edit->capacity, fold->count + 1);
    edit->nodes[0] = (struct fold_node){.frame = IDSET_NONE};
}

uint32_t fold_edit_child(struct fold_edit *edit, uint32_t parent, uint32_t frame)
{
    const struct dict *dict = edit->fold->dict;
    struct idset *set = &edit->children;
    idset_reserve(set, child_hash, edit);
    uint32_t slot = idset_first(set, hash_of_child(dict, parent, frame));
    for (uint32_t id; (id = idset_at(set, slot)) != IDSET_NONE; slot = idset_next(set, slot)) {
        if (edit->nodes[id].parent == parent &&
            fold_same_function(dict, edit->nodes[id].frame, frame))
            return id;
    }
    uint32_t id = (uint32_t)edit->count++;
    array_reserve(&edit->nodes, &edit->capacity, edit->count);
    edit->nodes[id] = (struct fold_node){.parent = parent, .frame = frame};
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

uint32_t *fold_frames(const struct fold *fold, size_t *count)
{
    return frames_in_use(fold->nodes, fold->count, fold->dict, count);
}

// All nodes but the root, by name in descending order. The frames in use are few beside the nodes:
// those are compared, these are counted.
static uint32_t *order_by_name(const struct fold_edit *edit)
{
    const struct dict *dict = edit->fold->dict;
    size_t count;
    uint32_t *frames = frames_in_use(edit->nodes, edit->count, dict, &count);
    uint32_t *rank = xcalloc(dict->frame_count + 1, sizeof *rank);
    uint32_t *before = xcalloc(count + 1, sizeof *before); // nodes that come before each rank
    uint32_t *order = xreallocarray(NULL, edit->count, sizeof *order);
    if (count)
        qsort_r(frames, count, sizeof *frames, compare_frames, (void *)dict);
    for (size_t i = 0; i < count; i++)
        rank[frames[i]] = (uint32_t)(count - 1 - i);
    for (size_t i = 1; i < edit->count; i++)
        before[rank[edit->nodes[i].frame] + 1]++;
    for (size_t i = 1; i <= count; i++)
        before[i] += before[i - 1];
    for (uint32_t i = 1; i < edit->count; i++)
        order[before[rank[edit->nodes[i].frame]]++] = i;
    free(frames);
    free(rank);
    free(before);
    return order;
}

// Renumbers depth first, children by name: pushed onto their parents' lists in descending order,
// they are popped in ascending order.
static struct fold_node *arrange(const struct fold_edit *edit)
{
    size_t count = edit->count;
    uint32_t *order = order_by_name(edit);
    uint32_t *child = xcalloc(count, sizeof *child); // 0: none
    uint32_t *sibling = xcalloc(count, sizeof *sibling);
    for (size_t i = 0; i + 1 < count; i++) {
        uint32_t parent = edit->nodes[order[i]].parent;
        sibling[order[i]] = child[parent];
        child[parent] = order[i];
    }
    struct fold_node *out = xreallocarray(NULL, count, sizeof *out);
    uint32_t *number = order; // of each node in the new order; `order` has been used up
    for (uint32_t at = 0, next = 0;;) {
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

void fold_edit_commit(struct fold_edit *edit)
{
    struct fold *fold = edit->fold;
    for (size_t i = edit->count; i-- > 0;) {
        struct fold_node *node = &edit->nodes[i];
        node->total_samples += node->self_samples;
        node->total_value += node->self_value;
        if (i) {
            edit->nodes[node->parent].total_samples += node->total_samples;
            edit->nodes[node->parent].total_value += node->total_value;
        }
    }
    struct fold_node *nodes = arrange(edit);
    free(fold->nodes);
    fold->nodes = nodes;
    fold->count = fold->capacity = edit->count;
    fold->totals.samples = nodes[0].total_samples;
    fold->totals.value = nodes[0].total_value;
    free(edit->nodes);
    idset_dispose(&edit->children);
    *edit = (struct fold_edit){0};
}

uint32_t fold_copy_frame(struct dict *to, const struct dict *from, uint32_t frame)
{
    struct frame copy = from->frames[frame];
    copy.name = dict_string(to, dict_text(from, copy.name), dict_text_len(from, copy.name));
    copy.module = dict_string(to, dict_text(from, copy.module), dict_text_len(from, copy.module));
    copy.file = dict_string(to, dict_text(from, copy.file), dict_text_len(from, copy.file));
    return dict_frame(to, &copy);
}

static uint32_t copy_event(struct dict *to, const struct dict *from, uint32_t event)
{
    if (event >= from->event_count)
        return event;
    struct event copy = from->events[event];
    copy.name = dict_string(to, dict_text(from, copy.name), dict_text_len(from, copy.name));
    copy.unit = dict_string(to, dict_text(from, copy.unit), dict_text_len(from, copy.unit));
    return dict_event(to, &copy);
}

struct dict *fold_own(struct fold *fold)
{
    if (fold->own)
        return fold->own;
    const struct dict *from = fold->dict;
    struct dict *own = xmalloc(sizeof *own);
    dict_init(own);
    uint32_t *copies = xcalloc(from->frame_count + 1, sizeof *copies); // + 1; 0: not yet
    for (size_t i = 0; i < fold->count; i++) {
        uint32_t *frame = &fold->nodes[i].frame;
        if (*frame == IDSET_NONE)
            continue;
        if (!copies[*frame])
            copies[*frame] = fold_copy_frame(own, from, *frame) + 1;
        *frame = copies[*frame] - 1;
    }
    free(copies);
    fold->totals.event = copy_event(own, from, fold->totals.event);
    fold->dict = fold->own = own;
    return own;
}

// What stands for each frame in use: `count` frames from `at` in the list; asked for once.
struct replacements {
    struct replacement {
        uint32_t at;
        uint8_t count;
        bool asked;
    } * of;
    size_t frame_count;
    uint32_t *list;
    size_t count, capacity;
};

static const struct replacement *replacement(struct replacements *all, struct dict *own,
                                             uint32_t frame, fold_rewrite_fn *rewrite, void *arg)
{
    struct replacement *of = &all->of[frame];
    if (of->asked)
        return of;
    uint32_t frames[FOLD_REWRITE_MAX] = {frame};
    size_t count = rewrite ? rewrite(arg, own, frame, frames) : 1;
    array_reserve(&all->list, &all->capacity, all->count + count);
    if (count)
        memcpy(all->list + all->count, frames, count * sizeof *frames);
    *of = (struct replacement){.at = (uint32_t)all->count, .count = (uint8_t)count, .asked = true};
    all->count += count;
    return of;
}

static bool joins(const struct fold_edit *edit, uint32_t node, uint32_t frame, enum fold_join join)
{
    const struct dict *dict = edit->fold->dict;
    if (!node || join == FOLD_JOIN_NONE ||
        (join == FOLD_JOIN_UNRESOLVED && !frame_is_unresolved(&dict->frames[frame])))
        return false;
    return fold_same_function(dict, edit->nodes[node].frame, frame);
}

void fold_rewrite(struct fold *fold, fold_rewrite_fn *rewrite, void *arg, enum fold_join join)
{
    struct dict *own = rewrite ? fold_own(fold) : NULL;
    struct replacements all = {0};
    all.of = xcalloc(fold->dict->frame_count + 1, sizeof *all.of);
    uint32_t *node_of = xreallocarray(NULL, fold->count + 1, sizeof *node_of);
    struct fold_edit edit;
    fold_edit_init(&edit, fold);
    node_of[0] = 0;
    for (size_t i = 0; i < fold->count; i++) {
        const struct fold_node *old = &fold->nodes[i];
        if (i) {
            const struct replacement *of = replacement(&all, own, old->frame, rewrite, arg);
            uint32_t at = node_of[old->parent];
            for (size_t j = 0; j < of->count; j++) {
                uint32_t frame = all.list[of->at + j];
                if (!joins(&edit, at, frame, join))
                    at = fold_edit_child(&edit, at, frame);
            }
            node_of[i] = at;
        }
        fold_edit_add(&edit, node_of[i], old);
    }
    fold_edit_commit(&edit);
    free(node_of);
    free(all.of);
    free(all.list);
}

uint32_t fold_named_frame(struct dict *own, const struct frame *frame, const struct bytes *name)
{
    struct frame named = *frame; // a copy: the dictionary's may move
    named.name = dict_string(own, bytes_text(name), name->len);
    return dict_frame(own, &named);
}

struct renaming {
    fold_rename_fn *rename;
    struct bytes name;
};

static size_t rename_frame(void *arg, struct dict *own, uint32_t frame, uint32_t *out)
{
    struct renaming *renaming = arg;
    const struct frame *row = &own->frames[frame];
    bytes_clear(&renaming->name);
    if (row->kind != FRAME_COMM && renaming->rename(own, row, &renaming->name))
        out[0] = fold_named_frame(own, row, &renaming->name);
    return 1;
}

void fold_rename(struct fold *fold, fold_rename_fn *rename)
{
    struct renaming renaming = {.rename = rename};
    fold_rewrite(fold, rename_frame, &renaming, FOLD_JOIN_NONE);
    bytes_dispose(&renaming.name);
}
