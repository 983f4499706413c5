// speedscope's own format, https://www.speedscope.app/file-format-schema.json, all versions.
//
// A profile of the file is a thread. "sampled": stacks, root first, each with a weight; a sample is
// at the sum of the weights before it when the unit is one of time. "evented": frames opened and
// closed; between two events the stack that is open gets the time that passes, to the nanosecond.
//
// Written are sampled profiles, one a thread, with the gaps between samples as empty stacks, so
// that samples lie where they were; values are exact, and a sample that overlaps the next one moves
// it.
#include "proto/alloc.h"
#include "proto/hash.h"
#include "proto/json_decoder.h"
#include "proto/memo.h"
#include "proto/narrow.h"
#include "proto/speedscope_encode.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FRAME,
    FRAME_NAME,
    FRAME_FILE,
    FRAME_LINE,
    PROFILE,
    PROFILE_NAME,
    PROFILE_UNIT,
    PROFILE_START,
    STACK,
    STACK_FRAME,
    WEIGHT,
    EVENT,
    EVENT_TYPE,
    EVENT_FRAME,
    EVENT_AT,
};

#define PROFILE_PATHS(top)                                                                         \
    {top, PROFILE, NULL}, {top ".name", PROFILE_NAME, NULL}, {top ".unit", PROFILE_UNIT, NULL},    \
        {top ".startValue", PROFILE_START, NULL}, {top ".samples[]!", STACK, NULL},                \
        {top ".samples[][+]", STACK_FRAME, NULL}, {top ".weights[+]", WEIGHT, NULL},               \
        {top ".events[=]", EVENT, NULL}, {top ".events[].type", EVENT_TYPE, NULL},                 \
        {top ".events[].frame", EVENT_FRAME, NULL},                                                \
    {                                                                                              \
        top ".events[].at", EVENT_AT, NULL                                                         \
    }

static const struct json_path paths[] = {
    {"shared.frames[]", FRAME, NULL},
    {"shared.frames[].name", FRAME_NAME, NULL},
    {"shared.frames[].file", FRAME_FILE, NULL},
    {"shared.frames[].line", FRAME_LINE, NULL},
    PROFILE_PATHS("profiles[]"),
    {NULL, 0, NULL},
};

enum {
    DEPTH_MAX = 1024,       // open frames of an evented profile; deeper ones are counted
    STACKS_KNOWN = 1 << 18, // by their text, at most
};

// One profile of the file, kept until the end: the shared frames may come last.
struct profile {
    uint32_t name, unit; // strings of the stage
    double start;
    struct narrow stacks; // rows of the file's call paths
    struct narrow weights;
    uint64_t weight_count;
    struct narrow events, times; // see event_done
    double last_at;
};

// The stacks of the file as a tree, by the numbers that its frames have there.
struct path {
    uint32_t parent; // row; the first stands for no frame at all
    uint32_t frame;
    uint32_t last;          // row of the child that was met last; 0: none yet
    uint32_t profile, node; // the node in the stage, for that profile; 0: none so far
};

struct speedscope {
    struct json_decoder base;
    struct frame *frames;
    size_t frame_count, frame_capacity;
    uint32_t *frame_ids; // at the end: what they are in the stage
    struct path *paths;
    size_t path_count, path_capacity;
    struct idset path_set;
    uint64_t seed;
    struct memo stacks_known;  // the call path of a stack's text
    struct hash128 stack_text; // of the stack in hand
    uint32_t path;
    struct {
        double at;
        uint32_t frame;
        bool opens;
    } event; // in hand
    struct profile *profiles;
    size_t profile_count, profile_capacity;
    uint32_t profiles_resolved; // at the end: the number of the one in hand
    uint32_t *chain;            // scratch
    size_t chain_capacity;
};

static struct profile *last_profile(struct speedscope *file)
{
    return file->profile_count ? file->profiles + file->profile_count - 1 : NULL;
}

static void frame_value(struct speedscope *file, const struct json_value *value)
{
    struct dict *dict = &file->base.stage.dict;
    if (value->id == FRAME && value->kind == JSON_OBJECT) {
        array_reserve(&file->frames, &file->frame_capacity, file->frame_count + 1);
        file->frames[file->frame_count++] = (struct frame){.kind = FRAME_USER};
    }
    if (!file->frame_count)
        return;
    struct frame *frame = file->frames + file->frame_count - 1;
    if (value->id == FRAME_NAME && value->kind == JSON_STRING)
        frame->name = dict_string(dict, value->text, value->len);
    else if (value->id == FRAME_FILE && value->kind == JSON_STRING)
        frame->file = dict_string(dict, value->text, value->len);
    else if (value->id == FRAME_LINE && json_value_int(value) > 0)
        frame->line = (uint32_t)json_value_int(value);
}

static uint32_t index_of(int64_t number)
{
    return number >= 0 && number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
}

static uint32_t frame_index(const struct json_value *value)
{
    if (value->is_integer)
        return index_of(value->integer);
    return value->kind == JSON_NUMBER ? index_of(json_value_int(value)) : UINT32_MAX;
}

static uint64_t path_hash(const void *owner, uint32_t row)
{
    const struct speedscope *file = owner;
    return hash_pair(file->seed, file->paths[row].parent, file->paths[row].frame);
}

static uint32_t path_add(struct speedscope *file, uint32_t parent, uint32_t frame)
{
    if (!file->path_count) { // the empty one is not in the set
        array_reserve(&file->paths, &file->path_capacity, ++file->path_count);
        file->paths[0] = (struct path){0};
    }
    idset_reserve(&file->path_set, path_hash, file);
    uint32_t slot = idset_first(&file->path_set, hash_pair(file->seed, parent, frame)), row;
    for (; (row = idset_at(&file->path_set, slot)) != IDSET_NONE;
         slot = idset_next(&file->path_set, slot)) {
        if (file->paths[row].parent == parent && file->paths[row].frame == frame)
            return row;
    }
    row = (uint32_t)file->path_count;
    array_reserve(&file->paths, &file->path_capacity, ++file->path_count);
    file->paths[row] = (struct path){.parent = parent, .frame = frame};
    idset_put(&file->path_set, slot, row);
    return row;
}

// One frame further down than a path. Stacks mostly go on as the last one that came here did.
static inline uint32_t path_below(struct speedscope *file, uint32_t path, uint32_t frame)
{
    uint32_t below = file->path_count ? file->paths[path].last : 0;
    if (!below || file->paths[below].frame != frame) {
        below = path_add(file, path, frame);
        file->paths[path].last = below;
    }
    return below;
}

static void stack_frames(struct speedscope *file, const int64_t *frames, size_t count)
{
    uint32_t path = file->path;
    for (size_t i = 0; i < count; i++)
        path = path_below(file, path, index_of(frames[i]));
    file->path = path;
}

// Whether the stack that begins is known by its text.
static bool stack_is_known(struct speedscope *file, struct profile *profile,
                           const struct json_value *value)
{
    file->path = 0;
    if (!value->len)
        return false;
    file->stack_text = hash128_bytes(file->seed, value->text, value->len);
    uint32_t path = memo_get(&file->stacks_known, file->stack_text);
    if (path == MEMO_EMPTY)
        return false;
    narrow_add(&profile->stacks, path);
    return true;
}

static int stack_value(struct speedscope *file, struct profile *profile,
                       const struct json_value *value)
{
    if (value->id == STACK && value->kind == JSON_ARRAY) {
        return stack_is_known(file, profile, value) ? JSON_KNOWN : 0;
    } else if (value->id == STACK && value->kind == JSON_ARRAY_END) {
        narrow_add(&profile->stacks, file->path);
        if (value->len)
            memo_put(&file->stacks_known, file->stack_text, file->path);
    } else if (value->id == STACK_FRAME && value->kind == JSON_INTEGERS) {
        stack_frames(file, value->integers, value->len);
    } else if (value->id == STACK_FRAME) {
        int64_t frame = frame_index(value);
        stack_frames(file, &frame, 1);
    }
    return 0;
}

static void weight_value(struct profile *profile, const struct json_value *value)
{
    profile->weight_count += value->kind == JSON_INTEGERS ? value->len : 1;
    if (value->kind != JSON_INTEGERS)
        narrow_add_double(&profile->weights, json_value_double(value));
    for (size_t i = 0; value->kind == JSON_INTEGERS && i < value->len; i++)
        narrow_add_whole(&profile->weights, value->integers[i]);
}

// Two numbers an event: its frame, whether it opens it, whether the second is the time since the
// event before; the time.
static void event_done(struct speedscope *file, struct profile *profile)
{
    double since = file->event.at - profile->last_at;
    bool exact = profile->last_at + since == file->event.at;
    narrow_add(&profile->events,
               (uint64_t)file->event.frame << 2 | (uint64_t)exact << 1 | file->event.opens);
    narrow_add_double(&profile->times, exact ? since : file->event.at);
    profile->last_at = file->event.at;
}

static void event_begin(struct speedscope *file)
{
    file->event.frame = UINT32_MAX;
    file->event.at = 0;
    file->event.opens = false;
}

static inline void event_member(struct speedscope *file, const struct json_value *value)
{
    switch (value->id) {
    case EVENT_TYPE:
        file->event.opens = value->kind == JSON_STRING && value->len == 1 && *value->text == 'O';
        break;
    case EVENT_FRAME:
        file->event.frame = frame_index(value);
        break;
    case EVENT_AT:
        file->event.at = value->is_integer ? (double)value->integer : json_value_double(value);
        break;
    }
}

static void event_value(struct speedscope *file, struct profile *profile,
                        const struct json_value *value)
{
    if (value->id != EVENT) {
        event_member(file, value);
        return;
    }
    if (value->kind == JSON_RECORD) {
        event_begin(file);
        for (size_t i = 0; i < value->len; i++)
            event_member(file, value->members + i);
    }
    if (value->kind == JSON_OBJECT_END || value->kind == JSON_RECORD)
        event_done(file, profile);
    event_begin(file);
}

static int each(void *arg, const struct json_value *value, struct err *err)
{
    struct speedscope *file = arg;
    struct dict *dict = &file->base.stage.dict;
    (void)err;
    if (value->id <= FRAME_LINE) {
        frame_value(file, value);
        return 0;
    }
    if (value->id == PROFILE && value->kind == JSON_OBJECT) {
        array_reserve(&file->profiles, &file->profile_capacity, file->profile_count + 1);
        file->profiles[file->profile_count++] = (struct profile){0};
    }
    struct profile *profile = last_profile(file);
    if (!profile)
        return 0;
    switch (value->id) {
    case PROFILE_NAME:
        if (value->kind == JSON_STRING)
            profile->name = dict_string(dict, value->text, value->len);
        break;
    case PROFILE_UNIT:
        if (value->kind == JSON_STRING)
            profile->unit = dict_string(dict, value->text, value->len);
        break;
    case PROFILE_START:
        profile->start = json_value_double(value);
        break;
    case STACK:
    case STACK_FRAME:
        return stack_value(file, profile, value);
    case WEIGHT:
        weight_value(profile, value);
        break;
    default:
        event_value(file, profile, value);
        break;
    }
    return 0;
}

// --- samples -------------------------------------------------------------------------------------

// What one unit of the profile is in the unit of the event; is_time: and the samples have times.
struct scale {
    double factor;
    const char *unit;
    bool is_time;
};

static struct scale scale_of(const char *unit)
{
    static const struct {
        const char *name;
        struct scale scale;
    } SCALES[] = {
        {"nanoseconds", {1, "ns", true}},    {"microseconds", {1e3, "ns", true}},
        {"milliseconds", {1e6, "ns", true}}, {"seconds", {1e9, "ns", true}},
        {"bytes", {1, "bytes", false}},
    };
    for (size_t i = 0; i < sizeof SCALES / sizeof *SCALES; i++) {
        if (!strcmp(SCALES[i].name, unit))
            return SCALES[i].scale;
    }
    return (struct scale){1, "", false};
}

// Our own names end in " (pid/tid)".
static struct thread thread_of(struct dict *dict, uint32_t name)
{
    struct thread thread = {.pid = -1, .tid = -1, .comm = name};
    const char *text = dict_text(dict, name), *open = strrchr(text, '(');
    int len = 0;
    if (open > text && sscanf(open, "(%d/%d)%n", &thread.pid, &thread.tid, &len) == 2 &&
        open[-1] == ' ' && open + len == text + dict_text_len(dict, name) && len) {
        char *comm = xstrndup(text, (size_t)(open - 1 - text));
        thread.comm = dict_string_z(dict, comm);
        free(comm);
    } else {
        thread.pid = thread.tid = -1;
    }
    if (name == DICT_EMPTY)
        thread.comm = dict_string_z(dict, "[profile]");
    return thread;
}

// A sample of a length in the event's unit, at a time (where the profile has times).
static inline int emit(struct speedscope *file, uint32_t node, int64_t start_ns, int64_t value,
                       struct err *err)
{
    return value > 0 ? json_decoder_add(&file->base, node, start_ns, (uint64_t)value, err) : 0;
}

// In the event's unit; false, and counted, when it does not fit.
static bool to_unit(struct speedscope *file, const struct scale *scale, double number, int64_t *out)
{
    double scaled = number * scale->factor;
    if (!(fabs(scaled) < 9e18)) {
        json_decoder_skip(&file->base, "a time or weight beyond 2^63");
        return false;
    }
    *out = (double)(int64_t)scaled == scaled ? (int64_t)scaled : llround(scaled);
    return true;
}

// Makes the nodes of a call path in this profile, below `top`; DICT_ROOT where a frame is not
// there.
static void resolve_path(struct speedscope *file, uint32_t row, uint32_t top)
{
    uint32_t profile = file->profiles_resolved;
    size_t depth = 0;
    for (uint32_t at = row; at && file->paths[at].profile != profile; at = file->paths[at].parent) {
        array_reserve(&file->chain, &file->chain_capacity, depth + 1);
        file->chain[depth++] = at;
    }
    while (depth) {
        struct path *path = file->paths + file->chain[--depth];
        uint32_t parent = path->parent ? file->paths[path->parent].node : top;
        bool good = parent != DICT_ROOT && path->frame < file->frame_count;
        path->profile = profile;
        path->node =
            !good ? DICT_ROOT
                  : dict_node_apart(&file->base.stage.dict, parent, file->frame_ids[path->frame]);
    }
}

static inline uint32_t path_node(struct speedscope *file, uint32_t row, uint32_t top)
{
    if (file->paths[row].profile != file->profiles_resolved)
        resolve_path(file, row, top);
    return file->paths[row].node;
}

static int emit_sampled(struct speedscope *file, struct profile *profile, uint32_t top,
                        const struct scale *scale, struct err *err)
{
    int64_t now_ns = 0;
    double carry = 0; // of rounding, so that it does not add up
    bool weighed = profile->weight_count;
    int code = 0;
    if (!to_unit(file, scale, profile->start, &now_ns))
        return 0;
    if (weighed && profile->weight_count != profile->stacks.count)
        json_decoder_skip(&file->base, "more stacks than weights, or fewer");
    file->profiles_resolved++;
    while (!code && profile->stacks.count) {
        uint32_t row = (uint32_t)narrow_take(&profile->stacks);
        double weight = weighed ? narrow_take_double(&profile->weights) : 1;
        int64_t value = 0;
        uint32_t node = row ? path_node(file, row, top) : DICT_ROOT;
        bool good = weight >= 0 && (!row || node != DICT_ROOT);
        if (!good)
            json_decoder_skip(&file->base, "a frame that is not there, or a negative weight");
        if (!(weight > 0) || !to_unit(file, scale, weight + carry / scale->factor, &value))
            continue;
        carry += weight * scale->factor - (double)value;
        if (good && row) // an empty one is a time in which nothing was seen
            code = emit(file, node, now_ns, value, err);
        if (__builtin_add_overflow(now_ns, value, &now_ns))
            now_ns = INT64_MAX;
    }
    return code;
}

// What is open while the events of a profile are gone through. Nodes are of the sink, made when the
// first sample needs them.
struct open_frames {
    struct open_frame {
        uint32_t frame;
        uint32_t node;
        uint32_t unresolved; // of it and those above it
    } frames[DEPTH_MAX];
    size_t depth;
    size_t known; // whose nodes are; those behind the open ones were closed last
    uint32_t top; // DICT_ROOT: not yet
};

// Closes the innermost open frame of that number, and those within it.
static bool close_frame(struct open_frames *open, uint32_t frame)
{
    for (size_t at = open->depth; at-- > 0;) {
        if (open->frames[at].frame == frame) {
            open->depth = at;
            return true;
        }
    }
    return false;
}

static const char *open_frame(struct speedscope *file, struct open_frames *open, uint32_t frame)
{
    if (frame >= file->frame_count)
        return "an event of a frame that is not open, or not there";
    if (open->depth == DEPTH_MAX)
        return "more than 1024 frames within each other";
    size_t at = open->depth++;
    if (at < open->known && open->frames[at].frame == frame)
        return NULL;
    open->frames[at].frame = frame;
    open->known = at < open->known ? at : open->known;
    return NULL;
}

// The nodes of what is open, in the sink; below `top` of the stage.
static void resolve_open(struct speedscope *file, struct open_frames *open, uint32_t top)
{
    struct stage *stage = &file->base.stage;
    struct dict *to = file->base.base.sink->dict;
    if (open->top == DICT_ROOT) {
        stage_map(stage, to);
        open->top = stage_node_in(stage, to, top)->id;
    }
    for (size_t at = open->known; at < open->depth; at++) {
        struct open_frame *frame = open->frames + at;
        uint32_t id = file->frame_ids[frame->frame];
        frame->unresolved =
            (at ? frame[-1].unresolved : 0) + frame_is_unresolved(stage->dict.frames + id);
        frame->node = dict_node(to, at ? frame[-1].node : open->top, stage_frame_in(stage, to, id));
    }
    open->known = open->depth > open->known ? open->depth : open->known;
}

// A sample of what is open.
static int emit_open(struct speedscope *file, struct open_frames *open, uint32_t top,
                     int64_t from_ns, int64_t value, struct err *err)
{
    struct decode_report *report = &file->base.base.report;
    if (value <= 0)
        return 0;
    if (open->known < open->depth)
        resolve_open(file, open, top);
    const struct open_frame *leaf = open->frames + open->depth - 1;
    report->samples++;
    report->frames += open->depth;
    report->unresolved += leaf->unresolved;
    return json_decoder_add(&file->base, leaf->node, from_ns, (uint64_t)value, err);
}

static int emit_evented(struct speedscope *file, struct profile *profile, uint32_t top,
                        const struct scale *scale, struct err *err)
{
    struct open_frames open;
    double now = profile->start, at = 0;
    int code = 0;
    open.depth = open.known = 0;
    open.top = DICT_ROOT;
    file->base.stage.run.in_sink = true;
    while (!code && profile->events.count) {
        uint64_t what = narrow_take(&profile->events);
        at = narrow_take_double(&profile->times) + (what & 2 ? at : 0);
        int64_t from_ns, to_ns;
        if (open.depth && to_unit(file, scale, now, &from_ns) && to_unit(file, scale, at, &to_ns))
            code = emit_open(file, &open, top, from_ns, to_ns - from_ns, err);
        now = at > now || !open.depth ? at : now;
        const char *problem = NULL;
        if (what & 1)
            problem = open_frame(file, &open, (uint32_t)(what >> 2));
        else if (!close_frame(&open, (uint32_t)(what >> 2)))
            problem = "an event of a frame that is not open, or not there";
        if (problem)
            json_decoder_skip(&file->base, problem);
    }
    if (open.depth)
        json_decoder_skip(&file->base, "frames that are never closed");
    return code;
}

static int end(struct json_decoder *decoder, struct err *err)
{
    struct speedscope *file = (struct speedscope *)decoder;
    struct dict *dict = &decoder->stage.dict;
    int code = 0;
    file->frame_ids = xcalloc(file->frame_count + 1, sizeof *file->frame_ids);
    for (size_t i = 0; i < file->frame_count; i++)
        file->frame_ids[i] = dict_frame(dict, file->frames + i);
    for (size_t i = 0; !code && i < file->profile_count; i++) {
        struct profile *profile = file->profiles + i;
        struct scale scale = scale_of(dict_text(dict, profile->unit));
        struct thread thread = thread_of(dict, profile->name);
        struct event event = {.name = dict_string_z(dict, "samples"),
                              .unit = dict_string_z(dict, scale.unit),
                              .by_value = true};
        struct sample sample = {.time_ns = scale.is_time ? 0 : SAMPLE_NO_TIME,
                                .thread = dict_thread(dict, &thread),
                                .cpu = SAMPLE_NO_CPU,
                                .event = (uint16_t)dict_event(dict, &event)};
        uint32_t top = dict_comm_node(dict, thread.comm);
        code = json_decoder_begin(decoder, &sample, err);
        if (!code)
            code = profile->events.count ? emit_evented(file, profile, top, &scale, err)
                                         : emit_sampled(file, profile, top, &scale, err);
    }
    return code;
}

static void hello(struct json_decoder *decoder, struct hello *out)
{
    bool has_times = decoder->stage.run.common.time_ns != SAMPLE_NO_TIME;
    out->collector = "speedscope";
    out->clock = has_times ? CLOCK_KIND_UNKNOWN : CLOCK_KIND_NONE;
}

static void dispose(struct json_decoder *decoder)
{
    struct speedscope *file = (struct speedscope *)decoder;
    for (size_t i = 0; i < file->profile_count; i++) {
        narrow_dispose(&file->profiles[i].stacks);
        narrow_dispose(&file->profiles[i].weights);
        narrow_dispose(&file->profiles[i].events);
        narrow_dispose(&file->profiles[i].times);
    }
    free(file->profiles);
    free(file->frames);
    free(file->frame_ids);
    free(file->paths);
    free(file->chain);
    idset_dispose(&file->path_set);
    memo_dispose(&file->stacks_known);
}

static struct decoder *decoder_new(struct sink *sink, const struct decode_options *options)
{
    static const struct json_decoder_kind KIND = {paths, each, end, hello, dispose, false};
    (void)options; // the file says it all
    struct decoder *decoder = json_decoder_new(sizeof(struct speedscope), &KIND, sink);
    struct speedscope *file = (struct speedscope *)decoder;
    file->seed = hash_seed();
    memo_init(&file->stacks_known, STACKS_KNOWN);
    return decoder;
}

static int probe(const void *head, size_t len)
{
    if (memmem(head, len, "speedscope.app/file-format-schema", 33))
        return json_probe(head, len, "$schema") ? 95 : 0;
    return json_probe(head, len, "profiles") && json_probe(head, len, "shared") ? 70 : 0;
}

const struct format format_speedscope = {
    .name = "speedscope",
    .summary = "speedscope's own format",
    .extension = ".speedscope.json",
    .probe = probe,
    .decoder_new = decoder_new,
    .encoder_new = speedscope_encoder_new,
    .loses = HOLD_BARE_TIME | HOLD_CPU | HOLD_EVENT | HOLD_MODULE | HOLD_ADDRESS | HOLD_KIND |
             HOLD_LOSS | HOLD_EVENT_NAME,
    .event = "samples",
};
