// V8's sampling heap profile (.heapprofile): `node --heap-prof`, Chrome's "Allocation sampling".
//
//     {"head": {"callFrame": {...}, "selfSize": bytes, "children": [...]}}
//
// It has no times: a sample a node, worth the bytes allocated there that are still alive.
#include "proto/json_decoder.h"
#include "proto/v8_nodes.h"

enum { NODE, NAME, URL, LINE, SELF };

struct heapprofile {
    struct json_decoder base;
    struct v8_nodes nodes;
    size_t open[JSON_DEPTH_MAX]; // rows of the nodes that we are within
    size_t depth;
};

static const struct json_path paths[] = {
    {"head", NODE, NULL},
    {"head.callFrame.functionName", NAME, NULL},
    {"head.callFrame.url", URL, NULL},
    {"head.callFrame.lineNumber", LINE, NULL},
    {"head.selfSize", SELF, NULL},
    {"head.children[]", NODE, "head"},
    {NULL, 0, NULL},
};

static int each(void *arg, const struct json_value *value, struct err *err)
{
    struct heapprofile *profile = arg;
    struct dict *dict = &profile->base.stage.dict;
    (void)err;
    if (value->id == NODE && value->kind == JSON_OBJECT) {
        int64_t parent = profile->depth ? (int64_t)profile->open[profile->depth - 1] : -1;
        profile->open[profile->depth++] = v8_nodes_add(&profile->nodes, parent);
        return 0;
    }
    if (!profile->depth)
        return 0;
    struct v8_node *row = profile->nodes.rows + profile->open[profile->depth - 1];
    switch (value->id) {
    case NODE:
        profile->depth -= value->kind == JSON_OBJECT_END;
        break;
    case NAME:
        row->name = value->kind == JSON_STRING ? dict_string(dict, value->text, value->len) : 0;
        break;
    case URL:
        row->url = value->kind == JSON_STRING ? dict_string(dict, value->text, value->len) : 0;
        break;
    case LINE:
        row->line = json_value_int(value);
        break;
    case SELF:
        row->self = json_value_int(value) > 0 ? (uint64_t)json_value_int(value) : 0;
        break;
    }
    return 0;
}

static int end(struct json_decoder *decoder, struct err *err)
{
    (void)err;
    struct heapprofile *profile = (struct heapprofile *)decoder;
    struct stage *stage = &decoder->stage;
    struct dict *dict = &stage->dict;
    struct thread thread = {.pid = -1, .tid = -1, .comm = dict_string_z(dict, "(root)")};
    struct event event = {.name = dict_string_z(dict, "heap"),
                          .unit = dict_string_z(dict, "bytes"),
                          .by_value = true};
    struct sample sample = {.time_ns = SAMPLE_NO_TIME,
                            .thread = dict_thread(dict, &thread),
                            .cpu = SAMPLE_NO_CPU,
                            .event = (uint16_t)dict_event(dict, &event)};
    v8_nodes_resolve(&profile->nodes, stage, dict_comm_node(dict, thread.comm));
    for (size_t i = 0; i < profile->nodes.count; i++) {
        sample.node = profile->nodes.rows[i].node;
        sample.value = profile->nodes.rows[i].self;
        if (sample.value)
            stage_add(stage, &sample);
    }
    return 0;
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
}

static struct decoder *decoder_new(struct sink *sink, const struct decode_options *options)
{
    static const struct json_decoder_kind KIND = {paths, each, end, hello, dispose, false};
    (void)options; // the profile says it all
    return json_decoder_new(sizeof(struct heapprofile), &KIND, sink);
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
