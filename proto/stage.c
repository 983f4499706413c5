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
    free(stage->nodes);
    free(stage->frames.ids);
    free(stage->threads.ids);
    free(stage->events.ids);
    free(stage->path);
}

void stage_grow(struct stage *stage)
{
    array_reserve(&stage->samples, &stage->capacity, stage->count + 1);
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

static void nodes_cover(struct stage *stage)
{
    size_t count = stage->dict.node_count;
    array_reserve(&stage->nodes, &stage->node_capacity, count);
    for (; stage->node_count < count; stage->node_count++)
        stage->nodes[stage->node_count].id = IDSET_NONE;
    stage->nodes[DICT_ROOT] = (struct stage_node){.id = DICT_ROOT};
}

static uint32_t string_of(const struct stage *stage, struct dict *to, uint32_t string)
{
    return string == DICT_EMPTY ? DICT_EMPTY
                                : dict_string(to, dict_text(&stage->dict, string),
                                              dict_text_len(&stage->dict, string));
}

uint32_t stage_frame_in(struct stage *stage, struct dict *to, uint32_t number)
{
    uint32_t *id = stage->frames.ids + number;
    if (*id == IDSET_NONE) {
        struct frame frame = stage->dict.frames[number];
        frame.name = string_of(stage, to, frame.name);
        frame.module = string_of(stage, to, frame.module);
        frame.file = string_of(stage, to, frame.file);
        *id = dict_frame(to, &frame);
    }
    return *id;
}

// A node whose caller is mapped.
static void map_node(struct stage *stage, struct dict *to, uint32_t node)
{
    const struct node *row = stage->dict.nodes + node;
    const struct frame *frame = stage->dict.frames + row->frame;
    struct stage_node mapped = stage->nodes[row->parent];
    if (frame->kind != FRAME_COMM) {
        mapped.frames++;
        mapped.unresolved += frame_is_unresolved(frame);
    }
    mapped.id = dict_node(to, mapped.id, stage_frame_in(stage, to, row->frame));
    stage->nodes[node] = mapped;
}

static inline const struct stage_node *node_of(struct stage *stage, struct dict *to, uint32_t node)
{
    if (__builtin_expect(stage->nodes[node].id != IDSET_NONE, 1))
        return stage->nodes + node;
    size_t depth = 0;
    for (uint32_t at = node; stage->nodes[at].id == IDSET_NONE; at = stage->dict.nodes[at].parent) {
        array_reserve(&stage->path, &stage->path_capacity, depth + 1);
        stage->path[depth++] = at;
    }
    while (depth)
        map_node(stage, to, stage->path[--depth]);
    return stage->nodes + node;
}

const struct stage_node *stage_node_in(struct stage *stage, struct dict *to, uint32_t node)
{
    return node_of(stage, to, node);
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

void stage_map(struct stage *stage, struct dict *to)
{
    if (stage->generation != to->generation) {
        stage->node_count = stage->frames.len = stage->threads.len = stage->events.len = 0;
        stage->generation = to->generation;
    }
    nodes_cover(stage);
    map_cover(&stage->frames, stage->dict.frame_count);
    map_cover(&stage->threads, stage->dict.thread_count);
    map_cover(&stage->events, stage->dict.event_count);
    for (size_t i = 0; i < stage->dict.event_count; i++)
        event_of(stage, to, (uint32_t)i); // in their order: the first is what is looked at first
}

static int hand_over_samples(struct stage *stage, struct decoder *decoder, struct err *err)
{
    struct dict *to = decoder->sink->dict;
    struct sample batch[BATCH];
    int code = 0;
    for (size_t at = 0; !code && at < stage->count; at += BATCH) {
        size_t count = stage->count - at < BATCH ? stage->count - at : BATCH;
        for (size_t i = 0; i < count; i++) {
            struct sample sample = stage->samples[at + i];
            const struct stage_node *node = node_of(stage, to, sample.node);
            sample.node = node->id;
            sample.thread = thread_of(stage, to, sample.thread);
            sample.event = (uint16_t)event_of(stage, to, sample.event);
            batch[i] = sample;
            stage_count_stack(&decoder->report, node);
        }
        code = sink_samples(decoder->sink, batch, count, err);
    }
    stage->count = 0;
    return code;
}

static void map_run(struct stage *stage, struct decoder *decoder)
{
    struct dict *to = decoder->sink->dict;
    uint32_t *nodes = stage->run.nodes;
    struct decode_report report = decoder->report;
    for (uint32_t i = 0; i < stage->run.count; i++) {
        const struct stage_node *node = node_of(stage, to, nodes[i]);
        nodes[i] = node->id;
        stage_count_stack(&report, node);
    }
    decoder->report = report;
}

static int hand_over_run(struct stage *stage, struct decoder *decoder, struct err *err)
{
    struct dict *to = decoder->sink->dict;
    if (!stage->run.in_sink)
        map_run(stage, decoder);
    struct sample_run run = {
        .nodes = stage->run.nodes,
        .times_ns = stage->run.common.time_ns == SAMPLE_NO_TIME ? NULL : stage->run.times_ns,
        .values = stage->run.values,
        .count = stage->run.count,
        .thread = thread_of(stage, to, stage->run.common.thread),
        .cpu = stage->run.common.cpu,
        .event = (uint16_t)event_of(stage, to, stage->run.common.event),
    };
    stage->run.count = 0;
    return sink_run(decoder->sink, &run, err);
}

static int check_events(const struct stage *stage, struct err *err)
{
    for (size_t i = 0; i < stage->dict.event_count; i++) {
        if (stage->events.ids[i] > UINT16_MAX)
            return err_set(err, -E2BIG, "more than 65536 different events");
    }
    return 0;
}

int stage_hand_over(struct stage *stage, struct decoder *decoder, struct err *err)
{
    stage_map(stage, decoder->sink->dict);
    int code = check_events(stage, err);
    if (code)
        stage->count = stage->run.count = 0;
    else
        code = hand_over_samples(stage, decoder, err);
    return code || !stage->run.count ? code : hand_over_run(stage, decoder, err);
}
