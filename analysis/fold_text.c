// A fold's end, and a frame as people read it.
#include "analysis/fold.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void fold_dispose(struct fold *fold)
{
    free(fold->nodes);
    if (fold->own)
        dict_dispose(fold->own);
    free(fold->own);
    *fold = (struct fold){0};
}

void fold_frame_text(const struct dict *dict, uint32_t frame, struct bytes *out)
{
    const struct frame *at = &dict->frames[frame];
    if (!frame_is_unresolved(at)) {
        bytes_append(out, dict_text(dict, at->name), dict_text_len(dict, at->name));
        return;
    }
    if (at->module == DICT_EMPTY && !at->address) {
        bytes_append_text(out, "[unknown]");
        return;
    }
    const char *module = dict_text(dict, at->module), *slash = strrchr(module, '/');
    bytes_append_char(out, '[');
    bytes_append_text(out, slash ? slash + 1 : module);
    bytes_printf(out, "%s0x%" PRIx64 "]", *module ? "+" : "", at->address);
}
