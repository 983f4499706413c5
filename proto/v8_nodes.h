// The call tree of a V8 profile: nodes with an id and a call frame, linked by parent, by lists of
// children, or by lying within each other. All three occur, by the age of the writer; the rows come
// in any order and may lie.
#ifndef FLICKER_PROTO_V8_NODES_H
#define FLICKER_PROTO_V8_NODES_H

#include "proto/json_value.h"
#include "proto/packed.h"
#include "proto/stage.h"

#define V8_NO_ROW UINT32_MAX

struct v8_node {
    uint64_t id;
    uint32_t parent; // row; V8_NO_ROW: none
    uint32_t name;   // strings of the stage's dictionary
    uint32_t url;
    uint32_t line;  // 1-based; 0: none
    uint32_t frame; // of the stage's dictionary, made of these three; IDSET_NONE: not yet
    uint32_t node;  // of the stage's dictionary, once resolved; DICT_ROOT: not yet
    bool has_id;
};

// Starts as {0}.
struct v8_nodes {
    struct v8_node *rows;
    size_t count, capacity;
    struct idset by_id;
    struct packed links; // each two numbers, see link_add
    uint32_t link_row;   // of the last one
    uint64_t broken;     // links that lead nowhere or round
    uint32_t *path;      // scratch
    size_t path_capacity;
};

void v8_nodes_dispose(struct v8_nodes *nodes);
void v8_nodes_clear(struct v8_nodes *nodes);
// Adds a row below `parent` (a row; V8_NO_ROW: not known yet). Returns its number.
uint32_t v8_nodes_add(struct v8_nodes *nodes, uint32_t parent);
void v8_nodes_set_id(struct v8_nodes *nodes, uint32_t row, uint64_t id);
// As V8 has it: 0-based, -1 where there is none.
void v8_nodes_set_line(struct v8_nodes *nodes, uint32_t row, const struct json_value *value);
void v8_nodes_link_child(struct v8_nodes *nodes, uint32_t row, uint64_t child);
void v8_nodes_link_parent(struct v8_nodes *nodes, uint32_t row, uint64_t parent);
// Moves the rows of another tree behind, links included: a piece of the same tree.
void v8_nodes_append(struct v8_nodes *nodes, struct v8_nodes *piece);
// The frame of a row whose name, url and line are known; see v8_node.
uint32_t v8_nodes_frame(struct stage *stage, struct v8_node *row);
// Puts all rows below `top` (a node of the stage) into the stage's dictionary. V8's "(root)" is
// `top` itself.
void v8_nodes_resolve(struct v8_nodes *nodes, struct stage *stage, uint32_t top);
// One row whose parent is resolved or has none.
uint32_t v8_nodes_resolve_row(struct v8_nodes *nodes, struct stage *stage, uint32_t row,
                              uint32_t top);
// The row of an id, -1 when there is none.
int64_t v8_nodes_find(const struct v8_nodes *nodes, uint64_t id);

#endif
