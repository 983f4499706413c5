// Masks of segments: what a sample counts as is a byte of its node, and-ed with those of its thread
// and CPU; eight of them are a word, whose bits are gathered and summed at once.
#include "analysis/mask.h"

#include "proto/alloc.h"

#include <stdlib.h>

enum { COUNTS = 1, IDLE = 2, NO_STACK = 4, UNRESOLVED = 8, CLASSES = 4 };

static uint8_t class_of(const struct view *view, uint8_t marks)
{
    if (!view_counts(view, marks))
        return marks & VIEW_FAILS ? 0 : IDLE;
    return (uint8_t)(COUNTS | (marks & CALLPATH_NO_STACK ? NO_STACK : 0) |
                     (marks & CALLPATH_UNRESOLVED ? UNRESOLVED : 0));
}

uint8_t *mask_nodes(const struct view *view)
{
    if (view->by_value || view->bits.value_count)
        return NULL;
    uint8_t classes[256];
    for (unsigned marks = 0; marks < 256; marks++)
        classes[marks] = class_of(view, (uint8_t)marks);
    size_t count = view->buffer->dict.node_count;
    uint8_t *nodes = xmalloc(count);
    for (size_t i = 0; i < count; i++)
        nodes[i] = classes[view->marks[i]];
    return nodes;
}

struct sums {
    uint32_t of[CLASSES];
};

// What a sample counts as. `threads` and `cpus` are compile-time NULL or not in each copy.
static inline __attribute__((always_inline)) uint64_t class_at(const struct segment *segment,
                                                               size_t at, const uint8_t *nodes,
                                                               const uint8_t *threads,
                                                               const uint8_t *cpus)
{
    uint8_t class = nodes[segment->nodes[at]];
    if (threads)
        class &= threads[segment->threads[at]];
    if (cpus)
        class &= cpus[segment->cpus[at]];
    return class;
}

// Up to 64 samples: their bits, the first one's the lowest, and what they come to.
static inline __attribute__((always_inline)) uint64_t take_word(
    const struct segment *segment, uint32_t from, uint32_t count, const uint8_t *nodes,
    const uint8_t *threads, const uint8_t *cpus, struct sums *sums)
{
#define CLASS(j) (class_at(segment, at + (j), nodes, threads, cpus) << (j)*8)
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t bits = 0, counted = 0, idle = 0, no_stack = 0, unresolved = 0;
    for (uint32_t i = 0; i < count; i += 8) {
        const size_t at = from + i;
        uint64_t classes = 0; // a byte each
        if (i + 8 <= count) {
            classes = CLASS(0) | CLASS(1) | CLASS(2) | CLASS(3) | CLASS(4) | CLASS(5) | CLASS(6) |
                      CLASS(7);
        } else {
            for (uint32_t j = 0; i + j < count; j++)
                classes |= CLASS(j);
        }
        counted += classes & ones;
        idle += classes >> 1 & ones;
        no_stack += classes >> 2 & ones;
        unresolved += classes >> 3 & ones;
        // Gathers the lowest bits of the bytes.
        bits |= ((classes & ones) * UINT64_C(0x0102040810204080) >> 56) << i;
    }
    sums->of[0] += (uint32_t)(counted * ones >> 56);
    sums->of[1] += (uint32_t)(idle * ones >> 56);
    sums->of[2] += (uint32_t)(no_stack * ones >> 56);
    sums->of[3] += (uint32_t)(unresolved * ones >> 56);
    return bits;
#undef CLASS
}

static inline __attribute__((always_inline)) void take_all(struct segment_mask *mask,
                                                           const struct segment *segment,
                                                           const uint8_t *nodes,
                                                           const uint8_t *threads,
                                                           const uint8_t *cpus, struct sums *sums)
{
    uint32_t count = segment->count, at = 0;
    for (; at + 64 <= count; at += 64) {
        mask->before[at / 64] = sums->of[0];
        mask->bits[at / 64] = take_word(segment, at, 64, nodes, threads, cpus, sums);
    }
    mask->before[at / 64] = sums->of[0];
    mask->bits[at / 64] = take_word(segment, at, count - at, nodes, threads, cpus, sums);
}

// Makes 0 and 1 bytes that let nothing and everything through.
static void widen(uint8_t *out, const uint8_t *passes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (uint8_t)-passes[i];
}

// `threads` is what the pass has of them, if any.
static void fill(struct segment_mask *mask, const struct segment *segment, const uint8_t *nodes,
                 const struct view_pass *pass, uint8_t *threads)
{
    struct sums sums = {0};
    uint8_t cpus[256];
    if (pass->threads)
        widen(threads, pass->threads, segment->thread_count);
    if (pass->cpus)
        widen(cpus, pass->cpus, sizeof cpus);
    size_t words = segment->count / 64 + 1;
    mask->bits = xreallocarray(mask->bits, words, sizeof *mask->bits + sizeof *mask->before);
    mask->before = (uint32_t *)(mask->bits + words);
    if (pass->threads && pass->cpus)
        take_all(mask, segment, nodes, threads, cpus, &sums);
    else if (pass->threads)
        take_all(mask, segment, nodes, threads, NULL, &sums);
    else if (pass->cpus)
        take_all(mask, segment, nodes, NULL, cpus, &sums);
    else
        take_all(mask, segment, nodes, NULL, NULL, &sums);
    mask->samples = sums.of[0];
    mask->idle = sums.of[1];
    mask->no_stack = sums.of[2];
    mask->unresolved = sums.of[3];
}

// Where none passes, which the segment's own sets tell, or all count.
static void fill_alike(struct segment_mask *mask, const struct view *view,
                       const struct segment *segment, bool all)
{
    free(mask->bits);
    mask->bits = NULL;
    mask->samples = mask->idle = mask->no_stack = mask->unresolved = 0;
    if (!all) {
        size_t words = segment->count / 64 + 1;
        mask->bits = xcalloc(words, sizeof *mask->bits + sizeof *mask->before);
        mask->before = (uint32_t *)(mask->bits + words);
        return;
    }
    mask->samples = segment->count;
    for (unsigned flags = 0; flags <= CALLPATH_FLAGS; flags++) {
        uint8_t class = class_of(view, (uint8_t)flags);
        mask->no_stack += class & NO_STACK ? segment->kinds[flags] : 0;
        mask->unresolved += class & UNRESOLVED ? segment->kinds[flags] : 0;
    }
}

static bool has_idle(const struct segment *segment)
{
    for (unsigned flags = 0; flags <= CALLPATH_FLAGS; flags++) {
        if (flags & CALLPATH_IDLE && segment->kinds[flags])
            return true;
    }
    return false;
}

const struct segment_mask *mask_of(const struct view *view, const struct view_run *run,
                                   const uint8_t *nodes, uint8_t *threads)
{
    struct segment *segment = run->segment;
    struct segment_mask *mask = &segment->masks[view->mask_slot];
    if (!nodes || segment == run->track->open[segment->timeless] || run->from != 0 ||
        run->to != segment->count || segment->wide_cpus)
        return NULL;
    if (mask->of == view->mask_number)
        return mask;
    struct view_pass pass;
    if (!view_pass_of(view, run, threads, &pass))
        fill_alike(mask, view, segment, false);
    else if (!view->filtered && !(view->hides_idle && has_idle(segment)))
        fill_alike(mask, view, segment, true);
    else
        fill(mask, segment, nodes, &pass, threads);
    mask->of = view->mask_number;
    return mask;
}
