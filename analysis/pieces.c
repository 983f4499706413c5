// Intervals that were told in pieces, put together.
#include "analysis/pieces.h"

#include "proto/alloc.h"

#include <stdlib.h>

// Of each thread.
struct state {
    struct piece last;
    uint32_t row; // of the last piece, + 1; 0: its interval has one piece so far
};

bool piece_goes_on(const struct piece *last, uint32_t node, int64_t end_ns, uint64_t value)
{
    return last->value >= PIECE_LEAST_NS && last->node == node &&
           value <= (uint64_t)end_ns - (uint64_t)INT64_MIN &&
           last->end_ns == (int64_t)((uint64_t)end_ns - value);
}

void pieces_dispose(struct pieces *pieces)
{
    free(pieces->rows);
    free(pieces->wholes);
    idmap_dispose(&pieces->by_end);
    *pieces = (struct pieces){0};
}

static uint64_t key_of(uint32_t thread, int64_t end_ns)
{
    return (uint64_t)end_ns ^ (uint64_t)thread * UINT64_C(0x9e3779b97f4a7c15);
}

static void add_row(struct pieces *pieces, uint32_t thread, int64_t end_ns, uint32_t whole)
{
    array_reserve(&pieces->rows, &pieces->row_capacity, pieces->row_count + 1);
    idmap_add(&pieces->by_end, key_of(thread, end_ns), (uint32_t)pieces->row_count);
    pieces->rows[pieces->row_count++] = (struct piece_row){end_ns, thread, whole};
}

static void take(struct pieces *pieces, struct state *state, uint32_t thread,
                 const struct piece *piece)
{
    if (!piece_goes_on(&state->last, piece->node, piece->end_ns, piece->value)) {
        *state = (struct state){.last = *piece};
        return;
    }
    if (!state->row) { // the first one is of several only now
        array_reserve(&pieces->wholes, &pieces->whole_capacity, pieces->whole_count + 1);
        pieces->wholes[pieces->whole_count++] = state->last.value;
        add_row(pieces, thread, state->last.end_ns, (uint32_t)pieces->whole_count - 1);
        state->row = (uint32_t)pieces->row_count;
    }
    uint32_t whole = pieces->rows[state->row - 1].whole;
    pieces->wholes[whole] += piece->value;
    add_row(pieces, thread, piece->end_ns, whole);
    state->row = (uint32_t)pieces->row_count;
    state->last = *piece;
}

static bool may_have_pieces(struct segment *const *segments, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (segments[i]->count && segments[i]->value_max >= PIECE_LEAST_NS)
            return true;
    }
    return false;
}

void pieces_find(struct pieces *pieces, struct segment *const *segments, size_t count,
                 size_t thread_count, const atomic_bool *cancel)
{
    if (!may_have_pieces(segments, count))
        return;
    struct state *states = xcalloc(thread_count, sizeof *states);
    for (size_t i = 0; i < count; i++) {
        const struct segment *segment = segments[i];
        size_t block = 0;
        if (cancel && atomic_load_explicit(cancel, memory_order_relaxed))
            break;
        for (uint32_t at = 0; !segment->timeless && at < segment->count; at++) {
            struct piece piece = {.end_ns = segment_time(segment, &block, at),
                                  .value = segment_value(segment, at),
                                  .node = segment->nodes[at]};
            uint32_t thread = segment->thread_ids[segment->threads[at]];
            take(pieces, &states[thread], thread, &piece);
        }
    }
    free(states);
}

uint64_t pieces_whole(const struct pieces *pieces, uint32_t thread, int64_t end_ns, uint64_t value)
{
    if (!pieces->row_count)
        return value;
    uint32_t row = idmap_find(&pieces->by_end, key_of(thread, end_ns));
    if (row == IDMAP_NONE || pieces->rows[row].thread != thread ||
        pieces->rows[row].end_ns != end_ns)
        return value;
    return pieces->wholes[pieces->rows[row].whole];
}
