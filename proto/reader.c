// Reads a file of any known format into a sink.
#include "proto/reader.h"

#include "proto/alloc.h"
#include "proto/unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEAD_BYTES = 64 << 10, // what a format is found by
    BITE_BYTES = 1 << 20,
};

struct reader {
    struct unpack *unpack;
    const struct format *format;
    struct decoder *decoder;
    char *buffer; // BITE_BYTES
    size_t held;  // the head, until the first step
    bool done;
    int failed;
    char *path;
};

// The names of all formats that can be read, for a message.
static void list_formats(struct bytes *out)
{
    for (size_t i = 0; format_table[i]; i++) {
        if (format_table[i]->decoder_new)
            bytes_printf(out, "%s%s", out->len ? ", " : "", format_table[i]->name);
    }
}

static int find_format(struct reader *reader, const char *name, struct err *err)
{
    const char *why = "";
    if (name)
        reader->format = format_by_name(name);
    else
        reader->format = format_probe(reader->buffer, reader->held, &why);
    if (reader->format && reader->format->decoder_new)
        return 0;
    struct bytes names = {0};
    list_formats(&names);
    int rc;
    if (name)
        rc = err_set(err, -EINVAL, "no format '%s' that can be read, expected one of %s", name,
                     bytes_text(&names));
    else
        rc =
            err_set(err, -ENOMSG, "not a profile: %s, expected one of %s", why, bytes_text(&names));
    bytes_dispose(&names);
    return rc;
}

int reader_open(struct reader **out, const char *path, const char *format_name, struct sink *sink,
                const struct decode_options *options, struct err *err)
{
    *out = NULL;
    struct reader *reader = xcalloc(1, sizeof *reader);
    reader->path = xstrdup(path);
    int rc = unpack_open(&reader->unpack, path, err);
    if (rc)
        goto failed;
    reader->buffer = xmalloc(BITE_BYTES);
    ssize_t got = unpack_read(reader->unpack, reader->buffer, HEAD_BYTES, err);
    rc = got < 0 ? (int)got : 0;
    if (rc)
        goto failed;
    reader->held = (size_t)got;
    rc = find_format(reader, format_name, err);
    if (rc)
        goto failed;
    reader->decoder = reader->format->decoder_new(sink, options);
    *out = reader;
    return 0;
failed:
    err_prefix(err, "'%s'", path);
    reader_free(reader);
    return rc;
}

// Ends the stream: complete samples are handed over also after a failure.
static int finish(struct reader *reader, struct err *err)
{
    reader->done = true;
    return reader->decoder->ops->finish(reader->decoder, err);
}

static int fail(struct reader *reader, int code, struct err *err)
{
    reader->failed = code;
    reader->done = true;
    err_prefix(err, "'%s'", reader->path);
    return code;
}

int reader_step(struct reader *reader, struct err *err)
{
    if (reader->failed)
        return err_set(err, reader->failed, "'%s': reading has failed before", reader->path);
    if (reader->done)
        return 0;
    ssize_t got = (ssize_t)reader->held;
    reader->held = 0;
    if (!got)
        got = unpack_read(reader->unpack, reader->buffer, BITE_BYTES, err);
    if (got < 0) {
        (void)finish(reader, NULL);
        return fail(reader, (int)got, err);
    }
    int rc = got ? reader->decoder->ops->push(reader->decoder, reader->buffer, (size_t)got, err)
                 : finish(reader, err);
    if (rc)
        return fail(reader, rc, err);
    return got > 0;
}

void reader_progress(const struct reader *reader, uint64_t *done_bytes, uint64_t *size_bytes)
{
    *done_bytes = unpack_done(reader->unpack);
    *size_bytes = unpack_size(reader->unpack);
}

const struct format *reader_format(const struct reader *reader)
{
    return reader->format;
}

const struct decode_report *reader_report(const struct reader *reader)
{
    return &reader->decoder->report;
}

void reader_free(struct reader *reader)
{
    if (!reader)
        return;
    decoder_free(reader->decoder);
    unpack_free(reader->unpack);
    free(reader->buffer);
    free(reader->path);
    free(reader);
}
