// Runs of samples, for sinks that know samples only.
#include "proto/sink.h"

enum { BATCH = 256 };

static int as_samples(struct sink *sink, const struct sample_run *run, struct err *err)
{
    struct sample batch[BATCH];
    int code = 0;
    for (uint32_t done = 0; !code && done < run->count;) {
        uint32_t some = run->count - done < BATCH ? run->count - done : BATCH;
        for (uint32_t i = 0; i < some; i++)
            batch[i] = (struct sample){
                .time_ns = run->times_ns ? run->times_ns[done + i] : SAMPLE_NO_TIME,
                .value = run->values ? run->values[done + i] : 1,
                .node = run->nodes[done + i],
                .thread = run->thread,
                .cpu = run->cpu,
                .event = run->event,
            };
        code = sink->ops->samples(sink, batch, some, err);
        done += some;
    }
    return code;
}

int sink_run(struct sink *sink, const struct sample_run *run, struct err *err)
{
    if (!run->count)
        return 0;
    return sink->ops->run ? sink->ops->run(sink, run, err) : as_samples(sink, run, err);
}
