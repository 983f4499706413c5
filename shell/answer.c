// What every answer says besides itself.
#include "shell/answer.h"

#include "shell/timewords.h"
#include "shell/units.h"
#include "viewer/weight.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int64_t answer_length_ns(struct session *session, const struct query *query)
{
    struct axis axis;
    int64_t end_ns = session_axis(session, &axis);
    if (!axis.has_time)
        return 0;
    if (!query->range_count)
        return end_ns - axis.first_ns;
    int64_t length_ns = 0;
    for (size_t i = 0; i < query->range_count; i++)
        length_ns += query->ranges[i].to_ns - query->ranges[i].from_ns;
    return query->outside ? end_ns - axis.first_ns - length_ns : length_ns;
}

// Of the newest source that says what it watched.
static bool watched(struct session *session, const struct query *query, struct buffer_source *out)
{
    for (size_t i = buffer_source_count(session->buffer); i-- > 0;) {
        buffer_source_get(session->buffer, i, out);
        if (out->cpus && (!query->source || query->source == out->number))
            return true;
    }
    return false;
}

double answer_cpu_share(struct session *session, const struct query *query,
                        const struct totals *totals, uint32_t *cpus)
{
    struct buffer_source source;
    const struct dict *dict = store_dict(session->store);
    int64_t length_ns = answer_length_ns(session, query);
    *cpus = 0;
    bool counts = totals->event >= dict->event_count || !dict->events[totals->event].by_value;
    if (!counts || length_ns <= 0 || !watched(session, query, &source))
        return -1;
    *cpus = source.cpus;
    if (source.rate_hz <= 0)
        return -1;
    // By value they are of several rates, and the value is time.
    double possible = (double)length_ns * source.cpus;
    double share = totals->by_value ? (double)totals->value / possible
                                    : (double)totals->samples / (possible * 1e-9 * source.rate_hz);
    return share > 1 ? 1 : share;
}

void answer_put_totals(struct bytes *out, struct session *session, const struct query *query,
                       const struct totals *totals)
{
    units_put_things(out, totals->samples, "sample");
    if (totals->by_value) {
        bytes_append_text(out, ", ");
        weight_append(out, totals->value, totals, store_dict(session->store));
    }
    int64_t length_ns = answer_length_ns(session, query);
    if (length_ns > 0) {
        bytes_append_text(out, " in ");
        units_put_duration(out, length_ns);
    }
    uint32_t cpus;
    double share = answer_cpu_share(session, query, totals, &cpus);
    if (share >= 0) {
        bytes_append_text(out, ", ");
        units_put_percent(out, share);
        bytes_printf(out, " %% of %" PRIu32 " CPU%s", cpus, cpus == 1 ? "" : "s");
    }
    bytes_append_text(out, ", ");
    units_put_count(out, totals->lost);
    bytes_append_text(out, " lost");
    if (totals->unresolved) {
        bytes_append_text(out, ", ");
        units_put_percent(out, (double)totals->unresolved / (double)totals->samples);
        bytes_append_text(out, " % without a name");
    }
    if (query->filter && !filter_is_empty(query->filter)) {
        char *text = filter_text(query->filter);
        bytes_append_text(out, "; ");
        term_text(out, text, strlen(text));
        free(text);
    }
}

void answer_put_ranges(struct bytes *out, struct session *session, const struct query *query,
                       bool each)
{
    struct axis axis;
    int64_t end_ns = session_axis(session, &axis);
    if (!axis.has_time)
        return;
    struct range all = {axis.first_ns, end_ns};
    size_t count = query->range_count;
    if (count)
        all = (struct range){query->ranges[0].from_ns, query->ranges[count - 1].to_ns};
    else
        bytes_append_text(out, "all: ");
    if (count > 1)
        bytes_printf(out, "%zu ranges in ", count);
    timewords_put_range(out, &axis, &all);
    bytes_append_char(out, '\n');
    for (size_t i = 0; each && count > 1 && i < count; i++) {
        bytes_append_text(out, "  ");
        timewords_put_range(out, &axis, &query->ranges[i]);
        bytes_append_char(out, '\n');
    }
}

static void say(struct session *session, const struct query *query, const struct totals *totals,
                bool each)
{
    struct bytes text = {0};
    answer_put_totals(&text, session, query, totals);
    bytes_append_char(&text, '\n');
    answer_put_ranges(&text, session, query, each);
    session_say(session, "%s", bytes_text(&text));
    bytes_dispose(&text);
}

void answer_say(struct session *session, const struct query *query, const struct totals *totals)
{
    say(session, query, totals, false);
}

enum run_result answer_selection(struct session *session, struct invocation *run, bool each,
                                 struct err *err)
{
    struct query query;
    struct totals totals;
    invocation_query(run, session, &query);
    int code = store_totals(session->store, &query, &totals, err);
    if (code == -ENODATA) { // what was selected holds for the samples to come
        session_say(session, "%s", err->message);
        return RUN_OK;
    }
    if (code)
        return RUN_ERROR;
    say(session, &query, &totals, each);
    return RUN_OK;
}

static void json_ranges(struct json *json, struct session *session, const struct query *query)
{
    struct axis axis;
    session_axis(session, &axis);
    json_key(json, "ranges");
    json_open(json, '[');
    for (size_t i = 0; i < query->range_count; i++) {
        json_open(json, '{');
        json_key(json, "from_s");
        json_number(json, (double)(query->ranges[i].from_ns - axis.start_ns) * 1e-9, 6);
        json_key(json, "to_s");
        json_number(json, (double)(query->ranges[i].to_ns - axis.start_ns) * 1e-9, 6);
        json_close(json, '}');
    }
    json_close(json, ']');
    json_key(json, "start_wall_ns");
    if (axis.wall_known)
        json_int(json, axis.start_ns + axis.wall_offset_ns);
    else
        json_null(json);
}

void answer_json_open(struct json *json, struct session *session, const struct invocation *run,
                      const struct query *query, const struct totals *totals)
{
    json_open(json, '{');
    json_key(json, "command");
    json_text_z(json, run->command->name);
    json_key(json, "elapsed_ms");
    json_number(json, (double)(session_now_ns() - run->started_ns) * 1e-6, 3);
    if (query) {
        json_ranges(json, session, query);
        json_key(json, "filter");
        char *text = query->filter ? filter_text(query->filter) : NULL;
        json_text_z(json, text);
        free(text);
    }
    if (totals) {
        const struct dict *dict = store_dict(session->store);
        bool known = totals->event < dict->event_count;
        json_key(json, "event");
        json_text_z(json, known ? dict_text(dict, dict->events[totals->event].name) : "");
        json_key(json, "unit");
        json_text_z(json, !known             ? ""
                          : totals->by_value ? dict_text(dict, dict->events[totals->event].unit)
                                             : "samples");
        json_key(json, "samples");
        json_uint(json, totals->samples);
        json_key(json, "value");
        json_uint(json, totals->value);
        json_key(json, "lost");
        json_uint(json, totals->lost);
        json_key(json, "unresolved");
        json_uint(json, totals->unresolved);
        json_key(json, "idle");
        json_uint(json, totals->idle);
    }
}

void answer_json_close(struct json *json)
{
    json_close(json, '}');
    bytes_append_char(json->out, '\n');
}

void answer_put_frame(struct bytes *out, const struct dict *dict, uint32_t frame)
{
    struct bytes name = {0};
    fold_frame_text(dict, frame, &name);
    term_text(out, bytes_text(&name), name.len);
    bytes_dispose(&name);
}

void answer_put_module(struct bytes *out, const struct dict *dict, uint32_t frame)
{
    const char *module = dict_text(dict, dict->frames[frame].module);
    const char *slash = strrchr(module, '/');
    const char *base = slash ? slash + 1 : module;
    term_text(out, base, strlen(base));
}
