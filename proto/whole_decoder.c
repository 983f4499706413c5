// The frame around decoders that need all bytes at once.
#include "proto/whole_decoder.h"

#include "proto/alloc.h"

#include <errno.h>
#include <stdlib.h>

#define WHOLE_MAX_BYTES ((size_t)2 << 30)

static int push(struct decoder *base, const void *data, size_t len, struct err *err)
{
    struct whole_decoder *decoder = (struct whole_decoder *)base;
    base->report.bytes += len;
    if (decoder->data.len + len > WHOLE_MAX_BYTES)
        return err_set(err, -EFBIG, "more than 2 GiB in one piece");
    if (len)
        bytes_append(&decoder->data, data, len);
    return 0;
}

static int finish(struct decoder *base, struct err *err)
{
    struct whole_decoder *decoder = (struct whole_decoder *)base;
    struct hello hello = {0};
    int code = decoder->read(decoder, (const uint8_t *)bytes_text(&decoder->data),
                             decoder->data.len, &hello, err);
    bytes_dispose(&decoder->data);
    decoder->data = (struct bytes){0};
    if (!code)
        code = sink_hello(base->sink, &hello, err);
    return code ? code : stage_hand_over(&decoder->stage, base, err);
}

static void dispose(struct decoder *base)
{
    struct whole_decoder *decoder = (struct whole_decoder *)base;
    if (!decoder)
        return;
    bytes_dispose(&decoder->data);
    stage_dispose(&decoder->stage);
    free(decoder);
}

struct decoder *whole_decoder_new(whole_read_fn *read, struct sink *sink)
{
    static const struct decoder_ops OPS = {push, finish, dispose};
    struct whole_decoder *decoder = xcalloc(1, sizeof *decoder);
    decoder->base = (struct decoder){.ops = &OPS, .sink = sink};
    decoder->read = read;
    stage_init(&decoder->stage);
    return &decoder->base;
}

void whole_decoder_skip(struct whole_decoder *decoder, uint64_t byte, const char *why)
{
    decode_report_skip(&decoder->base.report, 0, byte, why);
}
