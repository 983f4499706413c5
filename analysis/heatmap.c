// The geometry of heatmaps.
#include "analysis/heatmap.h"

#include <stdlib.h>

void heatmap_take(struct heatmap *heatmap, struct scratch *kept)
{
    const size_t count = (size_t)heatmap->shape.columns * heatmap->shape.rows;
    heatmap->kept = kept;
    heatmap->memory = *kept;
    *kept = (struct scratch){0};
    heatmap->cells =
        scratch_take(&heatmap->memory, count * (sizeof *heatmap->cells + sizeof *heatmap->paint));
    heatmap->paint = (uint8_t *)(heatmap->cells + count);
}

// Of two maps at once, the larger one's memory is kept.
static void give_back(struct heatmap *heatmap)
{
    struct scratch *kept = heatmap->kept, smaller = heatmap->memory;
    if (smaller.bytes > kept->bytes) {
        smaller = *kept;
        *kept = heatmap->memory;
    }
    scratch_dispose(&smaller);
    scratch_put(kept);
}

void heatmap_dispose(struct heatmap *heatmap)
{
    if (heatmap->kept) {
        give_back(heatmap);
    } else {
        free(heatmap->cells);
        free(heatmap->paint);
    }
    *heatmap = (struct heatmap){0};
}

// Cells begin at the first ns whose offset * rows / column_ns is theirs, so that start and index
// agree to the nanosecond whatever the number of rows.
static int64_t row_start(const struct heatmap_shape *shape, uint64_t row)
{
    __extension__ typedef unsigned __int128 u128;
    u128 scaled = (u128)row * (uint64_t)shape->column_ns;
    return (int64_t)((scaled + shape->rows - 1) / shape->rows);
}

int64_t heatmap_cell_start(const struct heatmap_shape *shape, size_t cell)
{
    return shape->from_ns + (int64_t)(cell / shape->rows) * shape->column_ns +
           row_start(shape, cell % shape->rows);
}

size_t heatmap_cell_at(const struct heatmap_shape *shape, int64_t time_ns)
{
    __extension__ typedef unsigned __int128 u128;
    if (time_ns < shape->from_ns)
        return SIZE_MAX;
    uint64_t offset = (uint64_t)time_ns - (uint64_t)shape->from_ns;
    uint64_t column = offset / (uint64_t)shape->column_ns;
    if (column >= shape->columns)
        return SIZE_MAX;
    u128 inside = offset % (uint64_t)shape->column_ns;
    return (size_t)column * shape->rows +
           (size_t)(inside * shape->rows / (uint64_t)shape->column_ns);
}
