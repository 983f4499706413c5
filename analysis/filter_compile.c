// Filters against a dictionary: every pattern runs once per distinct name, then one sweep over the
// nodes per key, parents before children.
#include "analysis/filter.h"
#include "analysis/fold.h"
#include "analysis/term.h"
#include "analysis/transform.h"
#include "proto/alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CPU_NUMBERS = 65536 };

static bool bit_get(const uint64_t *bits, size_t at)
{
    return bits[at / 64] >> at % 64 & 1;
}

static void bit_set(uint64_t *bits, size_t at)
{
    bits[at / 64] |= UINT64_C(1) << at % 64;
}

static size_t word_count(size_t bits)
{
    return (bits + 63) / 64;
}

// The terms of one key in one push, as two sets over some domain: what the plain terms match
// together, and what the negated ones do.
struct key_terms {
    const struct term **terms; // in a list with room for all terms of the filter
    size_t count;
    enum filter_key key;
    bool plain, negated; // whether there are such terms
    const atomic_bool *cancel;
};

static void take_terms(struct key_terms *out, const struct filter *filter, size_t first, size_t end,
                       enum filter_key key)
{
    out->key = key;
    out->count = 0;
    out->plain = out->negated = false;
    for (size_t i = first; i < end; i++) {
        const struct term *term = &filter->terms[i];
        if (term->key != key)
            continue;
        out->terms[out->count++] = term;
        out->plain |= !term->negated;
        out->negated |= term->negated;
    }
}

enum { HIT_PLAIN = 1, HIT_NEGATED = 2, HIT_KNOWN = 4 };

static bool passes(const struct key_terms *terms, int hits)
{
    return (!terms->plain || hits & HIT_PLAIN) && !(hits & HIT_NEGATED);
}

// A module is known by its path or by the last part of it.
static int match_name(const struct term *term, const char *text, size_t len)
{
    int rc = term_match_text(term, text, len);
    if (rc || term->regex || term->key != FILTER_MODULE)
        return rc;
    const char *slash = memrchr(text, '/', len);
    return slash ? term_match_text(term, slash + 1, len - (size_t)(slash + 1 - text)) : 0;
}

static int hits_of_text(const struct key_terms *terms, const char *text, size_t len,
                        struct err *err)
{
    int hits = HIT_KNOWN;
    for (size_t i = 0; i < terms->count; i++) {
        const struct term *term = terms->terms[i];
        int bit = term->negated ? HIT_NEGATED : HIT_PLAIN;
        if (hits & bit)
            continue;
        int rc = match_name(term, text, len);
        if (rc < 0)
            return term_too_expensive(term, err);
        if (term->regex && terms->cancel && atomic_load(terms->cancel))
            return err_set(err, -ECANCELED, "interrupted");
        hits |= rc ? bit : 0;
    }
    return hits;
}

static int hits_of_number(const struct key_terms *terms, int64_t number, struct err *err)
{
    int hits = 0;
    for (size_t i = 0; i < terms->count; i++) {
        const struct term *term = terms->terms[i];
        int rc = term_match_number(term, number);
        if (rc < 0)
            return term_too_expensive(term, err);
        hits |= rc ? (term->negated ? HIT_NEGATED : HIT_PLAIN) : 0;
    }
    return hits;
}

// As hits_of_text, once per string: `known` has a byte for each.
static int hits_of_string(const struct key_terms *terms, const struct dict *dict, uint32_t string,
                          uint8_t *known, struct err *err)
{
    if (!known[string]) {
        int hits = hits_of_text(terms, dict_text(dict, string), dict_text_len(dict, string), err);
        if (hits < 0)
            return hits;
        known[string] = (uint8_t)hits;
    }
    return known[string];
}

static uint64_t *all_set(size_t bits)
{
    uint64_t *set = xmalloc(word_count(bits) * sizeof *set);
    memset(set, 0xff, word_count(bits) * sizeof *set);
    return set;
}

static int hits_of_thread(const struct key_terms *terms, const struct dict *dict, uint32_t thread,
                          uint8_t *known, struct err *err)
{
    const struct thread *row = &dict->threads[thread];
    switch (terms->key) {
    case FILTER_PID:
        return hits_of_number(terms, row->pid, err);
    case FILTER_TID:
        return hits_of_number(terms, row->tid, err);
    case FILTER_CGROUP:
        return hits_of_string(terms, dict, row->cgroup, known, err);
    default:
        return hits_of_string(terms, dict, row->comm, known, err);
    }
}

static int narrow_threads(uint64_t **bits, const struct key_terms *terms, const struct dict *dict,
                          struct err *err)
{
    uint8_t *known = xcalloc(dict->string_count, 1);
    if (!*bits)
        *bits = all_set(dict->thread_count);
    int rc = 0;
    for (uint32_t i = 0; i < dict->thread_count && rc >= 0; i++) {
        rc = hits_of_thread(terms, dict, i, known, err);
        if (rc >= 0 && !passes(terms, rc))
            (*bits)[i / 64] &= ~(UINT64_C(1) << i % 64);
    }
    free(known);
    return rc < 0 ? rc : 0;
}

// Lists of numbers mark their CPUs; only patterns have to look at each number's digits.
static int hits_of_cpus(uint8_t *hits, const struct term *term, struct err *err)
{
    uint8_t bit = term->negated ? HIT_NEGATED : HIT_PLAIN;
    for (size_t i = 0; i < term->number_count; i++) {
        for (uint32_t cpu = term->numbers[i].low; cpu <= term->numbers[i].high; cpu++) {
            if (cpu >= UINT16_MAX) // the last one stands for "not known"
                break;
            hits[cpu] |= bit;
        }
    }
    for (uint32_t cpu = 0; term->regex && cpu < CPU_NUMBERS; cpu++) {
        int rc = term_match_number(term, cpu == UINT16_MAX ? -1 : (int64_t)cpu);
        if (rc < 0)
            return term_too_expensive(term, err);
        hits[cpu] |= rc ? bit : 0;
    }
    return 0;
}

static int narrow_cpus(uint64_t **bits, const struct key_terms *terms, struct err *err)
{
    uint8_t *hits = xcalloc(CPU_NUMBERS, 1);
    int rc = 0;
    if (!*bits)
        *bits = all_set(CPU_NUMBERS);
    for (size_t i = 0; i < terms->count && rc == 0; i++)
        rc = hits_of_cpus(hits, terms->terms[i], err);
    for (uint32_t cpu = 0; cpu < CPU_NUMBERS && rc == 0; cpu++)
        (*bits)[cpu / 64] &= ~((uint64_t)!passes(terms, hits[cpu]) << cpu % 64);
    free(hits);
    return rc;
}

// What people see of a frame without a name is what they filter by; it depends on the module only.
static int hits_of_nameless(const struct key_terms *terms, const struct dict *dict, uint32_t frame,
                            uint8_t *known, struct err *err)
{
    uint8_t *slot = &known[dict->frames[frame].module];
    if (!*slot) {
        struct bytes text = {0};
        fold_frame_text(dict, frame, &text);
        int hits = hits_of_text(terms, text.data, text.len, err);
        bytes_dispose(&text);
        if (hits < 0)
            return hits;
        *slot = (uint8_t)hits;
    }
    return *slot;
}

// A function is known by its own name and by the one that people see.
static int hits_of_function(const struct key_terms *terms, const struct dict *dict, uint32_t frame,
                            uint8_t *known, struct names **names, struct err *err)
{
    uint32_t read[NAMES_REWRITE_MAX];
    int hits = hits_of_string(terms, dict, dict->frames[frame].name, known, err);
    size_t count = hits < 0 ? 0 : transforms_readable(names, dict, frame, read);
    for (size_t i = 0; i < count && hits >= 0; i++) {
        const struct dict *own = &(*names)->dict;
        uint32_t name = own->frames[read[i]].name;
        int more = hits_of_text(terms, dict_text(own, name), dict_text_len(own, name), err);
        hits = more < 0 ? more : hits | more;
    }
    return hits;
}

static int hits_of_frame(const struct key_terms *terms, const struct dict *dict, uint32_t frame,
                         uint8_t *known, struct names **names, struct err *err)
{
    const struct frame *row = &dict->frames[frame];
    if (row->kind == FRAME_COMM)
        return 0; // the level of the thread's name is no function
    if (terms->key == FILTER_MODULE)
        return hits_of_string(terms, dict, row->module, known, err);
    if (row->name == DICT_EMPTY)
        return hits_of_nameless(terms, dict, frame, known + dict->string_count, err);
    return hits_of_function(terms, dict, frame, known, names, err);
}

static int narrow_nodes(uint64_t **bits, const struct key_terms *terms, const struct dict *dict,
                        struct names **names, struct err *err)
{
    uint8_t *known = xcalloc(dict->string_count * 2, 1);
    uint8_t *frames = xmalloc(dict->frame_count);
    uint8_t *nodes = xmalloc(dict->node_count);
    int rc = 0;
    for (uint32_t i = 0; i < dict->frame_count && rc >= 0; i++) {
        rc = hits_of_frame(terms, dict, i, known, names, err);
        frames[i] = (uint8_t)(rc & (HIT_PLAIN | HIT_NEGATED));
    }
    if (rc >= 0) {
        uint64_t *passed = xcalloc(word_count(dict->node_count), sizeof *passed);
        nodes[DICT_ROOT] = 0;
        for (uint32_t i = 0; i < dict->node_count; i++) {
            if (i != DICT_ROOT)
                nodes[i] = nodes[dict->nodes[i].parent] | frames[dict->nodes[i].frame];
            if (passes(terms, nodes[i]) && (!*bits || bit_get(*bits, i)))
                bit_set(passed, i);
        }
        free(*bits);
        *bits = passed;
    }
    free(known);
    free(frames);
    free(nodes);
    return rc < 0 ? rc : 0;
}

static bool has_value(const struct key_terms *terms, uint64_t value)
{
    int hits = 0;
    for (size_t i = 0; i < terms->count; i++) {
        const struct term *term = terms->terms[i];
        if (value >= term->values.low && value <= term->values.high)
            hits |= term->negated ? HIT_NEGATED : HIT_PLAIN;
    }
    return passes(terms, hits);
}

static int compare_values(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

// Whether a value passes changes at the ends of ranges only: each stretch between two is tried.
static void narrow_values(struct filter_bits *bits, const struct key_terms *terms)
{
    size_t count = 0;
    uint64_t *starts =
        xreallocarray(NULL, 2 * (terms->count + bits->value_count) + 1, sizeof *starts);
    starts[count++] = 0;
    for (size_t i = 0; i < terms->count; i++) {
        const struct term *term = terms->terms[i];
        starts[count++] = term->values.low;
        if (term->values.high < UINT64_MAX)
            starts[count++] = term->values.high + 1;
    }
    for (size_t i = 0; i < bits->value_count; i++) {
        starts[count++] = bits->values[i].low;
        if (bits->values[i].high < UINT64_MAX)
            starts[count++] = bits->values[i].high + 1;
    }
    qsort(starts, count, sizeof *starts, compare_values);
    struct value_range *values = xreallocarray(NULL, count, sizeof *values);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count && starts[i + 1] == starts[i])
            continue;
        if (has_value(terms, starts[i]) && filter_passes_value(bits, starts[i]))
            values[kept++] =
                (struct value_range){starts[i], i + 1 < count ? starts[i + 1] - 1 : UINT64_MAX};
    }
    if (!kept) // nothing passes
        values[kept++] = (struct value_range){1, 0};
    free(starts);
    free(bits->values);
    bits->values = values;
    bits->value_count = kept;
}

static int narrow(struct filter_bits *bits, const struct key_terms *terms, const struct dict *dict,
                  struct names **names, struct err *err)
{
    switch (terms->key) {
    case FILTER_VALUE:
        narrow_values(bits, terms);
        return 0;
    case FILTER_CPU:
        return narrow_cpus(&bits->cpus, terms, err);
    case FILTER_FRAME:
    case FILTER_MODULE:
        return narrow_nodes(&bits->nodes, terms, dict, names, err);
    default:
        return narrow_threads(&bits->threads, terms, dict, err);
    }
}

size_t filter_values(const struct filter *filter, struct value_range **out)
{
    struct filter_bits bits = {0};
    struct key_terms terms = {0};
    size_t count = filter ? filter->term_count : 0;
    terms.terms = xreallocarray(NULL, count + 1, sizeof *terms.terms);
    for (size_t push = 0; filter && push < filter->push_count; push++) {
        size_t end = push + 1 < filter->push_count ? filter->push_at[push + 1] : count;
        take_terms(&terms, filter, filter->push_at[push], end, FILTER_VALUE);
        if (terms.count)
            narrow_values(&bits, &terms);
    }
    free(terms.terms);
    *out = bits.values;
    return bits.value_count;
}

// One push: its keys, one after the other.
static int narrow_by_push(struct filter_bits *bits, const struct filter *filter, size_t push,
                          struct key_terms *terms, const struct dict *dict, struct names **names,
                          struct err *err)
{
    size_t first = filter->push_at[push];
    size_t end = push + 1 < filter->push_count ? filter->push_at[push + 1] : filter->term_count;
    int rc = 0;
    for (int key = 0; key < FILTER_KEYS && rc == 0; key++) {
        take_terms(terms, filter, first, end, (enum filter_key)key);
        if (terms->count)
            rc = narrow(bits, terms, dict, names, err);
    }
    return rc;
}

int filter_compile(const struct filter *filter, const struct dict *dict, const atomic_bool *cancel,
                   struct names **names, struct filter_bits *bits, struct err *err)
{
    *bits = (struct filter_bits){0};
    if (!filter || !filter->term_count)
        return 0;
    struct key_terms terms = {.cancel = cancel};
    terms.terms = xreallocarray(NULL, filter->term_count, sizeof *terms.terms);
    for (size_t i = 0; i < filter->term_count; i++)
        term_begin(&filter->terms[i]);
    int rc = 0;
    for (size_t push = 0; push < filter->push_count && rc == 0; push++)
        rc = narrow_by_push(bits, filter, push, &terms, dict, names, err);
    free(terms.terms);
    if (rc < 0)
        filter_bits_dispose(bits);
    return rc;
}

void filter_bits_dispose(struct filter_bits *bits)
{
    free(bits->threads);
    free(bits->nodes);
    free(bits->cpus);
    free(bits->values);
    *bits = (struct filter_bits){0};
}
