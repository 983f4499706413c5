// A V8 CPU profile out of JSON.
#include "proto/v8_profile.h"

#include "proto/alloc.h"

#include <stdlib.h>
#include <string.h>

void v8_profile_dispose(struct v8_profile *profile)
{
    v8_nodes_dispose(&profile->nodes);
    free(profile->open);
    narrow_dispose(&profile->samples);
    narrow_dispose(&profile->times);
    *profile = (struct v8_profile){0};
}

void v8_profile_clear(struct v8_profile *profile)
{
    v8_nodes_clear(&profile->nodes);
    profile->nodes.broken = 0;
    profile->depth = 0;
    narrow_dispose(&profile->samples);
    narrow_dispose(&profile->times);
    profile->out_of_order = profile->are_timestamps = false;
    profile->stamp_ns = profile->start_ns = profile->end_ns = 0;
}

bool v8_profile_is_empty(const struct v8_profile *profile)
{
    return !profile->nodes.count && !profile->samples.count;
}

// --- times ---------------------------------------------------------------------------------------

#define TIME_MOST_NS (((int64_t)1 << 62) - 1)

static int64_t time_sum(int64_t time_ns, int64_t delta_ns)
{
    int64_t sum_ns = time_ns + delta_ns; // neither is beyond TIME_MOST_NS
    return sum_ns > TIME_MOST_NS ? TIME_MOST_NS : sum_ns < -TIME_MOST_NS ? -TIME_MOST_NS : sum_ns;
}

// Of microseconds; 0 where they are none.
static int64_t to_ns(const struct json_value *value)
{
    int64_t ns;
    return json_value_fixed(value, 3, &ns) ? time_sum(ns / 2, ns - ns / 2) : 0;
}

static void add_delta(struct v8_profile *profile, int64_t ns)
{
    profile->out_of_order |= profile->times.count && ns < 0;
    narrow_add(&profile->times, packed_ns(ns));
}

static void add_timestamp(struct v8_profile *profile, int64_t ns)
{
    if (!profile->are_timestamps) // there may have been deltas, too
        narrow_dispose(&profile->times);
    profile->are_timestamps = true;
    add_delta(profile, time_sum(ns, -profile->stamp_ns));
    profile->stamp_ns = ns;
}

static void add_time(struct v8_profile *profile, int64_t ns, bool is_timestamp)
{
    if (is_timestamp)
        add_timestamp(profile, ns);
    else if (!profile->are_timestamps)
        add_delta(profile, ns);
}

// Many as add_delta does it: the usual case.
static void add_deltas(struct v8_profile *profile, const int64_t *us, size_t count)
{
    uint64_t packed[JSON_RUN_MOST];
    int64_t signs = 0;
    for (size_t i = 0; i < count; i++) {
        packed[i] = packed_us(us[i]);
        signs |= profile->times.count || i ? us[i] : 0;
    }
    profile->out_of_order |= signs < 0;
    narrow_add_many(&profile->times, packed, count);
}

static void time_value(struct v8_profile *profile, const struct json_value *value)
{
    bool is_timestamp = value->id == V8_TIMESTAMP;
    if (value->kind == JSON_INTEGERS && !is_timestamp && !profile->are_timestamps) {
        add_deltas(profile, value->integers, value->len);
    } else if (value->kind == JSON_INTEGERS) { // of up to 15 digits
        for (size_t i = 0; i < value->len; i++)
            add_time(profile, value->integers[i] * 1000, is_timestamp);
    } else if (value->kind != JSON_OBJECT_END && value->kind != JSON_ARRAY_END) {
        add_time(profile, to_ns(value), is_timestamp);
    }
}

// --- nodes ---------------------------------------------------------------------------------------

// Nodes lie within each other in old profiles.
static void node_bounds(struct v8_profile *profile, enum json_kind kind)
{
    if (kind == JSON_OBJECT) {
        uint32_t parent = profile->depth ? profile->open[profile->depth - 1] : V8_NO_ROW;
        array_reserve(&profile->open, &profile->open_capacity, profile->depth + 1);
        profile->open[profile->depth++] = v8_nodes_add(&profile->nodes, parent);
    } else if (kind == JSON_OBJECT_END && profile->depth) {
        profile->depth--;
    }
}

static void children_value(struct v8_nodes *nodes, uint32_t row, const struct json_value *value)
{
    if (value->kind == JSON_NUMBER)
        v8_nodes_link_child(nodes, row, (uint64_t)json_value_int(value));
    for (size_t i = 0; value->kind == JSON_INTEGERS && i < value->len; i++)
        v8_nodes_link_child(nodes, row, (uint64_t)value->integers[i]);
}

// Within a node: the row whose member this is.
static void node_value(struct v8_profile *profile, struct stage *stage,
                       const struct json_value *value)
{
    if (!profile->depth)
        return;
    struct v8_nodes *nodes = &profile->nodes;
    struct dict *dict = &stage->dict;
    uint32_t row = profile->open[profile->depth - 1];
    switch (value->id) {
    case V8_NODE_ID:
        v8_nodes_set_id(nodes, row, (uint64_t)json_value_int(value));
        break;
    case V8_NODE_PARENT:
        v8_nodes_link_parent(nodes, row, (uint64_t)json_value_int(value));
        break;
    case V8_NODE_CHILD:
        children_value(nodes, row, value);
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
        v8_nodes_set_line(nodes, row, value);
        break;
    }
}

static void sample_value(struct v8_profile *profile, const struct json_value *value)
{
    if (value->kind == JSON_INTEGERS) {
        uint64_t ids[JSON_RUN_MOST];
        memcpy(ids, value->integers, value->len * sizeof *ids);
        narrow_add_many(&profile->samples, ids, value->len);
    } else if (value->kind != JSON_OBJECT_END && value->kind != JSON_ARRAY_END) {
        narrow_add(&profile->samples, (uint64_t)json_value_int(value));
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
        sample_value(profile, value);
        break;
    case V8_TIMESTAMP:
    case V8_DELTA:
        time_value(profile, value);
        break;
    case V8_START_TIME:
        profile->start_ns = to_ns(value);
        break;
    case V8_END_TIME:
        profile->end_ns = to_ns(value);
        break;
    default:
        node_value(profile, stage, value);
        break;
    }
}

void v8_profile_append(struct v8_profile *profile, struct v8_profile *piece)
{
    v8_nodes_append(&profile->nodes, &piece->nodes);
    narrow_append(&profile->samples, &piece->samples);
    int64_t stamp_ns = 0;
    while (piece->times.count) {
        stamp_ns = time_sum(stamp_ns, packed_to_ns(narrow_take(&piece->times)));
        if (piece->are_timestamps)
            add_timestamp(profile, stamp_ns);
        else
            add_time(profile, stamp_ns, false);
        stamp_ns = piece->are_timestamps ? stamp_ns : 0;
    }
    if (piece->start_ns > 0)
        profile->start_ns = piece->start_ns;
    if (piece->end_ns > 0)
        profile->end_ns = piece->end_ns;
}

// --- samples -------------------------------------------------------------------------------------

// The node of each sample, in the sink: ids are small numbers in all that V8 writes, so that a
// table does.
struct sample_nodes {
    const struct v8_nodes *nodes;
    struct stage_node *by_id; // whose number is IDSET_NONE: not asked for yet. NULL: too far apart
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
    out->by_id = xmalloc(out->count * sizeof *out->by_id);
    for (size_t i = 0; i < out->count; i++)
        out->by_id[i].id = IDSET_NONE;
}

// One that was not asked for before. NULL: there is no such node.
static const struct stage_node *find_node(struct sample_nodes *nodes, struct stage *stage,
                                          struct dict *to, uint64_t id)
{
    int64_t row = v8_nodes_find(nodes->nodes, id);
    if (row < 0)
        return NULL;
    stage_map(stage, to);
    const struct stage_node *found = stage_node_in(stage, to, nodes->nodes->rows[row].node);
    if (id < nodes->count)
        nodes->by_id[id] = *found;
    return found;
}

struct timed {
    int64_t time_ns;
    uint64_t id;
};

// Merges the sorted halves. They overlap little, so that scratch need not be large: of the left one
// only what lies above the right one's first is moved.
static void merge_halves(struct timed *timed, size_t left, size_t count, struct timed **scratch,
                         size_t *capacity)
{
    size_t first = 0, last = left;
    while (first < last) {
        size_t middle = first + (last - first) / 2;
        if (timed[middle].time_ns <= timed[left].time_ns)
            first = middle + 1;
        else
            last = middle;
    }
    size_t moved = left - first, i = 0, right = left, out = first;
    array_reserve(scratch, capacity, moved);
    memcpy(*scratch, timed + first, moved * sizeof *timed);
    while (i < moved) {
        bool take_right = right < count && timed[right].time_ns < (*scratch)[i].time_ns;
        timed[out++] = take_right ? timed[right++] : (*scratch)[i++];
    }
}

static void merge_sort(struct timed *timed, size_t count, struct timed **scratch, size_t *capacity)
{
    size_t left = count / 2;
    if (count < 2)
        return;
    merge_sort(timed, left, scratch, capacity);
    merge_sort(timed + left, count - left, scratch, capacity);
    if (timed[left].time_ns < timed[left - 1].time_ns)
        merge_halves(timed, left, count, scratch, capacity);
}

// Deltas may be negative (V8 samples in two places): puts the samples into the order of their
// times.
static void sort_samples(struct v8_profile *profile, size_t count)
{
    struct timed *timed = xmalloc((count + 1) * sizeof *timed), *scratch = NULL;
    size_t capacity = 0;
    int64_t now_ns = profile->are_timestamps ? 0 : profile->start_ns;
    for (size_t i = 0; i < count; i++) {
        now_ns = time_sum(now_ns, packed_to_ns(narrow_take(&profile->times)));
        timed[i] = (struct timed){now_ns, narrow_take(&profile->samples)};
    }
    narrow_dispose(&profile->times);
    narrow_dispose(&profile->samples);
    merge_sort(timed, count, &scratch, &capacity);
    free(scratch);
    now_ns = profile->are_timestamps ? 0 : profile->start_ns;
    for (size_t i = 0; i < count; i++) {
        narrow_add(&profile->times, packed_ns(time_sum(timed[i].time_ns, -now_ns)));
        narrow_add(&profile->samples, timed[i].id);
        now_ns = timed[i].time_ns;
    }
    free(timed);
}

// The times of the next samples, and of the one behind them: the last one's is the profile's end.
static void take_times(struct v8_profile *profile, int64_t *times, size_t count, bool are_last)
{
    uint64_t deltas[STAGE_RUN];
    size_t more = count - are_last;
    narrow_take_many(&profile->times, deltas, more);
    for (size_t i = 0; i < more; i++)
        times[i + 1] = time_sum(times[i], packed_to_ns(deltas[i]));
    if (are_last)
        times[count] = profile->end_ns;
}

// A batch of samples into an empty run; times is NULL where there are none, else has one more.
static void add_samples(struct json_decoder *decoder, struct sample_nodes *nodes,
                        const uint64_t *ids, const int64_t *times, size_t count)
{
    struct stage *stage = &decoder->stage;
    struct dict *to = decoder->base.sink->dict;
    struct decode_report report = decoder->base.report;
    uint32_t at = 0;
    for (size_t i = 0; i < count; i++) {
        const struct stage_node *node = ids[i] < nodes->count ? nodes->by_id + ids[i] : NULL;
        if ((!node || node->id == IDSET_NONE) && !(node = find_node(nodes, stage, to, ids[i]))) {
            decode_report_skip(&report, 0, json_reader_offset(decoder->json),
                               "a sample of a node that is not there");
            continue;
        }
        stage->run.nodes[at] = node->id;
        if (times)
            stage->run.times_ns[at] = times[i];
        stage->run.values[at] = !times                    ? 1
                                : times[i + 1] > times[i] ? (uint64_t)(times[i + 1] - times[i])
                                                          : 0;
        stage_count_stack(&report, node);
        at++;
    }
    decoder->base.report = report;
    stage->run.count = at;
}

// Takes the samples in batches, of `count` in all.
static int emit_samples(struct v8_profile *profile, struct json_decoder *decoder,
                        struct sample_nodes *nodes, struct sample *sample, size_t count,
                        struct err *err)
{
    bool has_times = profile->times.count > 0;
    uint64_t ids[STAGE_RUN];
    int64_t times[STAGE_RUN + 1] = {profile->are_timestamps ? 0 : profile->start_ns};
    if (has_times && count)
        times[0] = time_sum(times[0], packed_to_ns(narrow_take(&profile->times)));
    sample->time_ns = has_times ? 0 : SAMPLE_NO_TIME;
    int code = json_decoder_begin(decoder, sample, err);
    decoder->stage.run.in_sink = true;
    while (!code && count) {
        size_t some = count < STAGE_RUN ? count : STAGE_RUN;
        narrow_take_many(&profile->samples, ids, some);
        if (has_times)
            take_times(profile, times, some, some == count);
        add_samples(decoder, nodes, ids, has_times ? times : NULL, some);
        times[0] = times[some];
        count -= some;
        code = json_decoder_flush(decoder, err);
    }
    return code;
}

int v8_profile_emit(struct v8_profile *profile, struct json_decoder *decoder, struct sample sample,
                    uint32_t top, struct err *err)
{
    size_t count = profile->samples.count;
    struct sample_nodes nodes;
    v8_nodes_resolve(&profile->nodes, &decoder->stage, top);
    sample_nodes_init(&nodes, &profile->nodes);
    if (profile->times.count && profile->times.count < count) {
        json_decoder_skip(decoder, "samples without times");
        count = profile->times.count;
    }
    if (profile->times.count && profile->out_of_order)
        sort_samples(profile, count);
    int code = emit_samples(profile, decoder, &nodes, &sample, count, err);
    free(nodes.by_id);
    if (profile->nodes.broken)
        json_decoder_skip(decoder, "nodes whose parent or children are not there");
    v8_profile_dispose(profile);
    return code;
}
