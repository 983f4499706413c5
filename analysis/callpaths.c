// The index from nodes to call paths.
//
// Idle: a path stays idle from the idle thread's name (or the first function of the idle loop)
// downwards while its functions are those of the loop, of start-up, or unresolved. Anything else,
// an interrupt's or softirq's work above all, is work and stays so. (FlameScope's rule, any "idle"
// in the stack, hides softirq work.)
#include "analysis/callpaths.h"

#include "analysis/functions.h"
#include "analysis/idle.h"
#include "proto/alloc.h"
#include "proto/hash.h"
#include "proto/sort.h"

#include <stdlib.h>
#include <string.h>

// States that a path hands to its children, above the public flags.
enum {
    STATE_FRESH = 16,    // no frame of work yet
    STATE_USER_MANY = 32 // more than one user frame
};

// Functions are classed once.
enum function_class { CLASS_WORK, CLASS_LOOP, CLASS_STARTUP, CLASS_UNKNOWN };

static uint64_t hash_of_function(uint64_t seed, const struct frame *frame)
{
    return hash_pair(seed, ((uint64_t)frame->name << 32) | frame->module, frame->kind);
}

static uint64_t function_hash(const void *owner, uint32_t id)
{
    const struct callpaths *callpaths = owner;
    const struct frame *frame = &callpaths->dict->frames[callpaths->frame_of[id]];
    uint64_t seed = callpaths->dict->seed + (callpaths->by_line ? frame->line : 0);
    return hash_of_function(seed, frame);
}

static uint64_t path_hash(const void *owner, uint32_t id)
{
    const struct callpaths *callpaths = owner;
    const struct callpath *path = &callpaths->paths[id];
    return hash_pair(callpaths->dict->seed, path->parent, path->function);
}

static void start(struct callpaths *callpaths)
{
    callpaths->generation = callpaths->dict->generation;
    callpaths->frame_count = callpaths->function_count = callpaths->ranked_count = 0;
    callpaths->node_count = callpaths->path_count = callpaths->order.count = 0;
    tagset_clear(&callpaths->function_set);
    tagset_clear(&callpaths->path_set);
}

void callpaths_init(struct callpaths *callpaths, const struct dict *dict)
{
    *callpaths = (struct callpaths){.dict = dict};
    start(callpaths);
}

void callpaths_dispose(struct callpaths *callpaths)
{
    free(callpaths->function_of);
    free(callpaths->frame_of);
    free(callpaths->rank);
    free(callpaths->ranked);
    free(callpaths->path_of);
    free(callpaths->marks);
    free(callpaths->paths);
    free(callpaths->flags);
    tagset_dispose(&callpaths->function_set);
    tagset_dispose(&callpaths->path_set);
    callpaths_release(callpaths);
    *callpaths = (struct callpaths){0};
}

void callpaths_release(struct callpaths *callpaths)
{
    for (size_t i = 0; i < CALLPATHS_SCRATCH; i++)
        scratch_dispose(&callpaths->scratch[i]);
    for (size_t i = 0; i < PATH_ORDER_SCRATCH; i++)
        scratch_dispose(&callpaths->order_scratch[i]);
    path_order_dispose(&callpaths->order);
}

static uint32_t function_of_frame(struct callpaths *callpaths, uint32_t frame)
{
    const struct frame *row = &callpaths->dict->frames[frame];
    struct tagset *set = &callpaths->function_set;
    tagset_reserve(set, function_hash, callpaths);
    uint64_t hash =
        hash_of_function(callpaths->dict->seed + (callpaths->by_line ? row->line : 0), row);
    uint32_t slot = tagset_first(set, hash);
    for (uint32_t id; (id = tagset_find(set, &slot, hash)) != IDSET_NONE;
         slot = tagset_next(set, slot)) {
        const struct frame *old = &callpaths->dict->frames[callpaths->frame_of[id]];
        if (old->name == row->name && old->module == row->module && old->kind == row->kind &&
            (!callpaths->by_line || (old->line == row->line && old->file == row->file)))
            return id;
    }
    uint32_t id = (uint32_t)callpaths->function_count;
    array_reserve(&callpaths->frame_of, &callpaths->function_capacity, (size_t)id + 1);
    callpaths->frame_of[callpaths->function_count++] = frame;
    tagset_put(set, slot, id, hash);
    return id;
}

static enum function_class class_of(const struct dict *dict, const struct frame *frame)
{
    const char *name = dict_text(dict, frame->name);
    if (frame->kind == FRAME_COMM)
        return idle_is_comm(name) ? CLASS_LOOP : CLASS_STARTUP;
    // Formats that do not tell kernel frames apart leave them as user frames without a module.
    if (frame->kind != FRAME_KERNEL && frame->module != DICT_EMPTY)
        return CLASS_WORK;
    if (frame_is_unresolved(frame))
        return CLASS_UNKNOWN;
    return idle_is_loop(name) ? CLASS_LOOP : idle_is_startup(name) ? CLASS_STARTUP : CLASS_WORK;
}

static uint8_t flags_below(const struct callpaths *callpaths, uint8_t parent, uint32_t function)
{
    const struct dict *dict = callpaths->dict;
    const struct frame *frame = &dict->frames[callpaths->frame_of[function]];
    bool is_comm = frame->kind == FRAME_COMM;
    uint8_t flags = parent & STATE_USER_MANY;
    if (is_comm)
        flags |= CALLPATH_NO_STACK;
    else if (frame_is_unresolved(frame))
        flags |= CALLPATH_UNRESOLVED;
    if (frame->kind == FRAME_USER) {
        bool first = !(parent & (CALLPATH_ONE_USER | STATE_USER_MANY));
        flags |= first ? CALLPATH_ONE_USER : STATE_USER_MANY;
    } else {
        flags |= parent & CALLPATH_ONE_USER;
    }
    if (!(parent & (STATE_FRESH | CALLPATH_IDLE)))
        return flags;
    switch (class_of(dict, frame)) {
    case CLASS_LOOP:
        return flags | CALLPATH_IDLE;
    case CLASS_STARTUP:
        return flags | (parent & (STATE_FRESH | CALLPATH_IDLE));
    case CLASS_UNKNOWN:
        return flags | (parent & CALLPATH_IDLE);
    default:
        return flags;
    }
}

static uint32_t path_below(struct callpaths *callpaths, uint32_t parent, uint32_t function)
{
    struct tagset *set = &callpaths->path_set;
    tagset_reserve_early(set, path_hash, callpaths);
    uint64_t hash = hash_pair(callpaths->dict->seed, parent, function);
    uint32_t slot = tagset_first(set, hash);
    for (uint32_t id; (id = tagset_find(set, &slot, hash)) != IDSET_NONE;
         slot = tagset_next(set, slot)) {
        if (callpaths->paths[id].parent == parent && callpaths->paths[id].function == function)
            return id;
    }
    uint32_t id = (uint32_t)callpaths->path_count++;
    array_reserve(&callpaths->paths, &callpaths->path_capacity, (size_t)id + 1);
    array_reserve(&callpaths->flags, &callpaths->flag_capacity, (size_t)id + 1);
    callpaths->paths[id] = (struct callpath){parent, function};
    callpaths->flags[id] = flags_below(callpaths, callpaths->flags[parent], function);
    tagset_put(set, slot, id, hash);
    return id;
}

static bool follow_nodes(struct callpaths *callpaths, const atomic_bool *cancel)
{
    enum { NODES = 4096 }; // between two looks at Ctrl-C
    const struct dict *dict = callpaths->dict;
    array_reserve(&callpaths->path_of, &callpaths->node_capacity, dict->node_count);
    array_reserve(&callpaths->marks, &callpaths->mark_capacity, dict->node_count);
    if (!callpaths->path_count) {
        array_reserve(&callpaths->paths, &callpaths->path_capacity, 1);
        array_reserve(&callpaths->flags, &callpaths->flag_capacity, 1);
        callpaths->paths[0] = (struct callpath){0, IDSET_NONE};
        callpaths->flags[0] = CALLPATH_NO_STACK | STATE_FRESH;
        callpaths->path_count = 1;
    }
    for (; callpaths->node_count < dict->node_count; callpaths->node_count++) {
        size_t at = callpaths->node_count;
        if (at % NODES == 0 && cancel && atomic_load(cancel))
            return false;
        const struct node *node = &dict->nodes[at];
        uint32_t path = 0;
        if (at != DICT_ROOT)
            path = path_below(callpaths, callpaths->path_of[node->parent],
                              callpaths->function_of[node->frame]);
        callpaths->path_of[at] = path;
        callpaths->marks[at] = callpaths->flags[path] & CALLPATH_FLAGS;
    }
    return true;
}

bool callpaths_follow_unless(struct callpaths *callpaths, const atomic_bool *cancel)
{
    const struct dict *dict = callpaths->dict;
    if (callpaths->generation != dict->generation)
        start(callpaths);
    array_reserve(&callpaths->function_of, &callpaths->frame_capacity, dict->frame_count);
    for (; callpaths->frame_count < dict->frame_count; callpaths->frame_count++)
        callpaths->function_of[callpaths->frame_count] =
            function_of_frame(callpaths, (uint32_t)callpaths->frame_count);
    return callpaths->node_count == dict->node_count || follow_nodes(callpaths, cancel);
}

void callpaths_follow(struct callpaths *callpaths)
{
    (void)callpaths_follow_unless(callpaths, NULL);
}

static int compare_functions(const void *left, const void *right, void *arg)
{
    const struct callpaths *callpaths = arg;
    return functions_compare(callpaths->dict, callpaths->frame_of[*(const uint32_t *)left],
                             callpaths->frame_of[*(const uint32_t *)right]);
}

// Merges the new functions, sorted, into the old order from behind.
static void merge_ranked(struct callpaths *callpaths, const uint32_t *fresh, size_t count)
{
    uint32_t *ranked = callpaths->ranked;
    size_t old = callpaths->ranked_count;
    for (size_t at = old + count; count;) {
        bool take_old =
            old && compare_functions(&ranked[old - 1], &fresh[count - 1], callpaths) > 0;
        ranked[--at] = take_old ? ranked[--old] : fresh[--count];
    }
}

bool callpaths_rank_unless(struct callpaths *callpaths, const atomic_bool *cancel)
{
    size_t count = callpaths->function_count - callpaths->ranked_count;
    if (!count)
        return true;
    uint32_t *fresh = xreallocarray(NULL, count, sizeof *fresh);
    for (size_t i = 0; i < count; i++)
        fresh[i] = (uint32_t)(callpaths->ranked_count + i);
    if (!sort_unless(cancel, fresh, count, sizeof *fresh, compare_functions, callpaths)) {
        free(fresh);
        return false;
    }
    array_reserve(&callpaths->ranked, &callpaths->ranked_capacity, callpaths->function_count);
    array_reserve(&callpaths->rank, &callpaths->rank_capacity, callpaths->function_count);
    merge_ranked(callpaths, fresh, count);
    free(fresh);
    callpaths->ranked_count = callpaths->function_count;
    for (size_t i = 0; i < callpaths->ranked_count; i++)
        callpaths->rank[callpaths->ranked[i]] = (uint32_t)i;
    return true;
}

void callpaths_order(struct callpaths *callpaths)
{
    if (callpaths->order.count == callpaths->path_count)
        return;
    path_order_make(&callpaths->order, callpaths->paths, callpaths->path_count, callpaths->rank,
                    callpaths->function_count, callpaths->order_scratch);
    for (size_t i = 0; i < PATH_ORDER_SCRATCH; i++)
        scratch_put(&callpaths->order_scratch[i]);
}

size_t callpaths_bytes(const struct callpaths *callpaths)
{
    size_t scratch_bytes = path_order_bytes(&callpaths->order);
    for (size_t i = 0; i < CALLPATHS_SCRATCH; i++)
        scratch_bytes += callpaths->scratch[i].bytes;
    for (size_t i = 0; i < PATH_ORDER_SCRATCH; i++)
        scratch_bytes += callpaths->order_scratch[i].bytes;
    return scratch_bytes +
           (callpaths->frame_capacity + callpaths->function_capacity + callpaths->rank_capacity +
            callpaths->ranked_capacity + callpaths->node_capacity) *
               sizeof(uint32_t) +
           callpaths->path_capacity * sizeof(struct callpath) + callpaths->flag_capacity +
           callpaths->mark_capacity + tagset_bytes(&callpaths->function_set) +
           tagset_bytes(&callpaths->path_set);
}
