// `status --json`: all that status shows, for machines.
#include "shell/status_json.h"

#include "analysis/beat.h"
#include "shell/answer.h"
#include "shell/units.h"

static void put_uint(struct json *json, const char *key, uint64_t number)
{
    json_key(json, key);
    json_uint(json, number);
}

static void put_number(struct json *json, const char *key, double number)
{
    json_key(json, key);
    json_number(json, number, 6);
}

static void put_text(struct json *json, const char *key, const char *text)
{
    json_key(json, key);
    json_text_z(json, text);
}

// Seconds on the session's axis; null where there is no such time.
static void put_time(struct json *json, const char *key, const struct axis *axis, int64_t time_ns)
{
    json_key(json, key);
    if (time_ns == SAMPLE_NO_TIME)
        json_null(json);
    else
        json_number(json, (double)(time_ns - axis->start_ns) * 1e-9, 6);
}

static void put_buffer(struct json *json, struct session *session, const struct axis *axis)
{
    struct buffer_stats stats;
    buffer_stats(session->buffer, &stats);
    json_key(json, "buffer");
    json_open(json, '{');
    put_uint(json, "budget_bytes", stats.budget_bytes);
    put_uint(json, "used_bytes", stats.column_bytes + stats.table_bytes);
    put_uint(json, "column_bytes", stats.column_bytes);
    put_uint(json, "table_bytes", stats.table_bytes);
    put_uint(json, "names", stats.strings);
    put_uint(json, "frames", stats.frames);
    put_uint(json, "call_paths", stats.nodes);
    put_uint(json, "threads", stats.threads);
    put_uint(json, "samples", stats.samples);
    put_uint(json, "evicted_samples", stats.evicted_samples);
    put_time(json, "evicted_to_s", axis, stats.evicted_to_ns);
    json_key(json, "hours_at_this_rate");
    if (stats.seconds_at_rate > 0)
        json_number(json, stats.seconds_at_rate / 3600, 3);
    else
        json_null(json);
    json_close(json, '}');
}

static const struct job *job_of(const struct session *session, uint32_t source)
{
    for (size_t i = 0; i < session->jobs.count; i++) {
        if (session->jobs.items[i]->source == source)
            return session->jobs.items[i];
    }
    return NULL;
}

// What records into it now, and what that costs; null: nothing does.
static void put_recording(struct json *json, const struct job *job)
{
    json_key(json, "recording");
    if (!job) {
        json_null(json);
        return;
    }
    struct recording_status status;
    recording_status(job->recording, &status);
    json_open(json, '{');
    put_uint(json, "number", job->number);
    put_text(json, "state", recording_state_name(status.state));
    put_uint(json, "pid", (uint64_t)status.pid);
    put_number(json, "samples_per_s", job->samples_per_s);
    put_number(json, "collector_cpu", job->cpu_share);
    put_number(json, "own_cpu", job->own_cpu_share);
    json_close(json, '}');
}

static void put_beat(struct json *json, const struct beat *beat)
{
    json_key(json, "uneven_rows");
    if (!beat->uneven) {
        json_null(json);
        return;
    }
    json_open(json, '{');
    put_uint(json, "rows", beat->rows);
    put_number(json, "samples_a_row", beat->samples_a_row);
    json_key(json, "even_rows");
    json_open(json, '[');
    for (size_t i = 0; i < beat->even_count; i++)
        json_uint(json, beat->even_rows[i]);
    json_close(json, ']');
    json_close(json, '}');
}

uint32_t status_rows(const struct session *session)
{
    enum { PAGE_ROWS = 50 };
    bool seen = session->server && server_tabs(session->server);
    return session->settings.rows ? (uint32_t)session->settings.rows : seen ? PAGE_ROWS : 0;
}

static void put_source(struct json *json, const struct session *session, const struct axis *axis,
                       const struct buffer_source *source)
{
    struct beat beat;
    json_open(json, '{');
    put_uint(json, "number", source->number);
    put_text(json, "name", source->name);
    put_text(json, "collector", source->collector);
    put_text(json, "command", source->command);
    put_text(json, "host", source->host);
    put_text(json, "kernel", source->kernel);
    json_key(json, "events");
    json_open(json, '[');
    for (size_t i = 0; source->events[i]; i++)
        json_text_z(json, source->events[i]);
    json_close(json, ']');
    put_number(json, "rate_hz", source->rate_hz);
    put_uint(json, "cpus", source->cpus);
    put_uint(json, "samples", source->samples);
    put_uint(json, "lost", source->lost);
    put_uint(json, "lost_kernel", source->lost_where[LOSS_KERNEL]);
    put_uint(json, "lost_ring", source->lost_where[LOSS_RING]);
    put_uint(json, "lost_here", source->lost_where[LOSS_OURS]);
    put_uint(json, "unresolved", source->unresolved);
    put_uint(json, "one_frame", source->one_frame);
    put_uint(json, "late", source->late);
    put_uint(json, "evicted", source->evicted);
    put_time(json, "first_s", axis, source->first_ns);
    put_time(json, "last_s", axis, source->last_ns);
    json_key(json, "own_clock");
    json_bool(json, source->shifted);
    beat_find(&beat, source->rate_hz, NS_PER_S, status_rows(session));
    put_beat(json, &beat);
    put_recording(json, job_of(session, source->number));
    json_close(json, '}');
}

void status_json(struct session *session, struct invocation *run, const struct query *query,
                 const struct bytes *stacks)
{
    struct json json = {.out = &run->out.text};
    struct axis axis;
    session_axis(session, &axis);
    answer_json_open(&json, session, run, query, NULL);
    put_buffer(&json, session, &axis);
    json_key(&json, "stacks");
    json_text(&json, bytes_text(stacks), stacks->len);
    put_uint(&json, "recording", session->jobs.count);
    json_key(&json, "page_tabs");
    json_uint(&json, session->server ? server_tabs(session->server) : 0);
    json_key(&json, "sources");
    json_open(&json, '[');
    for (size_t i = 0; i < buffer_source_count(session->buffer); i++) {
        struct buffer_source source;
        buffer_source_get(session->buffer, i, &source);
        put_source(&json, session, &axis, &source);
    }
    json_close(&json, ']');
    answer_json_close(&json);
}
