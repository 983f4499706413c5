// Differences as colours and words: what pictures of a diff show of a node.
#ifndef FLICKER_VIEWER_DELTA_H
#define FLICKER_VIEWER_DELTA_H

#include "analysis/diff.h"
#include "viewer/color.h"

enum { DELTA_MOST = 5 };

struct delta {
    const struct diff *diff; // borrowed
    double largest;          // difference of one node's own weight, either way
};

void delta_init(struct delta *out, const struct diff *diff);
// How much more (1..DELTA_MOST) or less of its own weight a node has, in steps of the largest
// difference; 0 below a thousandth of all.
int delta_step(const struct delta *delta, size_t node);
// For classes: "more3", "less1", "same".
const char *delta_name(int step);
// From the colour of no difference to the accent of more, or of less.
struct rgb delta_color(enum theme theme, int step);
// Appends "+3.2 pp", the difference of a node's share in total.
void delta_append_total(struct bytes *out, const struct diff *diff, size_t node);
// Appends "+3.2 pp, +1.0 pp of its own, new".
void delta_append(struct bytes *out, const struct diff *diff, size_t node);

#endif
