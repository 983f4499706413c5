// One V8 CPU profile: its tree, its samples and their times, as they come out of JSON. A
// .cpuprofile is one; a Chrome trace has one a thread, in pieces.
//
//     {"nodes": [{"id", "parent", "callFrame": {"functionName", "url", "lineNumber"}, "children"}],
//      "startTime", "endTime", "samples": [ids], "timeDeltas": [us]}
//
// Before 2016: {"head": {"functionName", "url", "lineNumber", "id", "children": [nodes]},
// "timestamps": [us], "samples"}.
#ifndef FLICKER_PROTO_V8_PROFILE_H
#define FLICKER_PROTO_V8_PROFILE_H

#include "proto/json_decoder.h"
#include "proto/narrow.h"
#include "proto/v8_nodes.h"

enum v8_path {
    V8_NODE,
    V8_NODE_ID,
    V8_NODE_PARENT,
    V8_NODE_CHILD,
    V8_NODE_NAME,
    V8_NODE_URL,
    V8_NODE_LINE,
    V8_SAMPLE,
    V8_DELTA,
    V8_TIMESTAMP,
    V8_START_TIME,
    V8_END_TIME,
    V8_PATHS // ids of others begin here
};

#define V8_TREE_PATHS(tree)                                                                        \
    {tree, V8_NODE, NULL}, {tree ".id", V8_NODE_ID, NULL}, {tree ".parent", V8_NODE_PARENT, NULL}, \
        {tree ".callFrame.functionName", V8_NODE_NAME, NULL},                                      \
        {tree ".callFrame.url", V8_NODE_URL, NULL},                                                \
        {tree ".callFrame.lineNumber", V8_NODE_LINE, NULL},                                        \
        {tree ".functionName", V8_NODE_NAME, NULL}, {tree ".url", V8_NODE_URL, NULL},              \
    {                                                                                              \
        tree ".lineNumber", V8_NODE_LINE, NULL                                                     \
    }
#define V8_TIME_PATHS(top)                                                                         \
    {top ".timeDeltas[+]", V8_DELTA, NULL}, {top ".timestamps[+]", V8_TIMESTAMP, NULL},            \
        {top ".startTime", V8_START_TIME, NULL},                                                   \
    {                                                                                              \
        top ".endTime", V8_END_TIME, NULL                                                          \
    }
// Rows of a table of paths for a profile that lies at `top`.
#define V8_PROFILE_PATHS(top)                                                                      \
    V8_TREE_PATHS(top ".nodes[]"), {top ".nodes[].children[+]", V8_NODE_CHILD, NULL},              \
        V8_TREE_PATHS(top ".head"), {top ".head.children[]", V8_NODE, top ".head"},                \
        {top ".samples[+]", V8_SAMPLE, NULL}, V8_TIME_PATHS(top)

// Starts as {0}. Samples and times wait packed, for in any order of the keys the one comes before
// the other, and both may come before the nodes.
struct v8_profile {
    struct v8_nodes nodes;
    uint32_t *open; // rows of the nodes that we are within
    size_t depth, open_capacity;
    struct narrow samples; // node ids
    struct narrow times;   // since the time before, as packed_ns has them
    bool out_of_order;     // times
    bool are_timestamps;
    int64_t stamp_ns; // the last timestamp
    int64_t start_ns, end_ns;
};

void v8_profile_dispose(struct v8_profile *profile);
void v8_profile_clear(struct v8_profile *profile);
bool v8_profile_is_empty(const struct v8_profile *profile);
// A value whose id is below V8_PATHS. Names go into the stage's dictionary.
void v8_profile_value(struct v8_profile *profile, struct stage *stage,
                      const struct json_value *value);
// Moves a piece of the same profile behind it.
void v8_profile_append(struct v8_profile *profile, struct v8_profile *piece);
// Hands over its samples, of this thread and event, below `top`, and forgets them. A sample is
// worth the time until the next one; the last, until endTime.
int v8_profile_emit(struct v8_profile *profile, struct json_decoder *decoder, struct sample sample,
                    uint32_t top, struct err *err) MUST_CHECK;

#endif
