// A subsecond-offset heatmap: x is time in columns (a second each, say), y the offset inside the
// column, a cell the weight of the samples in it. After FlameScope (Gregg and Spier, 2018).
#ifndef FLICKER_ANALYSIS_HEATMAP_H
#define FLICKER_ANALYSIS_HEATMAP_H

#include "analysis/fold.h"
#include "analysis/scratch.h"

#include <stddef.h>
#include <stdint.h>

// Columns start at whole multiples of column_ns on the wall clock where it is known, else on the
// store's own axis: see axis_floor().
struct heatmap_shape {
    int64_t from_ns;   // start of column 0; a column edge
    int64_t column_ns; // 1 s
    uint32_t columns;
    uint32_t rows; // row 0 is the start of the column (drawn at the bottom)
    // 0: rows are offsets. Else rows are values from least (which is not 0) to most, by their
    // logarithm, and a cell counts samples; see latency.h. HEATMAP_VALUES_ALL: as the values are.
    uint64_t value_least, value_most;
};
#define HEATMAP_VALUES_ALL UINT64_MAX

// Why a cell is not simply its number. Bits of heatmap.paint.
enum heatmap_paint {
    HEATMAP_LOST = 1,          // samples of this cell are known to be missing: "at least"
    HEATMAP_PENDING = 2,       // lies in the future of what has arrived
    HEATMAP_NOT_RECORDING = 4, // no source was running
    HEATMAP_EVICTED = 8        // was recorded and has gone from the buffer
};

struct heatmap {
    const struct dict *dict; // borrowed from the store that answered: the event's unit is in it
    struct heatmap_shape shape;
    uint64_t *cells; // [column * rows + row]; samples, or value when totals.by_value
    uint8_t *paint;  // same index
    uint64_t max;    // largest cell
    uint64_t full;   // what a cell would hold with every CPU busy (cpus * rate * cell); 0: unknown
    struct totals totals;
    // What cells and paint lie in, and where it goes back to, for the next map: of the store, which
    // outlives the map. NULL: both are memory of their own.
    struct scratch memory, *kept;
};

// Room for cells and paint, of any content, in what is kept from the map before, if that has gone.
void heatmap_take(struct heatmap *heatmap, struct scratch *kept);
void heatmap_dispose(struct heatmap *heatmap);

// When a cell begins; cell = column * rows + row, columns * rows is the end of the map.
int64_t heatmap_cell_start(const struct heatmap_shape *shape, size_t cell);
// The cell that a time falls into; SIZE_MAX when it lies outside of the map.
size_t heatmap_cell_at(const struct heatmap_shape *shape, int64_t time_ns);

#endif
