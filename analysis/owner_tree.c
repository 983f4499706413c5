// Hanging call paths below their owners.
//
// The paths have their order already, so an owner's are marked in a bitmap of places, and come out
// of it depth first, children by name. How many each owner has is found out first: then every one
// knows where its nodes begin, and workers write them side by side.
#include "analysis/owner_tree.h"

#include "analysis/parallel.h"
#include "proto/alloc.h"
#include "proto/sort.h"

#include <stdlib.h>

enum {
    WORD = 64,
    NODES_A_ROW = 8, // about; what a worker is worth its start for
};

struct owner {
    uint32_t frame;
    size_t row, rows_end;
    size_t nodes, at; // how many, itself included, and the first
};

struct marks {
    uint64_t *places;
    uint64_t *words;  // which words of places have any
    uint32_t *number; // of each place that was marked, its node
};

struct job {
    const struct owner_tree *tree;
    const struct path_order *order;
    struct fold *out;
    struct owner *owners;
    size_t count;
    bool writes; // else counts
    atomic_size_t next_owner;
    struct marks marks[PARALLEL_MOST];
};

static size_t word_count(size_t bits)
{
    return (bits + WORD - 1) / WORD;
}

static inline bool take_mark(struct marks *marks, uint32_t place)
{
    const uint64_t bit = UINT64_C(1) << place % WORD;
    uint64_t *word = &marks->places[place / WORD];
    if (*word & bit)
        return false;
    *word |= bit;
    marks->words[place / WORD / WORD] |= UINT64_C(1) << place / WORD % WORD;
    return true;
}

// Marks the paths of an owner and their callers, up to the first place, which stands for the owner
// itself. Returns how many; any number once canceled.
static size_t mark(const struct job *job, struct marks *marks, const struct owner *owner)
{
    const struct callpath *paths = job->order->paths;
    size_t count = 0;
    for (size_t i = owner->row; i < owner->rows_end; i++) {
        const struct owner_row *row = &job->tree->rows->items[i];
        if (i % FOLD_STEPS == 0 && fold_is_canceled(job->out))
            break;
        if (!row->samples)
            continue;
        for (uint32_t place = row->node; take_mark(marks, place); place = paths[place].parent)
            count++;
    }
    return count;
}

// Calls what(job, marks, owner, place) for every marked place, in order, and clears the marks.
static inline __attribute__((always_inline)) void each_mark(
    struct job *job, struct marks *marks, struct owner *owner,
    void (*what)(struct job *job, struct marks *marks, struct owner *owner, uint32_t place))
{
    const size_t words = word_count(word_count(job->order->count));
    for (size_t i = 0; i < words; i++) {
        for (; marks->words[i]; marks->words[i] &= marks->words[i] - 1) {
            const size_t word = i * WORD + (size_t)__builtin_ctzll(marks->words[i]);
            uint64_t bits = marks->places[word];
            marks->places[word] = 0;
            for (; what && bits; bits &= bits - 1)
                what(job, marks, owner, (uint32_t)(word * WORD) + (uint32_t)__builtin_ctzll(bits));
        }
    }
}

// The node of the next place; nodes stand for what of an owner has been written so far.
static inline void write_node(struct job *job, struct marks *marks, struct owner *owner,
                              uint32_t place)
{
    const struct callpaths *callpaths = job->tree->callpaths;
    const struct callpath *path = &job->order->paths[place];
    const uint32_t number = (uint32_t)(owner->at + owner->nodes++);
    marks->number[place] = number;
    job->out->nodes[number] = (struct fold_node){
        .parent = place ? marks->number[path->parent] : 0,
        .frame = place ? callpaths->frame_of[path->function] : owner->frame,
    };
}

static void add_rows(const struct job *job, const struct marks *marks, const struct owner *owner)
{
    for (size_t i = owner->row; i < owner->rows_end; i++) {
        const struct owner_row *row = &job->tree->rows->items[i];
        if (!row->samples)
            continue;
        struct fold_node *node = &job->out->nodes[marks->number[row->node]];
        node->self_samples += row->samples;
        node->self_value += row->value;
    }
}

// Totals in one backward sweep, up to the owner's.
static void add_up(struct fold *out, const struct owner *owner)
{
    for (size_t i = owner->at + owner->nodes; i-- > owner->at;) {
        struct fold_node *node = &out->nodes[i];
        node->total_samples += node->self_samples;
        node->total_value += node->self_value;
        if (i == owner->at)
            break;
        out->nodes[node->parent].total_samples += node->total_samples;
        out->nodes[node->parent].total_value += node->total_value;
    }
}

static void write_owner(struct job *job, struct marks *marks, struct owner *owner)
{
    mark(job, marks, owner);
    if (fold_is_canceled(job->out))
        return;
    owner->nodes = 0;
    each_mark(job, marks, owner, write_node);
    add_rows(job, marks, owner);
    add_up(job->out, owner);
}

static void go_through(void *arg, unsigned worker)
{
    struct job *job = arg;
    struct marks *marks = &job->marks[worker];
    const size_t words = word_count(job->order->count);
    if (!marks->places) {
        marks->places = xcalloc(words, sizeof *marks->places);
        marks->words = xcalloc(word_count(words), sizeof *marks->words);
        marks->number = xreallocarray(NULL, job->order->count, sizeof *marks->number);
    }
    for (size_t i; (i = atomic_fetch_add(&job->next_owner, 1)) < job->count;) {
        struct owner *owner = &job->owners[i];
        if (fold_is_canceled(job->out))
            break;
        if (job->writes) {
            write_owner(job, marks, owner);
        } else {
            owner->nodes = mark(job, marks, owner);
            each_mark(job, marks, owner, NULL);
        }
    }
}

static int compare_owners(const void *left, const void *right, void *arg)
{
    const struct callpaths *callpaths = arg;
    const struct owner *a = left, *b = right;
    const uint32_t rank_a = callpaths->rank[callpaths->function_of[a->frame]];
    const uint32_t rank_b = callpaths->rank[callpaths->function_of[b->frame]];
    return rank_a < rank_b ? -1 : rank_a > rank_b;
}

// The owners by name.
static void find_owners(struct job *job)
{
    const struct owner_rows *rows = job->tree->rows;
    size_t capacity = 0;
    for (size_t i = 0; i < rows->count; i++) {
        if (!i || rows->items[i].key != rows->items[i - 1].key) {
            array_reserve(&job->owners, &capacity, job->count + 1);
            job->owners[job->count++] =
                (struct owner){.frame = job->tree->frame_of[rows->items[i].key], .row = i};
        }
        job->owners[job->count - 1].rows_end = i + 1;
    }
    // Canceled, they are in any order: whoever is next sees that, too.
    (void)sort_unless(job->out->cancel, job->owners, job->count, sizeof *job->owners,
                      compare_owners, (void *)job->tree->callpaths);
}

// The owners' nodes come one after the other, behind the root. Those that have none are left out.
static void lay_out(struct job *job)
{
    size_t count = 0, at = 1;
    for (size_t i = 0; i < job->count; i++) {
        struct owner owner = job->owners[i];
        owner.at = at;
        at += owner.nodes;
        if (owner.nodes)
            job->owners[count++] = owner;
    }
    job->count = count;
    job->out->count = job->out->capacity = at;
    job->out->nodes = xreallocarray(NULL, at, sizeof *job->out->nodes);
    job->out->nodes[0] = (struct fold_node){.frame = IDSET_NONE};
}

static void add_owners(const struct job *job)
{
    struct fold_node *root = &job->out->nodes[0];
    for (size_t i = 0; i < job->count; i++) {
        const struct fold_node *owner = &job->out->nodes[job->owners[i].at];
        root->total_samples += owner->total_samples;
        root->total_value += owner->total_value;
    }
}

static void go_through_all(struct job *job, bool writes)
{
    job->writes = writes;
    atomic_store(&job->next_owner, 0);
    parallel_run(parallel_threads(job->tree->threads, job->tree->rows->count * NODES_A_ROW),
                 go_through, job);
}

void owner_tree_build(struct fold *out, const struct owner_tree *tree)
{
    struct job job = {.tree = tree, .order = &tree->callpaths->order, .out = out};
    out->nodes = NULL;
    find_owners(&job);
    go_through_all(&job, false);
    if (!fold_is_canceled(out)) {
        lay_out(&job);
        go_through_all(&job, true);
    }
    if (fold_is_canceled(out)) {
        free(out->nodes);
        out->nodes = xcalloc(1, sizeof *out->nodes);
        out->nodes[0].frame = IDSET_NONE;
        out->count = out->capacity = 1;
    } else {
        add_owners(&job);
    }
    for (unsigned i = 0; i < PARALLEL_MOST; i++) {
        free(job.marks[i].places);
        free(job.marks[i].words);
        free(job.marks[i].number);
    }
    free(job.owners);
}
