// What is read of the call chains in `perf script` text ahead of the decoder.
//
// Needs no state, as perf_scan.h, and runs on another thread, too: the callers of a chain are cut
// into lines and hashed, and lines are parsed. Most chains were seen before as a whole, so that
// their lines are never asked for: what was read lately is not read again.
#ifndef FLICKER_PROTO_PERF_AHEAD_H
#define FLICKER_PROTO_PERF_AHEAD_H

#include "proto/bytes.h"
#include "proto/perf_line.h"
#include "proto/perf_scan.h"

#include <stdatomic.h>

// A line that stands for itself.
struct perf_parsed {
    struct perf_frame frame; // in the text
    uint64_t name_hash, module_hash;
};

// A line, newline included. What it is known by is kept as a memo does: 96 bits.
struct perf_caller {
    uint64_t text_high, path_high; // path: of this line and all below it, toward the root
    uint32_t text_low, path_low;
    uint32_t at, len;   // from where the callers begin
    uint32_t parsed_at; // in the notes; 0: not parsed
};

// False: the line does not stand for itself ("->" of a JIT, inlined), or is none.
bool perf_line_parse(struct perf_parsed *out, uint64_t seed, const char *line, size_t len);

// Fills `count` callers from as many lines of text.
void perf_callers_hash(struct perf_caller *callers, size_t count, const struct text_hash *hash,
                       const char *text, size_t len);

static inline size_t perf_callers_count(const struct perf_token *token)
{
    return token->lines - 3; // the header, the leaf, the blank line
}

enum { PERF_RECENT = 1 << 17 };

// Which chains, callers and lines were read lately. Any thread may read and write: what it says
// changes who does the work, not what comes out.
struct perf_recent {
    _Atomic bool idle; // so little of what came lately was new that nothing is read ahead
    _Atomic uint16_t tags[PERF_RECENT];
};

// Appends what the chains of tokens say to notes, which hold the tokens from `tokens_at` on, and
// sets where that is.
void perf_read_ahead(struct perf_recent *recent, const struct text_hash *hash, struct bytes *notes,
                     size_t tokens_at, const char *text);

#endif
