// The naive reference: all samples in a list, every question answered by looking at each of them.
// What the engine says by its short cuts must be what this says.
#ifndef FLICKER_TESTS_ANALYSIS_REFERENCE_H
#define FLICKER_TESTS_ANALYSIS_REFERENCE_H

#include "analysis/heatmap.h"
#include "tests/unit/analysis/fill.h"

#include <inttypes.h>

struct reference {
    struct sample *samples; // in order of arrival
    size_t count, capacity;
};

static inline void reference_add(struct reference *reference, const struct sample *sample)
{
    if (reference->count == reference->capacity) {
        reference->capacity = reference->capacity ? reference->capacity * 2 : 1024;
        reference->samples =
            realloc(reference->samples, reference->capacity * sizeof *reference->samples);
    }
    reference->samples[reference->count++] = *sample;
}

static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static inline bool reference_in_ranges(const struct query *query, int64_t time_ns)
{
    bool in = !query->range_count;
    for (size_t i = 0; i < query->range_count; i++)
        in |= time_ns >= query->ranges[i].from_ns && time_ns < query->ranges[i].to_ns;
    return query->range_count && query->outside ? !in : in;
}

// ns of [end - value, end) that are in the query's ranges.
static inline uint64_t reference_overlap(const struct query *query, int64_t end_ns, uint64_t value)
{
    int64_t start_ns = end_ns - (int64_t)value;
    uint64_t inside = 0;
    for (size_t i = 0; i < query->range_count; i++) {
        int64_t low = query->ranges[i].from_ns > start_ns ? query->ranges[i].from_ns : start_ns;
        int64_t high = query->ranges[i].to_ns < end_ns ? query->ranges[i].to_ns : end_ns;
        inside += low < high ? (uint64_t)(high - low) : 0;
    }
    if (!query->range_count)
        return value;
    return query->outside ? value - inside : inside;
}

// Which samples count is decided by a predicate on (sample, arg): the filter, spelled out.
typedef bool reference_wants(const struct dict *dict, const struct sample *sample, const void *arg);

struct reference_totals {
    uint64_t samples, value;
    int64_t first_ns, last_ns;
};

static inline bool reference_counts(const struct query *query, bool intervals,
                                    const struct sample *sample, uint64_t *value)
{
    *value = sample->value;
    if (!intervals || !query->range_count)
        return reference_in_ranges(query, sample->time_ns);
    *value = reference_overlap(query, sample->time_ns, sample->value);
    return *value || (!sample->value && reference_in_ranges(query, sample->time_ns));
}

struct reference_line {
    char *path;
    uint64_t weight;
};

static inline int reference_compare_lines(const void *a, const void *b)
{
    return strcmp(((const struct reference_line *)a)->path,
                  ((const struct reference_line *)b)->path);
}

static inline char *reference_path(const struct dict *dict, uint32_t node)
{
    char *path = strdup("");
    for (; node != DICT_ROOT; node = dict->nodes[node].parent) {
        const struct frame *frame = &dict->frames[dict->nodes[node].frame];
        char *longer = NULL;
        assert_true(
            asprintf(&longer, "%s%s%s", dict_text(dict, frame->name), *path ? ";" : "", path) > 0);
        free(path);
        path = longer;
    }
    return path;
}

// The same, where the thread or the CPU stands in the place of the thread's name.
static inline char *reference_owned_path(const struct dict *dict, const struct sample *sample,
                                         enum query_first first)
{
    const struct thread *thread = &dict->threads[sample->thread];
    char *path = reference_path(dict, sample->node), *owned = NULL;
    const char *rest = path + strcspn(path, ";");
    if (first == QUERY_FIRST_COMM)
        return path;
    if (first == QUERY_FIRST_TID)
        assert_true(asprintf(&owned, "%s-%d/%d%s", dict_text(dict, thread->comm), (int)thread->pid,
                             (int)thread->tid, rest) > 0);
    else if (sample->cpu == SAMPLE_NO_CPU)
        assert_true(asprintf(&owned, "cpu ?%s", rest) > 0);
    else
        assert_true(asprintf(&owned, "cpu %u%s", sample->cpu, rest) > 0);
    free(path);
    return owned;
}

// The folded text, as fold_write_text has it (names without ';').
static inline char *reference_folded(const struct reference *reference, const struct dict *dict,
                                     const struct query *query, bool by_value, bool intervals,
                                     reference_wants *wants, const void *arg,
                                     struct reference_totals *totals)
{
    struct reference_line *lines = calloc(reference->count + 1, sizeof *lines);
    size_t count = 0;
    *totals = (struct reference_totals){.first_ns = SAMPLE_NO_TIME, .last_ns = SAMPLE_NO_TIME};
    for (size_t i = 0; i < reference->count; i++) {
        const struct sample *sample = &reference->samples[i];
        uint64_t value;
        if (!reference_counts(query, intervals, sample, &value) || !wants(dict, sample, arg))
            continue;
        totals->samples++;
        totals->value += value;
        if (totals->first_ns == SAMPLE_NO_TIME || sample->time_ns < totals->first_ns)
            totals->first_ns = sample->time_ns;
        if (totals->last_ns == SAMPLE_NO_TIME || sample->time_ns > totals->last_ns)
            totals->last_ns = sample->time_ns;
        lines[count++] = (struct reference_line){reference_owned_path(dict, sample, query->first),
                                                 by_value ? value : 1};
    }
    qsort(lines, count, sizeof *lines, reference_compare_lines);
    struct bytes text = {0};
    for (size_t i = 0; i < count;) {
        uint64_t weight = 0;
        size_t first = i;
        for (; i < count && !strcmp(lines[i].path, lines[first].path); i++)
            weight += lines[i].weight;
        if (weight && *lines[first].path)
            bytes_printf(&text, "%s %" PRIu64 "\n", lines[first].path, weight);
    }
    for (size_t i = 0; i < count; i++)
        free(lines[i].path);
    free(lines);
    char *result = strdup(bytes_text(&text));
    bytes_dispose(&text);
    return result;
}

// Adds a sample to a reference heatmap; floors by plain division, ns by ns where it spreads.
static inline void reference_cell(uint64_t *cells, const struct heatmap_shape *shape,
                                  int64_t time_ns, uint64_t weight)
{
    if (time_ns < shape->from_ns)
        return;
    uint64_t offset = (uint64_t)(time_ns - shape->from_ns);
    uint64_t column = offset / (uint64_t)shape->column_ns;
    if (column >= shape->columns)
        return;
    uint64_t row = offset % (uint64_t)shape->column_ns * shape->rows / (uint64_t)shape->column_ns;
    cells[column * shape->rows + row] += weight;
}

#endif
