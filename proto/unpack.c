// The plain bytes of a file that may be packed.
//
// Layers that pull from each other: the descriptor, then gzip or zstd by their magic numbers, then
// UTF-16 by its byte order mark.
#include "proto/unpack.h"

#include "proto/alloc.h"
#include "proto/utf16.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum {
    INPUT_BYTES = 128 << 10,
    UTF16_BYTES = 64 << 10,
};

enum packing { PACKING_NONE, PACKING_GZIP, PACKING_ZSTD };

struct unpack {
    int fd;
    const atomic_bool *cancel;
    uint64_t size;
    _Atomic uint64_t done; // read by whoever shows progress
    uint64_t produced;
    bool eof; // of the descriptor

    char *input; // packed bytes; plain ones until the magic number was seen
    size_t input_at, input_len;
    enum packing packing;
    z_stream zlib;
    bool zlib_live;
    ZSTD_DStream *zstd;
    bool in_frame; // of gzip or zstd: the end of the file may not come now

    bool started; // packing and text encoding are known
    size_t mark_len;
    bool is_utf16;
    struct utf16 utf16;
    struct bytes text; // head that was looked at, or UTF-8 of UTF-16
    size_t text_at;
    char *wide; // UTF-16 bytes on their way
};

static bool is_canceled(const atomic_bool *cancel)
{
    return cancel && atomic_load_explicit(cancel, memory_order_relaxed);
}

static int stopped(struct err *err)
{
    return err_set(err, -ECANCELED, "stopped while it waited for the other end of the pipe");
}

static ssize_t read_some(struct unpack *unpack, void *buffer, size_t len, struct err *err)
{
    for (;;) {
        if (!unpack->size && is_canceled(unpack->cancel))
            return stopped(err);
        ssize_t got = read(unpack->fd, buffer, len);
        if (got > 0)
            unpack->done += (uint64_t)got;
        if (got == 0)
            unpack->eof = true;
        if (got >= 0)
            return got;
        if (errno != EINTR)
            return err_set(err, -errno, "cannot read: %s", strerror(errno));
    }
}

static int fill_input(struct unpack *unpack, struct err *err)
{
    if (unpack->input_at < unpack->input_len || unpack->eof)
        return 0;
    ssize_t got = read_some(unpack, unpack->input, INPUT_BYTES, err);
    unpack->input_at = 0;
    unpack->input_len = got > 0 ? (size_t)got : 0;
    return got < 0 ? (int)got : 0;
}

static int check_ratio(struct unpack *unpack, struct err *err)
{
    if (unpack->produced <= UNPACK_FREE_BYTES ||
        unpack->produced / UNPACK_MAX_RATIO <= unpack->done)
        return 0;
    return err_set(
        err, -EFBIG, "unpacks to more than %d times its size: %llu bytes from %llu, stopped",
        UNPACK_MAX_RATIO, (unsigned long long)unpack->produced, (unsigned long long)unpack->done);
}

// One call of inflate. A file may be several gzip members one after the other.
static ssize_t inflate_some(struct unpack *unpack, char *buffer, size_t len, struct err *err)
{
    z_stream *zlib = &unpack->zlib;
    zlib->next_in = (Bytef *)unpack->input + unpack->input_at;
    zlib->avail_in = (uInt)(unpack->input_len - unpack->input_at);
    zlib->next_out = (Bytef *)buffer;
    zlib->avail_out = (uInt)(len < (1u << 30) ? len : 1u << 30);
    size_t room = zlib->avail_out;
    if (!unpack->in_frame) {
        if (inflateReset(zlib) != Z_OK)
            return err_set(err, -EIO, "cannot restart zlib");
        unpack->in_frame = true;
    }
    int rc = inflate(zlib, Z_NO_FLUSH);
    unpack->input_at = unpack->input_len - zlib->avail_in;
    size_t got = room - zlib->avail_out;
    if (rc == Z_STREAM_END) {
        unpack->in_frame = false;
    } else if (rc != Z_OK && rc != Z_BUF_ERROR) {
        if (got)
            return (ssize_t)got; // comes again with no progress
        return err_set(err, -EILSEQ, "damaged gzip data near byte %llu: %s",
                       (unsigned long long)(unpack->done - zlib->avail_in),
                       zlib->msg ? zlib->msg : "no message");
    }
    return (ssize_t)got;
}

static ssize_t zstd_some(struct unpack *unpack, char *buffer, size_t len, struct err *err)
{
    ZSTD_inBuffer in = {unpack->input, unpack->input_len, unpack->input_at};
    ZSTD_outBuffer out = {buffer, len, 0};
    size_t rc = ZSTD_decompressStream(unpack->zstd, &out, &in);
    unpack->input_at = in.pos;
    if (ZSTD_isError(rc))
        return err_set(err, -EILSEQ, "damaged zstd data near byte %llu: %s",
                       (unsigned long long)(unpack->done - (in.size - in.pos)),
                       ZSTD_getErrorName(rc));
    unpack->in_frame = rc != 0;
    return (ssize_t)out.pos;
}

// Zeros between and after the members of a gzip file are no damage.
static void skip_padding(struct unpack *unpack)
{
    while (unpack->packing == PACKING_GZIP && !unpack->in_frame &&
           unpack->input_at < unpack->input_len && !unpack->input[unpack->input_at])
        unpack->input_at++;
}

// Unpacked bytes; 0 only at the end.
static ssize_t read_unpacked(struct unpack *unpack, char *buffer, size_t len, struct err *err)
{
    if (unpack->packing == PACKING_NONE) {
        if (unpack->input_at == unpack->input_len)
            return unpack->eof ? 0 : read_some(unpack, buffer, len, err);
        size_t held = unpack->input_len - unpack->input_at;
        size_t take = held < len ? held : len;
        memcpy(buffer, unpack->input + unpack->input_at, take);
        unpack->input_at += take;
        return (ssize_t)take;
    }
    for (;;) {
        int rc = fill_input(unpack, err);
        if (rc)
            return rc;
        skip_padding(unpack);
        bool dry = unpack->input_at == unpack->input_len;
        if (dry && !unpack->in_frame && unpack->eof)
            return 0;
        if (dry && !unpack->in_frame)
            continue;
        ssize_t got = unpack->packing == PACKING_GZIP ? inflate_some(unpack, buffer, len, err)
                                                      : zstd_some(unpack, buffer, len, err);
        if (got < 0)
            return got;
        unpack->produced += (uint64_t)got;
        rc = check_ratio(unpack, err);
        if (rc)
            return rc;
        if (got)
            return got;
        if (dry && unpack->in_frame)
            return err_set(err, -ENODATA, "the packed data ends early, after %llu bytes",
                           (unsigned long long)unpack->done);
    }
}

static int start_packing(struct unpack *unpack, struct err *err)
{
    size_t want = 4; // a pipe may give less at once
    while (unpack->input_len < want && !unpack->eof) {
        ssize_t got = read_some(unpack, unpack->input + unpack->input_len,
                                INPUT_BYTES - unpack->input_len, err);
        if (got < 0)
            return (int)got;
        unpack->input_len += (size_t)got;
    }
    if (unpack->input_len >= 3 && !memcmp(unpack->input, "\x1f\x8b\x08", 3)) {
        unpack->packing = PACKING_GZIP;
        if (inflateInit2(&unpack->zlib, 15 + 16) != Z_OK)
            return err_set(err, -ENOMEM, "cannot start zlib");
        unpack->zlib_live = true;
    } else if (unpack->input_len >= 4 && !memcmp(unpack->input, "\x28\xb5\x2f\xfd", 4)) {
        unpack->packing = PACKING_ZSTD;
        unpack->zstd = ZSTD_createDStream();
        if (!unpack->zstd)
            return err_set(err, -ENOMEM, "cannot start zstd");
    }
    return 0;
}

// Looks at the first bytes of the text for a byte order mark.
static int start_text(struct unpack *unpack, struct err *err)
{
    char head[4096];
    size_t len = 0;
    while (len < 4) {
        ssize_t got = read_unpacked(unpack, head + len, sizeof head - len, err);
        if (got < 0)
            return (int)got;
        if (!got)
            break;
        len += (size_t)got;
    }
    unpack->is_utf16 = utf16_detect(&unpack->utf16.big_endian, head, len);
    if (unpack->is_utf16) {
        unpack->wide = xmalloc(UTF16_BYTES);
        utf16_convert(&unpack->utf16, head, len, &unpack->text);
        return 0;
    }
    size_t mark = len >= 3 && !memcmp(head, "\xef\xbb\xbf", 3) ? 3 : 0;
    bytes_append(&unpack->text, head + mark, len - mark);
    unpack->mark_len = mark;
    return 0;
}

// What lies in text first, then the next bytes.
static ssize_t read_text(struct unpack *unpack, char *buffer, size_t len, struct err *err)
{
    while (unpack->is_utf16 && unpack->text_at == unpack->text.len) {
        ssize_t got = read_unpacked(unpack, unpack->wide, UTF16_BYTES, err);
        if (got <= 0)
            return got;
        bytes_clear(&unpack->text);
        unpack->text_at = 0;
        utf16_convert(&unpack->utf16, unpack->wide, (size_t)got, &unpack->text);
    }
    size_t held = unpack->text.len - unpack->text_at;
    if (!held)
        return read_unpacked(unpack, buffer, len, err);
    size_t take = held < len ? held : len;
    memcpy(buffer, unpack->text.data + unpack->text_at, take);
    unpack->text_at += take;
    return (ssize_t)take;
}

ssize_t unpack_read(struct unpack *unpack, void *buffer, size_t len, struct err *err)
{
    if (!unpack->started) {
        int rc = start_packing(unpack, err);
        rc = rc ? rc : start_text(unpack, err);
        if (rc)
            return rc;
        unpack->started = true;
    }
    size_t done = 0;
    while (done < len) {
        struct err later = {0};
        ssize_t got = read_text(unpack, (char *)buffer + done, len - done, &later);
        if (got < 0 && done)
            break; // the next call meets the damage again
        if (got < 0)
            return err_set(err, (int)got, "%s", later.message);
        if (!got)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

bool unpack_is_plain(const struct unpack *unpack, uint64_t *text_at)
{
    *text_at = unpack->mark_len;
    return unpack->started && unpack->size && unpack->packing == PACKING_NONE && !unpack->is_utf16;
}

// Pieces are read in any order.
static void note_done(struct unpack *unpack, uint64_t upto)
{
    uint64_t done = unpack->done;
    while (done < upto && !atomic_compare_exchange_weak(&unpack->done, &done, upto))
        continue;
}

ssize_t unpack_read_at(struct unpack *unpack, void *buffer, size_t len, uint64_t at,
                       struct err *err)
{
    size_t done = 0;
    while (done < len) {
        ssize_t got = pread(unpack->fd, (char *)buffer + done, len - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && !done)
            return err_set(err, -errno, "cannot read: %s", strerror(errno));
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    if (done)
        note_done(unpack, at + done);
    return (ssize_t)done;
}

int unpack_open(struct unpack **out, const char *path, const atomic_bool *cancel, struct err *err)
{
    *out = NULL;
    int fd;
    while ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0) {
        if (errno == EINTR && is_canceled(cancel))
            return stopped(err);
        if (errno != EINTR)
            return err_set(err, -errno, "cannot open: %s", strerror(errno));
    }
    struct stat stat;
    if (fstat(fd, &stat)) {
        int code = -errno;
        close(fd);
        return err_set(err, code, "cannot stat: %s", strerror(-code));
    }
    if (S_ISDIR(stat.st_mode)) {
        close(fd);
        return err_set(err, -EISDIR, "is a directory, expected a file");
    }
    struct unpack *unpack = xcalloc(1, sizeof *unpack);
    unpack->fd = fd;
    unpack->cancel = cancel;
    unpack->size = S_ISREG(stat.st_mode) ? (uint64_t)stat.st_size : 0;
    unpack->input = xmalloc(INPUT_BYTES);
    *out = unpack;
    return 0;
}

uint64_t unpack_done(const struct unpack *unpack)
{
    return unpack->done;
}

uint64_t unpack_size(const struct unpack *unpack)
{
    return unpack->size;
}

void unpack_free(struct unpack *unpack)
{
    if (!unpack)
        return;
    close(unpack->fd);
    if (unpack->zlib_live)
        inflateEnd(&unpack->zlib);
    ZSTD_freeDStream(unpack->zstd);
    bytes_dispose(&unpack->text);
    free(unpack->wide);
    free(unpack->input);
    free(unpack);
}
