// Comma-separated values.
#include "shell/csv.h"

#include "analysis/fold.h"

#include <inttypes.h>
#include <string.h>

// A cell ends in a comma; the row's end takes the last one back.
static void close_cell(struct bytes *out)
{
    bytes_append_char(out, ',');
}

void csv_head(struct bytes *out, const char *columns)
{
    bytes_append_text(out, columns);
    bytes_append_char(out, '\n');
}

void csv_text(struct bytes *out, const char *text, size_t len)
{
    bool quoted = memchr(text, '"', len) || memchr(text, ',', len) || memchr(text, '\n', len) ||
                  memchr(text, '\r', len);
    if (quoted)
        bytes_append_char(out, '"');
    for (const char *at = text, *end = text + len; at < end;) {
        const char *quote = memchr(at, '"', (size_t)(end - at));
        const char *until = quote ? quote + 1 : end;
        bytes_append(out, at, (size_t)(until - at));
        if (quote)
            bytes_append_char(out, '"');
        at = until;
    }
    if (quoted)
        bytes_append_char(out, '"');
    close_cell(out);
}

void csv_text_z(struct bytes *out, const char *text)
{
    csv_text(out, text, strlen(text));
}

void csv_uint(struct bytes *out, uint64_t value)
{
    bytes_printf(out, "%" PRIu64, value);
    close_cell(out);
}

void csv_int(struct bytes *out, int64_t value)
{
    bytes_printf(out, "%" PRId64, value);
    close_cell(out);
}

void csv_number(struct bytes *out, double value, unsigned digits)
{
    bytes_printf(out, "%.*f", (int)digits, value);
    if (digits) {
        while (out->data[out->len - 1] == '0')
            out->data[--out->len] = '\0';
        if (out->data[out->len - 1] == '.')
            out->data[--out->len] = '\0';
    }
    close_cell(out);
}

void csv_empty(struct bytes *out)
{
    close_cell(out);
}

void csv_end(struct bytes *out)
{
    out->data[out->len - 1] = '\n';
}

void csv_frame(struct bytes *out, const struct dict *dict, uint32_t frame)
{
    struct bytes name = {0};
    fold_frame_text(dict, frame, &name);
    csv_text(out, bytes_text(&name), name.len);
    bytes_dispose(&name);
}
