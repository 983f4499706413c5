// The subsecond-offset heatmap in the terminal.
//
// With colours a character is one column and two rows (half blocks), labels stand at the rows'
// edges and the scale at the right. Without, a character is a cell of a ramp, and what is said by
// colour elsewhere is said by marks under the axis.
#include "analysis/latency.h"
#include "proto/alloc.h"
#include "viewer/pen.h"
#include "viewer/term.h"
#include "viewer/text.h"
#include "viewer/weight.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    LABEL_CELLS = 8,         // "1000 ms "
    LEGEND_CELLS = 12,       // "  ## 100 %"
    LEGEND_MIN_COLUMNS = 60, // of a terminal that has room for the scale at the right
    TICK_CELLS = 10,         // at least, from tick to tick: a time and two spaces
    STRETCH_MOST = 4,        // cells of a column when there is room
    TIME_BYTES = 32,
    DAY_BYTES = 40,
};

static const char ramp[] = " .:-=+*#%@";

struct picture {
    struct pen pen;
    const struct heatmap *heatmap;
    const struct axis *axis;
    struct term_selection selected;
    const struct spikes *spikes;
    uint32_t first, columns; // what of the map is shown
    uint32_t stretch;        // cells that a column is wide
    uint32_t lines;          // of cells
    bool colors, legend;
    uint64_t *edges; // of rows that are values; NULL: rows are offsets
    uint64_t top;    // weight that has the scale's last colour
    int64_t tick_ns, local_offset_ns;
};

static bool has_legend(const struct term *term)
{
    return term->color != TERM_ASCII && term->columns >= LEGEND_MIN_COLUMNS;
}

void term_heatmap_fit(const struct term *term, unsigned *columns, unsigned *rows)
{
    static const unsigned choices[] = {50, 20, 10, 5, 4, 2}; // each divides a second
    unsigned margin = LABEL_CELLS + (has_legend(term) ? LEGEND_CELLS : 0);
    unsigned around = 7; // prompt, spikes, axis, times, footer
    unsigned lines = term->lines > around + 2 ? term->lines - around : 2;
    unsigned most = term->color == TERM_ASCII ? lines : 2 * lines;
    if (term->lines < 60 && most > 20) // leaves room for what is typed next; 50 ms say enough
        most = 20;
    size_t i = 0;
    while (choices[i] > most)
        i++;
    *rows = choices[i];
    *columns = term->columns > margin ? term->columns - margin : 1;
}

// ---- time ----

static int64_t column_from(const struct picture *picture, uint32_t column)
{
    return picture->heatmap->shape.from_ns + picture->heatmap->shape.column_ns * column;
}

// Time on the axis that people read: local wall-clock, else from the session's start.
static int64_t read_time(const struct picture *picture, int64_t time_ns)
{
    return picture->axis->wall_known ? time_ns + picture->local_offset_ns
                                     : time_ns - picture->axis->start_ns;
}

static void choose_ticks(struct picture *picture)
{
    static const int64_t tenths[] = {1,   2,    5,    10,   20,   50,    100,   150,    300,
                                     600, 1200, 3000, 6000, 9000, 18000, 36000, 108000, 216000};
    int64_t column_ns = picture->heatmap->shape.column_ns;
    int64_t least_ns = column_ns * ((TICK_CELLS + picture->stretch - 1) / picture->stretch);
    picture->tick_ns = least_ns;
    for (size_t i = 0; i < sizeof tenths / sizeof tenths[0]; i++) {
        int64_t step = tenths[i] * 100000000;
        if (step % column_ns == 0 && step >= least_ns) {
            picture->tick_ns = step;
            break;
        }
    }
    if (picture->axis->wall_known) {
        time_t seconds =
            (column_from(picture, picture->first) + picture->axis->wall_offset_ns) / 1000000000;
        struct tm local = {0};
        localtime_r(&seconds, &local);
        picture->local_offset_ns =
            picture->axis->wall_offset_ns + (int64_t)local.tm_gmtoff * 1000000000;
    }
}

static bool is_tick(const struct picture *picture, uint32_t column)
{
    int64_t rest = read_time(picture, column_from(picture, column)) % picture->tick_ns;
    if (rest < 0)
        rest += picture->tick_ns;
    return rest < picture->heatmap->shape.column_ns;
}

static void time_label(const struct picture *picture, int64_t time_ns, char text[TIME_BYTES])
{
    int64_t tenths = read_time(picture, time_ns) / 100000000;
    bool fine = picture->tick_ns % 1000000000 != 0;
    if (picture->axis->wall_known) {
        int64_t seconds = tenths / 10 % 86400;
        int len = snprintf(text, TIME_BYTES, "%02d:%02d:%02d", (int)(seconds / 3600),
                           (int)(seconds / 60 % 60), (int)(seconds % 60));
        if (fine)
            snprintf(text + len, TIME_BYTES - (size_t)len, ".%d", (int)(tenths % 10));
    } else if (fine) {
        snprintf(text, TIME_BYTES, "%.1f s", (double)tenths / 10);
    } else {
        snprintf(text, TIME_BYTES, "%" PRId64 " s", tenths / 10);
    }
}

// The day on the wall's calendar.
static void day_label(const struct picture *picture, int64_t time_ns, char text[DAY_BYTES])
{
    int64_t wall_ns = read_time(picture, time_ns);
    time_t seconds = (time_t)(wall_ns / 1000000000 - (wall_ns % 1000000000 < 0));
    struct tm day = {0};
    gmtime_r(&seconds, &day); // the offset of the zone is in it
    snprintf(text, DAY_BYTES, "%04d-%02d-%02d", day.tm_year + 1900, day.tm_mon + 1, day.tm_mday);
}

// ---- what is known of a column ----

static bool overlaps(const struct range *range, int64_t from_ns, int64_t to_ns)
{
    return range->from_ns < to_ns && range->to_ns > from_ns;
}

static bool is_selected(const struct picture *picture, uint32_t column)
{
    int64_t from_ns = column_from(picture, column);
    for (size_t i = 0; i < picture->selected.range_count; i++) {
        if (overlaps(&picture->selected.ranges[i], from_ns,
                     from_ns + picture->heatmap->shape.column_ns))
            return true;
    }
    return false;
}

// The spike whose middle lies in this column.
static const struct spike *spike_in(const struct picture *picture, uint32_t column)
{
    int64_t from_ns = column_from(picture, column);
    for (size_t i = 0; picture->spikes && i < picture->spikes->count; i++) {
        const struct range *range = &picture->spikes->items[i].range;
        int64_t middle_ns = range->from_ns + (range->to_ns - range->from_ns) / 2;
        if (middle_ns >= from_ns && middle_ns < from_ns + picture->heatmap->shape.column_ns)
            return &picture->spikes->items[i];
    }
    return NULL;
}

static uint8_t paint_of(const struct picture *picture, uint32_t column, uint32_t row)
{
    const struct heatmap *heatmap = picture->heatmap;
    return heatmap->paint ? heatmap->paint[(size_t)column * heatmap->shape.rows + row] : 0;
}

// Which paints some (any) and every (all) cell of the column has.
static void column_paints(const struct picture *picture, uint32_t column, uint8_t *any,
                          uint8_t *all)
{
    *any = 0;
    *all = 0xff;
    for (uint32_t row = 0; row < picture->heatmap->shape.rows; row++) {
        *any |= paint_of(picture, column, row);
        *all &= paint_of(picture, column, row);
    }
}

// Without colours only a column that was not recorded at all has a mark.
static uint8_t paints_in_view(const struct picture *picture)
{
    uint8_t paints = 0, any, all;
    for (uint32_t i = 0; i < picture->columns; i++) {
        column_paints(picture, picture->first + i, &any, &all);
        if (!picture->colors)
            any = (uint8_t)((any & ~HEATMAP_NOT_RECORDING) | (all & HEATMAP_NOT_RECORDING));
        paints |= any;
    }
    return paints;
}

// ---- cells ----

enum cell_look { LOOK_BLANK, LOOK_PENDING, LOOK_EVICTED, LOOK_COLOR };

struct cell {
    enum cell_look look;
    bool lost;
    uint64_t weight;
    struct ink ink;
};

static struct cell cell_at(const struct picture *picture, uint32_t column, uint32_t row)
{
    const struct heatmap *heatmap = picture->heatmap;
    struct cell cell = {.look = LOOK_BLANK};
    if (row >= heatmap->shape.rows)
        return cell;
    uint8_t paint = paint_of(picture, column, row);
    cell.weight = heatmap->cells[(size_t)column * heatmap->shape.rows + row];
    cell.lost = paint & HEATMAP_LOST;
    if (cell.weight == 0 && (paint & HEATMAP_EVICTED))
        cell.look = LOOK_EVICTED;
    else if (cell.weight == 0 && (paint & HEATMAP_PENDING))
        cell.look = LOOK_PENDING;
    else if (cell.weight > 0 || cell.lost || !(paint & HEATMAP_NOT_RECORDING))
        cell.look = LOOK_COLOR;
    if (cell.look == LOOK_COLOR)
        cell.ink = cell.weight ? ink_scale((double)cell.weight / (double)picture->top)
                               : ink_token(COLOR_ZERO);
    return cell;
}

static void draw_halves(struct picture *picture, struct cell upper, struct cell lower)
{
    struct pen *pen = &picture->pen;
    bool above = upper.look == LOOK_COLOR, below = lower.look == LOOK_COLOR;
    if (upper.lost || lower.lost) { // hatched over what did arrive
        pen_colors(pen, ink_token(COLOR_INK2),
                   upper.weight > lower.weight || !below ? upper.ink : lower.ink);
        bytes_append_text(pen->out, "╱");
    } else if (above) {
        pen_colors(pen, upper.ink, lower.ink);
        bytes_append_text(pen->out, "▀");
    } else if (below) {
        pen_colors(pen, lower.ink, ink_none);
        bytes_append_text(pen->out, "▄");
    } else if (upper.look == LOOK_EVICTED || lower.look == LOOK_EVICTED) {
        pen_colors(pen, ink_token(COLOR_FAINT), ink_none);
        bytes_append_text(pen->out, "░");
    } else if (upper.look == LOOK_PENDING || lower.look == LOOK_PENDING) {
        pen_colors(pen, ink_token(COLOR_HATCH), ink_none);
        bytes_append_text(pen->out, "·");
    } else {
        pen_colors(pen, ink_none, ink_none);
        bytes_append_char(pen->out, ' ');
    }
}

// Never a blank for something, never the last step for less than the top.
static void draw_ramp(struct picture *picture, struct cell cell)
{
    enum { LAST = sizeof ramp - 2 };
    double share = (double)cell.weight / (double)picture->top;
    unsigned step = !cell.weight ? 0 : share >= 1 ? LAST : 1 + (unsigned)(share * (LAST - 1));
    bytes_append_char(picture->pen.out, ramp[step]);
}

// ---- labels ----

static void label_marked(struct picture *picture, const char *text, bool selected)
{
    pen_colors(&picture->pen, ink_token(COLOR_INK3), ink_none);
    bytes_printf(picture->pen.out, "%*s", LABEL_CELLS - 1, text);
    if (selected)
        pen_colors(&picture->pen, ink_token(COLOR_SELECTION), ink_none);
    bytes_append_text(picture->pen.out, !selected ? " " : picture->colors ? "┃" : ">");
}

static void label(struct picture *picture, const char *text)
{
    label_marked(picture, text, false);
}

// An offset inside a column: in ms, so that it is read as an offset; else in what is natural.
static void offset_label(const struct picture *picture, uint64_t offset_ns, struct bytes *text)
{
    int64_t column_ns = picture->heatmap->shape.column_ns;
    uint64_t row_ns = (uint64_t)column_ns / picture->heatmap->shape.rows;
    bytes_clear(text);
    if (column_ns <= 1000000000 && row_ns % 1000000 == 0)
        bytes_printf(text, "%" PRIu64 " ms", offset_ns / 1000000);
    else
        weight_append_duration(text, offset_ns);
}

// "8660", "154k", "2.74M"
static void append_count(struct bytes *out, uint64_t count)
{
    static const char letters[] = " kMGTPE";
    double number = (double)count;
    size_t power = 0;
    for (; number >= 9999.5; number /= 1000)
        power++;
    if (!power)
        bytes_printf(out, "%" PRIu64, count);
    else
        bytes_printf(out, "%.*f%c",
                     number >= 99.95   ? 0
                     : number >= 9.995 ? 1
                                       : 2,
                     number, letters[power]);
}

// A value, short enough for a label.
static void value_label(const struct picture *picture, uint64_t value, struct bytes *text)
{
    const struct heatmap *heatmap = picture->heatmap;
    const char *unit = dict_text(heatmap->dict, heatmap->dict->events[heatmap->totals.event].unit);
    bool known = heatmap->totals.by_value && (!strcmp(unit, "ns") || !strcmp(unit, "bytes"));
    struct bytes full = {0};
    if (known)
        weight_append(&full, value, &heatmap->totals, heatmap->dict);
    else
        append_count(&full, value);
    for (size_t i = 0; i < full.len; i++) {
        if (full.len < LABEL_CELLS || full.data[i] != ' ')
            bytes_append_char(text, full.data[i]);
    }
    bytes_dispose(&full);
}

// Whether values of this line are among those that are selected.
static bool is_selected_line(const struct picture *picture, uint32_t line)
{
    uint32_t rows = picture->heatmap->shape.rows, below = picture->lines - 1 - line;
    uint32_t low = picture->colors ? 2 * below : below, high = low + (picture->colors ? 2 : 1);
    uint64_t least = picture->edges[low], end = picture->edges[high < rows ? high : rows];
    for (size_t i = 0; i < picture->selected.value_count; i++) {
        const struct value_range *range = &picture->selected.values[i];
        // What lies beyond the scale is in its first and its last row.
        if ((range->low < end || high >= rows) && (range->high >= least || low == 0))
            return range->low <= range->high;
    }
    return false;
}

// Of rows that are values: the value where every fourth part of the scale begins.
static void line_value_label(struct picture *picture, uint32_t line)
{
    uint32_t rows = picture->heatmap->shape.rows, above = picture->lines - line;
    uint32_t quarter = picture->lines >= 8 ? picture->lines / 4 : (picture->lines + 1) / 2;
    uint32_t edge = picture->colors ? 2 * above : above - 1;
    struct bytes text = {0};
    if (line % quarter == 0 && picture->lines - line > 1)
        value_label(picture, picture->edges[edge < rows ? edge : rows], &text);
    else if (!picture->colors && above == 1)
        value_label(picture, picture->edges[0], &text);
    label_marked(picture, bytes_text(&text), is_selected_line(picture, line));
    bytes_dispose(&text);
}

// With colours the offset of the line's upper edge, else the start of the line's row; top, middle
// and bottom only.
static void line_label(struct picture *picture, uint32_t line)
{
    const struct heatmap_shape *shape = &picture->heatmap->shape;
    struct bytes text = {0};
    if (picture->edges) {
        line_value_label(picture, line);
        return;
    }
    bool middle = line == picture->lines / 2 && picture->lines >= 4;
    uint32_t row = picture->lines - 1 - line;
    if (picture->colors && (line == 0 || (middle && shape->rows % 4 == 0))) {
        uint32_t edge = line == 0 ? shape->rows : shape->rows / 2;
        offset_label(picture, (uint64_t)shape->column_ns * edge / shape->rows, &text);
    } else if (!picture->colors && (line == 0 || row == 0 || row == shape->rows / 2)) {
        offset_label(picture, (uint64_t)shape->column_ns * row / shape->rows, &text);
    }
    label(picture, bytes_text(&text));
    bytes_dispose(&text);
}

static void scale_label(const struct picture *picture, double share, struct bytes *text)
{
    const struct heatmap *heatmap = picture->heatmap;
    double weight = (double)picture->top * share;
    if (heatmap->full)
        weight_append_share(text, weight / (double)heatmap->full, false);
    else if (heatmap->totals.by_value && heatmap->dict && !picture->edges)
        weight_append(text, (uint64_t)weight, &heatmap->totals, heatmap->dict);
    else
        bytes_printf(text, "%.*f", picture->top < 10 && share > 0 && share < 1, weight);
}

static void legend_line(struct picture *picture, uint32_t line)
{
    if (!picture->legend)
        return;
    struct pen *pen = &picture->pen;
    struct bytes text = {0};
    double lines = picture->lines, below = lines - line;
    pen_colors(pen, ink_none, ink_none);
    bytes_append_text(pen->out, "  ");
    pen_colors(pen, ink_scale((below - 0.25) / lines), ink_scale((below - 0.75) / lines));
    bytes_append_text(pen->out, "▀▀");
    if (line == 0)
        scale_label(picture, 1, &text);
    else if (line == picture->lines / 2 && picture->lines % 2 == 0 && picture->lines >= 4)
        scale_label(picture, 0.5, &text);
    else if (line + 1 == picture->lines)
        bytes_append_text(&text, picture->heatmap->full ? "0 %" : "0");
    pen_colors(pen, ink_token(COLOR_INK3), ink_none);
    if (text.len)
        bytes_printf(pen->out, " %*s", picture->heatmap->full ? 5 : 1, bytes_text(&text));
    bytes_dispose(&text);
}

static const char *scale_unit(const struct picture *picture)
{
    if (picture->heatmap->full)
        return "of CPUs";
    return picture->heatmap->totals.by_value && !picture->edges ? "a cell" : "samples";
}

// ---- lines ----

static void draw_spikes(struct picture *picture)
{
    bool any = false;
    for (uint32_t i = 0; i < picture->columns && !any; i++)
        any = spike_in(picture, picture->first + i);
    if (!any)
        return;
    struct pen *pen = &picture->pen;
    label(picture, "spikes");
    for (uint32_t i = 0; i < picture->columns; i++) {
        const struct spike *spike = spike_in(picture, picture->first + i);
        bool chosen = false;
        for (size_t k = 0; spike && k < picture->selected.range_count; k++)
            chosen |=
                overlaps(&picture->selected.ranges[k], spike->range.from_ns, spike->range.to_ns);
        pen_colors(pen, ink_token(chosen ? COLOR_SELECTION : COLOR_INK2), ink_none);
        for (uint32_t k = 0; k < picture->stretch; k++) {
            bool here = spike && k == picture->stretch / 2;
            bytes_append_text(pen->out, !here ? " " : picture->colors ? "▾" : "v");
        }
    }
    pen_end_line(pen);
}

static void draw_cells(struct picture *picture)
{
    for (uint32_t line = 0; line < picture->lines; line++) {
        uint32_t row = picture->lines - 1 - line;
        line_label(picture, line);
        for (uint32_t i = 0; i < picture->columns * picture->stretch; i++) {
            uint32_t column = picture->first + i / picture->stretch;
            if (picture->colors)
                draw_halves(picture, cell_at(picture, column, 2 * row + 1),
                            cell_at(picture, column, 2 * row));
            else
                draw_ramp(picture, cell_at(picture, column, row));
        }
        legend_line(picture, line);
        pen_end_line(&picture->pen);
    }
}

// One mark a column without colours, the most important first. A tick stands where its column
// begins.
static char ascii_mark(const struct picture *picture, uint32_t column, bool begins)
{
    uint8_t any, all;
    column_paints(picture, column, &any, &all);
    return is_selected(picture, column)         ? '^'
           : any & HEATMAP_LOST                 ? '/'
           : any & HEATMAP_EVICTED              ? 'x'
           : all & HEATMAP_NOT_RECORDING        ? '-'
           : begins && is_tick(picture, column) ? '|'
                                                : ' ';
}

static void draw_marks(struct picture *picture)
{
    struct pen *pen = &picture->pen;
    struct bytes bottom = {0};
    if (picture->colors && picture->edges)
        value_label(picture, picture->edges[0], &bottom);
    else if (picture->colors)
        bytes_append_text(&bottom,
                          picture->heatmap->shape.column_ns <= 1000000000 ? "0 ms" : "0 s");
    label(picture, bytes_text(&bottom));
    bytes_dispose(&bottom);
    for (uint32_t i = 0; i < picture->columns * picture->stretch; i++) {
        uint32_t column = picture->first + i / picture->stretch;
        bool begins = i % picture->stretch == 0;
        if (!picture->colors) {
            bytes_append_char(pen->out, ascii_mark(picture, column, begins));
        } else if (is_selected(picture, column)) {
            pen_colors(pen, ink_token(COLOR_SELECTION), ink_none);
            bytes_append_text(pen->out, "━");
        } else {
            pen_colors(pen, ink_token(COLOR_INK3), ink_none);
            bytes_append_text(pen->out, begins && is_tick(picture, column) ? "╵" : " ");
        }
    }
    if (picture->legend) {
        pen_colors(pen, ink_token(COLOR_INK3), ink_none);
        bytes_printf(pen->out, "  %s", scale_unit(picture));
    }
    pen_end_line(pen);
}

// Puts text at a cell of the line unless it would touch what is there.
static void place(char *line, int width, int at, const char *text)
{
    int len = (int)strlen(text);
    if (at < 0 || at + len > width)
        return;
    int from = at > 0 ? at - 1 : 0, to = at + len < width ? at + len + 1 : width;
    for (int i = from; i < to; i++) {
        if (line[i] != ' ')
            return;
    }
    memcpy(line + at, text, (size_t)len);
}

static void draw_times(struct picture *picture)
{
    int width = (int)picture->pen.term->columns;
    int last = LABEL_CELLS + (int)(picture->columns * picture->stretch);
    char *line = xmalloc((size_t)width + 1);
    memset(line, ' ', (size_t)width);
    line[width] = '\0';
    uint8_t any, all;
    column_paints(picture, picture->first + picture->columns - 1, &any, &all);
    if (any & HEATMAP_PENDING)
        place(line, width, last - 6, "now ->");
    bool labelled = false;
    for (uint32_t i = 0; i < picture->columns; i++) {
        char text[TIME_BYTES];
        if (!is_tick(picture, picture->first + i))
            continue;
        time_label(picture, column_from(picture, picture->first + i), text);
        int at = LABEL_CELLS + (int)(i * picture->stretch) - (int)strlen(text) / 2;
        place(line, width, at, text);
        labelled = true;
    }
    if (!labelled) { // a map of few columns still says when
        char text[TIME_BYTES];
        time_label(picture, column_from(picture, picture->first), text);
        place(line, width, LABEL_CELLS, text);
    }
    for (int end = width; end > 0 && line[end - 1] == ' '; end--)
        line[end - 1] = '\0';
    pen_colors(&picture->pen, ink_token(COLOR_INK3), ink_none);
    bytes_append_text(picture->pen.out, line);
    pen_end_line(&picture->pen);
    free(line);
}

// ---- footer ----

struct footer {
    struct picture *picture;
    unsigned used; // cells of this line
};

// One item, on a new line when it does not fit; its first glyph in a colour of its own.
static void item(struct footer *footer, const char *glyph, enum color_token color, const char *text)
{
    struct pen *pen = &footer->picture->pen;
    unsigned indent = footer->picture->colors ? LABEL_CELLS : 0;
    unsigned cells = (*glyph ? 2 : 0) + text_width(text, strlen(text));
    if (footer->used && footer->used + 3 + cells > pen->term->columns) {
        pen_end_line(pen);
        footer->used = 0;
    }
    pen_colors(pen, ink_none, ink_none);
    unsigned gap = footer->used ? 3 : indent;
    bytes_printf(pen->out, "%*s", (int)gap, "");
    if (*glyph) {
        pen_colors(pen, ink_token(color), ink_none);
        bytes_printf(pen->out, "%s ", glyph);
    }
    pen_colors(pen, ink_token(COLOR_INK3), ink_none);
    bytes_append_text(pen->out, text);
    footer->used += gap + cells;
}

static void footer_sizes(struct footer *footer)
{
    const struct picture *picture = footer->picture;
    const struct heatmap_shape *shape = &picture->heatmap->shape;
    struct bytes text = {0};
    if (!picture->colors) {
        bytes_printf(&text, "scale \"%s\" 0..", ramp);
        scale_label(picture, 1, &text);
        bytes_printf(&text, " %s", scale_unit(picture));
        item(footer, "", COLOR_INK3, bytes_text(&text));
        bytes_clear(&text);
    }
    if (picture->edges) {
        bytes_append_text(&text, "rows are values, logarithmic");
    } else {
        bytes_append_text(&text, "row ");
        weight_append_duration(&text, (uint64_t)shape->column_ns / shape->rows);
    }
    item(footer, "", COLOR_INK3, bytes_text(&text));
    if (shape->column_ns != 1000000000) {
        bytes_clear(&text);
        bytes_append_text(&text, "column ");
        weight_append_duration(&text, (uint64_t)shape->column_ns);
        item(footer, "", COLOR_INK3, bytes_text(&text));
    }
    if (picture->axis->wall_known) { // what `slice 7.2 7.5` counts from
        char start[TIME_BYTES], start_day[DAY_BYTES], first_day[DAY_BYTES];
        time_label(picture, picture->axis->start_ns, start);
        day_label(picture, picture->axis->start_ns, start_day);
        day_label(picture, column_from(picture, picture->first), first_day);
        bytes_clear(&text);
        bytes_printf(&text, "0 s is %s %s", start_day, start);
        item(footer, "", COLOR_INK3, bytes_text(&text));
        if (strcmp(start_day, first_day) != 0) {
            bytes_clear(&text);
            bytes_printf(&text, "the first column is of %s", first_day);
            item(footer, "", COLOR_INK3, bytes_text(&text));
        }
    }
    if (picture->first > 0) {
        bytes_clear(&text);
        bytes_printf(&text, "the last %u of %u columns", picture->columns, shape->columns);
        item(footer, "", COLOR_INK3, bytes_text(&text));
    }
    bytes_dispose(&text);
}

static void draw_footer(struct picture *picture)
{
    struct footer footer = {.picture = picture};
    bool colors = picture->colors, selected = false;
    uint8_t paints = paints_in_view(picture);
    for (uint32_t i = 0; i < picture->columns && !selected; i++)
        selected = is_selected(picture, picture->first + i);
    footer_sizes(&footer);
    if (paints & HEATMAP_LOST)
        item(&footer, colors ? "╱" : "/", COLOR_INK2, "samples lost");
    if (paints & HEATMAP_EVICTED)
        item(&footer, colors ? "░" : "x", COLOR_HATCH, "evicted");
    if (colors && (paints & HEATMAP_PENDING))
        item(&footer, "·", COLOR_HATCH, "pending");
    if (paints & HEATMAP_NOT_RECORDING)
        item(&footer, colors ? "" : "-", COLOR_INK3,
             colors ? "blank: not recording" : "not recording");
    if (selected)
        item(&footer, colors ? "━" : "^", COLOR_SELECTION, "selection");
    if (picture->edges && picture->selected.value_count)
        item(&footer, colors ? "┃" : ">", COLOR_SELECTION, "selected values");
    pen_end_line(&picture->pen);
}

void term_heatmap(struct bytes *out, const struct term *term, const struct heatmap *heatmap,
                  const struct axis *axis, const struct term_selection *selected,
                  const struct spikes *spikes)
{
    const struct heatmap_shape *shape = &heatmap->shape;
    if (!shape->columns || !shape->rows || shape->column_ns <= 0)
        return;
    unsigned fit, rows;
    term_heatmap_fit(term, &fit, &rows);
    struct picture picture = {
        .pen = {.out = out, .term = term},
        .heatmap = heatmap,
        .axis = axis,
        .selected = selected ? *selected : (struct term_selection){0},
        .spikes = spikes,
        .columns = shape->columns < fit ? shape->columns : fit,
        .colors = term->color != TERM_ASCII && term->utf8,
        .legend = has_legend(term) && term->utf8,
    };
    picture.first = shape->columns - picture.columns;
    picture.stretch = fit / picture.columns < STRETCH_MOST ? fit / picture.columns : STRETCH_MOST;
    picture.lines = picture.colors ? (shape->rows + 1) / 2 : shape->rows;
    // Near the machine's limit the scale ends at the limit, else at the largest cell: one busy
    // thread of a large host is seen.
    picture.top =
        heatmap->full && heatmap->max * 4 >= heatmap->full * 3 ? heatmap->full : heatmap->max;
    if (!picture.top)
        picture.top = 1;
    if (shape->value_most) {
        picture.edges = xreallocarray(NULL, (size_t)shape->rows + 1, sizeof *picture.edges);
        latency_edges(shape, picture.edges);
    }
    choose_ticks(&picture);
    draw_spikes(&picture);
    draw_cells(&picture);
    draw_marks(&picture);
    draw_times(&picture);
    draw_footer(&picture);
    free(picture.edges);
}
