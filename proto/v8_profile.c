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
    array_reserve(&profile->times, &profile->time_capacity, profile->time_count + 1);
    profile->times[profile->time_count++] = us;
}

static void add_sample(struct v8_profile *profile, uint32_t id)
{
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
static struct timed *timed_samples(const struct v8_profile *profile, struct json_decoder *decoder,
                                   size_t *count)
{
    size_t timed = profile->time_count ? profile->time_count : profile->sample_count;
    *count = timed < profile->sample_count ? timed : profile->sample_count;
    if (*count < profile->sample_count)
        json_decoder_skip(decoder, "samples without times");
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

int v8_profile_emit(struct v8_profile *profile, struct json_decoder *decoder, struct sample sample,
                    uint32_t top, struct err *err)
{
    size_t count;
    v8_nodes_resolve(&profile->nodes, &decoder->stage, top);
    struct timed *samples = timed_samples(profile, decoder, &count);
    int64_t end_ns = to_ns(profile->end_us);
    int code = 0;
    for (size_t i = 0; !code && i < count; i++) {
        if (samples[i].row == IDSET_NONE) {
            json_decoder_skip(decoder, "a sample of a node that is not there");
            continue;
        }
        sample.node = profile->nodes.rows[samples[i].row].node;
        sample.time_ns = samples[i].time_ns;
        sample.value = value_of(samples, i, count, end_ns);
        stage_add(&decoder->stage, &sample);
        if (decoder->stage.count == STAGE_BATCH)
            code = json_decoder_flush(decoder, err);
    }
    free(samples);
    if (profile->nodes.broken)
        json_decoder_skip(decoder, "nodes whose parent or children are not there");
    return code;
}
