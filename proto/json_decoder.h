// What all decoders of JSON profiles share: the reader, the stage, and what becomes of a file that
// is broken or cut: what came before is kept and the place is reported; nothing at all is an error.
#ifndef FLICKER_PROTO_JSON_DECODER_H
#define FLICKER_PROTO_JSON_DECODER_H

#include "proto/json_reader.h"
#include "proto/stage.h"

struct json_decoder;

// What makes it one format.
struct json_decoder_kind {
    const struct json_path *paths;
    // Gets the values; arg is the decoder.
    json_each_fn *each;
    // The end of the document: puts what is left on the stage. May be NULL.
    int (*end)(struct json_decoder *decoder, struct err *err);
    // Fills the hello; the first samples are on the stage. May be NULL.
    void (*hello)(struct json_decoder *decoder, struct hello *hello);
    void (*dispose)(struct json_decoder *decoder); // of the concrete decoder's own members
    // Samples are handed over as soon as they are on the stage, not at the end.
    bool streams;
};

// Embedded first in the concrete decoder.
struct json_decoder {
    struct decoder base;
    const struct json_decoder_kind *kind;
    struct json_reader *json;
    struct stage stage;
    bool hello_said;
    struct err broken; // the place where the text stops being JSON
    const char *what;  // a reason why this is no such profile, set by `each` or `end`
};

// Allocates `bytes` (of the concrete decoder), zeroed, and fills the embedded part.
struct decoder *json_decoder_new(size_t bytes, const struct json_decoder_kind *kind,
                                 struct sink *sink);
// Hands over what is on the stage, after the hello.
int json_decoder_flush(struct json_decoder *decoder, struct err *err) MUST_CHECK;
// The samples of json_decoder_add that follow have this in common.
int json_decoder_begin(struct json_decoder *decoder, const struct sample *common,
                       struct err *err) MUST_CHECK;
// A sample of a run; hands over what is full.
static inline MUST_CHECK int json_decoder_add(struct json_decoder *decoder, uint32_t node,
                                              int64_t time_ns, uint64_t value, struct err *err)
{
    int code = stage_run_is_full(&decoder->stage) ? json_decoder_flush(decoder, err) : 0;
    if (!code)
        stage_run_add(&decoder->stage, node, time_ns, value);
    return code;
}
// Counts something that was not understood, at the place that the reader is at.
void json_decoder_skip(struct json_decoder *decoder, const char *why);

// Whether these first bytes are JSON text (an object or an array), and hold `key` as a key.
bool json_probe(const void *head, size_t len, const char *key);

#endif
