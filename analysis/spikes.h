// Moments when the rate of samples left its usual band.
#ifndef FLICKER_ANALYSIS_SPIKES_H
#define FLICKER_ANALYSIS_SPIKES_H

#include "analysis/heatmap.h"
#include "analysis/query.h"

struct spike {
    struct range range;
    double score; // how many robust deviations above the usual rate; grows with height and length
    uint64_t samples; // in it (of values: of average ones)
};

struct spikes {
    struct spike *items; // in time order
    size_t count;
};

// Finds them in a heatmap, whose cells are read as one series in time order. Windows of one cell,
// two, four... up to a quarter of the series slide over it: a window is a spike when its square
// root (which makes the spread of counts even, Anscombe 1948) is more than 4 deviations above the
// median of all windows of that length; a deviation is 1.4826 * MAD, and at least that of pure
// chance. The strongest window is cut to where the rate is above half its height, taken out, and so
// on. Spikes with one or two cells between them are one. Cells that were not recorded do not count.
// False, and none, soon after *cancel (may be NULL) was set.
bool spikes_find(struct spikes *out, const struct heatmap *heatmap, const atomic_bool *cancel);
// The one with the highest score; NULL when there are none.
const struct spike *spikes_strongest(const struct spikes *spikes);
// Whether two spikes look like one kind of event: neither rate nor length differs by more than 2.5
// times. A stall that comes back is several spikes of one kind.
bool spikes_alike(const struct spike *a, const struct spike *b);
void spikes_dispose(struct spikes *spikes);

#endif
