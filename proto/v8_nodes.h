// The call tree of a V8 profile: nodes with an id and a call frame, linked by parent, by lists of
// children, or by lying within each other. All three occur, by the age of the writer; the rows come
// in any order and may lie.
#ifndef FLICKER_PROTO_V8_NODES_H
#define FLICKER_PROTO_V8_NODES_H

#include "proto/stage.h"

struct v8_node {
    uint64_t id;
    int64_t parent; // row; -1: none
    uint32_t name;  // strings of the stage's dictionary
    uint32_t url;
    int64_t line;  // 0-based, as V8 has it; -1: none
    uint64_t self; // heap profiles: bytes
    uint32_t node; // of the stage's dictionary, once resolved; DICT_ROOT: not yet
    bool has_id;
};

// Starts as {0}.
struct v8_nodes {
    struct v8_node *rows;
    size_t count, capacity;
    struct idset by_id;
    struct v8_link {
        uint64_t child;
        size_t parent;  // row
        bool by_parent; // `child` is the id of the row's parent
    } * links;
    size_t link_count, link_capacity;
    uint64_t broken; // links that lead nowhere or round
    size_t *path;    // scratch
    size_t path_capacity;
};

void v8_nodes_dispose(struct v8_nodes *nodes);
void v8_nodes_clear(struct v8_nodes *nodes);
// Adds a row below `parent` (a row; -1: not known yet). Returns its number.
size_t v8_nodes_add(struct v8_nodes *nodes, int64_t parent);
void v8_nodes_set_id(struct v8_nodes *nodes, size_t row, uint64_t id);
void v8_nodes_link_child(struct v8_nodes *nodes, size_t row, uint64_t child);
void v8_nodes_link_parent(struct v8_nodes *nodes, size_t row, uint64_t parent);
// Adds the rows of another tree behind, links included: a piece of the same tree.
void v8_nodes_append(struct v8_nodes *nodes, const struct v8_nodes *piece);
// Puts all rows below `top` (a node of the stage) into the stage's dictionary. V8's "(root)" is
// `top` itself.
void v8_nodes_resolve(struct v8_nodes *nodes, struct stage *stage, uint32_t top);
// The row of an id, -1 when there is none.
int64_t v8_nodes_find(const struct v8_nodes *nodes, uint64_t id);

#endif
