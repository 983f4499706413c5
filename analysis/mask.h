// Which samples of a segment count, as bits: found out once for each sealed segment, since its
// samples do not change. A heatmap of any shape is then counting bits between two places.
#ifndef FLICKER_ANALYSIS_MASK_H
#define FLICKER_ANALYSIS_MASK_H

#include "analysis/view.h"

// What each node's samples count as, for all masks of a view; the caller frees it. NULL: this view
// has no use for masks.
uint8_t *mask_nodes(const struct view *view);
// The mask of a run that is a whole sealed segment, made when there is none. NULL: it is not one.
// Workers may ask at once, of different runs; `threads` is as for view_pass_of.
const struct segment_mask *mask_of(const struct view *view, const struct view_run *run,
                                   const uint8_t *nodes, uint8_t *threads);

#endif
