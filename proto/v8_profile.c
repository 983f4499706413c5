// A V8 CPU profile out of JSON.
#include "proto/v8_profile.h"

#include "proto/alloc.h"

#include <stdlib.h>
#include <string.h>

void v8_profile_dispose(struct v8_profile *profile)
{
    v8_nodes_dispose(&profile->nodes);
    free(profile->open);
    free(profile->samples);
    free(profile->times);
    *profile = (struct v8_profile){0};
}

void v8_profile_clear(struct v8_profile *profile)
{
    v8_nodes_clear(&profile->nodes);
    profile->nodes.broken = 0;
    profile->sample_count = profile->time_count = profile->depth = 0;
    profile->are_timestamps = false;
    profile->start_us = profile->end_us = 0;
}

bool v8_profile_is_empty(const struct v8_profile *profile)
{
    return !profile->nodes.count && !profile->sample_count;
}

static void add_time(struct v8_profile *profile, double us)
{
    if (profile->time_count == profile->time_capacity)
        array_reserve(&profile->times, &profile->time_capacity, profile->time_count + 1);
    profile->times[profile->time_count++] = us;
}

static void add_sample(struct v8_profile *profile, uint32_t id)
{
    if (profile->sample_count == profile->sample_capacity)
        array_reserve(&profile->samples, &profile->sample_capacity, profile->sample_count + 1);
    profile->samples[profile->sample_count++] = id;
}

// Nodes lie within each other in old profiles.
static void node_bounds(struct v8_profile *profile, enum json_kind kind)
{
    if (kind == JSON_OBJECT) {
        bool within = profile->depth > 0;
        int64_t parent = within ? (int64_t)profile->open[profile->depth - 1] : -1;
        array_reserve(&profile->open, &profile->open_capacity, profile->depth + 1);
        profile->open[profile->depth++] = v8_nodes_add(&profile->nodes, parent);
    } else if (kind == JSON_OBJECT_END && profile->depth) {
        profile->depth--;
    }
}

// Within a node: the row whose member this is.
static void node_value(struct v8_profile *profile, struct stage *stage,
                       const struct json_value *value)
{
    if (!profile->depth)
        return;
    struct v8_nodes *nodes = &profile->nodes;
    struct dict *dict = &stage->dict;
    size_t row = profile->open[profile->depth - 1];
    switch (value->id) {
    case V8_NODE_ID:
        v8_nodes_set_id(nodes, row, (uint64_t)json_value_int(value));
        break;
    case V8_NODE_PARENT:
        v8_nodes_link_parent(nodes, row, (uint64_t)json_value_int(value));
        break;
    case V8_NODE_CHILD:
        if (value->kind == JSON_NUMBER)
            v8_nodes_link_child(nodes, row, (uint64_t)json_value_int(value));
        break;
    case V8_NODE_NAME:
        if (value->kind == JSON_STRING)
            nodes->rows[row].name = dict_string(dict, value->text, value->len);
        break;
    case V8_NODE_URL:
        if (value->kind == JSON_STRING)
            nodes->rows[row].url = dict_string(dict, value->text, value->len);
        break;
    case V8_NODE_LINE:
        nodes->rows[row].line = json_value_int(value);
        break;
    }
}

void v8_profile_value(struct v8_profile *profile, struct stage *stage,
                      const struct json_value *value)
{
    switch (value->id) {
    case V8_NODE:
        node_bounds(profile, value->kind);
        break;
    case V8_SAMPLE:
        add_sample(profile, (uint32_t)json_value_int(value));
        break;
    case V8_TIMESTAMP:
        profile->are_timestamps = true;
        add_time(profile, json_value_double(value));
        break;
    case V8_DELTA:
        if (!profile->are_timestamps)
            add_time(profile, json_value_double(value));
        break;
    case V8_START_TIME:
        profile->start_us = json_value_double(value);
        break;
    case V8_END_TIME:
        profile->end_us = json_value_double(value);
        break;
    default:
        node_value(profile, stage, value);
        break;
    }
}

void v8_profile_append(struct v8_profile *profile, const struct v8_profile *piece)
{
    v8_nodes_append(&profile->nodes, &piece->nodes);
    for (size_t i = 0; i < piece->sample_count; i++)
        add_sample(profile, piece->samples[i]);
    for (size_t i = 0; i < piece->time_count; i++)
        add_time(profile, piece->times[i]);
    profile->are_timestamps |= piece->are_timestamps;
    if (piece->start_us > 0)
        profile->start_us = piece->start_us;
    if (piece->end_us > 0)
        profile->end_us = piece->end_us;
}

static int64_t to_ns(double us)
{
    return us > -9e15 && us < 9e15 ? (int64_t)(us * 1000 + (us < 0 ? -0.5 : 0.5)) : 0;
}

// The node of each sample: ids are small numbers in all that V8 writes, so that a table does.
struct sample_nodes {
    const struct v8_nodes *nodes;
    uint32_t *by_id; // node of the stage + 1; 0: no such id. NULL: ids are too far apart
    uint64_t count;
};

static void sample_nodes_init(struct sample_nodes *out, const struct v8_nodes *nodes)
{
    uint64_t most = 0;
    for (size_t i = 0; i < nodes->count; i++)
        most = nodes->rows[i].has_id && nodes->rows[i].id > most ? nodes->rows[i].id : most;
    *out = (struct sample_nodes){.nodes = nodes};
    if (most >= 4 * (uint64_t)nodes->count + 1024)
        return;
    out->count = most + 1;
    out->by_id = xcalloc(out->count, sizeof *out->by_id);
    for (size_t i = 0; i < nodes->count; i++) {
        if (nodes->rows[i].has_id)
            out->by_id[nodes->rows[i].id] = nodes->rows[i].node + 1;
    }
}

// False: there is no such node.
static bool sample_node(const struct sample_nodes *nodes, uint32_t id, uint32_t *out)
{
    if (nodes->by_id) {
        *out = (id < nodes->count ? nodes->by_id[id] : 0) - 1;
        return *out != UINT32_MAX;
    }
    int64_t row = v8_nodes_find(nodes->nodes, id);
    *out = row < 0 ? 0 : nodes->nodes->rows[row].node;
    return row >= 0;
}

// The times of all samples, in order, in the place of the deltas; deltas may be negative (V8
// samples in two places), and then the samples change places, too.
struct timed {
    int64_t time_ns;
    uint32_t id;
};

static int compare_times(const void *a, const void *b)
{
    const struct timed *x = a, *y = b;
    return (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

static void sort_samples(struct v8_profile *profile, size_t count)
{
    struct timed *timed = xmalloc((count + 1) * sizeof *timed);
    for (size_t i = 0; i < count; i++)
        timed[i] = (struct timed){to_ns(profile->times[i]), profile->samples[i]};
    qsort(timed, count, sizeof *timed, compare_times);
    for (size_t i = 0; i < count; i++) {
        profile->times[i] = (double)timed[i].time_ns / 1000;
        profile->samples[i] = timed[i].id;
    }
    free(timed);
}

static void make_times(struct v8_profile *profile, size_t count)
{
    double now_us = profile->start_us;
    bool sorted = true;
    for (size_t i = 0; i < count; i++) {
        double last_us = now_us;
        now_us = profile->times[i] + (profile->are_timestamps ? 0 : now_us);
        sorted &= !i || now_us >= last_us;
        profile->times[i] = now_us;
    }
    if (!sorted)
        sort_samples(profile, count);
}

// What a sample is worth, and when it was.
static void put_time(const struct v8_profile *profile, size_t i, size_t count,
                     struct sample *sample)
{
    sample->time_ns = SAMPLE_NO_TIME;
    sample->value = 1;
    if (!profile->time_count)
        return;
    int64_t next_ns = to_ns(i + 1 < count ? profile->times[i + 1] : profile->end_us);
    sample->time_ns = to_ns(profile->times[i]);
    sample->value = next_ns > sample->time_ns ? (uint64_t)(next_ns - sample->time_ns) : 0;
}

int v8_profile_emit(struct v8_profile *profile, struct json_decoder *decoder, struct sample sample,
                    uint32_t top, struct err *err)
{
    size_t count = profile->sample_count;
    struct sample_nodes nodes;
    if (profile->time_count && profile->time_count < count) {
        json_decoder_skip(decoder, "samples without times");
        count = profile->time_count;
    }
    if (profile->time_count)
        make_times(profile, count);
    v8_nodes_resolve(&profile->nodes, &decoder->stage, top);
    sample_nodes_init(&nodes, &profile->nodes);
    int code = 0;
    for (size_t i = 0; !code && i < count; i++) {
        if (!sample_node(&nodes, profile->samples[i], &sample.node)) {
            json_decoder_skip(decoder, "a sample of a node that is not there");
            continue;
        }
        put_time(profile, i, count, &sample);
        stage_add(&decoder->stage, &sample);
        if (decoder->stage.count == STAGE_BATCH)
            code = json_decoder_flush(decoder, err);
    }
    free(nodes.by_id);
    if (profile->nodes.broken)
        json_decoder_skip(decoder, "nodes whose parent or children are not there");
    return code;
}
