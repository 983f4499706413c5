// What a report counts of the stacks of samples.
#include "proto/perf_tally.h"

#include "proto/alloc.h"

#include <stdlib.h>

// Takes in the nodes that are new since. A caller's number is lower, so that it is known already.
static void follow(struct perf_tally *tally, const struct dict *dict)
{
    if (tally->generation != dict->generation)
        tally->known = 0;
    tally->generation = dict->generation;
    if (tally->known == dict->node_count)
        return;
    array_reserve(&tally->counts, &tally->capacity, dict->node_count);
    for (size_t i = tally->known; i < dict->node_count; i++) {
        const struct node *node = &dict->nodes[i];
        tally->counts[i] = (struct perf_stack_counts){0, 0};
        if (i == DICT_ROOT || node->parent == DICT_ROOT)
            continue; // the level of the comm
        const struct perf_stack_counts *callers = &tally->counts[node->parent];
        bool unresolved = frame_is_unresolved(&dict->frames[node->frame]);
        tally->counts[i].frames = (uint16_t)(callers->frames + 1);
        tally->counts[i].unresolved = (uint16_t)(callers->unresolved + unresolved);
    }
    tally->known = dict->node_count;
}

void perf_tally_samples(struct perf_tally *tally, struct decode_report *report,
                        const struct dict *dict, const struct sample *samples, size_t count)
{
    follow(tally, dict);
    for (size_t i = 0; i < count; i++) {
        struct perf_stack_counts counts = tally->counts[samples[i].node];
        report->frames += counts.frames;
        report->unresolved += counts.unresolved;
        report->no_stack += !counts.frames;
    }
}

void perf_tally_dispose(struct perf_tally *tally)
{
    free(tally->counts);
    *tally = (struct perf_tally){0};
}
