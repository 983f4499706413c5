// Rows of a V8 call tree and how they become nodes.
#include "proto/v8_nodes.h"

#include "proto/alloc.h"
#include "proto/hash.h"

#include <stdlib.h>
#include <string.h>

void v8_nodes_dispose(struct v8_nodes *nodes)
{
    free(nodes->rows);
    packed_dispose(&nodes->links);
    free(nodes->path);
    idset_dispose(&nodes->by_id);
    *nodes = (struct v8_nodes){0};
}

void v8_nodes_clear(struct v8_nodes *nodes)
{
    nodes->count = 0;
    nodes->link_row = 0;
    packed_dispose(&nodes->links);
    idset_clear(&nodes->by_id);
}

// Beyond 2^32 - 1 rows, which no file within reason has, the last one stands for the rest.
uint32_t v8_nodes_add(struct v8_nodes *nodes, uint32_t parent)
{
    if (nodes->count == IDSET_NONE)
        return IDSET_NONE - 1;
    array_reserve(&nodes->rows, &nodes->capacity, nodes->count + 1);
    nodes->rows[nodes->count] = (struct v8_node){.parent = parent, .frame = IDSET_NONE};
    return (uint32_t)nodes->count++;
}

void v8_nodes_set_line(struct v8_nodes *nodes, uint32_t row, const struct json_value *value)
{
    int64_t line = json_value_int(value);
    nodes->rows[row].line = line >= 0 && line < UINT32_MAX - 1 ? (uint32_t)line + 1 : 0;
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

void v8_nodes_set_id(struct v8_nodes *nodes, uint32_t row, uint64_t id)
{
    if (nodes->rows[row].has_id || v8_nodes_find(nodes, id) >= 0)
        return; // the first of two keeps it
    nodes->rows[row].id = id;
    nodes->rows[row].has_id = true;
    idset_reserve(&nodes->by_id, row_hash, nodes);
    uint32_t slot = idset_first(&nodes->by_id, id_hash(id));
    while (idset_at(&nodes->by_id, slot) != IDSET_NONE)
        slot = idset_next(&nodes->by_id, slot);
    idset_put(&nodes->by_id, slot, row);
}

// The rows whose links these are rise, mostly, by one: how far, and which way the link leads; then
// the id that it leads to.
static void link_add(struct v8_nodes *nodes, uint32_t row, uint64_t id, bool by_parent)
{
    int64_t step = (int64_t)row - nodes->link_row;
    packed_add(&nodes->links, zigzag(step) << 1 | by_parent);
    packed_add(&nodes->links, id);
    nodes->link_row = row;
}

void v8_nodes_link_child(struct v8_nodes *nodes, uint32_t row, uint64_t child)
{
    link_add(nodes, row, child, false);
}

void v8_nodes_link_parent(struct v8_nodes *nodes, uint32_t row, uint64_t parent)
{
    link_add(nodes, row, parent, true);
}

struct link {
    uint32_t row;
    uint64_t id;
    bool by_parent; // the id is that of the row's parent
};

static struct link link_take(struct packed *links, uint32_t row)
{
    uint64_t how = packed_take(links), id = packed_take(links);
    return (struct link){(uint32_t)(row + unzigzag(how >> 1)), id, how & 1};
}

static void apply_links(struct v8_nodes *nodes)
{
    struct link link = {0};
    while (nodes->links.count) {
        link = link_take(&nodes->links, link.row);
        int64_t found = v8_nodes_find(nodes, link.id);
        if (found < 0) {
            nodes->broken++;
            continue;
        }
        struct v8_node *below = nodes->rows + (link.by_parent ? link.row : (size_t)found);
        uint32_t above = link.by_parent ? (uint32_t)found : link.row;
        if (below->parent == V8_NO_ROW)
            below->parent = above;
        else
            nodes->broken += below->parent != above;
    }
    packed_dispose(&nodes->links);
    nodes->link_row = 0;
}

uint32_t v8_nodes_frame(struct stage *stage, struct v8_node *row)
{
    if (row->frame != IDSET_NONE)
        return row->frame;
    struct frame frame = {
        .name = row->name == DICT_EMPTY ? dict_string_z(&stage->dict, "(anonymous)") : row->name,
        .file = row->url,
        .line = row->url != DICT_EMPTY ? row->line : 0,
        .kind = row->url == DICT_EMPTY ? FRAME_USER : FRAME_JIT,
    };
    return row->frame = dict_frame(&stage->dict, &frame);
}

static uint32_t add_node(struct stage *stage, struct v8_node *row, uint32_t parent, uint32_t top)
{
    if (row->parent == V8_NO_ROW && !strcmp(dict_text(&stage->dict, row->name), "(root)"))
        return top;
    return dict_node_apart(&stage->dict, parent, v8_nodes_frame(stage, row));
}

uint32_t v8_nodes_resolve_row(struct v8_nodes *nodes, struct stage *stage, uint32_t row,
                              uint32_t top)
{
    struct v8_node *below = nodes->rows + row;
    uint32_t parent = below->parent == V8_NO_ROW ? DICT_ROOT : nodes->rows[below->parent].node;
    return below->node = add_node(stage, below, parent == DICT_ROOT ? top : parent, top);
}

// One row and those above it, from the top down. A chain longer than there are rows is a circle.
static void resolve_chain(struct v8_nodes *nodes, struct stage *stage, uint32_t row, uint32_t top)
{
    size_t depth = 0;
    uint32_t at = row;
    for (; at != V8_NO_ROW && nodes->rows[at].node == DICT_ROOT; at = nodes->rows[at].parent) {
        if (depth == nodes->count) {
            nodes->broken++;
            nodes->rows[nodes->path[depth - 1]].parent = V8_NO_ROW;
            break;
        }
        array_reserve(&nodes->path, &nodes->path_capacity, depth + 1);
        nodes->path[depth++] = at;
    }
    while (depth) {
        row = nodes->path[--depth];
        if (nodes->rows[row].node == DICT_ROOT) // in a circle, the same row comes twice
            v8_nodes_resolve_row(nodes, stage, row, top);
    }
}

void v8_nodes_resolve(struct v8_nodes *nodes, struct stage *stage, uint32_t top)
{
    apply_links(nodes);
    for (size_t row = 0; row < nodes->count; row++)
        resolve_chain(nodes, stage, (uint32_t)row, top);
}

void v8_nodes_append(struct v8_nodes *nodes, struct v8_nodes *piece)
{
    uint32_t base = (uint32_t)nodes->count;
    for (size_t i = 0; i < piece->count; i++) {
        const struct v8_node *from = piece->rows + i;
        uint32_t row =
            v8_nodes_add(nodes, from->parent == V8_NO_ROW ? V8_NO_ROW : from->parent + base);
        struct v8_node *to = nodes->rows + row;
        to->name = from->name;
        to->url = from->url;
        to->line = from->line;
        if (from->has_id)
            v8_nodes_set_id(nodes, row, from->id);
    }
    struct link link = {0};
    while (piece->links.count) {
        link = link_take(&piece->links, link.row);
        link_add(nodes, link.row + base, link.id, link.by_parent);
    }
}
