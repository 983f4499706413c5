// Hand-made heatmaps and folds for the tests of what is drawn from them.
#ifndef FLICKER_TESTS_UNIT_VIEWER_PICTURE_H
#define FLICKER_TESTS_UNIT_VIEWER_PICTURE_H

#include "analysis/fold.h"
#include "analysis/heatmap.h"
#include "analysis/store.h"
#include "proto/alloc.h"

#include <stdlib.h>
#include <string.h>

#define SECOND_NS 1000000000LL

static inline void map_init(struct heatmap *map, uint32_t columns, uint32_t rows)
{
    *map = (struct heatmap){
        .shape = {.column_ns = SECOND_NS, .columns = columns, .rows = rows},
        .cells = xcalloc((size_t)columns * rows, sizeof *map->cells),
        .paint = xcalloc((size_t)columns * rows, 1),
    };
}

static inline void map_put(struct heatmap *map, uint32_t column, uint32_t row, uint64_t weight)
{
    map->cells[(size_t)column * map->shape.rows + row] = weight;
    map->totals.samples += weight;
    if (weight > map->max)
        map->max = weight;
}

static inline void map_paint(struct heatmap *map, uint32_t column, uint32_t row, uint8_t paint)
{
    map->paint[(size_t)column * map->shape.rows + row] |= paint;
}

static inline void map_free(struct heatmap *map)
{
    free(map->cells);
    free(map->paint);
}

// A fold and its dictionary, built path by path.
struct picture_fold {
    struct dict dict;
    struct fold fold;
};

static inline void picture_fold_init(struct picture_fold *out)
{
    *out = (struct picture_fold){0};
    dict_init(&out->dict);
    out->fold.dict = &out->dict;
    array_reserve(&out->fold.nodes, &out->fold.capacity, 1);
    out->fold.nodes[out->fold.count++] = (struct fold_node){.frame = IDSET_NONE};
}

static inline uint32_t picture_fold_child(struct picture_fold *in, uint32_t parent,
                                          const char *name, enum frame_kind kind)
{
    struct frame frame = {.name = dict_string_z(&in->dict, name), .kind = (uint8_t)kind};
    uint32_t id = dict_frame(&in->dict, &frame);
    struct fold *fold = &in->fold;
    for (uint32_t i = 1; i < fold->count; i++) {
        if (fold->nodes[i].parent == parent && fold->nodes[i].frame == id)
            return i;
    }
    array_reserve(&fold->nodes, &fold->capacity, fold->count + 1);
    fold->nodes[fold->count] = (struct fold_node){.parent = parent, .frame = id};
    return (uint32_t)fold->count++;
}

// "demo;main;work" with this many samples: the first name is the comm, a name that ends in "_k" a
// kernel function's, in "_j" a jitted one's, an empty one is unresolved.
static inline void picture_fold_add(struct picture_fold *in, const char *path, uint64_t samples)
{
    char copy[4096], *rest = copy, *name;
    strncpy(copy, path, sizeof copy - 1);
    copy[sizeof copy - 1] = '\0';
    uint32_t node = 0;
    in->fold.nodes[0].total_samples += samples;
    in->fold.totals.samples += samples;
    for (bool first = true; (name = strsep(&rest, ";")) != NULL; first = false) {
        size_t len = strlen(name);
        enum frame_kind kind = first                                      ? FRAME_COMM
                               : len > 2 && !strcmp(name + len - 2, "_k") ? FRAME_KERNEL
                               : len > 2 && !strcmp(name + len - 2, "_j") ? FRAME_JIT
                                                                          : FRAME_USER;
        node = picture_fold_child(in, node, name, kind);
        in->fold.nodes[node].total_samples += samples;
    }
    in->fold.nodes[node].self_samples += samples;
}

static inline void picture_fold_free(struct picture_fold *in)
{
    free(in->fold.nodes);
    dict_dispose(&in->dict);
}

#endif
