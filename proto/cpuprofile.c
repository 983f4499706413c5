// V8's .cpuprofile: what `node --cpu-prof`, Chrome's DevTools and many others write, and what
// DevTools, VS Code and speedscope open. See v8_profile.h for what is in it.
//
// An array of profiles is read as one process each (pid 1, 2, ...). Times are V8's own
// microseconds.
#include "proto/cpuprofile_encode.h"
#include "proto/v8_profile.h"

enum { PROFILE = V8_PATHS };

struct cpuprofile {
    struct json_decoder base;
    struct v8_profile profile;
    int32_t profiles; // of this file so far
    bool in_array;
};

// One profile, as the whole document or as an element of it.
static const struct json_path paths[] = {
    {"", PROFILE, NULL},    V8_PROFILE_PATHS(""), {"[]", PROFILE, NULL},
    V8_PROFILE_PATHS("[]"), {NULL, 0, NULL},
};

static int end_profile(struct cpuprofile *file, struct err *err)
{
    struct dict *dict = &file->base.stage.dict;
    if (v8_profile_is_empty(&file->profile))
        return 0;
    int32_t pid = file->in_array ? ++file->profiles : -1;
    struct thread thread = {.pid = pid, .tid = pid, .comm = dict_string_z(dict, "(root)")};
    struct event event = {.name = dict_string_z(dict, "cpu-profile"),
                          .unit = dict_string_z(dict, "ns")};
    struct sample sample = {.thread = dict_thread(dict, &thread),
                            .cpu = SAMPLE_NO_CPU,
                            .event = (uint16_t)dict_event(dict, &event)};
    return v8_profile_emit(&file->profile, &file->base, sample, dict_comm_node(dict, thread.comm),
                           err);
}

static int each(void *arg, const struct json_value *value, struct err *err)
{
    struct cpuprofile *file = arg;
    if (value->id != PROFILE)
        v8_profile_value(&file->profile, &file->base.stage, value);
    else if (value->kind == JSON_ARRAY)
        file->in_array = true;
    else if (value->kind == JSON_OBJECT_END)
        return end_profile(file, err);
    return 0;
}

// A file that is cut: what there is of the last profile.
static int end(struct json_decoder *decoder, struct err *err)
{
    return end_profile((struct cpuprofile *)decoder, err);
}

static void hello(struct json_decoder *decoder, struct hello *out)
{
    bool has_times = decoder->stage.run.common.time_ns != SAMPLE_NO_TIME;
    out->collector = "V8";
    out->clock = has_times ? CLOCK_KIND_UNKNOWN : CLOCK_KIND_NONE;
}

static void dispose(struct json_decoder *decoder)
{
    v8_profile_dispose(&((struct cpuprofile *)decoder)->profile);
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

const struct format format_cpuprofile = {
    .name = "cpuprofile",
    .summary = "V8 CPU profile, as node --cpu-prof and Chrome write",
    .extension = ".cpuprofile",
    .probe = probe,
    .decoder_new = decoder_new,
    .encoder_new = cpuprofile_encoder_new,
    .loses = HOLD_TIME_NS | HOLD_THREAD | HOLD_CPU | HOLD_VALUE | HOLD_PERIOD | HOLD_EVENT |
             HOLD_ADDRESS | HOLD_KIND | HOLD_LOSS | HOLD_EVENT_NAME,
    .event = "cpu-profile",
};
