// V8's sampling heap profile (.heapprofile): `node --heap-prof`, Chrome's "Allocation sampling".
//
//     {"head": {"callFrame": {...}, "selfSize": bytes, "children": [...]}}
//
// It has no times: a sample a node, worth the bytes allocated there that are still alive.
//
// A node whose callers are known goes onto the stage when it is closed, so that only the nodes that
// we are within are held; V8 writes a frame before its children. What has them the other way round
// waits for the end.
#include "proto/alloc.h"
#include "proto/json_decoder.h"
#include "proto/memo.h"
#include "proto/v8_nodes.h"

#include <stdlib.h>

enum { NODE, FRAME, NAME, URL, LINE, SELF };
// By their text, at most; and the slots of the memo, 3/4 of which can be in use.
enum { FRAMES_KNOWN = 3 << 17, FRAME_SLOTS = 1 << 19 };

struct heapprofile {
    struct json_decoder base;
    struct v8_nodes nodes;
    uint64_t *self; // bytes, by row
    size_t self_capacity;
    struct open_node {
        uint32_t row;
        bool has_frame;
    } open[JSON_DEPTH_MAX]; // the nodes that we are within
    size_t depth;
    uint32_t top; // DICT_ROOT: there was none yet
    // Frames by their text, as that of the one in hand.
    uint64_t seed;
    struct memo frames_known; // -> index
    struct known_frame {
        uint32_t name, url, line, frame; // as those of a v8_node
    } * known;
    size_t known_count, known_capacity;
    struct hash128 frame_text;
};

static const struct json_path paths[] = {
    {"head", NODE, NULL},
    {"head.callFrame!", FRAME, NULL},
    {"head.callFrame.functionName", NAME, NULL},
    {"head.callFrame.url", URL, NULL},
    {"head.callFrame.lineNumber", LINE, NULL},
    {"head.selfSize", SELF, NULL},
    {"head.children[]", NODE, "head"},
    {NULL, 0, NULL},
};

static uint32_t top_of(struct heapprofile *profile)
{
    struct dict *dict = &profile->base.stage.dict;
    if (profile->top != DICT_ROOT)
        return profile->top;
    struct thread thread = {.pid = -1, .tid = -1, .comm = dict_string_z(dict, "(root)")};
    struct event event = {.name = dict_string_z(dict, "heap"),
                          .unit = dict_string_z(dict, "bytes"),
                          .by_value = true};
    struct sample common = {.time_ns = SAMPLE_NO_TIME,
                            .thread = dict_thread(dict, &thread),
                            .cpu = SAMPLE_NO_CPU,
                            .event = (uint16_t)dict_event(dict, &event)};
    stage_run_begin(&profile->base.stage, &common);
    return profile->top = dict_comm_node(dict, thread.comm);
}

// False: its callers are not known yet.
static bool resolve(struct heapprofile *profile, uint32_t row)
{
    const struct v8_node *rows = profile->nodes.rows;
    if (rows[row].node == DICT_ROOT &&
        (rows[row].parent == V8_NO_ROW || rows[rows[row].parent].node != DICT_ROOT))
        v8_nodes_resolve_row(&profile->nodes, &profile->base.stage, row, top_of(profile));
    return rows[row].node != DICT_ROOT;
}

static int emit(struct heapprofile *profile, uint32_t row, struct err *err)
{
    uint64_t value = profile->self[row];
    profile->self[row] = 0;
    return value ? json_decoder_add(&profile->base, profile->nodes.rows[row].node, 0, value, err)
                 : 0;
}

static void open_node(struct heapprofile *profile)
{
    struct open_node *above = profile->depth ? profile->open + profile->depth - 1 : NULL;
    if (above && above->has_frame)
        (void)resolve(profile, above->row);
    uint32_t row = v8_nodes_add(&profile->nodes, above ? above->row : V8_NO_ROW);
    array_reserve(&profile->self, &profile->self_capacity, profile->nodes.count);
    profile->self[row] = 0;
    profile->open[profile->depth++] = (struct open_node){row, false};
}

static int close_node(struct heapprofile *profile, struct err *err)
{
    uint32_t row = profile->open[--profile->depth].row;
    bool in_place = !profile->depth || profile->open[profile->depth - 1].has_frame;
    if (!in_place || !resolve(profile, row))
        return 0;
    int code = emit(profile, row, err);
    if (row + 1 == profile->nodes.count)
        profile->nodes.count--;
    return code;
}

// Whether the frame that begins is known by its text; a node's first one, as a second one would add
// to it.
static bool frame_is_known(struct heapprofile *profile, struct open_node *open,
                           const struct json_value *value)
{
    if (!value->len || open->has_frame)
        return false;
    profile->frame_text = hash128_bytes(profile->seed, value->text, value->len);
    uint32_t at = memo_get(&profile->frames_known, profile->frame_text);
    if (at == MEMO_EMPTY)
        return false;
    struct v8_node *node = profile->nodes.rows + open->row;
    const struct known_frame *known = profile->known + at;
    node->name = known->name;
    node->url = known->url;
    node->line = known->line;
    node->frame = known->frame;
    return open->has_frame = true;
}

static void remember_frame(struct heapprofile *profile, struct open_node *open)
{
    struct v8_node *node = profile->nodes.rows + open->row;
    if (profile->known_count == FRAMES_KNOWN) {
        memo_clear(&profile->frames_known);
        profile->known_count = 0;
    }
    uint32_t at = (uint32_t)profile->known_count++;
    array_reserve(&profile->known, &profile->known_capacity, profile->known_count);
    profile->known[at] = (struct known_frame){node->name, node->url, node->line,
                                              v8_nodes_frame(&profile->base.stage, node)};
    memo_put(&profile->frames_known, profile->frame_text, at);
}

static int frame_value(struct heapprofile *profile, const struct json_value *value)
{
    struct open_node *open = profile->open + profile->depth - 1;
    if (value->kind == JSON_OBJECT)
        return frame_is_known(profile, open, value) ? JSON_KNOWN : 0;
    if (value->kind != JSON_OBJECT_END)
        return 0;
    if (value->len && !open->has_frame)
        remember_frame(profile, open);
    open->has_frame = true;
    return 0;
}

static int each(void *arg, const struct json_value *value, struct err *err)
{
    struct heapprofile *profile = arg;
    struct dict *dict = &profile->base.stage.dict;
    if (value->id == NODE && value->kind == JSON_OBJECT)
        open_node(profile);
    if (!profile->depth)
        return 0;
    uint32_t row = profile->open[profile->depth - 1].row;
    struct v8_node *node = profile->nodes.rows + row;
    if (value->id == NAME || value->id == URL || value->id == LINE)
        node->frame = IDSET_NONE; // what was made of them before
    switch (value->id) {
    case NODE:
        return value->kind == JSON_OBJECT_END ? close_node(profile, err) : 0;
    case FRAME:
        return frame_value(profile, value);
    case NAME:
        node->name = value->kind == JSON_STRING ? dict_string(dict, value->text, value->len) : 0;
        break;
    case URL:
        node->url = value->kind == JSON_STRING ? dict_string(dict, value->text, value->len) : 0;
        break;
    case LINE:
        v8_nodes_set_line(&profile->nodes, row, value);
        break;
    case SELF:
        profile->self[row] = json_value_int(value) > 0 ? (uint64_t)json_value_int(value) : 0;
        break;
    }
    return 0;
}

// What is left: nodes with their frames behind their children, or a file that is cut.
static int end(struct json_decoder *decoder, struct err *err)
{
    struct heapprofile *profile = (struct heapprofile *)decoder;
    int code = 0;
    v8_nodes_resolve(&profile->nodes, &decoder->stage, top_of(profile));
    for (uint32_t row = 0; !code && row < profile->nodes.count; row++)
        code = emit(profile, row, err);
    return code;
}

static void hello(struct json_decoder *decoder, struct hello *out)
{
    (void)decoder;
    out->collector = "V8";
    out->clock = CLOCK_KIND_NONE;
}

static void dispose(struct json_decoder *decoder)
{
    v8_nodes_dispose(&((struct heapprofile *)decoder)->nodes);
    free(((struct heapprofile *)decoder)->self);
    free(((struct heapprofile *)decoder)->known);
    memo_dispose(&((struct heapprofile *)decoder)->frames_known);
}

static struct decoder *decoder_new(struct sink *sink, const struct decode_options *options)
{
    static const struct json_decoder_kind KIND = {paths, each, end, hello, dispose, false};
    (void)options; // the profile says it all
    struct decoder *decoder = json_decoder_new(sizeof(struct heapprofile), &KIND, sink);
    struct heapprofile *profile = (struct heapprofile *)decoder;
    profile->seed = hash_seed();
    memo_init(&profile->frames_known, FRAME_SLOTS);
    return decoder;
}

static int probe(const void *head, size_t len)
{
    return json_probe(head, len, "head") && json_probe(head, len, "selfSize") ? 92 : 0;
}

const struct format format_heapprofile = {
    .name = "heapprofile",
    .summary = "V8 sampling heap profile, as node --heap-prof writes",
    .extension = ".heapprofile",
    .probe = probe,
    .decoder_new = decoder_new,
};
