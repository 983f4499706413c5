// V8's .cpuprofile: what `node --cpu-prof`, Chrome's DevTools and many others write, and what
// DevTools, VS Code and speedscope open.
//
//     {"nodes": [{"id", "callFrame": {"functionName", "url", "lineNumber"}, "children": [ids]}],
//      "startTime", "endTime", "samples": [ids], "timeDeltas": [us]}
//
// Before 2016: {"head": {"functionName", "url", "lineNumber", "id", "children": [nodes]},
// "timestamps": [us], "samples"}. An array of profiles is read as one process each (pid 1, 2, ...).
// A sample is worth the time until the next one; the last, until endTime. Times are V8's own
// microseconds.
#include "proto/alloc.h"
#include "proto/gather.h"
#include "proto/json_decoder.h"
#include "proto/v8_nodes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    PROFILE,
    NODE,
    NODE_ID,
    NODE_PARENT,
    NODE_CHILD,
    NODE_NAME,
    NODE_URL,
    NODE_LINE,
    SAMPLE,
    DELTA,
    TIMESTAMP,
    START_TIME,
    END_TIME,
    PATHS
};

struct cpuprofile {
    struct json_decoder base;
    struct v8_nodes nodes;
    size_t open[JSON_DEPTH_MAX]; // rows of the nodes that we are within
    size_t depth;
    uint32_t *samples; // node ids
    size_t sample_count, sample_capacity;
    double *times; // deltas or timestamps, us
    size_t time_count, time_capacity;
    bool are_timestamps;
    double start_us, end_us;
    int32_t profiles; // of this file so far
    bool in_array;
};

// One profile, as the whole document ("") or as an element of it ("[]").
#define PATHS_BELOW(top, tree)                                                                     \
    {top, PROFILE, NULL}, {tree, NODE, NULL}, {tree ".id", NODE_ID, NULL},                         \
        {tree ".parent", NODE_PARENT, NULL}, {tree ".callFrame.functionName", NODE_NAME, NULL},    \
        {tree ".callFrame.url", NODE_URL, NULL}, {tree ".callFrame.lineNumber", NODE_LINE, NULL},  \
        {tree ".functionName", NODE_NAME, NULL}, {tree ".url", NODE_URL, NULL},                    \
    {                                                                                              \
        tree ".lineNumber", NODE_LINE, NULL                                                        \
    }
#define PROFILE_PATHS(top)                                                                         \
    PATHS_BELOW(top, top ".nodes[]"), {top ".nodes[].children[]", NODE_CHILD, NULL},               \
        PATHS_BELOW(top, top ".head"), {top ".head.children[]", NODE, top ".head"},                \
        {top ".samples[]", SAMPLE, NULL}, {top ".timeDeltas[]", DELTA, NULL},                      \
        {top ".timestamps[]", TIMESTAMP, NULL}, {top ".startTime", START_TIME, NULL},              \
    {                                                                                              \
        top ".endTime", END_TIME, NULL                                                             \
    }

static const struct json_path paths[] = {PROFILE_PATHS(""), PROFILE_PATHS("[]"), {NULL, 0, NULL}};

static void add_time(struct cpuprofile *profile, double us)
{
    array_reserve(&profile->times, &profile->time_capacity, profile->time_count + 1);
    profile->times[profile->time_count++] = us;
}

static int64_t to_ns(double us)
{
    return us > -9e15 && us < 9e15 ? (int64_t)(us * 1000 + (us < 0 ? -0.5 : 0.5)) : 0;
}

struct timed {
    int64_t time_ns;
    uint32_t row; // IDSET_NONE: no such node
};

static int compare_times(const void *a, const void *b)
{
    const struct timed *x = a, *y = b;
    return (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

// The samples with their times, in order: deltas may be negative (V8 samples in two places).
static struct timed *timed_samples(struct cpuprofile *profile, size_t *count)
{
    size_t timed = profile->time_count ? profile->time_count : profile->sample_count;
    *count = timed < profile->sample_count ? timed : profile->sample_count;
    if (*count < profile->sample_count)
        json_decoder_skip(&profile->base, "samples without times");
    struct timed *out = xmalloc((*count + 1) * sizeof *out);
    double now_us = profile->start_us;
    bool sorted = true;
    for (size_t i = 0; i < *count; i++) {
        int64_t row = v8_nodes_find(&profile->nodes, profile->samples[i]);
        if (profile->time_count)
            now_us = profile->times[i] + (profile->are_timestamps ? 0 : now_us);
        out[i].time_ns = profile->time_count ? to_ns(now_us) : SAMPLE_NO_TIME;
        out[i].row = row < 0 ? IDSET_NONE : (uint32_t)row;
        sorted &= !i || out[i].time_ns >= out[i - 1].time_ns;
    }
    if (!sorted)
        qsort(out, *count, sizeof *out, compare_times);
    return out;
}

static uint64_t value_of(const struct timed *samples, size_t i, size_t count, int64_t end_ns)
{
    if (samples[i].time_ns == SAMPLE_NO_TIME)
        return 1;
    int64_t next_ns = i + 1 < count ? samples[i + 1].time_ns : end_ns;
    return next_ns > samples[i].time_ns ? (uint64_t)(next_ns - samples[i].time_ns) : 0;
}

static int add_samples(struct cpuprofile *profile, struct sample sample, struct err *err)
{
    size_t count;
    struct timed *samples = timed_samples(profile, &count);
    int64_t end_ns = to_ns(profile->end_us);
    int code = 0;
    for (size_t i = 0; !code && i < count; i++) {
        if (samples[i].row == IDSET_NONE) {
            json_decoder_skip(&profile->base, "a sample of a node that is not there");
            continue;
        }
        sample.node = profile->nodes.rows[samples[i].row].node;
        sample.time_ns = samples[i].time_ns;
        sample.value = value_of(samples, i, count, end_ns);
        stage_add(&profile->base.stage, &sample);
        if (profile->base.stage.count == STAGE_BATCH)
            code = json_decoder_flush(&profile->base, err);
    }
    free(samples);
    return code;
}

static int end_profile(struct cpuprofile *profile, struct err *err)
{
    struct stage *stage = &profile->base.stage;
    struct dict *dict = &stage->dict;
    if (!profile->nodes.count && !profile->sample_count)
        return 0;
    int32_t pid = profile->in_array ? ++profile->profiles : -1;
    struct thread thread = {.pid = pid, .tid = pid, .comm = dict_string_z(dict, "(root)")};
    struct event event = {.name = dict_string_z(dict, "cpu-profile"),
                          .unit = dict_string_z(dict, "ns")};
    struct sample sample = {.thread = dict_thread(dict, &thread),
                            .cpu = SAMPLE_NO_CPU,
                            .event = (uint16_t)dict_event(dict, &event)};
    v8_nodes_resolve(&profile->nodes, stage, dict_comm_node(dict, thread.comm));
    int code = add_samples(profile, sample, err);
    if (profile->nodes.broken)
        json_decoder_skip(&profile->base, "nodes whose parent or children are not there");
    v8_nodes_clear(&profile->nodes);
    profile->nodes.broken = 0;
    profile->sample_count = profile->time_count = profile->depth = 0;
    profile->are_timestamps = false;
    profile->start_us = profile->end_us = 0;
    return code;
}

// Within a node: the row whose member this is.
static void node_value(struct cpuprofile *profile, const struct json_value *value)
{
    if (!profile->depth)
        return;
    struct v8_nodes *nodes = &profile->nodes;
    struct dict *dict = &profile->base.stage.dict;
    size_t row = profile->open[profile->depth - 1];
    switch (value->id) {
    case NODE_ID:
        v8_nodes_set_id(nodes, row, (uint64_t)json_value_int(value));
        break;
    case NODE_PARENT:
        v8_nodes_link_parent(nodes, row, (uint64_t)json_value_int(value));
        break;
    case NODE_CHILD:
        if (value->kind == JSON_NUMBER)
            v8_nodes_link_child(nodes, row, (uint64_t)json_value_int(value));
        break;
    case NODE_NAME:
        if (value->kind == JSON_STRING)
            nodes->rows[row].name = dict_string(dict, value->text, value->len);
        break;
    case NODE_URL:
        if (value->kind == JSON_STRING)
            nodes->rows[row].url = dict_string(dict, value->text, value->len);
        break;
    case NODE_LINE:
        nodes->rows[row].line = json_value_int(value);
        break;
    }
}

static int each(void *arg, const struct json_value *value, struct err *err)
{
    struct cpuprofile *profile = arg;
    switch (value->id) {
    case PROFILE:
        if (value->kind == JSON_ARRAY)
            profile->in_array = true;
        else if (value->kind == JSON_OBJECT_END)
            return end_profile(profile, err);
        break;
    case NODE:
        if (value->kind == JSON_OBJECT) {
            bool within = profile->depth > 0;
            int64_t parent = within ? (int64_t)profile->open[profile->depth - 1] : -1;
            profile->open[profile->depth++] = v8_nodes_add(&profile->nodes, parent);
        } else if (value->kind == JSON_OBJECT_END && profile->depth) {
            profile->depth--;
        }
        break;
    case SAMPLE:
        array_reserve(&profile->samples, &profile->sample_capacity, profile->sample_count + 1);
        profile->samples[profile->sample_count++] = (uint32_t)json_value_int(value);
        break;
    case TIMESTAMP:
        profile->are_timestamps = true;
        add_time(profile, json_value_double(value));
        break;
    case DELTA:
        if (!profile->are_timestamps)
            add_time(profile, json_value_double(value));
        break;
    case START_TIME:
        profile->start_us = json_value_double(value);
        break;
    case END_TIME:
        profile->end_us = json_value_double(value);
        break;
    default:
        node_value(profile, value);
        break;
    }
    return 0;
}

// A file that is cut: what there is of the last profile.
static int end(struct json_decoder *decoder, struct err *err)
{
    return end_profile((struct cpuprofile *)decoder, err);
}

static void hello(struct json_decoder *decoder, struct hello *out)
{
    const struct stage *stage = &decoder->stage;
    out->collector = "V8";
    out->clock = stage->samples[0].time_ns == SAMPLE_NO_TIME ? CLOCK_KIND_NONE : CLOCK_KIND_UNKNOWN;
}

static void dispose(struct json_decoder *decoder)
{
    struct cpuprofile *profile = (struct cpuprofile *)decoder;
    v8_nodes_dispose(&profile->nodes);
    free(profile->samples);
    free(profile->times);
}

static struct decoder *decoder_new(struct sink *sink, const struct decode_options *options)
{
    static const struct json_decoder_kind KIND = {paths, each, end, hello, dispose, false};
    (void)options; // the profile says it all
    return json_decoder_new(sizeof(struct cpuprofile), &KIND, sink);
}

static int probe(const void *head, size_t len)
{
    bool tree = json_probe(head, len, "nodes") || json_probe(head, len, "head");
    if (!tree || json_probe(head, len, "selfSize") || json_probe(head, len, "ph"))
        return 0;
    return json_probe(head, len, "callFrame") || json_probe(head, len, "functionName") ? 90 : 0;
}

// --- writing -------------------------------------------------------------------------------------

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

static void tree_init(struct tree *tree, const struct gather *gather)
{
    const struct dict *dict = gather->base.sink.dict;
    gather_nodes(&tree->nodes, gather);
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
    for (size_t i = 0; i < gather->count; i++) {
        uint32_t node = gather->samples[i].node;
        if (node != DICT_ROOT)
            tree->hits[tree->nodes.index[node]]++;
    }
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
    struct tree tree;
    gather_sort(gather);
    tree_init(&tree, gather);
    bytes_append_text(out, "{\"nodes\":[{\"id\":1,\"callFrame\":{\"functionName\":\"(root)\","
                           "\"scriptId\":\"0\",\"url\":\"\",\"lineNumber\":-1,\"columnNumber\":-1},"
                           "\"hitCount\":0,");
    write_children(out, &tree, tree.top_child);
    int code = 0;
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
        bytes_printf(out, "%s%u", i ? "," : "", file_id(&tree, dict, samples[i].node));
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

static struct encoder *encoder_new(struct dict *dict, struct output *output)
{
    return gather_new(dict, output, write_all);
}

const struct format format_cpuprofile = {
    .name = "cpuprofile",
    .summary = "V8 CPU profile, as node --cpu-prof and Chrome write",
    .extension = ".cpuprofile",
    .probe = probe,
    .decoder_new = decoder_new,
    .encoder_new = encoder_new,
    .loses = HOLD_TIME_NS | HOLD_THREAD | HOLD_CPU | HOLD_VALUE | HOLD_PERIOD | HOLD_EVENT |
             HOLD_ADDRESS | HOLD_KIND | HOLD_LOSS,
};
