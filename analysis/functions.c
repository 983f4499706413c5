// A fold by function.
#include "analysis/functions.h"

#include "proto/alloc.h"
#include "proto/hash.h"

#include <stdlib.h>
#include <string.h>

struct function_table {
    const struct dict *dict;
    struct idset set;
    struct top_row *rows;
    size_t count, capacity;
};

static uint64_t hash_of_function(const struct dict *dict, uint32_t frame)
{
    const struct frame *row = &dict->frames[frame];
    return hash_pair(dict->seed, ((uint64_t)row->name << 32) | row->module, row->kind);
}

static uint64_t function_hash(const void *owner, uint32_t id)
{
    const struct function_table *table = owner;
    return hash_of_function(table->dict, table->rows[id].frame);
}

static uint32_t function_row(struct function_table *table, uint32_t frame)
{
    const struct frame *row = &table->dict->frames[frame];
    idset_reserve(&table->set, function_hash, table);
    uint32_t slot = idset_first(&table->set, hash_of_function(table->dict, frame));
    for (uint32_t id; (id = idset_at(&table->set, slot)) != IDSET_NONE;
         slot = idset_next(&table->set, slot)) {
        const struct frame *old = &table->dict->frames[table->rows[id].frame];
        if (old->name == row->name && old->module == row->module && old->kind == row->kind)
            return id;
    }
    array_reserve(&table->rows, &table->capacity, table->count + 1);
    table->rows[table->count] = (struct top_row){.frame = frame};
    idset_put(&table->set, slot, (uint32_t)table->count);
    return (uint32_t)table->count++;
}

// The nodes from the root to the one that is looked at, and how many of them each row has.
struct walk {
    uint32_t *path, *open;
    size_t depth, path_capacity, open_capacity;
};

// Goes to the next node, of this row. Whether a caller of it is of the row, too.
static bool enter(struct walk *walk, const struct fold *fold, const uint32_t *row_of, uint32_t node)
{
    while (walk->depth && walk->path[walk->depth - 1] != fold->nodes[node].parent) {
        uint32_t left = row_of[walk->path[--walk->depth]];
        if (left != IDSET_NONE)
            walk->open[left]--;
    }
    array_reserve(&walk->path, &walk->path_capacity, walk->depth + 1);
    walk->path[walk->depth++] = node;
    return row_of[node] != IDSET_NONE && walk->open[row_of[node]]++ > 0;
}

// A row that was just made has no open node.
static void cover_rows(struct walk *walk, size_t count)
{
    size_t old = walk->open_capacity;
    array_reserve(&walk->open, &walk->open_capacity, count);
    memset(walk->open + old, 0, (walk->open_capacity - old) * sizeof *walk->open);
}

uint32_t *functions_of_fold(const struct fold *fold, struct top_row **rows, size_t *count)
{
    struct function_table table = {.dict = fold->dict};
    struct walk walk = {0};
    uint32_t *row_of = xreallocarray(NULL, fold->count, sizeof *row_of);
    memset(row_of, 0xff, fold->count * sizeof *row_of); // IDSET_NONE
    for (uint32_t i = 0; i < fold->count && (i % FOLD_STEPS || !fold_is_canceled(fold)); i++) {
        const struct fold_node *node = &fold->nodes[i];
        bool is_function =
            node->frame != IDSET_NONE && fold->dict->frames[node->frame].kind != FRAME_COMM;
        row_of[i] = is_function ? function_row(&table, node->frame) : IDSET_NONE;
        cover_rows(&walk, table.count + 1);
        bool recurs = enter(&walk, fold, row_of, i);
        if (!is_function)
            continue;
        struct top_row *row = &table.rows[row_of[i]];
        row->self_samples += node->self_samples;
        row->self_value += node->self_value;
        if (!recurs) {
            row->total_samples += node->total_samples;
            row->total_value += node->total_value;
        }
    }
    idset_dispose(&table.set);
    free(walk.path);
    free(walk.open);
    *rows = table.rows;
    *count = table.count;
    return row_of;
}

static int compare_strings(const struct dict *dict, uint32_t a, uint32_t b)
{
    if (a == b)
        return 0;
    size_t a_len = dict_text_len(dict, a);
    size_t b_len = dict_text_len(dict, b);
    int order = memcmp(dict_text(dict, a), dict_text(dict, b), a_len < b_len ? a_len : b_len);
    return order ? order : (a_len > b_len) - (a_len < b_len);
}

int functions_compare(const struct dict *dict, uint32_t frame_a, uint32_t frame_b)
{
    const struct frame *a = &dict->frames[frame_a];
    const struct frame *b = &dict->frames[frame_b];
    int order = compare_strings(dict, a->name, b->name);
    if (!order)
        order = compare_strings(dict, a->module, b->module);
    return order ? order : (a->kind > b->kind) - (a->kind < b->kind);
}
