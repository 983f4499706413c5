// A dictionary and samples of a decoder's own, handed over to its sink later.
//
// Formats whose samples mean nothing before the end of the file (names last, tables in any order)
// decode into a stage. Numbers of the sink's dictionary are made on handing over, so they need not
// survive between two pushes; only names that samples speak of are.
#ifndef FLICKER_PROTO_STAGE_H
#define FLICKER_PROTO_STAGE_H

#include "proto/format.h"

struct stage_map {
    uint32_t *ids; // stage number -> sink number; IDSET_NONE: not yet
    size_t len, capacity;
};

struct stage {
    struct dict dict;
    struct sample *samples; // of numbers in dict
    size_t count, capacity;
    struct stage_map nodes, threads, events;
    uint64_t generation; // of the sink's dictionary, that the maps are of
    struct stage_depth {
        uint32_t frames, unresolved; // of a node and those above it, the comm not counted
    } * depths;                      // by node, valid where it is mapped
    size_t depth_capacity;
    uint32_t *path; // scratch
    size_t path_capacity;
};

void stage_init(struct stage *stage);
void stage_dispose(struct stage *stage);
void stage_grow(struct stage *stage);
// Where `count` more samples can be written; they count once stage->count says so.
struct sample *stage_room(struct stage *stage, size_t count);
static inline void stage_add(struct stage *stage, const struct sample *sample)
{
    if (stage->count == stage->capacity)
        stage_grow(stage);
    stage->samples[stage->count++] = *sample;
}

// A node of the stage one level below parent; the frame's text is of the stage's dictionary.
uint32_t stage_node(struct stage *stage, uint32_t parent, const struct frame *frame);
enum { STAGE_BATCH = 4096 }; // samples after which it is worth to hand over
// Hands over all samples, in order, and forgets them; counts them in the decoder's report.
int stage_hand_over(struct stage *stage, struct decoder *decoder, struct err *err) MUST_CHECK;

#endif
