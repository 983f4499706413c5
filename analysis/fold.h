// A fold: how many samples each call path has, as a tree.
#ifndef FLICKER_ANALYSIS_FOLD_H
#define FLICKER_ANALYSIS_FOLD_H

#include "proto/dict.h"
#include "proto/err.h"
#include "proto/output.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What an answer rests on; stands beside every result.
struct totals {
    uint64_t samples;
    uint64_t value;            // sum, in the event's unit
    uint64_t idle;             // samples left out because the CPU was idle
    uint64_t no_stack;         // samples with no frame
    uint64_t unresolved;       // samples whose leaf frame has no name
    uint64_t lost;             // known to be missing in these ranges
    int64_t first_ns, last_ns; // of the samples counted; SAMPLE_NO_TIME when none
    uint32_t event;            // of the dictionary
    bool by_value;             // what people are shown: value, else samples
    uint32_t source;           // in view; the newest of them
    uint32_t sources;          // added up
    uint32_t sources_left_out; // have the event too, but cannot be added; see query.h
};

// Node 0 is the root ("all"). Nodes come depth first: parents before children, each with all that
// is below it before the next; children of one parent are ordered by name. Frames with one name,
// module and kind are one node, whatever their address and line.
struct fold_node {
    uint32_t parent;
    uint32_t frame; // of the dictionary; IDSET_NONE for the root
    uint64_t self_samples, total_samples;
    uint64_t self_value, total_value;
};

struct names;

struct fold {
    const struct dict *dict; // of the store that answered (borrowed), or `own`
    struct fold_node *nodes;
    size_t count, capacity;
    struct totals totals;
    // Names that the store does not have (a frame was renamed): `dict` is theirs, and the fold
    // holds them. NULL as a store answers; see names.h.
    struct names *own;
    // The query's: whoever goes on with the fold looks at it, too. Once it is set, the nodes may be
    // any, and the last one to work on them says so (fold_canceled). NULL: nobody does.
    const atomic_bool *cancel;
};

enum { FOLD_STEPS = 4096 }; // nodes or lines between two looks at Ctrl-C

static inline bool fold_is_canceled(const struct fold *fold)
{
    return fold->cancel && atomic_load_explicit(fold->cancel, memory_order_relaxed);
}

static inline MUST_CHECK int fold_canceled(const struct fold *fold, struct err *err)
{
    return fold_is_canceled(fold) ? err_set(err, -ECANCELED, "interrupted") : 0;
}

// Frees the nodes, lets go of the fold's own names.
void fold_dispose(struct fold *fold);

// The weight that people are shown: value or samples, by the totals' event.
static inline uint64_t fold_self(const struct fold *fold, const struct fold_node *node)
{
    return fold->totals.by_value ? node->self_value : node->self_samples;
}

static inline uint64_t fold_total(const struct fold *fold, const struct fold_node *node)
{
    return fold->totals.by_value ? node->total_value : node->total_samples;
}

// A frame as people read it: its name, else the last part of its module, "[libc.so.6]", else
// "[unknown]" (a fold merges a module's addresses without a name); "all" for the root. Appends to
// *out.
void fold_frame_text(const struct dict *dict, uint32_t frame, struct bytes *out);

// One line a stack, "comm;caller;callee 12", sorted; ';' and control bytes in names become ':' and
// '?'.
int fold_write_text(const struct fold *fold, struct output *output, struct err *err) MUST_CHECK;

#endif
