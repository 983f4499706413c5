// Coloured text for a terminal: changes of colour as escape sequences, only where one is needed.
#ifndef FLICKER_VIEWER_PEN_H
#define FLICKER_VIEWER_PEN_H

#include "viewer/color.h"
#include "viewer/term.h"

struct ink {
    bool set; // else the terminal's own colour
    struct rgb rgb;
    uint8_t xterm; // among 256
};

// Of the dark theme, as the terminal can show it.
struct ink ink_token(enum color_token token);
struct ink ink_fill(enum fill fill);
struct ink ink_scale(double share);
struct ink ink_rgb(struct rgb rgb);
extern const struct ink ink_none;

// Starts as {.out, .term}; nothing is set.
struct pen {
    struct bytes *out; // borrowed
    const struct term *term;
    struct ink front, back;
};

// What follows is drawn in these colours. Nothing is written on a terminal without colours.
void pen_colors(struct pen *pen, struct ink front, struct ink back);
// Back to the terminal's own colours, and "\n".
void pen_end_line(struct pen *pen);

#endif
