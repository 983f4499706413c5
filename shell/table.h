// Rows of shares and frames, as top and why print them.
#ifndef FLICKER_SHELL_TABLE_H
#define FLICKER_SHELL_TABLE_H

#include "shell/invocation.h"
#include "viewer/pen.h"

// Text in a colour of the theme; without colours, just the text.
void table_colored(struct bytes *out, const struct term *term, enum color_token token,
                   const char *text);
// " 10.6%", as wide on every line.
void table_share(struct bytes *out, double share);
// A bar of at most `width` cells in eighths (or '#') for share 0..1 of the longest, padded.
void table_bar(struct bytes *out, const struct term *term, double share, unsigned width);
// Whether frames begin with a square (two cells): for headings.
bool table_has_squares(const struct term *term);
// A square in the colour of the frame's kind, its name and its module, in at most `width` cells (0:
// no limit): a name chosen by somebody else must not fill the screen.
void table_frame(struct bytes *out, const struct term *term, const struct dict *dict,
                 uint32_t frame, unsigned width);
// Cells that are left on the terminal behind `used`; 0: the results do not go to one.
unsigned table_width_left(const struct invocation *run, unsigned used);

#endif
