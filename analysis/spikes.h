// Moments when the rate of samples left its usual band.
#ifndef FLICKER_ANALYSIS_SPIKES_H
#define FLICKER_ANALYSIS_SPIKES_H

#include "analysis/heatmap.h"
#include "analysis/query.h"

struct spike {
    struct range range;
    double score; // how many robust deviations (1.4826 * MAD) above the median rate
    uint64_t samples;
};

struct spikes {
    struct spike *items; // in time order
    size_t count;
};

// Finds them in a heatmap, whose cells are read as one series of rates in time order: runs of cells
// far above the median, gaps of one or two cells bridged. Cells that were not recorded do not
// count.
void spikes_find(struct spikes *out, const struct heatmap *heatmap);
// The strongest (highest score x length); NULL when there are none.
const struct spike *spikes_strongest(const struct spikes *spikes);
void spikes_dispose(struct spikes *spikes);

#endif
