// What a stream says besides cells, and the cells themselves.
#include "analysis/latency.h"
#include "viewer/api_params.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOUR_NS   INT64_C(3600000000000)
#define SECOND_NS INT64_C(1000000000)

int64_t api_edge_ns(const struct server_host *host, int64_t now_ns)
{
    struct server_status status = {0};
    struct axis axis;

    host->status(host->arg, &status);
    store_axis(host->store, &axis);
    // A file of another boot may be open beside the live source: its times are not now's.
    bool same_clock = now_ns > axis.last_ns && now_ns - axis.last_ns < HOUR_NS;
    return status.recording && axis.has_time && same_clock ? now_ns : axis.last_ns;
}

static void write_status(struct json *json, const struct server_host *host)
{
    struct server_status status = {0};

    host->status(host->arg, &status);
    json_key(json, "status");
    json_open(json, '{');
    json_key(json, "recording");
    json_bool(json, status.recording);
    json_key(json, "title");
    json_text_z(json, status.title);
    json_key(json, "source");
    json_text_z(json, status.source);
    json_key(json, "recordingS");
    json_number(json, floor(status.recording_s), 0);
    json_key(json, "samplesPerS");
    json_number(json, status.samples_per_s, 0);
    json_key(json, "lost");
    json_number(json, status.lost_share, 5);
    json_key(json, "unresolved");
    json_number(json, status.unresolved_share, 4);
    json_key(json, "collectorCpu");
    json_number(json, status.collector_cpu_share, 4);
    json_key(json, "bufferS");
    json_number(json, floor(status.buffer_s), 0);
    json_key(json, "bufferBytes");
    json_uint(json, status.buffer_bytes);
    json_key(json, "bufferFull");
    json_bool(json, status.buffer_full);
    json_key(json, "cpus");
    json_uint(json, status.cpus);
    json_key(json, "note");
    json_text_z(json, status.note);
    json_close(json, '}');
}

// Seconds east of UTC on this host at that moment: the page shows the host's local time, which the
// shell speaks, whatever zone the browser is in.
static long utc_offset_s(int64_t wall_ns)
{
    time_t wall_s = (time_t)(wall_ns / SECOND_NS);
    struct tm local;

    return localtime_r(&wall_s, &local) ? local.tm_gmtoff : 0;
}

static void write_axis(struct json *json, const struct axis *axis, int64_t edge_ns)
{
    json_key(json, "axis");
    if (!axis->has_time) {
        json_null(json);
        return;
    }
    json_open(json, '{');
    json_key(json, "first");
    json_int(json, axis->first_ns - axis->start_ns);
    json_key(json, "last");
    json_int(json, axis->last_ns - axis->start_ns);
    json_key(json, "edge");
    json_int(json, edge_ns - axis->start_ns);
    json_key(json, "wallMs"); // of the start
    if (axis->wall_known) {
        int64_t wall_ns = axis->start_ns + axis->wall_offset_ns;
        json_int(json, wall_ns / 1000000);
        json_key(json, "utcOffsetS");
        json_int(json, utc_offset_s(wall_ns));
    } else {
        json_null(json);
    }
    json_close(json, '}');
}

// Ranges of values, both ends included; one that is open ends at the largest number there is.
static void write_values(struct json *json, const struct filter *filter)
{
    struct value_range *values;
    size_t count = filter_values(filter, &values);

    json_key(json, "values");
    json_open(json, '[');
    for (size_t i = 0; i < count; i++) {
        json_uint(json, values[i].low);
        json_uint(json, values[i].high);
    }
    json_close(json, ']');
    free(values);
}

static void write_selection(struct json *json, const struct selection *selection,
                            const struct axis *axis)
{
    size_t count;
    const struct range *ranges = selection_ranges(selection, &count);
    const struct filter *filter = selection_filter(selection);

    json_key(json, "selection");
    json_open(json, '{');
    json_key(json, "generation");
    json_uint(json, selection_generation(selection));
    json_key(json, "ranges");
    json_open(json, '[');
    for (size_t i = 0; i < count; i++) {
        json_int(json, ranges[i].from_ns - axis->start_ns);
        json_int(json, ranges[i].to_ns - axis->start_ns);
    }
    json_close(json, ']');
    write_values(json, filter);
    json_key(json, "filter");
    char *text = filter && !filter_is_empty(filter) ? filter_text(filter) : NULL;
    json_text_z(json, text);
    free(text);
    json_close(json, '}');
}

static void write_event(struct json *json, struct store *store, const struct totals *totals)
{
    const struct dict *dict = store_dict(store);

    if (totals->event >= dict->event_count)
        return;
    const struct event *event = &dict->events[totals->event];
    json_key(json, "event");
    json_text(json, dict_text(dict, event->name), dict_text_len(dict, event->name));
    json_key(json, "unit");
    json_text(json, dict_text(dict, event->unit), dict_text_len(dict, event->unit));
    json_key(json, "byValue");
    json_bool(json, totals->by_value);
}

// Where rows that are values begin, and the last one ends.
static void write_edges(struct json *json, const struct live *live)
{
    struct heatmap_shape shape = {
        .rows = live->asked.rows, .value_least = live->value_least, .value_most = live->value_most};
    uint64_t edges[LIVE_ROWS_MAX + 1];

    json_key(json, "edges");
    json_open(json, '[');
    if (live->value_least) // else nothing has been seen
        latency_edges(&shape, edges);
    for (uint32_t row = 0; live->value_least && row <= shape.rows; row++)
        json_uint(json, edges[row]);
    json_close(json, ']');
}

static void write_view(struct json *json, struct store *store, const struct live *live,
                       const struct axis *axis)
{
    json_key(json, "view");
    if (live->from_ns == LIVE_FOLLOW) {
        json_null(json);
        return;
    }
    json_open(json, '{');
    json_key(json, "from");
    json_int(json, live->from_ns - axis->start_ns);
    json_key(json, "column");
    json_int(json, live->asked.column_ns);
    json_key(json, "columns");
    json_uint(json, live->asked.columns);
    json_key(json, "rows");
    json_uint(json, live->asked.rows);
    json_key(json, "follow");
    json_bool(json, live->asked.from_ns == LIVE_FOLLOW);
    json_key(json, "full");
    json_uint(json, live->full);
    json_key(json, "lost");
    json_uint(json, live->totals.lost);
    write_event(json, store, &live->totals);
    if (live->asked.value_most)
        write_edges(json, live);
    json_key(json, "error");
    json_text_z(json, live->err.code ? live->err.message : "");
    json_close(json, '}');
}

void api_head(struct json *json, const struct server_host *host, const struct live *live,
              int64_t edge_ns)
{
    struct axis axis;

    store_axis(host->store, &axis);
    write_status(json, host);
    write_axis(json, &axis, edge_ns);
    write_selection(json, host->selection, &axis);
    if (live)
        write_view(json, host->store, live, &axis);
}

// One number when all are equal, which most columns are: nothing painted.
static void write_paint(struct json *json, const uint8_t *paint, uint32_t rows)
{
    bool uniform = true;

    for (uint32_t row = 1; row < rows && uniform; row++)
        uniform = paint[row] == paint[0];
    if (uniform && paint[0] == 0)
        return;
    json_key(json, "p");
    if (uniform) {
        json_uint(json, paint[0]);
        return;
    }
    json_open(json, '[');
    for (uint32_t row = 0; row < rows; row++)
        json_uint(json, paint[row]);
    json_close(json, ']');
}

// Cells up to the last one that is not zero.
static void write_column(struct json *json, int64_t at_ns, const uint64_t *cells,
                         const uint8_t *paint, uint32_t rows)
{
    uint32_t used = rows;

    while (used > 0 && cells[used - 1] == 0)
        used--;
    json_open(json, '{');
    json_key(json, "t");
    json_int(json, at_ns);
    json_key(json, "n");
    json_open(json, '[');
    for (uint32_t row = 0; row < used; row++)
        json_uint(json, cells[row]);
    json_close(json, ']');
    write_paint(json, paint, rows);
    json_close(json, '}');
}

bool api_columns(struct json *json, const struct live *live, const struct axis *axis,
                 uint64_t since)
{
    uint32_t rows = live->asked.rows;
    bool any = false;

    if (live->from_ns == LIVE_FOLLOW)
        return false;
    for (uint32_t i = 0; i < live->asked.columns; i++) {
        if (live->changed[i] <= since)
            continue;
        if (!any) {
            json_key(json, "columns");
            json_open(json, '[');
            any = true;
        }
        write_column(json, live->from_ns + i * live->asked.column_ns - axis->start_ns,
                     live->cells + (size_t)i * rows, live->paint + (size_t)i * rows, rows);
    }
    if (any)
        json_close(json, ']');
    return any;
}

void api_spikes(struct json *json, const struct live *live, const struct axis *axis)
{
    json_key(json, "spikes");
    json_open(json, '[');
    for (size_t i = 0; i < live->spikes.count; i++) {
        const struct spike *spike = &live->spikes.items[i];
        json_open(json, '[');
        json_int(json, spike->range.from_ns - axis->start_ns);
        json_int(json, spike->range.to_ns - axis->start_ns);
        json_number(json, spike->score, 1);
        json_close(json, ']');
    }
    json_close(json, ']');
}

// "value": rows are values, on a scale that holds them all; "LEAST..MOST": on this one.
static int take_rows(struct live_shape *out, const struct api_params *params, struct err *err)
{
    const char *y = params->get(params->arg, "y");
    struct value_range *scale = NULL;

    out->value_least = 0;
    out->value_most = y && strcmp(y, "value") == 0 ? HEATMAP_VALUES_ALL : 0;
    if (!y || out->value_most || strcmp(y, "offset") == 0)
        return 0;
    struct filter *filter = filter_with_values(NULL, y, NULL);
    bool good = filter && filter_values(filter, &scale) == 1 && scale->low &&
                scale->low < scale->high && scale->high < HEATMAP_VALUES_ALL;
    if (good) {
        out->value_least = scale->low;
        out->value_most = scale->high;
    }
    free(scale);
    filter_free(filter);
    return good ? 0 : err_set(err, -EINVAL, "y='%.40s': expected offset, value or LEAST..MOST", y);
}

int api_shape(struct live_shape *out, const struct api_params *params, const struct axis *axis,
              struct err *err)
{
    int64_t columns, rows, from;
    int rc;

    // One cell is at least a microsecond, one window at most some years: no sum overflows.
    if ((rc = api_int(&out->column_ns, params, "column", 1000000, 24 * HOUR_NS, SECOND_NS, err)) ||
        (rc = api_int(&columns, params, "columns", 1, LIVE_COLUMNS_MAX, 90, err)) ||
        (rc = api_int(&rows, params, "rows", 1, LIVE_ROWS_MAX, 50, err)) ||
        (rc = api_int(&from, params, "from", -(INT64_C(1) << 61), INT64_C(1) << 61, LIVE_FOLLOW,
                      err)) ||
        (rc = take_rows(out, params, err)))
        return rc;
    out->columns = (uint32_t)columns;
    out->rows = (uint32_t)rows;
    out->from_ns = LIVE_FOLLOW;
    if (params->get(params->arg, "from") &&
        __builtin_add_overflow(from, axis->start_ns, &out->from_ns))
        return err_set(err, -EINVAL, "from='%lld' is out of range", (long long)from);
    return 0;
}
