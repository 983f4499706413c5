// The row of nflxprofile in the table of formats, and its words for kinds of frames.
#include "proto/nflxprofile.h"

#include "proto/wire.h"

#include <string.h>

static const char *const libtypes[FRAME_KINDS] = {
    [FRAME_USER] = "user",       [FRAME_KERNEL] = "kernel",           [FRAME_JIT] = "jit",
    [FRAME_INLINED] = "inlined", [FRAME_INTERPRETED] = "interpreted", [FRAME_COMM] = "",
};

const char *nflxprofile_libtype(enum frame_kind kind)
{
    return libtypes[kind];
}

enum frame_kind nflxprofile_kind(const char *libtype)
{
    for (int kind = 0; libtype && kind < FRAME_COMM; kind++) {
        if (!strcmp(libtypes[kind], libtype))
            return (enum frame_kind)kind;
    }
    return FRAME_USER;
}

// Two doubles (fields 1 and 2) at the start, then numbered fields up to 13.
static int probe(const void *head, size_t len)
{
    static const char START[] = {1 << 3 | 1, 2 << 3 | 1};
    const char *bytes = head;
    if (len < 20 || bytes[0] != START[0] || bytes[9] != START[1])
        return 0;
    struct wire wire = {head, (const uint8_t *)head + len};
    struct wire_field field;
    while (wire.at && wire.at < wire.end && wire_next(&wire, &field) > 0) {
        if (!field.number || field.number > 13)
            return 0;
    }
    return 90;
}

const struct format format_nflxprofile = {
    .name = "nflxprofile",
    .summary = "FlameScope's nflxprofile",
    .extension = ".nflxprofile",
    .probe = probe,
    .decoder_new = nflxprofile_decoder_new,
    .encoder_new = nflxprofile_encoder_new,
    .loses = HOLD_UNIT | HOLD_EVENT | HOLD_MODULE | HOLD_ADDRESS | HOLD_LOSS | HOLD_EVENT_NAME,
    .all_or_none = HOLD_TIME | HOLD_CPU | HOLD_THREAD,
    .event = "samples",
};
