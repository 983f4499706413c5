// A window of the heatmap that open pages watch: kept up to date with small queries, with a version
// on each column, so that a page is sent the columns that changed since it last looked and nothing
// is queued for a slow one.
#ifndef FLICKER_VIEWER_LIVE_H
#define FLICKER_VIEWER_LIVE_H

#include "analysis/selection.h"
#include "analysis/spikes.h"
#include "analysis/store.h"

#include <stdbool.h>
#include <stdint.h>

enum { LIVE_COLUMNS_MAX = 4096, LIVE_ROWS_MAX = 256 };
#define LIVE_FOLLOW INT64_MIN // as from_ns: the window ends with the newest column

// What a page asks to see.
struct live_shape {
    int64_t from_ns; // of the first column; any time inside it will do
    int64_t column_ns;
    uint32_t columns, rows;
    // Rows are values, as in struct heatmap_shape; 0: offsets.
    uint64_t value_least, value_most;
};

struct live {
    struct live_shape asked;
    struct live *next; // for the list of its owner
    unsigned watchers; // likewise
    int64_t from_ns;   // of the first column now
    uint64_t *cells;   // [column * rows + row]
    uint8_t *paint;    // the same
    uint64_t *changed; // [column]: version of its last change
    uint64_t version;  // raised by every change
    uint64_t spikes_version;
    uint64_t max, full; // see struct heatmap
    // Of rows that are values: the scale that was chosen; 0: none yet.
    uint64_t value_least, value_most;
    struct totals totals; // of the window, as of the last full look
    struct spikes spikes;
    uint64_t generation; // of the selection that the cells were computed for
    int64_t looked_ns;   // when all columns were last computed
    int64_t look_cost_ns;
    struct err err; // why there are no cells; code 0: all is well
};

struct live *live_new(const struct live_shape *shape);
void live_free(struct live *live);

// Brings the window up to date: the newest columns always, all of them when the selection changed
// or when the last full look is long enough ago (a second, and 20 times what it costs). Where rows
// are values, all of them only: the scale is of all, and an interval may change its row while it
// lasts; which values are selected does not matter, as which times are does not.
// edge_ns: the time that counts as now on the store's axis. Does not fail: see live.err.
void live_refresh(struct live *live, struct store *store, const struct selection *selection,
                  int64_t edge_ns, int64_t now_ns);

#endif
