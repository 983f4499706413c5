// Coloured text for a terminal.
#include "viewer/pen.h"

const struct ink ink_none = {0};

struct ink ink_rgb(struct rgb rgb)
{
    return (struct ink){.set = true, .rgb = rgb, .xterm = color_xterm(rgb)};
}

struct ink ink_token(enum color_token token)
{
    return ink_rgb(color_token(THEME_DARK, token));
}

struct ink ink_fill(enum fill fill)
{
    return (struct ink){
        .set = true, .rgb = fill_color(THEME_DARK, fill), .xterm = fill_xterm(fill)};
}

struct ink ink_scale(double share)
{
    return (struct ink){
        .set = true, .rgb = color_scale(THEME_DARK, share), .xterm = color_scale_xterm(share)};
}

static bool is_same(const struct pen *pen, struct ink a, struct ink b)
{
    if (a.set != b.set || !a.set)
        return a.set == b.set;
    if (pen->term->color == TERM_256)
        return a.xterm == b.xterm;
    return a.rgb.red == b.rgb.red && a.rgb.green == b.rgb.green && a.rgb.blue == b.rgb.blue;
}

static void change(struct pen *pen, struct ink *now, struct ink next, int base)
{
    if (is_same(pen, *now, next))
        return;
    *now = next;
    if (!next.set)
        bytes_printf(pen->out, "\033[%dm", base + 1); // 39, 49: the default
    else if (pen->term->color == TERM_256)
        bytes_printf(pen->out, "\033[%d;5;%um", base, next.xterm);
    else
        bytes_printf(pen->out, "\033[%d;2;%u;%u;%um", base, next.rgb.red, next.rgb.green,
                     next.rgb.blue);
}

void pen_colors(struct pen *pen, struct ink front, struct ink back)
{
    if (pen->term->color == TERM_ASCII)
        return;
    change(pen, &pen->front, front, 38);
    change(pen, &pen->back, back, 48);
}

void pen_end_line(struct pen *pen)
{
    if (pen->front.set || pen->back.set)
        bytes_append_text(pen->out, "\033[0m");
    pen->front = pen->back = ink_none;
    bytes_append_char(pen->out, '\n');
}
