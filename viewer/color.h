// The colours that terminal, SVG and page share: ink and paper in light, light in the dark in dark.
// More samples is always further from the background; the scales are linear in OKLCH lightness.
#ifndef FLICKER_VIEWER_COLOR_H
#define FLICKER_VIEWER_COLOR_H

#include "proto/dict.h"

#include <stdint.h>

struct rgb {
    uint8_t red, green, blue;
};

enum theme { THEME_LIGHT, THEME_DARK, THEMES };

enum color_token {
    COLOR_BACKGROUND,
    COLOR_INK,       // values, names
    COLOR_INK2,      // secondary text, hatch of partial loss
    COLOR_INK3,      // labels, axes
    COLOR_FILL,      // folded rows, pressed keys
    COLOR_SELECTION, // the accent: selection, search match, "more here"
    COLOR_BASELINE,  // "less here"
    COLOR_BAD,
    COLOR_OK,
    COLOR_ZERO, // a cell that was watched and had nothing
    COLOR_HATCH,
    COLOR_FAINT, // decoration only
    COLOR_TOKENS
};

struct rgb color_token(enum theme theme, enum color_token token);

// What a frame is coloured by: its kind, or that it has no name.
enum fill {
    FILL_USER,
    FILL_KERNEL,
    FILL_JIT,
    FILL_INLINED,
    FILL_INTERPRETED,
    FILL_COMM, // processes, and the root
    FILL_UNRESOLVED,
    FILLS
};

enum fill fill_of_frame(const struct frame *frame);
const char *fill_name(enum fill fill); // for legends and classes: "user"
struct rgb fill_color(enum theme theme, enum fill fill);
// The dark fill among the 256 colours, chosen by hand: the nearest ones are all the same grey.
uint8_t fill_xterm(enum fill fill);

// The heat scale (viridis-like) at share 0..1, which is clamped; blended in sRGB.
struct rgb color_scale(enum theme theme, double share);

// The dark scale among the 256 colours of a terminal.
uint8_t color_scale_xterm(double share);

// The nearest of the 240 colours of xterm's palette whose values are fixed (16..255).
uint8_t color_xterm(struct rgb color);

#endif
