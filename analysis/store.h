// A store of samples: whoever can answer a query. The buffer in memory is the first one.
#ifndef FLICKER_ANALYSIS_STORE_H
#define FLICKER_ANALYSIS_STORE_H

#include "analysis/fold.h"
#include "analysis/heatmap.h"
#include "analysis/query.h"
#include "proto/sink.h"

struct store;

// The one time axis of a store. Relative times are seconds from start_ns, the first sample's time
// rounded down to a whole second (of the wall clock where it is known).
struct axis {
    bool has_time; // some sample has a time
    int64_t start_ns;
    int64_t first_ns, last_ns; // of what is held now
    bool wall_known;
    int64_t wall_offset_ns; // wall clock = time + this
};

// What each thread of the dictionary has that has samples, in order of threads. Starts as {0}; free
// the items.
struct thread_weights {
    struct thread_weight {
        uint32_t thread;
        uint64_t samples, value;
    } * items;
    size_t count;
};

struct store_ops {
    // Each fills *out, which the caller disposes (also after a failure), and returns 0 or a
    // negative errno: -ECANCELED, -ENODATA (the sentence says why: no such event, no times).
    int (*fold)(struct store *store, const struct query *query, struct fold *out, struct err *err);
    int (*heatmap)(struct store *store, const struct query *query,
                   const struct heatmap_shape *shape, struct heatmap *out, struct err *err);
    int (*totals)(struct store *store, const struct query *query, struct totals *out,
                  struct err *err);
    int (*threads)(struct store *store, const struct query *query, struct thread_weights *out,
                   struct err *err);
    // Hands hello, the selected samples in time order, then losses to a sink whose dictionary is
    // the store's. The event "*" stands for all events and, with QUERY_ANY_SOURCE, all sources.
    int (*replay)(struct store *store, const struct query *query, struct sink *sink,
                  struct err *err);
    void (*axis)(struct store *store, struct axis *out);
    const struct dict *(*dict)(struct store *store);
};

// Embedded first in the concrete store.
struct store {
    const struct store_ops *ops;
};

static inline MUST_CHECK int store_fold(struct store *store, const struct query *query,
                                        struct fold *out, struct err *err)
{
    return store->ops->fold(store, query, out, err);
}

static inline MUST_CHECK int store_heatmap(struct store *store, const struct query *query,
                                           const struct heatmap_shape *shape, struct heatmap *out,
                                           struct err *err)
{
    return store->ops->heatmap(store, query, shape, out, err);
}

static inline MUST_CHECK int store_totals(struct store *store, const struct query *query,
                                          struct totals *out, struct err *err)
{
    return store->ops->totals(store, query, out, err);
}

static inline MUST_CHECK int store_threads(struct store *store, const struct query *query,
                                           struct thread_weights *out, struct err *err)
{
    return store->ops->threads(store, query, out, err);
}

static inline MUST_CHECK int store_replay(struct store *store, const struct query *query,
                                          struct sink *sink, struct err *err)
{
    return store->ops->replay(store, query, sink, err);
}

static inline void store_axis(struct store *store, struct axis *out)
{
    store->ops->axis(store, out);
}

static inline const struct dict *store_dict(struct store *store)
{
    return store->ops->dict(store);
}

// The latest multiple of unit_ns at or before time_ns: on the wall clock where it is known, else on
// the axis itself.
int64_t axis_floor(const struct axis *axis, int64_t time_ns, int64_t unit_ns);

#endif
