// Reads a file of any known format into a sink.
#include "proto/reader.h"

#include "proto/alloc.h"
#include "proto/read_ahead.h"
#include "proto/unpack.h"

#include <errno.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdlib.h>
#include <string.h>

enum {
    HEAD_BYTES = 64 << 10,      // what a format is found by
    AHEAD_FROM_BYTES = 2 << 20, // smaller files are read sooner than a thread is started
    STEP_BYTES = 1 << 20,
    STEP_NODES = 1 << 14, // what is new takes far longer than its bytes
    THREADS = 2,          // more hardly pay: what is taken in order is half of the work
};

struct reader {
    struct unpack *unpack;
    const struct format *format;
    struct decoder *decoder;
    struct read_ahead *ahead;
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

static int find_format(struct reader *reader, const char *name, const char *head, size_t head_len,
                       struct err *err)
{
    const char *why = "";
    if (name)
        reader->format = format_by_name(name);
    else
        reader->format = format_probe(head, head_len, &why);
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

// Threads beside this one. Only for a regular file: a pipe's thread could not be ended while it
// waits for bytes.
static unsigned helpers(const struct reader *reader, const struct decode_options *options)
{
    unsigned threads = options && options->threads ? options->threads : THREADS;
    return unpack_size(reader->unpack) >= AHEAD_FROM_BYTES ? threads - 1 : 0;
}

int reader_open(struct reader **out, const char *path, const char *format_name, struct sink *sink,
                const struct decode_options *options, struct err *err)
{
    *out = NULL;
    struct reader *reader = xcalloc(1, sizeof *reader);
    char *head = xmalloc(HEAD_BYTES);
    reader->path = xstrdup(path);
    int rc = unpack_open(&reader->unpack, path, options ? options->cancel : NULL, err);
    if (rc)
        goto done;
    ssize_t got = unpack_read(reader->unpack, head, HEAD_BYTES, err);
    rc = got < 0 ? (int)got : find_format(reader, format_name, head, (size_t)got, err);
    if (rc)
        goto done;
    reader->decoder = reader->format->decoder_new(sink, options);
    reader->ahead = read_ahead_new(reader->unpack, reader->decoder, head, (size_t)got,
                                   helpers(reader, options));
    *out = reader;
done:
    free(head);
    if (rc) {
        err_prefix(err, "'%s'", path);
        reader_free(reader);
    }
    return rc;
}

// Whether what lies behind a failure is worth reading. A bomb that has given no sample so far would
// only unfold further.
static bool is_worth_finishing(const struct reader *reader, int failed)
{
    return failed != -EFBIG || reader->decoder->report.samples;
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

// The next piece: 1, 0 when it was the last, or the error of reading or of the sink.
static int take_piece(struct reader *reader, struct err *err)
{
    const struct read_piece *piece = read_ahead_next(reader->ahead);
    struct decoder *decoder = reader->decoder;
    int rc;
    if (piece->scanned)
        rc = decoder->ahead->push_scanned(decoder, piece->text, piece->len, &piece->notes, err);
    else
        rc = decoder->ops->push(decoder, piece->text, piece->len, err);
    if (!rc && piece->failed)
        rc = err_set(err, piece->failed, "%s", piece->err.message);
    return rc ? rc : !piece->last;
}

int reader_step(struct reader *reader, struct err *err)
{
    if (reader->failed)
        return err_set(err, reader->failed, "'%s': reading has failed before", reader->path);
    if (reader->done)
        return 0;
    const struct dict *dict = reader->decoder->sink->dict;
    const size_t most = dict->node_count + STEP_NODES;
    int rc = 1;
    for (int i = 0; i < STEP_BYTES / READ_AHEAD_BYTES && rc > 0 && dict->node_count < most; i++)
        rc = take_piece(reader, err);
    if (rc < 0) {
        if (is_worth_finishing(reader, rc))
            (void)finish(reader, NULL);
        return fail(reader, rc, err);
    }
    int finished = rc == 0 ? finish(reader, err) : 0;
    return finished ? fail(reader, finished, err) : rc;
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

// What parsing took is given back to the system, not kept for the next time.
static void give_back(uint64_t read_bytes)
{
#ifdef __GLIBC__
    if (read_bytes >= AHEAD_FROM_BYTES)
        malloc_trim(0);
#else
    (void)read_bytes;
#endif
}

void reader_free(struct reader *reader)
{
    if (!reader)
        return;
    uint64_t read_bytes = reader->decoder ? reader->decoder->report.bytes : 0;
    read_ahead_free(reader->ahead);
    decoder_free(reader->decoder);
    unpack_free(reader->unpack);
    free(reader->path);
    free(reader);
    give_back(read_bytes);
}
