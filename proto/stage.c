// Samples that wait, and the maps between two dictionaries.
#include "proto/stage.h"

#include "proto/alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 1024 };

void stage_init(struct stage *stage)
{
    memset(stage, 0, sizeof *stage);
    dict_init(&stage->dict);
}

void stage_dispose(struct stage *stage)
{
    dict_dispose(&stage->dict);
    free(stage->samples);
    free(stage->nodes.ids);
    free(stage->threads.ids);
    free(stage->events.ids);
    free(stage->path);
    free(stage->depths);
}

void stage_grow(struct stage *stage)
{
    array_reserve(&stage->samples, &stage->capacity, stage->count + 1);
}

struct sample *stage_room(struct stage *stage, size_t count)
{
    array_reserve(&stage->samples, &stage->capacity, stage->count + count);
    return stage->samples + stage->count;
}

uint32_t stage_node(struct stage *stage, uint32_t parent, const struct frame *frame)
{
    return dict_node(&stage->dict, parent, dict_frame(&stage->dict, frame));
}

static void map_cover(struct stage_map *map, size_t count)
{
    if (map->len >= count)
        return;
    array_reserve(&map->ids, &map->capacity, count);
    memset(map->ids + map->len, 0xff, (count - map->len) * sizeof *map->ids);
    map->len = count;
}

static void map_clear(struct stage_map *map)
{
    map->len = 0;
}

static uint32_t string_of(const struct stage *stage, struct dict *to, uint32_t string)
{
    return string == DICT_EMPTY ? DICT_EMPTY
                                : dict_string(to, dict_text(&stage->dict, string),
                                              dict_text_len(&stage->dict, string));
}

static uint32_t frame_of(const struct stage *stage, struct dict *to, uint32_t number)
{
    struct frame frame = stage->dict.frames[number];
    frame.name = string_of(stage, to, frame.name);
    frame.module = string_of(stage, to, frame.module);
    frame.file = string_of(stage, to, frame.file);
    return dict_frame(to, &frame);
}

// The node above it was counted before.
static void count_depth(struct stage *stage, uint32_t node)
{
    const struct dict *dict = &stage->dict;
    const struct frame *frame = dict->frames + dict->nodes[node].frame;
    struct stage_depth depth = stage->depths[dict->nodes[node].parent];
    if (frame->kind != FRAME_COMM) {
        depth.frames++;
        depth.unresolved += frame_is_unresolved(frame);
    }
    stage->depths[node] = depth;
}

static uint32_t node_of(struct stage *stage, struct dict *to, uint32_t node)
{
    uint32_t *ids = stage->nodes.ids;
    size_t depth = 0;
    ids[DICT_ROOT] = DICT_ROOT;
    for (; ids[node] == IDSET_NONE; node = stage->dict.nodes[node].parent) {
        array_reserve(&stage->path, &stage->path_capacity, depth + 1);
        stage->path[depth++] = node;
    }
    uint32_t parent = ids[node];
    while (depth) {
        node = stage->path[--depth];
        parent = dict_node(to, parent, frame_of(stage, to, stage->dict.nodes[node].frame));
        ids[node] = parent;
        count_depth(stage, node);
    }
    return parent;
}

static uint32_t thread_of(struct stage *stage, struct dict *to, uint32_t number)
{
    uint32_t *id = stage->threads.ids + number;
    if (*id == IDSET_NONE) {
        struct thread thread = stage->dict.threads[number];
        thread.comm = string_of(stage, to, thread.comm);
        thread.cgroup = string_of(stage, to, thread.cgroup);
        *id = dict_thread(to, &thread);
    }
    return *id;
}

static uint32_t event_of(struct stage *stage, struct dict *to, uint32_t number)
{
    uint32_t *id = stage->events.ids + number;
    if (*id == IDSET_NONE) {
        struct event event = stage->dict.events[number];
        event.name = string_of(stage, to, event.name);
        event.unit = string_of(stage, to, event.unit);
        *id = dict_event(to, &event);
    }
    return *id;
}

int stage_hand_over(struct stage *stage, struct decoder *decoder, struct err *err)
{
    struct dict *to = decoder->sink->dict;
    if (stage->generation != to->generation) {
        map_clear(&stage->nodes);
        map_clear(&stage->threads);
        map_clear(&stage->events);
        stage->generation = to->generation;
    }
    map_cover(&stage->nodes, stage->dict.node_count);
    map_cover(&stage->threads, stage->dict.thread_count);
    array_reserve(&stage->depths, &stage->depth_capacity, stage->dict.node_count);
    stage->depths[DICT_ROOT] = (struct stage_depth){0};
    struct decode_report *report = &decoder->report;
    map_cover(&stage->events, stage->dict.event_count);
    int code = 0;
    for (size_t i = 0; i < stage->dict.event_count; i++) {
        // In their order: the first is what is looked at first.
        if (event_of(stage, to, (uint32_t)i) > UINT16_MAX)
            code = err_set(err, -E2BIG, "more than 65536 different events");
    }
    struct sample batch[BATCH];
    for (size_t at = 0; !code && at < stage->count; at += BATCH) {
        size_t count = stage->count - at < BATCH ? stage->count - at : BATCH;
        for (size_t i = 0; i < count; i++) {
            batch[i] = stage->samples[at + i];
            uint32_t node = batch[i].node, thread = batch[i].thread;
            if (stage->nodes.ids[node] == IDSET_NONE)
                (void)node_of(stage, to, node);
            if (stage->threads.ids[thread] == IDSET_NONE)
                (void)thread_of(stage, to, thread);
            batch[i].node = stage->nodes.ids[node];
            batch[i].thread = stage->threads.ids[thread];
            batch[i].event = (uint16_t)stage->events.ids[batch[i].event];
            const struct stage_depth *depth = stage->depths + node;
            report->frames += depth->frames;
            report->unresolved += depth->unresolved;
            report->no_stack += !depth->frames;
        }
        report->samples += count;
        code = sink_samples(decoder->sink, batch, count, err);
    }
    stage->count = 0;
    return code;
}
