// Deflate in steps of 64 KiB.
#include "proto/gzip_output.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

static int run(struct gzip_output *gzip, const void *data, size_t len, int how, struct err *err)
{
    uint8_t packed[65536];
    gzip->zlib.next_in = (Bytef *)(uintptr_t)data;
    gzip->zlib.avail_in = (uInt)len;
    int status;
    do {
        gzip->zlib.next_out = packed;
        gzip->zlib.avail_out = sizeof packed;
        status = deflate(&gzip->zlib, how);
        size_t got = sizeof packed - gzip->zlib.avail_out;
        int code = got ? output_write(gzip->next, packed, got, err) : 0;
        if (code)
            return code;
    } while (gzip->zlib.avail_out == 0 || (how == Z_FINISH && status == Z_OK));
    return 0;
}

static int gzip_write(struct output *output, const void *data, size_t len, struct err *err)
{
    int code = 0;
    while (!code && len) {
        size_t bite = len < INT_MAX ? len : INT_MAX;
        code = run((struct gzip_output *)output, data, bite, Z_NO_FLUSH, err);
        data = (const char *)data + bite;
        len -= bite;
    }
    return code;
}

void gzip_output_init(struct gzip_output *gzip, struct output *next)
{
    enum { GZIP_WINDOW = 15 + 16 };
    memset(gzip, 0, sizeof *gzip);
    gzip->base.write = gzip_write;
    gzip->base.cancel = next->cancel;
    gzip->next = next;
    deflateInit2(&gzip->zlib, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
                 Z_DEFAULT_STRATEGY);
}

int gzip_output_finish(struct gzip_output *gzip, struct err *err)
{
    return run(gzip, "", 0, Z_FINISH, err);
}

void gzip_output_dispose(struct gzip_output *gzip)
{
    deflateEnd(&gzip->zlib);
}
