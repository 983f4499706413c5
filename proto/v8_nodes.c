// Rows of a V8 call tree and how they become nodes.
#include "proto/v8_nodes.h"

#include "proto/alloc.h"
#include "proto/hash.h"

#include <stdlib.h>
#include <string.h>

void v8_nodes_dispose(struct v8_nodes *nodes)
{
    free(nodes->rows);
    free(nodes->links);
    free(nodes->path);
    idset_dispose(&nodes->by_id);
}

void v8_nodes_clear(struct v8_nodes *nodes)
{
    nodes->count = nodes->link_count = 0;
    idset_clear(&nodes->by_id);
}

size_t v8_nodes_add(struct v8_nodes *nodes, int64_t parent)
{
    array_reserve(&nodes->rows, &nodes->capacity, nodes->count + 1);
    nodes->rows[nodes->count] = (struct v8_node){.parent = parent, .line = -1};
    return nodes->count++;
}

static uint64_t id_hash(uint64_t id)
{
    return hash_pair(0x5eed, id, 1);
}

static uint64_t row_hash(const void *owner, uint32_t row)
{
    return id_hash(((const struct v8_nodes *)owner)->rows[row].id);
}

int64_t v8_nodes_find(const struct v8_nodes *nodes, uint64_t id)
{
    if (!nodes->by_id.slots)
        return -1;
    uint32_t row, slot = idset_first(&nodes->by_id, id_hash(id));
    for (; (row = idset_at(&nodes->by_id, slot)) != IDSET_NONE;
         slot = idset_next(&nodes->by_id, slot)) {
        if (nodes->rows[row].id == id)
            return row;
    }
    return -1;
}

void v8_nodes_set_id(struct v8_nodes *nodes, size_t row, uint64_t id)
{
    if (nodes->rows[row].has_id || row >= IDSET_NONE || v8_nodes_find(nodes, id) >= 0)
        return; // the first of two keeps it
    nodes->rows[row].id = id;
    nodes->rows[row].has_id = true;
    idset_reserve(&nodes->by_id, row_hash, nodes);
    uint32_t slot = idset_first(&nodes->by_id, id_hash(id));
    while (idset_at(&nodes->by_id, slot) != IDSET_NONE)
        slot = idset_next(&nodes->by_id, slot);
    idset_put(&nodes->by_id, slot, (uint32_t)row);
}

static void link_add(struct v8_nodes *nodes, struct v8_link link)
{
    array_reserve(&nodes->links, &nodes->link_capacity, nodes->link_count + 1);
    nodes->links[nodes->link_count++] = link;
}

void v8_nodes_link_child(struct v8_nodes *nodes, size_t row, uint64_t child)
{
    link_add(nodes, (struct v8_link){child, row, false});
}

void v8_nodes_link_parent(struct v8_nodes *nodes, size_t row, uint64_t parent)
{
    link_add(nodes, (struct v8_link){parent, row, true});
}

static void apply_links(struct v8_nodes *nodes)
{
    for (size_t i = 0; i < nodes->link_count; i++) {
        const struct v8_link *link = nodes->links + i;
        int64_t found = v8_nodes_find(nodes, link->child);
        if (found < 0) {
            nodes->broken++;
            continue;
        }
        struct v8_node *below = nodes->rows + (link->by_parent ? link->parent : (size_t)found);
        int64_t above = link->by_parent ? found : (int64_t)link->parent;
        if (below->parent < 0)
            below->parent = above;
        else
            nodes->broken += below->parent != above;
    }
    nodes->link_count = 0;
}

static uint32_t add_node(struct stage *stage, const struct v8_node *row, uint32_t parent,
                         uint32_t top)
{
    const char *name = dict_text(&stage->dict, row->name);
    if (row->parent < 0 && !strcmp(name, "(root)"))
        return top;
    struct frame frame = {
        .name = row->name == DICT_EMPTY ? dict_string_z(&stage->dict, "(anonymous)") : row->name,
        .file = row->url,
        .line = row->url != DICT_EMPTY && row->line >= 0 && row->line < UINT32_MAX - 1
                    ? (uint32_t)row->line + 1
                    : 0,
        .kind = row->url == DICT_EMPTY ? FRAME_USER : FRAME_JIT,
    };
    return stage_node(stage, parent, &frame);
}

// One row and those above it, from the top down. A chain longer than there are rows is a circle.
static void resolve_row(struct v8_nodes *nodes, struct stage *stage, size_t row, uint32_t top)
{
    size_t depth = 0;
    int64_t at = (int64_t)row;
    for (; at >= 0 && nodes->rows[at].node == DICT_ROOT; at = nodes->rows[at].parent) {
        if (depth == nodes->count) {
            nodes->broken++;
            nodes->rows[at].parent = -1;
            break;
        }
        array_reserve(&nodes->path, &nodes->path_capacity, depth + 1);
        nodes->path[depth++] = (size_t)at;
    }
    uint32_t parent = at >= 0 && nodes->rows[at].node != DICT_ROOT ? nodes->rows[at].node : top;
    while (depth) {
        struct v8_node *below = nodes->rows + nodes->path[--depth];
        if (below->node == DICT_ROOT) // in a circle, the same row comes twice
            below->node = add_node(stage, below, parent, top);
        parent = below->node;
    }
}

void v8_nodes_resolve(struct v8_nodes *nodes, struct stage *stage, uint32_t top)
{
    apply_links(nodes);
    for (size_t row = 0; row < nodes->count; row++)
        resolve_row(nodes, stage, row, top);
}

void v8_nodes_append(struct v8_nodes *nodes, const struct v8_nodes *piece)
{
    size_t base = nodes->count;
    for (size_t i = 0; i < piece->count; i++) {
        const struct v8_node *from = piece->rows + i;
        size_t row = v8_nodes_add(nodes, from->parent < 0 ? -1 : from->parent + (int64_t)base);
        struct v8_node *to = nodes->rows + row;
        to->name = from->name;
        to->url = from->url;
        to->line = from->line;
        to->self = from->self;
        if (from->has_id)
            v8_nodes_set_id(nodes, row, from->id);
    }
    for (size_t i = 0; i < piece->link_count; i++) {
        struct v8_link link = piece->links[i];
        link.parent += base;
        link_add(nodes, link);
    }
}
