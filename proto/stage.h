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

struct stage_node {
    uint32_t id;                 // of the sink; IDSET_NONE: not yet
    uint32_t frames, unresolved; // of it and those above it, the comm not counted
};

enum { STAGE_RUN = 512 }; // samples of a run

struct stage {
    struct dict dict;
    struct sample *samples; // of numbers in dict
    size_t count, capacity;
    // Behind these, samples that have all but time, value and node in common: see stage_run_begin.
    struct {
        struct sample common;
        bool in_sink; // nodes are of the sink, and counted in the report
        uint32_t count;
        uint32_t nodes[STAGE_RUN];
        int64_t times_ns[STAGE_RUN];
        uint64_t values[STAGE_RUN];
    } run;
    struct stage_map frames, threads, events;
    struct stage_node *nodes; // by number in dict
    size_t node_count, node_capacity;
    uint64_t generation; // of the sink's dictionary, that the maps are of
    uint32_t *path;      // scratch
    size_t path_capacity;
};

void stage_init(struct stage *stage);
void stage_dispose(struct stage *stage);
void stage_grow(struct stage *stage);
static inline void stage_add(struct stage *stage, const struct sample *sample)
{
    if (stage->count == stage->capacity)
        stage_grow(stage);
    stage->samples[stage->count++] = *sample;
}

// What the samples of stage_run_add that follow have in common. With SAMPLE_NO_TIME, none has a
// time. The run before was handed over.
static inline void stage_run_begin(struct stage *stage, const struct sample *common)
{
    stage->run.common = *common;
    stage->run.in_sink = false;
}

// A run that is full is to be handed over before the next sample.
static inline bool stage_run_is_full(const struct stage *stage)
{
    return stage->run.count == STAGE_RUN;
}

static inline void stage_run_add(struct stage *stage, uint32_t node, int64_t time_ns,
                                 uint64_t value)
{
    uint32_t at = stage->run.count++;
    stage->run.nodes[at] = node;
    stage->run.times_ns[at] = time_ns;
    stage->run.values[at] = value;
}

// For who knows how its stacks go on, and hands over all of them in one call: makes ready for the
// sink's numbers of nodes and frames of the stage, which are valid until then.
void stage_map(struct stage *stage, struct dict *to);
const struct stage_node *stage_node_in(struct stage *stage, struct dict *to, uint32_t node);
uint32_t stage_frame_in(struct stage *stage, struct dict *to, uint32_t frame);

static inline void stage_count_stack(struct decode_report *report, const struct stage_node *node)
{
    report->samples++;
    report->frames += node->frames;
    report->unresolved += node->unresolved;
    report->no_stack += !node->frames;
}

// A node of the stage one level below parent; the frame's text is of the stage's dictionary.
uint32_t stage_node(struct stage *stage, uint32_t parent, const struct frame *frame);
// Hands over all samples and the run, in order, and forgets them; counts them in the decoder's
// report.
int stage_hand_over(struct stage *stage, struct decoder *decoder, struct err *err) MUST_CHECK;

#endif
