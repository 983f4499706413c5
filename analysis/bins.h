// A heatmap of a whole track, kept up to date as samples arrive: the unfiltered map that is on show
// all the time is then a copy.
#ifndef FLICKER_ANALYSIS_BINS_H
#define FLICKER_ANALYSIS_BINS_H

#include "analysis/heatmap.h"
#include "analysis/segment.h"

enum { BINS_CELLS_MOST = 1 << 23 }; // 32 MiB: two days of 50 rows a second

// Starts as {0}: none.
struct bins {
    struct heatmap_shape shape;       // of what is held: columns grow at both ends; rows 0: none
    bool idle;                        // idle samples count too
    uint32_t *cells;                  // samples
    size_t capacity;                  // in cells
    int64_t *row_start;               // offset of each row in its column, and of the column's end
    int64_t cell_from_ns, cell_to_ns; // the cell that was counted last
    int64_t column_from_ns;
    size_t cell;
    uint32_t row;
    uint64_t used; // when it was last asked for
};

void bins_dispose(struct bins *bins);
// Starts anew: empty, on the grid of `shape` (its columns do not matter).
void bins_start(struct bins *bins, const struct heatmap_shape *shape, bool idle);
// Whether a map of this shape can be copied from here.
bool bins_fit(const struct bins *bins, const struct heatmap_shape *shape, bool idle);
// Counts one sample (marks: enum callpath_flag). Where the grid would grow beyond reason, because
// times lie far apart, it gives up: the bins are then disposed.
void bins_change(struct bins *bins, int64_t time_ns, uint32_t by);
static inline void bins_add(struct bins *bins, int64_t time_ns, uint8_t marks)
{
    if (!bins->shape.rows || (marks & CALLPATH_IDLE && !bins->idle))
        return;
    if (time_ns >= bins->cell_from_ns && time_ns < bins->cell_to_ns)
        bins->cells[bins->cell]++;
    else
        bins_change(bins, time_ns, 1);
}
// What a mask of a segment lets count; idle or not is its matter.
void bins_add_mask(struct bins *bins, const struct segment *segment,
                   const struct segment_mask *mask);
// All samples of a segment, in or out; `marks` are of each node.
void bins_add_segment(struct bins *bins, const struct segment *segment, const uint8_t *marks);
void bins_remove_segment(struct bins *bins, const struct segment *segment, const uint8_t *marks);
// Adds what lies in the cells [from, to) of `shape` to them.
void bins_copy(const struct bins *bins, const struct heatmap_shape *shape, size_t from, size_t to,
               uint64_t *cells);

#endif
