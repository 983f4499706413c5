// Bins: a growing grid of counters.
#include "analysis/bins.h"

#include "proto/alloc.h"

#include <stdlib.h>
#include <string.h>

void bins_dispose(struct bins *bins)
{
    free(bins->cells);
    free(bins->row_start);
    *bins = (struct bins){0};
}

void bins_start(struct bins *bins, const struct heatmap_shape *shape, bool idle)
{
    uint32_t *cells = bins->cells; // fresh pages would cost more than the counting
    size_t capacity = bins->capacity;
    if (cells)
        memset(cells, 0, capacity * sizeof *cells);
    bins->cells = NULL;
    bins_dispose(bins);
    *bins = (struct bins){.shape = *shape, .idle = idle, .cells = cells, .capacity = capacity};
    bins->shape.columns = 0;
    bins->row_start = xreallocarray(NULL, (size_t)shape->rows + 1, sizeof *bins->row_start);
    for (size_t row = 0; row <= shape->rows; row++)
        bins->row_start[row] = heatmap_cell_start(shape, row) - shape->from_ns;
}

bool bins_fit(const struct bins *bins, const struct heatmap_shape *shape, bool idle)
{
    return bins->shape.rows == shape->rows && bins->shape.column_ns == shape->column_ns &&
           bins->idle == idle && (bins->shape.from_ns - shape->from_ns) % shape->column_ns == 0;
}

// Makes room for `before` columns in front and `after` behind, and as many again, so that growing
// is amortised. False when that is too much.
static bool grow(struct bins *bins, uint64_t before, uint64_t after)
{
    struct heatmap_shape *shape = &bins->shape;
    uint64_t columns = shape->columns + before + after;
    if (columns > BINS_CELLS_MOST / shape->rows)
        return false;
    size_t needed = columns * shape->rows;
    size_t old = (size_t)shape->columns * shape->rows;
    size_t capacity = bins->capacity;
    array_reserve(&bins->cells, &bins->capacity, needed);
    if (bins->capacity > capacity)
        memset(bins->cells + capacity, 0, (bins->capacity - capacity) * sizeof *bins->cells);
    size_t shift = before * shape->rows;
    if (shift) {
        memmove(bins->cells + shift, bins->cells, old * sizeof *bins->cells);
        memset(bins->cells, 0, shift * sizeof *bins->cells);
    }
    shape->from_ns -= (int64_t)before * shape->column_ns;
    shape->columns = (uint32_t)columns;
    return true;
}

static void enter(struct bins *bins, size_t cell)
{
    const struct heatmap_shape *shape = &bins->shape;
    bins->cell = cell;
    bins->row = (uint32_t)(cell % shape->rows);
    bins->column_from_ns = shape->from_ns + (int64_t)(cell / shape->rows) * shape->column_ns;
    bins->cell_from_ns = bins->column_from_ns + bins->row_start[bins->row];
    bins->cell_to_ns = bins->column_from_ns + bins->row_start[bins->row + 1];
}

// To a time that is not long after the cell that was counted last; false when it is.
static bool step_to(struct bins *bins, int64_t time_ns)
{
    enum { STEPS_MOST = 8 };
    const struct heatmap_shape *shape = &bins->shape;
    if (time_ns < bins->cell_to_ns || bins->cell_from_ns == bins->cell_to_ns)
        return false;
    for (int steps = 0; steps < STEPS_MOST; steps++) {
        bins->cell++;
        bins->cell_from_ns = bins->cell_to_ns;
        if (++bins->row == shape->rows) {
            bins->row = 0;
            bins->column_from_ns += shape->column_ns;
        }
        bins->cell_to_ns = bins->column_from_ns + bins->row_start[bins->row + 1];
        if (time_ns < bins->cell_to_ns)
            return bins->cell < (size_t)shape->columns * shape->rows;
    }
    return false;
}

// Finds the cell of a time, which becomes the one that was counted last.
static bool find_cell(struct bins *bins, int64_t time_ns)
{
    struct heatmap_shape *shape = &bins->shape;
    if (step_to(bins, time_ns))
        return true;
    uint64_t column_ns = (uint64_t)shape->column_ns;
    if (!shape->columns) { // the first sample says where the grid begins
        int64_t phase_ns = (time_ns - shape->from_ns) % shape->column_ns;
        shape->from_ns = time_ns - (phase_ns < 0 ? phase_ns + shape->column_ns : phase_ns);
    }
    uint64_t before = 0;
    uint64_t after = 0;
    if (time_ns < shape->from_ns) {
        before = ((uint64_t)shape->from_ns - (uint64_t)time_ns + column_ns - 1) / column_ns;
    } else {
        uint64_t column = ((uint64_t)time_ns - (uint64_t)shape->from_ns) / column_ns;
        after = column >= shape->columns ? column + 1 - shape->columns : 0;
    }
    if ((before || after) && !grow(bins, before, after)) {
        bins_dispose(bins);
        return false;
    }
    enter(bins, heatmap_cell_at(shape, time_ns));
    return true;
}

void bins_change(struct bins *bins, int64_t time_ns, uint32_t by)
{
    if ((time_ns < bins->cell_from_ns || time_ns >= bins->cell_to_ns) && !find_cell(bins, time_ns))
        return;
    bins->cells[bins->cell] += by;
}

static void change_all(struct bins *bins, const struct segment *segment, const uint8_t *marks,
                       uint32_t by)
{
    for (size_t block = 0; block < segment->block_count && bins->shape.rows; block++) {
        uint32_t end = segment_block_end(segment, block);
        for (uint32_t at = segment->blocks[block].first; at < end && bins->shape.rows; at++) {
            if (bins->idle || !(marks[segment->nodes[at]] & CALLPATH_IDLE))
                bins_change(bins, segment->blocks[block].base_ns + segment->offsets[at], by);
        }
    }
}

// The samples [from, end) of one block, cell by cell.
static void add_stretch(struct bins *bins, const struct segment *segment,
                        const struct segment_mask *mask, int64_t base_ns, uint32_t from,
                        uint32_t end)
{
    uint32_t rank = segment_mask_rank(mask, from), held = 0;
    for (uint32_t at = from; at < end;) {
        int64_t time_ns = base_ns + segment->offsets[at];
        if ((time_ns < bins->cell_from_ns || time_ns >= bins->cell_to_ns) &&
            !find_cell(bins, time_ns))
            return;
        int64_t cell_end = bins->cell_to_ns - base_ns;
        uint32_t first = at, before = rank;
        at = cell_end > UINT32_MAX
                 ? end
                 : segment_skip(segment->offsets, at, end, (uint32_t)cell_end, held);
        held = at - first;
        rank = segment_mask_rank(mask, at);
        bins->cells[bins->cell] += rank - before;
    }
}

void bins_add_mask(struct bins *bins, const struct segment *segment,
                   const struct segment_mask *mask)
{
    for (size_t block = 0; block < segment->block_count && bins->shape.rows; block++)
        add_stretch(bins, segment, mask, segment->blocks[block].base_ns,
                    segment->blocks[block].first, segment_block_end(segment, block));
}

void bins_add_segment(struct bins *bins, const struct segment *segment, const uint8_t *marks)
{
    change_all(bins, segment, marks, 1);
}

// Columns in front that have become empty are given up when they are the greater part.
static void trim(struct bins *bins)
{
    struct heatmap_shape *shape = &bins->shape;
    size_t count = (size_t)shape->columns * shape->rows;
    size_t empty = 0;
    while (empty < count && !bins->cells[empty])
        empty++;
    uint32_t columns = (uint32_t)(empty / shape->rows);
    if (columns <= shape->columns / 2)
        return;
    size_t gone = (size_t)columns * shape->rows;
    memmove(bins->cells, bins->cells + gone, (count - gone) * sizeof *bins->cells);
    memset(bins->cells + count - gone, 0, gone * sizeof *bins->cells);
    shape->columns -= columns;
    shape->from_ns += (int64_t)columns * shape->column_ns;
    bins->cell_from_ns = bins->cell_to_ns = 0;
}

void bins_remove_segment(struct bins *bins, const struct segment *segment, const uint8_t *marks)
{
    change_all(bins, segment, marks, UINT32_MAX); // -1
    if (bins->shape.rows)
        trim(bins);
}

void bins_copy(const struct bins *bins, const struct heatmap_shape *shape, size_t from, size_t to,
               uint64_t *cells)
{
    int64_t ahead = (bins->shape.from_ns - shape->from_ns) / shape->column_ns; // whole columns
    int64_t first = ahead * shape->rows;
    int64_t end = (ahead + bins->shape.columns) * shape->rows;
    first = first > (int64_t)from ? first : (int64_t)from;
    end = end < (int64_t)to ? end : (int64_t)to;
    for (int64_t i = first; i < end; i++)
        cells[i] += bins->cells[i - ahead * shape->rows];
}
