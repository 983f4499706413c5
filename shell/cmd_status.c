// status: what is held, from where, what was lost, and what is selected.
#include "analysis/beat.h"
#include "shell/answer.h"
#include "shell/stacks.h"
#include "shell/status_json.h"
#include "shell/timewords.h"
#include "shell/units.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void put_share(struct bytes *out, const char *label, uint64_t part, uint64_t whole)
{
    if (!part || !whole)
        return;
    bytes_append_text(out, ", ");
    units_put_percent(out, (double)part / (double)whole);
    bytes_printf(out, " %% %s", label);
}

// "12 lost (10 in the kernel, 2 in the ring)"
static void put_lost(struct bytes *out, const struct buffer_source *source)
{
    static const char *const where[LOSS_WHERES] = {
        [LOSS_KERNEL] = "in the kernel", [LOSS_RING] = "in the ring", [LOSS_OURS] = "here"};
    units_put_count(out, source->lost);
    bytes_append_text(out, " lost");
    const char *before = " (";
    for (int i = 0; i < LOSS_WHERES; i++) {
        if (!source->lost_where[i])
            continue;
        bytes_append_text(out, before);
        units_put_count(out, source->lost_where[i]);
        bytes_printf(out, " %s", where[i]);
        before = ", ";
    }
    bytes_append_text(out, source->lost ? ")" : "");
}

static void put_beat(struct bytes *out, const struct session *session,
                     const struct buffer_source *source)
{
    struct beat beat;
    beat_find(&beat, source->rate_hz, NS_PER_S, status_rows(session));
    if (beat.uneven)
        bytes_append_text(out, "           ");
    beat_text(&beat, out);
}

// Whether its stacks came of frame pointers; those of traces and of runtimes' own profilers did
// not.
static bool walks_stacks(const struct buffer_source *source)
{
    return !strcmp(source->collector, "native") || !strcmp(source->collector, "perf") ||
           !strcmp(source->collector, "bpftrace");
}

static void put_source(struct bytes *out, const struct session *session, const struct axis *axis,
                       const struct buffer_source *source)
{
    bytes_printf(out, "source %" PRIu32 "   ", source->number);
    term_text(out, source->name, strlen(source->name));
    if (strcmp(source->name, source->collector) != 0)
        bytes_printf(out, " (%s)", source->collector);
    if (*source->host) {
        bytes_append_text(out, " on ");
        term_text(out, source->host, strlen(source->host));
    }
    bytes_append_text(out, ": ");
    for (size_t i = 0; source->events[i] && i < 8; i++) {
        bytes_append_text(out, i ? ", " : "");
        term_text(out, source->events[i], strlen(source->events[i]));
    }
    if (source->rate_hz > 0)
        bytes_printf(out, " at %g Hz", source->rate_hz);
    if (source->cpus)
        bytes_printf(out, " on %" PRIu32 " CPU%s", source->cpus, units_s(source->cpus));
    bytes_append_text(out, "\n           ");
    units_put_things(out, source->samples, "sample");
    bytes_append_text(out, ", ");
    put_lost(out, source);
    put_share(out, "without a name at the leaf", source->unresolved, source->samples);
    put_share(out,
              walks_stacks(source) ? "of one frame only (no frame pointers)" : "of one frame only",
              source->one_frame, source->samples);
    if (source->late) {
        bytes_append_text(out, ", ");
        units_put_count(out, source->late);
        bytes_append_text(out, " came late");
    }
    bool broken = source->samples >= 100 && source->one_frame * 10 > source->samples;
    if (broken && source->rate_hz > 0)
        bytes_append_text(out, "\n           'record perf --call-graph dwarf -F 99 -p PID' sees "
                               "through code without frame pointers");
    if (source->first_ns != SAMPLE_NO_TIME) {
        struct range range = {source->first_ns, source->last_ns};
        bytes_append_text(out, "\n           ");
        timewords_put_range(out, axis, &range);
        if (source->shifted)
            bytes_append_text(out, "\n           its clock is its own: laid beside the others from "
                                   "its start");
    } else if (source->samples) {
        bytes_append_text(out, "\n           no times: it can be folded, not sliced");
    }
    bytes_append_char(out, '\n');
    put_beat(out, session, source);
}

// How fast it is, what it costs, and where it loses.
static void put_job(struct bytes *out, const struct job *job)
{
    struct recording_status status;
    recording_status(job->recording, &status);
    bytes_printf(out, "           [%u] %s, source %" PRIu32 ": ", job->number,
                 status.collector->name, job->source);
    units_put_short(out, job->samples_per_s);
    bytes_append_text(out, " samples/s, ");
    units_put_percent(out, job->cpu_share);
    bytes_append_text(out, " % of a CPU, flicker itself ");
    units_put_percent(out, job->own_cpu_share);
    bytes_printf(out,
                 " %%; lost %" PRIu64 " in the kernel, %" PRIu64 " in the ring, %" PRIu64 " here\n",
                 status.lost[LOSS_KERNEL], status.lost[LOSS_RING], status.lost[LOSS_OURS]);
}

#define FOREVER_S 1e9 // some thirty years: what is filled no faster never is

static void put_buffer(struct bytes *out, const struct buffer_stats *stats, const struct axis *axis)
{
    bytes_append_text(out, "buffer     ");
    units_put_size(out, stats->column_bytes + stats->table_bytes);
    bytes_append_text(out, " of ");
    units_put_size(out, stats->budget_bytes);
    bytes_append_text(out, ": ");
    units_put_things(out, stats->samples, "sample");
    bytes_append_text(out, " in ");
    units_put_size(out, stats->column_bytes);
    if (stats->seconds_at_rate > 0 && stats->seconds_at_rate < FOREVER_S) {
        bytes_append_text(out, "; holds ");
        units_put_duration(out, (int64_t)(stats->seconds_at_rate * 1e9));
        bytes_append_text(out, " at this rate");
    }
    bytes_append_text(out, "\n           tables of ");
    units_put_size(out, stats->table_bytes);
    bytes_append_text(out, ": ");
    units_put_things(out, stats->strings, "name");
    bytes_append_text(out, ", ");
    units_put_things(out, stats->frames, "frame");
    bytes_append_text(out, ", ");
    units_put_things(out, stats->nodes, "call path");
    bytes_append_text(out, ", ");
    units_put_things(out, stats->threads, "thread");
    bytes_append_text(out, "\n");
    if (!stats->evicted_samples)
        return;
    bytes_append_text(out, "           ");
    units_put_things(out, stats->evicted_samples, "sample");
    bytes_append_text(out, " have gone, all before ");
    timewords_put_point(out, axis, stats->evicted_to_ns);
    bytes_append_char(out, '\n');
}

// How the stacks of what is selected are made readable, by what detects itself or was set. Appends.
static void stacks_text(struct bytes *out, struct session *session, const struct invocation *run,
                        const struct query *query)
{
    struct fold fold = {0};
    struct transforms transforms;
    struct err ignored = {0};
    if (!stacks_fold(session, run, session->store, query, &fold, &ignored)) {
        stacks_transforms(&transforms, &session->settings);
        transforms_text(&transforms, session->transforms_applied, out);
        transforms_dispose(&transforms);
    }
    fold_dispose(&fold);
}

static void put_stacks(struct bytes *out, struct session *session, const struct invocation *run,
                       const struct query *query)
{
    struct bytes text = {0};
    stacks_text(&text, session, run, query);
    if (text.len) {
        bytes_append_text(out, "stacks     ");
        term_text(out, bytes_text(&text), text.len);
        bytes_append_char(out, '\n');
    }
    bytes_dispose(&text);
}

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    (void)err;
    struct buffer_stats stats;
    struct axis axis;
    struct query query;
    struct bytes *out = &run->out.text;
    buffer_stats(session->buffer, &stats);
    session_axis(session, &axis);
    invocation_query(run, session, &query);
    if (run->json) {
        struct bytes stacks = {0};
        stacks_text(&stacks, session, run, &query);
        status_json(session, run, &query, &stacks);
        bytes_dispose(&stacks);
        return RUN_OK;
    }
    if (!buffer_source_count(session->buffer))
        bytes_append_text(out, "source     none yet: 'record', or 'open FILE'\n");
    for (size_t i = 0; i < buffer_source_count(session->buffer); i++) {
        struct buffer_source source;
        buffer_source_get(session->buffer, i, &source);
        put_source(out, session, &axis, &source);
    }
    put_buffer(out, &stats, &axis);
    struct bytes ranges = {0};
    answer_put_ranges(&ranges, session, &query, false);
    if (ranges.len)
        bytes_printf(out, "selection  %s", bytes_text(&ranges));
    bytes_dispose(&ranges);
    if (query.filter && !filter_is_empty(query.filter)) {
        char *text = filter_text(query.filter);
        bytes_append_text(out, "filter     ");
        term_text(out, text, strlen(text));
        bytes_append_char(out, '\n');
        free(text);
    }
    put_stacks(out, session, run, &query);
    bytes_printf(out, "recording  %zu collector%s\n", session->jobs.count,
                 units_s(session->jobs.count));
    for (size_t i = 0; i < session->jobs.count; i++)
        put_job(out, session->jobs.items[i]);
    if (session->server)
        bytes_printf(out, "page       %zu tab%s; 'view' prints its address\n",
                     server_tabs(session->server), units_s(server_tabs(session->server)));
    return RUN_OK;
}

const struct command command_status = {
    .name = "status",
    .group = "show",
    .usage = "status",
    .summary = "what is held, from where, what was lost, what is selected",
    .example = "status",
    .settings = "event idle",
    .json = true,
    .run = run,
};
