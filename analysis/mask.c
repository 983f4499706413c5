// Masks of segments: what a sample counts as is a byte of its node, and-ed with those of its thread
// and CPU. They are made in batches, of which 64 samples at a time are summed and gathered as
// bits. The columns are all that is read, so the speed of memory is what limits this.
#include "analysis/mask.h"

#include "proto/alloc.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

enum { COUNTS = 1, IDLE = 2, NO_STACK = 4, UNRESOLVED = 8 };
enum { WORD = 64, LANES = 16, PARTS = WORD / LANES, BATCH = 16 * WORD, CPUS_FEW = 8 };
enum { AHEAD = BATCH / 2 };

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

// Bytes that are worked on at once, in a register of the processor where it has such.
typedef uint8_t lanes __attribute__((vector_size(LANES)));

// How many samples count as what. The last three are summed by lane, and added up before a byte
// can overflow.
struct sums {
    uint32_t counted, idle, no_stack, unresolved;
    lanes lanes[3];
    unsigned words; // in the lanes
};

// What the threads and CPUs of a segment let pass: 0 or 0xff. CPUs of which few pass, or few do
// not, are compared with those, as that is done with many samples at once.
struct passes {
    uint8_t *threads; // by number in the segment; NULL: all
    enum { CPUS_ALL, CPUS_LISTED, CPUS_LOOKED_UP } by;
    unsigned listed_count;
    lanes listed[CPUS_FEW]; // in every lane
    lanes not_listed;       // what those are that are not in the list
    uint8_t cpus[256];
};

static inline void keep_listed(lanes *classes, const uint8_t *cpus, const struct passes *passes)
{
    lanes cpu[PARTS], listed[PARTS] = {{0}};
    memcpy(cpu, cpus, sizeof cpu);
    for (unsigned i = 0; i < passes->listed_count; i++) {
        for (int part = 0; part < PARTS; part++)
            listed[part] |= (lanes)(cpu[part] == passes->listed[i]);
    }
    for (int part = 0; part < PARTS; part++)
        classes[part] &= listed[part] ^ passes->not_listed;
}

// Memory far enough ahead that it is there in time.
static inline void read_ahead(const struct segment *segment, uint32_t at)
{
    for (int i = 0; i < WORD; i += 16)
        __builtin_prefetch(segment->nodes + at + AHEAD + i);
    for (int i = 0; i < WORD; i += 32)
        __builtin_prefetch(segment->threads + at + AHEAD + i);
    __builtin_prefetch(segment->cpus + at + AHEAD);
}

// What the samples of a batch count as, by node and thread; `threads`, which is that of the passes,
// is compile-time NULL or not in each copy.
static inline __attribute__((always_inline)) void classify(uint8_t *classes,
                                                           const struct segment *segment,
                                                           uint32_t from, uint32_t count,
                                                           const uint8_t *of_nodes,
                                                           const uint8_t *threads)
{
#define CLASS(i) (classes[i] = of_nodes[nodes[i]] & (threads ? threads[numbers[i]] : 0xff))
    const uint32_t *const nodes = segment->nodes + from;
    const uint16_t *const numbers = segment->threads + from;
    const uint32_t words = count / WORD * WORD, step = WORD / 4;
    for (uint32_t at = 0; at < words; at += WORD) {
        read_ahead(segment, from + at);
        // Not neighbours: compilers would put their bytes together by shifts.
        for (uint32_t i = at; i < at + step; i++)
            CLASS(i), CLASS(i + step), CLASS(i + 2 * step), CLASS(i + 3 * step);
    }
    for (uint32_t i = words; i < count; i++)
        CLASS(i);
    memset(classes + count, 0, BATCH - count);
#undef CLASS
}

// Of a word whose CPUs are `cpus`, those that pass stay.
static inline void filter_cpus(lanes *classes, const uint8_t *cpus, const struct passes *passes)
{
    uint8_t *out = (uint8_t *)classes;
    if (passes->by == CPUS_LISTED)
        keep_listed(classes, cpus, passes);
    for (int i = 0; i < WORD && passes->by == CPUS_LOOKED_UP; i++)
        out[i] &= passes->cpus[cpus[i]];
}

static void sum_lanes(struct sums *sums)
{
    for (int lane = 0; lane < LANES; lane++) {
        sums->idle += sums->lanes[0][lane];
        sums->no_stack += sums->lanes[1][lane];
        sums->unresolved += sums->lanes[2][lane];
    }
    memset(sums->lanes, 0, sizeof sums->lanes);
    sums->words = 0;
}

// The bits of a whole word, the first sample's the lowest, and its sums.
static inline uint64_t take_word(const lanes *classes, struct sums *sums)
{
    uint64_t bits = 0;
    for (int part = 0; part < PARTS; part++) {
        sums->lanes[0] += classes[part] >> 1 & 1;
        sums->lanes[1] += classes[part] >> 2 & 1;
        sums->lanes[2] += classes[part] >> 3 & 1;
    }
    if (++sums->words == UINT8_MAX / PARTS)
        sum_lanes(sums);
    for (int i = 0; i < WORD; i += 8) {
        uint64_t eight;
        memcpy(&eight, (const uint8_t *)classes + i, sizeof eight);
        // Gathers the lowest bits of the bytes.
        eight = le64toh(eight) & UINT64_C(0x0101010101010101);
        bits |= (eight * UINT64_C(0x0102040810204080) >> 56) << i;
    }
    sums->counted += segment_bit_count(bits);
    return bits;
}

static inline __attribute__((always_inline)) void take_batch(
    struct segment_mask *mask, struct sums *sums, const struct segment *segment, uint32_t from,
    const uint8_t *of_nodes, const struct passes *passes, const uint8_t *threads)
{
    lanes classes[BATCH / LANES];
    const uint32_t count = segment->count - from < BATCH ? segment->count - from : BATCH;
    classify((uint8_t *)classes, segment, from, count, of_nodes, threads);
    for (uint32_t at = 0; at < count; at += WORD) {
        uint8_t rest[WORD] = {0};
        const uint8_t *cpus = segment->cpus + from + at;
        if (count - at < WORD) // the column is not longer
            cpus = memcpy(rest, cpus, count - at);
        filter_cpus(classes + at / LANES, cpus, passes);
        mask->before[(from + at) / WORD] = sums->counted;
        mask->bits[(from + at) / WORD] = take_word(classes + at / LANES, sums);
    }
}

static inline __attribute__((always_inline)) void take_all(struct segment_mask *mask,
                                                           const struct segment *segment,
                                                           const uint8_t *of_nodes,
                                                           const struct passes *passes,
                                                           const uint8_t *threads)
{
    struct sums sums = {0};
    for (uint32_t from = 0; from < segment->count; from += BATCH)
        take_batch(mask, &sums, segment, from, of_nodes, passes, threads);
    // Where the samples end: one word more when they fill the last.
    if (segment->count % WORD == 0) {
        mask->before[segment->count / WORD] = sums.counted;
        mask->bits[segment->count / WORD] = 0;
    }
    sum_lanes(&sums);
    mask->samples = sums.counted;
    mask->idle = sums.idle;
    mask->no_stack = sums.no_stack;
    mask->unresolved = sums.unresolved;
}

// Makes 0 and 1 bytes that let nothing and everything through.
static void widen(uint8_t *out, const uint8_t *passes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (uint8_t)-passes[i];
}

// Lists the CPUs of a segment that pass, or else those that do not; false when both are many.
static bool list_cpus(struct passes *out, const struct segment *segment, uint8_t passing)
{
    out->listed_count = 0;
    out->not_listed = (lanes){0} + (uint8_t)~passing;
    for (unsigned cpu = 0; cpu < 256; cpu++) {
        if (!(segment->cpu_set[cpu / 64] >> cpu % 64 & 1) || out->cpus[cpu] != passing)
            continue;
        if (out->listed_count == CPUS_FEW)
            return false;
        out->listed[out->listed_count++] = (lanes){0} + (uint8_t)cpu;
    }
    return out->listed_count > 0;
}

static void resolve_passes(struct passes *out, const struct segment *segment,
                           const struct view_pass *pass, uint8_t *threads)
{
    *out = (struct passes){.threads = pass->threads ? threads : NULL};
    if (pass->threads)
        widen(threads, pass->threads, segment->thread_count);
    if (!pass->cpus)
        return;
    widen(out->cpus, pass->cpus, sizeof out->cpus);
    out->by =
        list_cpus(out, segment, 0xff) || list_cpus(out, segment, 0) ? CPUS_LISTED : CPUS_LOOKED_UP;
}

// `threads` is what the pass has of them, if any.
static void fill(struct segment_mask *mask, const struct segment *segment, const uint8_t *of_nodes,
                 const struct view_pass *pass, uint8_t *threads)
{
    struct passes passes;
    resolve_passes(&passes, segment, pass, threads);
    size_t words = segment->count / WORD + 1;
    mask->bits = xreallocarray(mask->bits, words, sizeof *mask->bits + sizeof *mask->before);
    mask->before = (uint32_t *)(mask->bits + words);
    if (passes.threads)
        take_all(mask, segment, of_nodes, &passes, passes.threads);
    else
        take_all(mask, segment, of_nodes, &passes, NULL);
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
