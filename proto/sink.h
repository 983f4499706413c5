// Where samples go: the buffer, an encoder, or another sink in between.
//
// A producer interns names into sink->dict (or, when it replays, names are in there already: an
// encoder is made with the dictionary that its samples speak of), then hands over samples in
// batches. The order of calls: hello at most once, first; then samples and losses in any order.
// Every function returns 0 or a negative errno with *err filled (only a sink that writes can fail).
#ifndef FLICKER_PROTO_SINK_H
#define FLICKER_PROTO_SINK_H

#include "proto/dict.h"
#include "proto/err.h"
#include "proto/sample.h"

struct sink;

struct sink_ops {
    int (*hello)(struct sink *sink, const struct hello *hello, struct err *err);
    int (*samples)(struct sink *sink, const struct sample *samples, size_t count, struct err *err);
    int (*loss)(struct sink *sink, const struct loss *loss, struct err *err);
    // The same as their samples; NULL: `samples` is called with these.
    int (*run)(struct sink *sink, const struct sample_run *run, struct err *err);
};

// Embedded first in the concrete sink.
struct sink {
    const struct sink_ops *ops;
    struct dict *dict; // borrowed; outlives the sink
};

static inline MUST_CHECK int sink_hello(struct sink *sink, const struct hello *hello,
                                        struct err *err)
{
    return sink->ops->hello(sink, hello, err);
}

static inline MUST_CHECK int sink_samples(struct sink *sink, const struct sample *samples,
                                          size_t count, struct err *err)
{
    return count ? sink->ops->samples(sink, samples, count, err) : 0;
}

int sink_run(struct sink *sink, const struct sample_run *run, struct err *err) MUST_CHECK;

static inline MUST_CHECK int sink_loss(struct sink *sink, const struct loss *loss, struct err *err)
{
    return sink->ops->loss(sink, loss, err);
}

#endif
