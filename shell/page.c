// The live page's view of the session.
#include "shell/session.h"
#include "shell/stacks.h"
#include "shell/units.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

// What is known of it: files of others tell neither rate nor CPUs, mostly.
static void put_source(char *out, size_t size, const struct buffer_source *source)
{
    char rate[32] = "", cpus[32] = "";
    if (source->rate_hz > 0)
        snprintf(rate, sizeof rate, ", %g Hz", source->rate_hz);
    if (source->cpus)
        snprintf(cpus, sizeof cpus, ", %u CPU%s", source->cpus, source->cpus == 1 ? "" : "s");
    snprintf(out, size, "%s%s%s", source->events[0] ? source->events[0] : "", rate, cpus);
}

static void page_status(void *arg, struct server_status *out)
{
    struct session *session = arg;
    *out = (struct server_status){.title = "", .source = ""};
    struct buffer_stats stats;
    buffer_stats(session->buffer, &stats);
    out->buffer_bytes = stats.column_bytes + stats.table_bytes;
    out->buffer_s = stats.seconds_at_rate;
    out->buffer_full = stats.evicted_samples > 0;
    out->recording = session->jobs.count > 0;
    size_t count = buffer_source_count(session->buffer);
    if (count) {
        struct buffer_source source;
        buffer_source_get(session->buffer, count - 1, &source);
        out->title = *source.host ? source.host : source.name;
        put_source(session->page_source, sizeof session->page_source, &source);
        out->source = session->page_source;
        double all = (double)(source.samples + source.lost);
        out->lost_share = all > 0 ? (double)source.lost / all : 0;
        out->unresolved_share =
            source.samples ? (double)source.unresolved / (double)source.samples : 0;
        out->cpus = source.cpus;
        if (source.first_ns != SAMPLE_NO_TIME)
            out->recording_s = (double)(source.last_ns - source.first_ns) * 1e-9;
    } else {
        out->note = "No samples yet. Start a collector in the shell: record";
    }
    for (size_t i = 0; i < session->jobs.count; i++) {
        out->samples_per_s += session->jobs.items[i]->samples_per_s;
        out->collector_cpu_share += session->jobs.items[i]->cpu_share;
    }
}

static int page_slice(void *arg, const char *words, const char *values, struct err *err)
{
    struct session *session = arg;
    if (!session->settings.follow)
        return err_set(err, -EBUSY, "the shell does not follow this page (set follow=on)");
    size_t bad_at;
    int code = values ? selection_set_values(session->selection, values, err) : 0;
    if (code)
        return code;
    code = session_slice(session, words, &bad_at, err);
    if (values && code)
        selection_undo(session->selection);
    else if (values) // one gesture
        selection_join(session->selection);
    return code;
}

static void page_stacks(void *arg, struct transforms *transforms, enum query_first *first)
{
    const struct session *session = arg;
    stacks_transforms(transforms, &session->settings);
    *first = stacks_first(&session->settings);
}

int session_serve(struct session *session, struct err *err)
{
    if (session->server)
        return 0;
    struct server_host host = {
        .store = session->store,
        .selection = session->selection,
        .status = page_status,
        .slice = page_slice,
        .stacks = page_stacks,
        .names = &session->names,
        .arg = session,
    };
    return server_start(&session->server, &host, err);
}
