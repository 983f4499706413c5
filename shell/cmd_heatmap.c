// heatmap: x seconds, y the offset in the second or the value, colour the number of samples.
#include "analysis/beat.h"
#include "analysis/latency.h"
#include "proto/alloc.h"
#include "shell/answer.h"
#include "shell/csv.h"
#include "shell/timewords.h"
#include "shell/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// A map that is redrawn in place while samples come.
struct live {
    int64_t until_ns;   // 0: until Ctrl-C
    size_t drawn_lines; // of the last picture, to go back over
};

static size_t count_lines(const struct bytes *text)
{
    size_t lines = 0;
    for (size_t i = 0; i < text->len; i++)
        lines += text->data[i] == '\n';
    return lines;
}

// How many columns: those that fit, or for machines all, as far as they can be held.
static uint64_t columns_wanted(const struct invocation *run, unsigned fit, uint32_t rows)
{
    enum { CELLS_MOST = 1 << 24 };
    return run->json || run->csv ? CELLS_MOST / rows : fit;
}

// The rate of the newest source of the event in view, or of any; 0: not known.
static double rate_in_view(struct session *session, const struct query *query)
{
    struct buffer_source source;
    for (size_t i = buffer_source_count(session->buffer); i-- > 0;) {
        buffer_source_get(session->buffer, i, &source);
        bool wanted = !query->event;
        for (size_t k = 0; source.events[k] && !wanted; k++)
            wanted = !strcmp(source.events[k], query->event);
        if (wanted && *source.events && (!query->source || query->source == source.number))
            return source.rate_hz;
    }
    return 0;
}

// As many as fit, or about so many: a number that divides the rate draws no lines of its own.
static uint32_t rows_wanted(const struct invocation *run, double rate_hz, int64_t column_ns,
                            unsigned fit)
{
    if (run->settings.rows)
        return (uint32_t)run->settings.rows;
    // Where a line shows two rows there is room for some more.
    uint32_t most = run->term.color == TERM_ASCII ? fit : fit * 5 / 3;
    return beat_rows(rate_hz, column_ns, fit, fit / 2, most);
}

static int column_wanted(struct invocation *run, int64_t *column_ns, struct err *err)
{
    const int64_t most_ns = INT64_C(366) * 86400 * NS_PER_S;
    *column_ns = NS_PER_S;
    if (invocation_duration(run, "column", column_ns, err))
        return -EINVAL;
    if (*column_ns <= most_ns)
        return 0;
    invocation_usage(run, invocation_key(run, "column")->value_at, err,
                     "a column of more than 366 days");
    return -EINVAL;
}

// Which columns and rows: what is selected is in sight, else the end.
static int choose_shape(struct session *session, struct invocation *run, const struct axis *axis,
                        int64_t end_ns, double rate_hz, struct heatmap_shape *shape,
                        struct err *err)
{
    unsigned fit_columns, fit_rows;
    uint64_t columns;
    term_heatmap_fit(&run->term, &fit_columns, &fit_rows);
    int64_t last_ns = 0;
    if (column_wanted(run, &shape->column_ns, err) ||
        invocation_duration(run, "last", &last_ns, err))
        return -EINVAL;
    shape->rows = rows_wanted(run, rate_hz, shape->column_ns, fit_rows);
    columns = columns_wanted(run, fit_columns, shape->rows);
    int64_t last_edge_ns = axis_floor(axis, end_ns - 1, shape->column_ns);
    int64_t first_edge_ns = axis_floor(axis, axis->first_ns, shape->column_ns);
    int64_t held = (last_edge_ns - first_edge_ns) / shape->column_ns + 1;
    if (last_ns) {
        int64_t wanted = (last_ns + shape->column_ns - 1) / shape->column_ns;
        held = wanted < held ? wanted : held;
    }
    if (held < (int64_t)columns)
        columns = (uint64_t)held;
    shape->columns = (uint32_t)columns;
    shape->from_ns = last_edge_ns - (int64_t)(columns - 1) * shape->column_ns;
    size_t count;
    const struct range *ranges = selection_ranges(session->selection, &count);
    if (count && !last_ns && ranges[0].from_ns < shape->from_ns) {
        // Some columns before it, to see what is usual.
        shape->from_ns = axis_floor(axis, ranges[0].from_ns, shape->column_ns) -
                         (int64_t)(columns / 4) * shape->column_ns;
        if (shape->from_ns < first_edge_ns)
            shape->from_ns = first_edge_ns;
    }
    return 0;
}

// What the rows are: the values where they begin, and the last one ends.
static void json_values(struct json *json, const struct heatmap *heatmap)
{
    uint32_t rows = heatmap->shape.rows;
    uint64_t *edges = xreallocarray(NULL, (size_t)rows + 1, sizeof *edges);
    latency_edges(&heatmap->shape, edges);
    json_key(json, "edges");
    json_open(json, '[');
    for (uint32_t row = 0; row <= rows; row++)
        json_uint(json, edges[row]);
    json_close(json, ']');
    free(edges);
}

static void json_beat(struct json *json, const struct beat *beat)
{
    json_key(json, "rate_hz");
    json_number(json, beat->rate_hz, 3);
    json_key(json, "uneven_rows");
    json_bool(json, beat->uneven);
    json_key(json, "even_rows");
    json_open(json, '[');
    for (size_t i = 0; i < beat->even_count; i++)
        json_uint(json, beat->even_rows[i]);
    json_close(json, ']');
}

static void put_json(struct session *session, struct invocation *run, const struct query *query,
                     const struct heatmap *heatmap, const struct axis *axis,
                     const struct beat *beat)
{
    const struct heatmap_shape *shape = &heatmap->shape;
    struct json json = {.out = &run->out.text};
    answer_json_open(&json, session, run, query, &heatmap->totals);
    json_key(&json, "from_s");
    json_number(&json, (double)(shape->from_ns - axis->start_ns) * 1e-9, 6);
    json_key(&json, "column_s");
    json_number(&json, (double)shape->column_ns * 1e-9, 6);
    json_key(&json, "rows");
    json_uint(&json, shape->rows);
    json_beat(&json, beat);
    json_key(&json, "y");
    json_text_z(&json, shape->value_most ? "value" : "offset");
    if (shape->value_most)
        json_values(&json, heatmap);
    json_key(&json, "max");
    json_uint(&json, heatmap->max);
    json_key(&json, "columns");
    json_open(&json, '[');
    for (uint32_t column = 0; column < shape->columns; column++) {
        json_open(&json, '[');
        for (uint32_t row = 0; row < shape->rows; row++) {
            size_t at = (size_t)column * shape->rows + row;
            if (heatmap->paint[at] & (HEATMAP_PENDING | HEATMAP_NOT_RECORDING | HEATMAP_EVICTED))
                json_null(&json);
            else
                json_uint(&json, heatmap->cells[at]);
        }
        json_close(&json, ']');
    }
    json_close(&json, ']');
    answer_json_close(&json);
}

// A line a cell; of a cell that was not recorded, the number is missing.
static void put_csv(struct invocation *run, const struct heatmap *heatmap, const struct axis *axis)
{
    const struct heatmap_shape *shape = &heatmap->shape;
    struct bytes *out = &run->out.text;
    uint64_t *edges = xreallocarray(NULL, (size_t)shape->rows + 1, sizeof *edges);
    bool by_value = shape->value_most > 0;
    if (by_value)
        latency_edges(shape, edges);
    csv_head(out, by_value ? "column_s,value_from,weight,lost" : "column_s,offset_s,weight,lost");
    for (size_t cell = 0; cell < (size_t)shape->columns * shape->rows; cell++) {
        int64_t column_ns = shape->from_ns + (int64_t)(cell / shape->rows) * shape->column_ns;
        unsigned paint = heatmap->paint[cell];
        csv_number(out, (double)(column_ns - axis->start_ns) * 1e-9, 9);
        if (by_value)
            csv_uint(out, edges[cell % shape->rows]);
        else
            csv_number(out, (double)(heatmap_cell_start(shape, cell) - column_ns) * 1e-9, 9);
        if (paint & (HEATMAP_PENDING | HEATMAP_NOT_RECORDING | HEATMAP_EVICTED))
            csv_empty(out);
        else
            csv_uint(out, heatmap->cells[cell]);
        csv_uint(out, paint & HEATMAP_LOST ? 1 : 0);
        csv_end(out);
    }
    free(edges);
}

static int draw_text(struct session *session, struct invocation *run, const struct query *query,
                     const struct heatmap *heatmap, const struct axis *axis, struct err *err)
{
    struct spikes spikes = {0};
    struct value_range *values = NULL;
    struct term_selection selected = {.ranges = query->ranges, .range_count = query->range_count};
    int code = 0;
    if (heatmap->shape.value_most)
        selected.value_count = filter_values(selection_filter(session->selection), &values);
    else if (!spikes_find(&spikes, heatmap, query->cancel))
        code = err_set(err, -ECANCELED, "interrupted");
    selected.values = values;
    if (!code)
        term_heatmap(&run->out.text, &run->term, heatmap, axis, &selected, &spikes);
    spikes_dispose(&spikes);
    free(values);
    return code;
}

// The map has all times and, where rows are values, all of them: what is selected is marked. What
// is asked for here is not: heatmap y=value value=1ms.. shows those only.
static struct filter *any_value(struct session *session, const struct query *query, bool by_value)
{
    const struct filter *selected = selection_filter(session->selection);
    if (!by_value || !selected)
        return NULL;
    return filter_any_value(query->filter, filter_pushes(selected));
}

static int draw(struct session *session, struct invocation *run, struct totals *totals,
                struct err *err)
{
    struct axis axis;
    int64_t end_ns = session_axis(session, &axis);
    if (!axis.has_time)
        return err_set(err, -ENODATA,
                       buffer_source_count(session->buffer)
                           ? "these samples have no times, so there is no heatmap of them"
                           : "there are no samples yet; 'record' or 'open FILE' first");
    const struct word *clock = invocation_key(run, "clock");
    if (clock && !strcmp(clock->value, "own"))
        axis.wall_known = false;
    const struct word *y = invocation_key(run, "y");
    struct heatmap_shape shape = {.value_most =
                                      y && !strcmp(y->value, "value") ? HEATMAP_VALUES_ALL : 0};
    struct query query;
    invocation_query(run, session, &query);
    double rate_hz = shape.value_most ? 0 : rate_in_view(session, &query);
    int code = choose_shape(session, run, &axis, end_ns, rate_hz, &shape, err);
    if (code)
        return code;
    struct beat beat;
    beat_find(&beat, rate_hz, shape.column_ns, shape.rows);
    struct query all = query;
    all.ranges = NULL;
    all.range_count = 0;
    struct filter *filter = any_value(session, &query, shape.value_most > 0);
    if (filter)
        all.filter = filter;
    struct heatmap heatmap = {0};
    code = store_heatmap(session->store, &all, &shape, &heatmap, err);
    if (!code && run->json) {
        put_json(session, run, &all, &heatmap, &axis, &beat);
    } else if (!code && run->csv) {
        put_csv(run, &heatmap, &axis);
    } else if (!code) {
        code = draw_text(session, run, &query, &heatmap, &axis, err);
        beat_text(&beat, &run->out.text);
    }
    filter_free(filter);
    *totals = heatmap.totals;
    heatmap_dispose(&heatmap);
    return code;
}

// Draws over the picture before it.
static int redraw(struct session *session, struct invocation *run, struct err *err)
{
    struct live *live = run->state;
    struct totals totals;
    struct bytes *out = &run->out.text;
    struct err none = {0};
    if (live->drawn_lines)
        bytes_printf(out, "\033[%zuA\033[J", live->drawn_lines);
    size_t before = count_lines(out);
    int code = draw(session, run, &totals, &none);
    if (code == -ENODATA)
        bytes_append_text(out, "waiting for samples...\n");
    else if (code)
        return err_set(err, code, "%s", none.message);
    live->drawn_lines = count_lines(out) - before;
    struct output_fd terminal;
    output_fd_init(&terminal, STDOUT_FILENO, "the terminal");
    code = output_write(&terminal.base, out->data, out->len, err);
    bytes_clear(out);
    return code;
}

static enum run_result step(struct session *session, struct invocation *run, int64_t now_ns,
                            struct err *err)
{
    enum { REDRAW_MS = 250 };
    struct live *live = run->state;
    bool ends = atomic_load(&session->signals.interrupted) || !session->jobs.count ||
                (live->until_ns && now_ns >= live->until_ns);
    bool in_place = run->out.kind == REDIRECT_NONE && isatty(STDOUT_FILENO);
    // Ctrl-C ends a live map in good order: it has no other end.
    atomic_store(&session->signals.interrupted, false);
    if (ends && !in_place) {
        struct totals totals;
        return draw(session, run, &totals, err) ? RUN_ERROR : RUN_OK;
    }
    if (now_ns >= run->wake_ns || ends) {
        run->wake_ns = now_ns + REDRAW_MS * NS_PER_MS;
        if (in_place && redraw(session, run, err))
            return RUN_ERROR;
    }
    return ends ? RUN_OK : RUN_WAIT;
}

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    const char *word = invocation_word(run, 0);
    int64_t for_ns = 0;
    if (word && strcmp(word, "live") != 0)
        return invocation_usage(run, run->words[0]->at, err, "'%s' is not expected; only 'live' is",
                                word);
    if (invocation_duration(run, "for", &for_ns, err))
        return RUN_ERROR;
    if (word) {
        struct live *live = xcalloc(1, sizeof *live);
        live->until_ns = for_ns ? session_now_ns() + for_ns : 0;
        run->state = live;
        run->dispose = free;
        run->step = step;
        return RUN_WAIT;
    }
    struct totals totals;
    return draw(session, run, &totals, err) ? RUN_ERROR : RUN_OK;
}

const struct command command_heatmap = {
    .name = "heatmap",
    .group = "look",
    .usage = "heatmap [live [for=DURATION]] [y=offset|value] [rows=N] [last=DURATION] "
             "[column=DURATION]\n"
             "               [clock=wall|own] [TERM...]",
    .summary = "samples over time: seconds to the right, the offset in the second upwards",
    .details =
        "Shows the end of what is held, or the selection when that lies before it. live: redraws "
        "until\nCtrl-C, the given time has passed, or nothing records any more. y=value: upwards "
        "is the logarithm\nof the value (how long a thread was blocked, a size), where the sample "
        "ends; what filter\nvalue=1ms.. selects is marked, value=1ms.. here shows that alone. "
        "--json: all columns, a list\nof rows each, the lowest first; with rows=50 clock=own, "
        "FlameScope's cells.",
    .example = "heatmap rows=20",
    .choices = "live",
    .max_words = 1,
    .keys = {{"y", ARG_CHOICE, "offset value", "what rows are: offsets in the second, or values"},
             {"last", ARG_DURATION, NULL, "only so much of the end"},
             {"column", ARG_DURATION, NULL, "what one column is (1s)"},
             {"clock", ARG_CHOICE, "wall own",
              "whose whole seconds columns begin at (wall, if known)"},
             {"for", ARG_DURATION, NULL, "of live: how long"}},
    .settings = "rows color event idle",
    .filters = true,
    .json = true,
    .csv = true,
    .run = run,
};
