// Pictures in the terminal: what it can show, and the heatmap and flame graph drawn for it.
#ifndef FLICKER_VIEWER_TERM_H
#define FLICKER_VIEWER_TERM_H

#include "analysis/diff.h"
#include "analysis/heatmap.h"
#include "analysis/query.h"
#include "analysis/spikes.h"
#include "analysis/store.h"
#include "proto/bytes.h"

enum term_color { TERM_ASCII, TERM_256, TERM_24BIT };

struct term {
    enum term_color color;
    bool utf8;
    unsigned columns, lines; // 80 x 24 when unknown
};

// What the descriptor can show, from isatty, TERM, COLORTERM, NO_COLOR, LANG and its size. Not a
// terminal: TERM_ASCII, 80 columns (COLUMNS, when set).
void term_detect(struct term *out, int fd);

// What is selected; none of either: all. Values only concern maps whose rows are values.
struct term_selection {
    const struct range *ranges;
    size_t range_count;
    const struct value_range *values;
    size_t value_count;
};

// Draws into *out, lines ending in '\n'. `selected` (may be NULL) is marked under the axis, and
// beside rows that are values; spikes (may be NULL) above. One column of the map is one character,
// up to four where there is room; half blocks give two rows a line.
void term_heatmap(struct bytes *out, const struct term *term, const struct heatmap *heatmap,
                  const struct axis *axis, const struct term_selection *selected,
                  const struct spikes *spikes);
// How many rows and columns fit: what to ask the store for.
void term_heatmap_fit(const struct term *term, unsigned *columns, unsigned *rows);

// An icicle, widest first, as deep as `max_lines`.
void term_flame(struct bytes *out, const struct term *term, const struct fold *fold,
                unsigned max_lines);

// The same of a diff's `a`: boxes are coloured by the difference of their own weight, labels say
// the difference in total.
void term_diff(struct bytes *out, const struct term *term, const struct diff *diff,
               unsigned max_lines);

// A fragment of text with control and escape bytes made harmless ('?'): comm and symbol names are
// chosen by whoever runs the process.
void term_text(struct bytes *out, const char *text, size_t len);

#endif
