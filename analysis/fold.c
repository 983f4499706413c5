// Folds as text.
#include "analysis/fold.h"

#include "analysis/names.h"
#include "proto/alloc.h"
#include "proto/sort.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { WRITE_BYTES = 64 * 1024 };

void fold_dispose(struct fold *fold)
{
    free(fold->nodes);
    names_release(fold->own);
    *fold = (struct fold){0};
}

void fold_frame_text(const struct dict *dict, uint32_t frame, struct bytes *out)
{
    if (frame == IDSET_NONE) {
        bytes_append_text(out, "all");
        return;
    }
    const struct frame *row = &dict->frames[frame];
    if (row->name != DICT_EMPTY) {
        bytes_append(out, dict_text(dict, row->name), dict_text_len(dict, row->name));
        return;
    }
    const char *module = dict_text(dict, row->module);
    size_t len = dict_text_len(dict, row->module);
    const char *slash = memrchr(module, '/', len);
    if (slash && slash[1]) {
        len -= (size_t)(slash + 1 - module);
        module = slash + 1;
    }
    if (len >= 2 && module[0] == '[' && module[len - 1] == ']') { // "[vdso]" has its own brackets
        bytes_append(out, module, len);
        return;
    }
    bytes_append_char(out, '[');
    if (len)
        bytes_append(out, module, len);
    else
        bytes_append_text(out, "unknown");
    bytes_append_char(out, ']');
}

// Names must not break the line or the path.
static void clean_from(struct bytes *text, size_t from)
{
    for (size_t i = from; i < text->len; i++) {
        unsigned char c = (unsigned char)text->data[i];
        if (c == ';')
            text->data[i] = ':';
        else if (c < 0x20 || c == 0x7f)
            text->data[i] = '?';
    }
}

struct line {
    size_t at; // of its path in the text
    uint64_t weight;
};

static int compare_lines(const void *left, const void *right, void *text)
{
    return strcmp((const char *)text + ((const struct line *)left)->at,
                  (const char *)text + ((const struct line *)right)->at);
}

static void append_path(const struct fold *fold, uint32_t node, uint32_t *chain, struct bytes *text)
{
    size_t depth = 0;
    for (uint32_t at = node; at; at = fold->nodes[at].parent)
        chain[depth++] = at;
    while (depth-- > 0) {
        size_t from = text->len;
        fold_frame_text(fold->dict, fold->nodes[chain[depth]].frame, text);
        clean_from(text, from);
        if (depth)
            bytes_append_char(text, ';');
    }
    bytes_append_char(text, '\0');
}

// A line for each node with a weight of its own, sorted; those that read the same (one name in two
// modules) are added up.
static struct line *build_lines(const struct fold *fold, struct bytes *text, size_t *count)
{
    struct line *lines = xreallocarray(NULL, fold->count, sizeof *lines);
    uint32_t *chain = xreallocarray(NULL, fold->count, sizeof *chain);
    size_t built = 0;
    for (uint32_t i = 1; i < fold->count; i++) {
        if (i % FOLD_STEPS == 0 && fold_is_canceled(fold))
            break;
        uint64_t weight = fold_self(fold, &fold->nodes[i]);
        if (!weight)
            continue;
        lines[built++] = (struct line){text->len, weight};
        append_path(fold, i, chain, text);
    }
    free(chain);
    if (!sort_unless(fold->cancel, lines, built, sizeof *lines, compare_lines, text->data))
        built = 0;
    *count = 0;
    for (size_t i = 0; i < built; i++) {
        if (i % FOLD_STEPS == 0 && fold_is_canceled(fold))
            break;
        if (*count && !compare_lines(&lines[*count - 1], &lines[i], text->data))
            lines[*count - 1].weight += lines[i].weight;
        else
            lines[(*count)++] = lines[i];
    }
    return lines;
}

int fold_write_text(const struct fold *fold, struct output *output, struct err *err)
{
    struct bytes text = {0};
    struct bytes chunk = {0};
    size_t count = 0;
    struct line *lines = build_lines(fold, &text, &count);
    int rc = fold_canceled(fold, err);
    for (size_t i = 0; i < count && rc == 0; i++) {
        bytes_append_text(&chunk, text.data + lines[i].at);
        bytes_printf(&chunk, " %" PRIu64 "\n", lines[i].weight);
        if (chunk.len >= WRITE_BYTES) {
            rc = output_write(output, chunk.data, chunk.len, err);
            bytes_clear(&chunk);
            if (rc == 0)
                rc = fold_canceled(fold, err);
        }
    }
    if (rc == 0 && chunk.len)
        rc = output_write(output, chunk.data, chunk.len, err);
    bytes_dispose(&chunk);
    bytes_dispose(&text);
    free(lines);
    return rc;
}
