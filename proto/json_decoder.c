// The frame around the decoders of JSON profiles.
#include "proto/json_decoder.h"

#include "proto/alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void json_decoder_skip(struct json_decoder *decoder, const char *why)
{
    decode_report_skip(&decoder->base.report, 0, json_reader_offset(decoder->json), why);
}

int json_decoder_flush(struct json_decoder *decoder, struct err *err)
{
    if (!decoder->stage.run.count)
        return 0;
    if (!decoder->hello_said) {
        struct hello hello = {0};
        decoder->hello_said = true;
        if (decoder->kind->hello)
            decoder->kind->hello(decoder, &hello);
        int code = sink_hello(decoder->base.sink, &hello, err);
        if (code)
            return code;
    }
    return stage_hand_over(&decoder->stage, &decoder->base, err);
}

int json_decoder_begin(struct json_decoder *decoder, const struct sample *common, struct err *err)
{
    int code = json_decoder_flush(decoder, err);
    stage_run_begin(&decoder->stage, common);
    return code;
}

static int push(struct decoder *base, const void *data, size_t len, struct err *err)
{
    struct json_decoder *decoder = (struct json_decoder *)base;
    base->report.bytes += len;
    if (decoder->broken.code) // what follows cannot be understood
        return 0;
    int code = json_reader_push(decoder->json, data, len, &decoder->broken);
    if (code && code != -EBADMSG)
        return err_set(err, code, "%s", decoder->broken.message);
    return decoder->kind->streams ? json_decoder_flush(decoder, err) : 0;
}

static int finish(struct decoder *base, struct err *err)
{
    struct json_decoder *decoder = (struct json_decoder *)base;
    bool complete = false;
    if (!decoder->broken.code && json_reader_finish(decoder->json, &complete, &decoder->broken))
        complete = false;
    int code = decoder->kind->end ? decoder->kind->end(decoder, err) : 0;
    if (!code)
        code = json_decoder_flush(decoder, err);
    if (code)
        return code;
    unsigned long long at = json_reader_offset(decoder->json);
    if (!base->report.samples && decoder->broken.code)
        return err_set(err, -EBADMSG, "%s", decoder->broken.message);
    if (!base->report.samples && !complete)
        return err_set(err, -EBADMSG, "byte %llu: the file is cut, and nothing before is whole",
                       at);
    if (!base->report.samples && decoder->what)
        return err_set(err, -EBADMSG, "%s", decoder->what);
    if (decoder->broken.code)
        json_decoder_skip(decoder, decoder->broken.message);
    else if (!complete)
        json_decoder_skip(decoder, "the file is cut");
    return 0;
}

static void dispose(struct decoder *base)
{
    struct json_decoder *decoder = (struct json_decoder *)base;
    if (!decoder)
        return;
    if (decoder->kind->dispose)
        decoder->kind->dispose(decoder);
    json_reader_free(decoder->json);
    stage_dispose(&decoder->stage);
    free(decoder);
}

struct decoder *json_decoder_new(size_t bytes, const struct json_decoder_kind *kind,
                                 struct sink *sink)
{
    static const struct decoder_ops OPS = {push, finish, dispose};
    struct json_decoder *decoder = xcalloc(1, bytes);
    decoder->base = (struct decoder){.ops = &OPS, .sink = sink};
    decoder->kind = kind;
    decoder->json = json_reader_new(kind->paths, kind->each, decoder);
    stage_init(&decoder->stage);
    return &decoder->base;
}

bool json_probe(const void *head, size_t len, const char *key)
{
    const char *at = head, *end = at + len;
    size_t key_len = strlen(key);
    while (at < end && strchr(" \t\r\n", *at) && *at)
        at++;
    if (at == end || (*at != '{' && *at != '['))
        return false;
    while (at < end && (at = memmem(at, (size_t)(end - at), key, key_len))) {
        const char *after = at + key_len;
        bool quoted = at > (const char *)head && at[-1] == '"' && after < end && *after == '"';
        while (quoted && ++after < end && strchr(" \t\r\n", *after) && *after) {
        }
        if (quoted && after < end && *after == ':')
            return true;
        at += key_len;
    }
    return false;
}
