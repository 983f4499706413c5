// Writes V8's .cpuprofile: one tree, with a sample for each of ours.
#include "proto/cpuprofile_encode.h"

#include "proto/alloc.h"
#include "proto/gather.h"
#include "proto/json_reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

// The nodes as a tree of first children and next siblings, by index.
struct tree {
    struct gather_index nodes;
    uint32_t *child, *sibling;
    uint64_t *hits;
    uint32_t top_child; // of the root
};

static bool is_root_comm(const struct dict *dict, uint32_t node)
{
    const struct frame *frame = dict->frames + dict->nodes[node].frame;
    return frame->kind == FRAME_COMM && !strcmp(dict_text(dict, frame->name), "(root)");
}

// The id that a node of the dictionary has in the file: the root, and a comm "(root)", are 1.
static uint32_t file_id(const struct tree *tree, const struct dict *dict, uint32_t node)
{
    return node == DICT_ROOT || is_root_comm(dict, node) ? 1 : tree->nodes.index[node] + 2;
}

static void link_nodes(struct tree *tree, const struct dict *dict)
{
    size_t count = tree->nodes.count;
    tree->child = xmalloc((count + 1) * sizeof *tree->child);
    tree->sibling = xmalloc((count + 1) * sizeof *tree->sibling);
    tree->hits = xcalloc(count + 1, sizeof *tree->hits);
    memset(tree->child, 0xff, (count + 1) * sizeof *tree->child);
    tree->top_child = IDSET_NONE;
    for (size_t i = count; i-- > 0;) { // backwards, so that lists come out in order
        uint32_t node = tree->nodes.ids[i], parent = dict->nodes[node].parent;
        if (is_root_comm(dict, node))
            continue;
        bool at_top = parent == DICT_ROOT || is_root_comm(dict, parent);
        uint32_t *list = at_top ? &tree->top_child : tree->child + tree->nodes.index[parent];
        tree->sibling[i] = *list;
        *list = (uint32_t)i;
    }
}

static int tree_init(struct tree *tree, const struct gather *gather, struct err *err)
{
    int code = gather_nodes(&tree->nodes, gather, err);
    link_nodes(tree, gather->base.sink.dict);
    for (size_t i = 0; i < gather->count && !code; i++) {
        uint32_t node = gather->samples[i].node;
        if (node != DICT_ROOT)
            tree->hits[tree->nodes.index[node]]++;
        code = gather_goes_on(gather, i, err);
    }
    return code;
}

static void tree_dispose(struct tree *tree)
{
    gather_index_dispose(&tree->nodes);
    free(tree->child);
    free(tree->sibling);
    free(tree->hits);
}

static void write_children(struct bytes *out, const struct tree *tree, uint32_t first)
{
    bytes_append_text(out, "\"children\":[");
    for (uint32_t at = first; at != IDSET_NONE; at = tree->sibling[at])
        bytes_printf(out, "%s%u", at == first ? "" : ",", at + 2);
    bytes_append_text(out, "]}");
}

static void write_node(struct gather *gather, const struct tree *tree, size_t i)
{
    const struct dict *dict = gather->base.sink.dict;
    const struct frame *frame = dict->frames + dict->nodes[tree->nodes.ids[i]].frame;
    struct bytes *out = &gather->text, name = {0};
    uint32_t url = frame->file != DICT_EMPTY ? frame->file : frame->module;
    gather_frame_text(&name, dict, frame);
    bytes_printf(out, ",\n{\"id\":%zu,\"callFrame\":{\"functionName\":", i + 2);
    json_quote(out, bytes_text(&name), name.len);
    bytes_append_text(out, ",\"scriptId\":\"0\",\"url\":");
    json_quote(out, dict_text(dict, url), dict_text_len(dict, url));
    bytes_printf(out, ",\"lineNumber\":%" PRId64 ",\"columnNumber\":-1},\"hitCount\":%" PRIu64 ",",
                 (int64_t)frame->line - 1, tree->hits[i]);
    write_children(out, tree, tree->child[i]);
    bytes_dispose(&name);
}

// Viewers draw a sample as wide as its delta: those without a time are a microsecond apart.
static int64_t time_us(const struct gather *gather, size_t i)
{
    const struct sample *sample = gather->samples + i;
    return sample->time_ns == SAMPLE_NO_TIME ? (int64_t)i : sample->time_ns / 1000;
}

static int write_all(struct gather *gather, struct err *err)
{
    const struct dict *dict = gather->base.sink.dict;
    struct bytes *out = &gather->text;
    struct tree tree = {.top_child = IDSET_NONE};
    int code = gather_sort(gather, err);
    if (!code)
        code = tree_init(&tree, gather, err);
    bytes_append_text(out, "{\"nodes\":[{\"id\":1,\"callFrame\":{\"functionName\":\"(root)\","
                           "\"scriptId\":\"0\",\"url\":\"\",\"lineNumber\":-1,\"columnNumber\":-1},"
                           "\"hitCount\":0,");
    if (!code)
        write_children(out, &tree, tree.top_child);
    for (size_t i = 0; !code && i < tree.nodes.count; i++) {
        if (!is_root_comm(dict, tree.nodes.ids[i]))
            write_node(gather, &tree, i);
        code = gather_put(gather, false, err);
    }
    const struct sample *samples = gather->samples;
    size_t last = gather->count - 1;
    int64_t start_us = gather->count ? time_us(gather, 0) : 0, end_us = start_us;
    if (gather->count)
        end_us =
            time_us(gather, last) +
            (samples[last].time_ns == SAMPLE_NO_TIME ? 1 : (int64_t)(samples[last].value / 1000));
    bytes_printf(out, "],\n\"startTime\":%" PRId64 ",\"endTime\":%" PRId64 ",\n\"samples\":[",
                 start_us, end_us);
    for (size_t i = 0; !code && i < gather->count; i++) {
        bytes_append_text(out, i ? "," : "");
        bytes_append_number(out, file_id(&tree, dict, samples[i].node));
        code = gather_put(gather, false, err);
    }
    bytes_append_text(out, "],\n\"timeDeltas\":[");
    for (size_t i = 0; !code && i < gather->count; i++) {
        bytes_printf(out, "%s%" PRId64, i ? "," : "",
                     time_us(gather, i) - (i ? time_us(gather, i - 1) : start_us));
        code = gather_put(gather, false, err);
    }
    bytes_append_text(out, "]}\n");
    tree_dispose(&tree);
    return code;
}

struct encoder *cpuprofile_encoder_new(struct dict *dict, struct output *output)
{
    return gather_new(dict, output, write_all);
}
