// A flame graph as one self-contained SVG file: search, zoom and tooltips without a network.
#ifndef FLICKER_VIEWER_SVG_H
#define FLICKER_VIEWER_SVG_H

#include "analysis/diff.h"

struct svg_options {
    const char *title;    // "slice 7.2 7.5"
    const char *subtitle; // host, event, when, lost
    unsigned width;       // 1200
    // The fold is this one's `a`: frames are coloured by their difference to `b`. NULL: by kind.
    const struct diff *diff;
};

int svg_flame(struct output *output, const struct fold *fold, const struct svg_options *options,
              struct err *err) MUST_CHECK;

#endif
