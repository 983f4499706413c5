// The dictionary: five intern tables that number what samples speak of.
#include "proto/dict.h"

#include "proto/alloc.h"
#include "proto/hash.h"

#include <stdlib.h>
#include <string.h>

enum { NODE_SLOTS_MIN = 64 };

static uint64_t string_hash(const void *owner, uint32_t id)
{
    const struct dict *dict = owner;
    return hash_bytes(dict->seed, dict_text(dict, id), dict_text_len(dict, id));
}

static uint64_t hash_of_frame(uint64_t seed, const struct frame *frame)
{
    uint64_t names = ((uint64_t)frame->name << 32) | frame->module;
    uint64_t place = ((uint64_t)frame->file << 32) | frame->line;
    return hash_pair(hash_pair(seed, names, place), frame->address, frame->kind);
}

static uint64_t frame_hash(const void *owner, uint32_t id)
{
    const struct dict *dict = owner;
    return hash_of_frame(dict->seed, &dict->frames[id]);
}

static uint64_t hash_of_node(uint64_t seed, uint32_t parent, uint32_t frame)
{
    return hash_mix(seed ^ parent, frame);
}

static uint64_t node_hash(const void *owner, uint32_t id)
{
    const struct dict *dict = owner;
    return hash_of_node(dict->seed, dict->nodes[id].parent, dict->nodes[id].frame);
}

static uint64_t hash_of_thread(uint64_t seed, const struct thread *thread)
{
    uint64_t ids = ((uint64_t)(uint32_t)thread->pid << 32) | (uint32_t)thread->tid;
    uint64_t names = ((uint64_t)thread->comm << 32) | thread->cgroup;
    return hash_pair(hash_mix(seed, ids), names, (uint64_t)thread->start_ns);
}

static uint64_t thread_hash(const void *owner, uint32_t id)
{
    const struct dict *dict = owner;
    return hash_of_thread(dict->seed, &dict->threads[id]);
}

static uint64_t hash_of_event(uint64_t seed, const struct event *event)
{
    return hash_pair(seed, event->name, ((uint64_t)event->unit << 1) | event->by_value);
}

static uint64_t event_hash(const void *owner, uint32_t id)
{
    const struct dict *dict = owner;
    return hash_of_event(dict->seed, &dict->events[id]);
}

void dict_init(struct dict *dict)
{
    *dict = (struct dict){.seed = hash_seed(), .generation = 1};
    array_reserve(&dict->string_at, &dict->string_capacity, 16);
    dict->string_at[0] = 0;
    dict_string(dict, "", 0);
    array_reserve(&dict->nodes, &dict->node_capacity, 16);
    dict->nodes[dict->node_count++] = (struct node){DICT_ROOT, IDSET_NONE}; // not in the set
}

void dict_dispose(struct dict *dict)
{
    free(dict->text);
    free(dict->string_at);
    free(dict->frames);
    free(dict->nodes);
    free(dict->threads);
    free(dict->events);
    tagset_dispose(&dict->string_set);
    tagset_dispose(&dict->frame_set);
    tagset_dispose(&dict->node_set);
    tagset_dispose(&dict->thread_set);
    tagset_dispose(&dict->event_set);
    *dict = (struct dict){0};
}

uint32_t dict_find_string(const struct dict *dict, const char *text, size_t len)
{
    if (!dict->string_set.slots)
        return IDSET_NONE;
    uint64_t hash = hash_bytes(dict->seed, text, len);
    uint32_t slot = tagset_first(&dict->string_set, hash);
    for (uint32_t id; (id = tagset_find(&dict->string_set, &slot, hash)) != IDSET_NONE;
         slot = tagset_next(&dict->string_set, slot)) {
        if (dict_text_len(dict, id) == len && !memcmp(dict_text(dict, id), text, len))
            return id;
    }
    return IDSET_NONE;
}

static uint32_t string_add(struct dict *dict, const char *text, size_t len)
{
    uint32_t id = (uint32_t)dict->string_count;
    array_reserve(&dict->text, &dict->text_capacity, dict->text_len + len + 1);
    array_reserve(&dict->string_at, &dict->string_capacity, dict->string_count + 2);
    memcpy(dict->text + dict->text_len, text, len);
    dict->text[dict->text_len + len] = '\0';
    dict->text_len += len + 1;
    dict->string_at[++dict->string_count] = dict->text_len;
    return id;
}

uint32_t dict_string(struct dict *dict, const char *text, size_t len)
{
    char cut[DICT_STRING_MAX_BYTES];
    if (len > sizeof cut) {
        memcpy(cut, text, sizeof cut - 3);
        memcpy(cut + sizeof cut - 3, "...", 3);
        text = cut;
        len = sizeof cut;
    }
    return dict_string_hashed(dict, text, len, hash_bytes(dict->seed, text, len));
}

uint32_t dict_string_hashed(struct dict *dict, const char *text, size_t len, uint64_t hash)
{
    if (len > DICT_STRING_MAX_BYTES)
        return dict_string(dict, text, len);
    tagset_reserve(&dict->string_set, string_hash, dict);
    uint32_t slot = tagset_first(&dict->string_set, hash);
    for (uint32_t id; (id = tagset_find(&dict->string_set, &slot, hash)) != IDSET_NONE;
         slot = tagset_next(&dict->string_set, slot)) {
        if (dict_text_len(dict, id) == len && !memcmp(dict_text(dict, id), text, len))
            return id;
    }
    uint32_t id = string_add(dict, text, len);
    tagset_put(&dict->string_set, slot, id, hash);
    return id;
}

uint32_t dict_string_z(struct dict *dict, const char *text)
{
    return dict_string(dict, text, strlen(text));
}

uint32_t dict_frame(struct dict *dict, const struct frame *frame)
{
    tagset_reserve(&dict->frame_set, frame_hash, dict);
    uint64_t hash = hash_of_frame(dict->seed, frame);
    uint32_t slot = tagset_first(&dict->frame_set, hash);
    for (uint32_t id; (id = tagset_find(&dict->frame_set, &slot, hash)) != IDSET_NONE;
         slot = tagset_next(&dict->frame_set, slot)) {
        const struct frame *old = &dict->frames[id];
        if (old->name == frame->name && old->module == frame->module && old->file == frame->file &&
            old->line == frame->line && old->address == frame->address && old->kind == frame->kind)
            return id;
    }
    uint32_t id = (uint32_t)dict->frame_count;
    array_reserve(&dict->frames, &dict->frame_capacity, dict->frame_count + 1);
    dict->frames[dict->frame_count++] = *frame;
    tagset_put(&dict->frame_set, slot, id, hash);
    return id;
}

uint32_t dict_node_apart(struct dict *dict, uint32_t parent, uint32_t frame)
{
    array_reserve(&dict->nodes, &dict->node_capacity, dict->node_count + 1);
    dict->nodes[dict->node_count] = (struct node){parent, frame};
    return (uint32_t)dict->node_count++;
}

// Whether it is the next one behind its parent. Chains that are new are added from the root on, so
// that most nodes are. They are found beside the parent and need no place in the set.
static bool follows_parent(const struct dict *dict, size_t node)
{
    return dict->nodes[node].parent == node - 1;
}

// Makes the set anew, with room for one more node.
static void index_nodes(struct dict *dict)
{
    size_t inside = 1, slots = NODE_SLOTS_MIN;
    for (size_t id = 1; id < dict->node_count; id++)
        inside += !follows_parent(dict, id);
    while (slots - 1 <= dict->node_count || inside > slots / 4 * 3)
        slots *= 2;
    tagset_restart(&dict->node_set, slots);
    uint32_t lot[TAGSET_LOT];
    for (size_t id = 1; id < dict->node_count;) { // the root is not in it
        size_t count = 0;
        for (; count < TAGSET_LOT && id < dict->node_count; id++) {
            lot[count] = (uint32_t)id;
            count += !follows_parent(dict, id);
        }
        tagset_put_lot(&dict->node_set, lot, count, node_hash, dict);
    }
}

uint32_t dict_node(struct dict *dict, uint32_t parent, uint32_t frame)
{
    size_t next = (size_t)parent + 1;
    if (next == dict->node_count) // the parent was added last: it has no child
        return dict_node_apart(dict, parent, frame);
    if (dict->nodes[next].parent == parent && dict->nodes[next].frame == frame)
        return (uint32_t)next;
    struct tagset *set = &dict->node_set;
    if (set->mask <= dict->node_count || set->used + 1 > (set->mask + 1) / 4 * 3)
        index_nodes(dict);
    uint64_t hash = hash_of_node(dict->seed, parent, frame);
    uint32_t slot = tagset_first(set, hash);
    for (uint32_t id; (id = tagset_find(set, &slot, hash)) != IDSET_NONE;
         slot = tagset_next(set, slot)) {
        if (dict->nodes[id].parent == parent && dict->nodes[id].frame == frame)
            return id;
    }
    uint32_t id = dict_node_apart(dict, parent, frame);
    tagset_put(set, slot, id, hash);
    return id;
}

uint32_t dict_comm_node(struct dict *dict, uint32_t comm)
{
    struct frame frame = {.name = comm, .kind = FRAME_COMM};
    return dict_node(dict, DICT_ROOT, dict_frame(dict, &frame));
}

uint32_t dict_thread(struct dict *dict, const struct thread *thread)
{
    tagset_reserve(&dict->thread_set, thread_hash, dict);
    uint64_t hash = hash_of_thread(dict->seed, thread);
    uint32_t slot = tagset_first(&dict->thread_set, hash);
    for (uint32_t id; (id = tagset_find(&dict->thread_set, &slot, hash)) != IDSET_NONE;
         slot = tagset_next(&dict->thread_set, slot)) {
        const struct thread *old = &dict->threads[id];
        if (old->pid == thread->pid && old->tid == thread->tid && old->comm == thread->comm &&
            old->cgroup == thread->cgroup && old->start_ns == thread->start_ns)
            return id;
    }
    uint32_t id = (uint32_t)dict->thread_count;
    array_reserve(&dict->threads, &dict->thread_capacity, dict->thread_count + 1);
    dict->threads[dict->thread_count++] = *thread;
    tagset_put(&dict->thread_set, slot, id, hash);
    return id;
}

uint32_t dict_event(struct dict *dict, const struct event *event)
{
    tagset_reserve(&dict->event_set, event_hash, dict);
    uint64_t hash = hash_of_event(dict->seed, event);
    uint32_t slot = tagset_first(&dict->event_set, hash);
    for (uint32_t id; (id = tagset_find(&dict->event_set, &slot, hash)) != IDSET_NONE;
         slot = tagset_next(&dict->event_set, slot)) {
        const struct event *old = &dict->events[id];
        if (old->name == event->name && old->unit == event->unit &&
            old->by_value == event->by_value)
            return id;
    }
    uint32_t id = (uint32_t)dict->event_count;
    array_reserve(&dict->events, &dict->event_capacity, dict->event_count + 1);
    dict->events[dict->event_count++] = *event;
    tagset_put(&dict->event_set, slot, id, hash);
    return id;
}

// Entries differ from each other, so that none has to be compared.
static void index_all(struct tagset *set, size_t count, idset_hash_fn *hash,
                      const struct dict *dict)
{
    tagset_dispose(set);
    for (size_t id = 0; id < count; id++) {
        tagset_reserve(set, hash, dict);
        uint64_t id_hash = hash(dict, (uint32_t)id);
        tagset_put(set, tagset_free(set, id_hash), (uint32_t)id, id_hash);
    }
}

void dict_index(struct dict *dict)
{
    index_all(&dict->string_set, dict->string_count, string_hash, dict);
    index_all(&dict->frame_set, dict->frame_count, frame_hash, dict);
    index_nodes(dict);
    index_all(&dict->thread_set, dict->thread_count, thread_hash, dict);
    index_all(&dict->event_set, dict->event_count, event_hash, dict);
}

const char *dict_text(const struct dict *dict, uint32_t string)
{
    return dict->text + dict->string_at[string];
}

size_t dict_text_len(const struct dict *dict, uint32_t string)
{
    return (size_t)(dict->string_at[string + 1] - dict->string_at[string] - 1);
}

size_t dict_bytes(const struct dict *dict)
{
    return dict->text_capacity + dict->string_capacity * sizeof *dict->string_at +
           dict->frame_capacity * sizeof *dict->frames + dict->node_capacity * sizeof *dict->nodes +
           dict->thread_capacity * sizeof *dict->threads +
           dict->event_capacity * sizeof *dict->events + tagset_bytes(&dict->string_set) +
           tagset_bytes(&dict->frame_set) + tagset_bytes(&dict->node_set) +
           tagset_bytes(&dict->thread_set) + tagset_bytes(&dict->event_set);
}
