// Compaction of a dictionary: what is still needed moves down in its array, in order.
#include "proto/alloc.h"
#include "proto/dict.h"

#include <stdlib.h>
#include <string.h>

static bool has(const uint64_t *bits, size_t at)
{
    return bits[at / 64] >> at % 64 & 1;
}

// New numbers for those that are marked with 1; IDSET_NONE for the others.
static void number_kept(uint32_t *marks, size_t count)
{
    uint32_t next = 0;
    for (size_t i = 0; i < count; i++)
        marks[i] = marks[i] ? next++ : IDSET_NONE;
}

static uint32_t *keep_nodes(const struct dict *dict, const uint64_t *nodes)
{
    uint32_t *kept = xcalloc(dict->node_count, sizeof *kept);
    kept[DICT_ROOT] = 1;
    for (size_t i = dict->node_count; i-- > 1;) {
        if (kept[i] || has(nodes, i))
            kept[i] = kept[dict->nodes[i].parent] = 1;
    }
    return kept;
}

static uint32_t *keep_threads(const struct dict *dict, const uint64_t *threads)
{
    uint32_t *kept = xcalloc(dict->thread_count, sizeof *kept);
    for (size_t i = 0; i < dict->thread_count; i++)
        kept[i] = has(threads, i);
    return kept;
}

static uint32_t *keep_frames(const struct dict *dict, const uint32_t *nodes)
{
    uint32_t *kept = xcalloc(dict->frame_count, sizeof *kept);
    for (size_t i = 1; i < dict->node_count; i++) {
        if (nodes[i])
            kept[dict->nodes[i].frame] = 1;
    }
    return kept;
}

static uint32_t *keep_strings(const struct dict *dict, const uint32_t *frames,
                              const uint32_t *threads)
{
    uint32_t *kept = xcalloc(dict->string_count, sizeof *kept);
    kept[DICT_EMPTY] = 1;
    for (size_t i = 0; i < dict->frame_count; i++) {
        const struct frame *frame = &dict->frames[i];
        if (frames[i])
            kept[frame->name] = kept[frame->module] = kept[frame->file] = 1;
    }
    for (size_t i = 0; i < dict->thread_count; i++) {
        if (threads[i])
            kept[dict->threads[i].comm] = kept[dict->threads[i].cgroup] = 1;
    }
    for (size_t i = 0; i < dict->event_count; i++)
        kept[dict->events[i].name] = kept[dict->events[i].unit] = 1;
    return kept;
}

static void move_strings(struct dict *dict, const uint32_t *strings)
{
    size_t count = 0;
    size_t text_len = 0;
    for (size_t i = 0; i < dict->string_count; i++) {
        size_t from = dict->string_at[i];
        size_t len = dict->string_at[i + 1] - from;
        if (strings[i] == IDSET_NONE)
            continue;
        memmove(dict->text + text_len, dict->text + from, len);
        dict->string_at[count++] = text_len; // at or before what is still to be read
        text_len += len;
    }
    dict->string_at[count] = text_len;
    dict->string_count = count;
    dict->text_len = text_len;
}

static void move_frames(struct dict *dict, const uint32_t *frames, const uint32_t *strings)
{
    size_t count = 0;
    for (size_t i = 0; i < dict->frame_count; i++) {
        struct frame frame = dict->frames[i];
        if (frames[i] == IDSET_NONE)
            continue;
        frame.name = strings[frame.name];
        frame.module = strings[frame.module];
        frame.file = strings[frame.file];
        dict->frames[count++] = frame;
    }
    dict->frame_count = count;
}

static void move_nodes(struct dict *dict, const uint32_t *nodes, const uint32_t *frames)
{
    size_t count = 1; // the root stays as it is
    for (size_t i = 1; i < dict->node_count; i++) {
        struct node node = dict->nodes[i];
        if (nodes[i] != IDSET_NONE)
            dict->nodes[count++] = (struct node){nodes[node.parent], frames[node.frame]};
    }
    dict->node_count = count;
}

static void move_threads(struct dict *dict, const uint32_t *threads, const uint32_t *strings)
{
    size_t count = 0;
    for (size_t i = 0; i < dict->thread_count; i++) {
        struct thread thread = dict->threads[i];
        if (threads[i] == IDSET_NONE)
            continue;
        thread.comm = strings[thread.comm];
        thread.cgroup = strings[thread.cgroup];
        dict->threads[count++] = thread;
    }
    dict->thread_count = count;
}

#define SHRINK(array, capacity, count)                                                             \
    do {                                                                                           \
        (capacity) = (count) + (count) / 4 + 16;                                                   \
        (array) = xreallocarray((array), (capacity), sizeof *(array));                             \
    } while (0)

static void shrink(struct dict *dict)
{
    SHRINK(dict->text, dict->text_capacity, dict->text_len);
    SHRINK(dict->string_at, dict->string_capacity, dict->string_count + 1);
    SHRINK(dict->frames, dict->frame_capacity, dict->frame_count);
    SHRINK(dict->nodes, dict->node_capacity, dict->node_count);
    SHRINK(dict->threads, dict->thread_capacity, dict->thread_count);
}

void dict_compact(struct dict *dict, const uint64_t *nodes, const uint64_t *threads,
                  struct dict_renumbering *out)
{
    out->nodes = keep_nodes(dict, nodes);
    out->threads = keep_threads(dict, threads);
    uint32_t *frames = keep_frames(dict, out->nodes);
    uint32_t *strings = keep_strings(dict, frames, out->threads);
    number_kept(out->nodes, dict->node_count);
    number_kept(out->threads, dict->thread_count);
    number_kept(frames, dict->frame_count);
    number_kept(strings, dict->string_count);
    move_strings(dict, strings);
    move_frames(dict, frames, strings);
    move_nodes(dict, out->nodes, frames);
    move_threads(dict, out->threads, strings);
    for (size_t i = 0; i < dict->event_count; i++) {
        dict->events[i].name = strings[dict->events[i].name];
        dict->events[i].unit = strings[dict->events[i].unit];
    }
    free(frames);
    free(strings);
    shrink(dict);
    dict_index(dict);
    dict->generation++;
}

void dict_renumbering_dispose(struct dict_renumbering *renumbering)
{
    free(renumbering->nodes);
    free(renumbering->threads);
    *renumbering = (struct dict_renumbering){0};
}
