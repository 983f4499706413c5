// Encoders whose format needs everything before its first byte (names first, counts of nodes, one
// profile a thread): the samples are gathered, 32 bytes each, and written at the end.
#ifndef FLICKER_PROTO_GATHER_H
#define FLICKER_PROTO_GATHER_H

#include "proto/format.h"

struct gather;

// Writes all of it, with gather_put.
typedef int gather_write_fn(struct gather *gather, struct err *err);

struct gather {
    struct encoder base;
    gather_write_fn *write;
    struct sample *samples; // in the order in which they came
    size_t count, capacity;
    struct hello hello; // text owned; all unknown when none was said
    bool hello_said;
    uint64_t lost;
    struct bytes text; // not yet written
};

struct encoder *gather_new(struct dict *dict, struct output *output, gather_write_fn *write);

// What follows goes through all samples, and ends with -ECANCELED soon after the output was
// canceled: what it makes is then good for nothing but to be disposed.
enum { GATHER_STEPS = 1 << 16 }; // samples between two looks
static inline MUST_CHECK int gather_goes_on(const struct gather *gather, size_t at, struct err *err)
{
    return at % GATHER_STEPS ? 0 : output_canceled(gather->base.output, err);
}

// Samples by time, those without time first; keeps the order of equals.
int gather_sort(struct gather *gather, struct err *err) MUST_CHECK;
// Passes gather->text on when it has grown large; `all`: whatever its size.
int gather_put(struct gather *gather, bool all, struct err *err) MUST_CHECK;

// The distinct nodes (or threads, events) that the samples speak of, numbered from 0 in the order
// of the dictionary, so that a node comes after its parent. Starts as {0}.
struct gather_index {
    uint32_t *ids;   // index -> dictionary
    uint32_t *index; // dictionary -> index; IDSET_NONE: not used
    size_t count;
};
// Nodes with all that lie above them, the root left out.
int gather_nodes(struct gather_index *out, const struct gather *gather, struct err *err) MUST_CHECK;
int gather_threads(struct gather_index *out, const struct gather *gather,
                   struct err *err) MUST_CHECK;
int gather_events(struct gather_index *out, const struct gather *gather,
                  struct err *err) MUST_CHECK;
// Frames of such nodes.
void gather_frames(struct gather_index *out, const struct gather *gather,
                   const struct gather_index *nodes);
// The numbers of the samples thread by thread, each in their order: *starts is where those of each
// thread begin in *order, and one more at the end; the caller frees both.
int gather_by_thread(size_t **starts, size_t **order, const struct gather *gather,
                     const struct gather_index *threads, struct err *err) MUST_CHECK;
void gather_index_dispose(struct gather_index *index);

// What formats of one profile a thread need: samples sorted, what they speak of, and
// gather_by_thread.
struct gather_tables {
    struct gather_index nodes, frames, threads;
    size_t *starts, *order;
};
// Starts as {0}; to be disposed, whatever came of it.
int gather_all(struct gather_tables *out, struct gather *gather, struct err *err) MUST_CHECK;
void gather_tables_dispose(struct gather_tables *tables);

// A frame as text: its name, else [module+0xaddress], 0xaddress or [unknown].
void gather_frame_text(struct bytes *out, const struct dict *dict, const struct frame *frame);

#endif
