// Cuts pushed bytes into lines; a line that lies in one push is not copied.
#include "proto/lines.h"

#include <string.h>

static int hand_over(struct lines *lines, const char *line, size_t len, size_t consumed,
                     lines_each_fn *each, void *arg, struct err *err)
{
    if (len && line[len - 1] == '\r')
        len--;
    if (len > lines->limit) {
        lines->too_long = true;
        len = lines->limit;
    }
    lines->number++;
    int code = each(arg, line, len, err);
    lines->offset += consumed;
    lines->too_long = false;
    return code;
}

// One byte beyond the limit is kept, so that a line of the limit and one too long differ.
static void keep(struct lines *lines, const char *data, size_t len)
{
    size_t room = lines->pending.len < lines->limit + 1 ? lines->limit + 1 - lines->pending.len : 0;
    size_t kept = len < room ? len : room;
    if (kept)
        bytes_append(&lines->pending, data, kept);
    lines->dropped += len - kept;
}

int lines_push(struct lines *lines, const void *data, size_t len, lines_each_fn *each, void *arg,
               struct err *err)
{
    const char *at = data, *end = at + len;
    int code = 0;
    while (!code && at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        if (newline && !lines->pending.len) {
            code =
                hand_over(lines, at, (size_t)(stop - at), (size_t)(stop - at) + 1, each, arg, err);
        } else {
            keep(lines, at, (size_t)(stop - at));
            if (newline) {
                size_t whole = lines->pending.len + (size_t)lines->dropped + 1;
                code = hand_over(lines, lines->pending.data, lines->pending.len, whole, each, arg,
                                 err);
                bytes_clear(&lines->pending);
                lines->dropped = 0;
            }
        }
        at = newline ? newline + 1 : end;
    }
    return code;
}

int lines_finish(struct lines *lines, lines_each_fn *each, void *arg, struct err *err)
{
    if (!lines->pending.len)
        return 0;
    int code = hand_over(lines, lines->pending.data, lines->pending.len, 0, each, arg, err);
    bytes_clear(&lines->pending);
    return code;
}

void lines_dispose(struct lines *lines)
{
    bytes_dispose(&lines->pending);
}
