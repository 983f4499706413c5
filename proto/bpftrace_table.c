// Counts, histograms and averages: samples where they have a time, text where not.
#include "proto/bpftrace_table.h"

#include "proto/alloc.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static struct bpftrace_row *new_row(struct bpftrace_table *table, const char *key, size_t key_len)
{
    struct bpftrace_row *row = &table->rows[table->count++ % BPFTRACE_TABLE_ROWS];
    free(row->key);
    for (size_t i = 0; i < BPFTRACE_TABLE_COLUMNS; i++)
        free(row->cells[i]);
    *row = (struct bpftrace_row){.key = key ? xstrndup(key, key_len) : NULL};
    return row;
}

int bpftrace_table_count(struct bpftrace_table *table, const char *key, size_t key_len,
                         uint64_t value, struct err *err)
{
    if (bpftrace_record_map_time(table->record) != SAMPLE_NO_TIME) {
        const struct bpftrace_value point = {table->name, key, key_len, NULL, value};
        return bpftrace_record_value(table->record, &point, err);
    }
    new_row(table, key, key_len)->cells[0] = xasprintf("%" PRIu64, value);
    return 0;
}

void bpftrace_table_text(struct bpftrace_table *table, const char *key, size_t key_len,
                         const char *text)
{
    new_row(table, key, key_len)->cells[0] = xstrdup(text);
}

// --- tables --------------------------------------------------------------------------------------

static const char empty_key[] = "(empty)"; // such as a stack where there was none

enum { KEY_WIDTH_MAX = 60, CELL_WIDTH_MAX = 20 };

struct widths {
    size_t key, cells[BPFTRACE_TABLE_COLUMNS];
};

static size_t wider(size_t width, const char *text, size_t most)
{
    size_t len = text ? strcspn(text, "\n") : 0;
    return len > width && len <= most ? len : width;
}

// "@reads: the 20 largest of 45".
static void put_title(struct bytes *line, const struct bpftrace_table *table)
{
    bytes_append_text(line, table->name);
    if (table->count > BPFTRACE_TABLE_ROWS)
        bytes_printf(line, ": the %d largest of %zu", BPFTRACE_TABLE_ROWS, table->count);
}

// Behind the title: the columns' headings.
static void put_headings(struct bytes *line, const struct bpftrace_table *table,
                         const struct widths *widths)
{
    for (size_t i = 0; table->headings && i < BPFTRACE_TABLE_COLUMNS; i++) {
        size_t before = i ? 0 : line->len;
        size_t width = widths->cells[i] + 2 + (i ? 0 : widths->key + 2);
        bytes_printf(line, "%*s", (int)(width - before), table->headings[i]);
    }
}

// Text of several lines (a stack) goes below its key.
static void put_row(struct bytes *line, const struct bpftrace_row *row, const struct widths *widths)
{
    bool several = strchr(row->cells[0], '\n') != NULL;
    const char *key = row->key && *row->key ? row->key : empty_key;
    bytes_printf(line, "  %-*s", several ? 0 : (int)widths->key, key);
    for (size_t i = 0; i < BPFTRACE_TABLE_COLUMNS && row->cells[i]; i++) {
        if (several)
            bytes_printf(line, "\n%s", row->cells[i]);
        else
            bytes_printf(line, "  %*s", (int)widths->cells[i], row->cells[i]);
    }
}

static void say_lines(const struct bpftrace_table *table, const char *text)
{
    while (*text) {
        size_t len = strcspn(text, "\n");
        bpftrace_record_text(table->record, text, len);
        text += len + (text[len] == '\n');
    }
}

// "@reads: 12", "@size: count 3, average 4, total 12".
static void put_single(struct bytes *line, const struct bpftrace_table *table)
{
    const struct bpftrace_row *row = &table->rows[0];
    bytes_printf(line, "%s:", table->name);
    for (size_t i = 0; i < BPFTRACE_TABLE_COLUMNS && row->cells[i]; i++)
        bytes_printf(line, "%s %s%s%s", i ? "," : "", table->headings ? table->headings[i] : "",
                     table->headings ? " " : "", row->cells[i]);
}

static void free_rows(struct bpftrace_table *table)
{
    for (size_t i = 0; i < BPFTRACE_TABLE_ROWS; i++) {
        free(table->rows[i].key);
        for (size_t k = 0; k < BPFTRACE_TABLE_COLUMNS; k++)
            free(table->rows[i].cells[k]);
    }
}

static struct widths measure(const struct bpftrace_table *table, size_t shown, size_t title_len)
{
    struct widths widths = {0};
    if (table->headings && title_len > 2) // rows are indented
        widths.key = title_len - 2;
    for (size_t i = 0; i < shown; i++) {
        const char *key = table->rows[i].key;
        widths.key = wider(widths.key, key && !*key ? empty_key : key, KEY_WIDTH_MAX);
        for (size_t k = 0; k < BPFTRACE_TABLE_COLUMNS; k++)
            widths.cells[k] = wider(widths.cells[k], table->rows[i].cells[k], CELL_WIDTH_MAX);
    }
    for (size_t k = 0; table->headings && k < BPFTRACE_TABLE_COLUMNS; k++)
        widths.cells[k] = wider(widths.cells[k], table->headings[k], CELL_WIDTH_MAX);
    return widths;
}

void bpftrace_table_finish(struct bpftrace_table *table)
{
    struct bytes line = {0};
    size_t shown = table->count < BPFTRACE_TABLE_ROWS ? table->count : BPFTRACE_TABLE_ROWS;
    bool single = shown == 1 && !table->rows[0].key;
    if (single) {
        put_single(&line, table);
        say_lines(table, bytes_text(&line));
    } else if (shown) {
        put_title(&line, table);
        const struct widths widths = measure(table, shown, line.len);
        put_headings(&line, table, &widths);
        say_lines(table, bytes_text(&line));
        for (size_t i = table->count - shown; i < table->count; i++) {
            bytes_clear(&line);
            put_row(&line, &table->rows[i % BPFTRACE_TABLE_ROWS], &widths);
            say_lines(table, bytes_text(&line));
        }
    }
    bytes_dispose(&line);
    free_rows(table);
}

// --- histograms ----------------------------------------------------------------------------------

struct bucket {
    int64_t min, max; // both within
    bool has_min, has_max;
    uint64_t count;
};

enum { BUCKETS_MAX = 1024 };

struct hist {
    struct bpftrace_record *record;
    const char *name;
    const struct bytes *key; // NULL: none
    struct bucket buckets[BUCKETS_MAX];
    size_t count;
};

// 64K, as bpftrace prints it.
static void put_bound(struct bytes *out, int64_t value)
{
    static const char units[] = "\0KMGTPE";
    size_t unit = 0;
    for (; value && !(value % 1024) && unit < sizeof units - 2; unit++)
        value /= 1024;
    bytes_printf(out, "%" PRId64, value);
    if (unit)
        bytes_append_char(out, units[unit]);
}

static void put_label(struct bytes *out, const struct bucket *bucket)
{
    bytes_append_text(out, bucket->has_min ? "[" : "(");
    if (bucket->has_min)
        put_bound(out, bucket->min);
    else
        bytes_append_text(out, "...");
    bytes_append_text(out, ", ");
    if (bucket->has_max)
        put_bound(out, bucket->max == INT64_MAX ? bucket->max : bucket->max + 1);
    else
        bytes_append_text(out, "...");
    bytes_append_char(out, ')');
}

// {"min": 8, "max": 15, "count": 152}; the outermost buckets of an lhist have one bound.
static bool take_bucket(struct cursor *cursor, struct bytes *scratch, struct bucket *bucket)
{
    *bucket = (struct bucket){.count = 0};
    if (!cursor_take(cursor, '{'))
        return false;
    do {
        int64_t value = 0;
        if (!cursor_take_string(cursor, scratch) || !cursor_take(cursor, ':'))
            return false;
        bool is_count = !strcmp(scratch->data, "count");
        if (is_count ? !cursor_take_written(cursor, &bucket->count)
                     : !cursor_take_signed(cursor, &value))
            return false;
        if (!strcmp(scratch->data, "min"))
            bucket->min = value, bucket->has_min = true;
        else if (!strcmp(scratch->data, "max"))
            bucket->max = value, bucket->has_max = true;
    } while (cursor_take(cursor, ','));
    return cursor_take(cursor, '}');
}

static bool take_buckets(struct cursor *cursor, struct bytes *scratch, struct hist *hist)
{
    hist->count = 0;
    if (!cursor_take(cursor, '['))
        return false;
    if (cursor_take(cursor, ']'))
        return true;
    do {
        if (hist->count == BUCKETS_MAX ||
            !take_bucket(cursor, scratch, &hist->buckets[hist->count++]))
            return false;
    } while (cursor_take(cursor, ','));
    return cursor_take(cursor, ']');
}

static void show_hist(const struct hist *hist)
{
    enum { BAR = 40 };
    struct bytes line = {0};
    uint64_t most = 1;
    bytes_append_text(&line, hist->name);
    if (hist->key)
        bytes_printf(&line, "[%s]", bytes_text(hist->key));
    bytes_append_char(&line, ':');
    bpftrace_record_text(hist->record, line.data, line.len);
    for (size_t i = 0; i < hist->count; i++)
        most = hist->buckets[i].count > most ? hist->buckets[i].count : most;
    for (size_t i = 0; i < hist->count; i++) {
        bytes_clear(&line);
        put_label(&line, &hist->buckets[i]);
        while (line.len < 18)
            bytes_append_char(&line, ' ');
        int cells = (int)((double)hist->buckets[i].count * BAR / (double)most);
        bytes_printf(&line, "%10" PRIu64 " |%.*s%*s|", hist->buckets[i].count, cells,
                     "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@", BAR - cells, "");
        bpftrace_record_text(hist->record, line.data, line.len);
    }
    bytes_dispose(&line);
}

static int hand_over(const struct hist *hist, struct err *err)
{
    struct bytes label = {0};
    int code = 0;
    if (bpftrace_record_map_time(hist->record) == SAMPLE_NO_TIME) {
        show_hist(hist);
        return 0;
    }
    for (size_t i = 0; i < hist->count && !code; i++) {
        if (!hist->buckets[i].count)
            continue;
        bytes_clear(&label);
        put_label(&label, &hist->buckets[i]);
        const struct bpftrace_value point = {hist->name, hist->key ? hist->key->data : NULL,
                                             hist->key ? hist->key->len : 0, label.data,
                                             hist->buckets[i].count};
        code = bpftrace_record_value(hist->record, &point, err);
    }
    bytes_dispose(&label);
    return code;
}

int bpftrace_table_hists(struct bpftrace_record *record, struct cursor *cursor, bool *good,
                         struct err *err)
{
    struct bytes name = {0}, key = {0}, scratch = {0};
    struct hist *hist = xmalloc(sizeof *hist);
    int code = 0;
    *good =
        cursor_take(cursor, '{') && cursor_take_string(cursor, &name) && cursor_take(cursor, ':');
    *hist = (struct hist){.record = record, .name = bytes_text(&name)};
    if (*good && !cursor_take(cursor, '{')) {
        *good = take_buckets(cursor, &scratch, hist);
        code = *good ? hand_over(hist, err) : 0;
    } else if (*good && !cursor_take(cursor, '}')) {
        hist->key = &key;
        do {
            *good = cursor_take_string(cursor, &key) && cursor_take(cursor, ':') &&
                    take_buckets(cursor, &scratch, hist);
            code = *good ? hand_over(hist, err) : 0;
        } while (*good && !code && cursor_take(cursor, ','));
    }
    free(hist);
    bytes_dispose(&name);
    bytes_dispose(&key);
    bytes_dispose(&scratch);
    return code;
}

// --- averages ------------------------------------------------------------------------------------

// {"count": 870, "average": 48, "total": 41909} of stats(), a number of avg().
struct stats {
    int64_t count, average, total;
    bool whole; // of stats()
};

static bool take_stats(struct cursor *cursor, struct bytes *scratch, struct stats *stats)
{
    *stats = (struct stats){.whole = cursor_take(cursor, '{')};
    if (!stats->whole)
        return cursor_take_signed(cursor, &stats->average);
    do {
        int64_t value;
        if (!cursor_take_string(cursor, scratch) || !cursor_take(cursor, ':') ||
            !cursor_take_signed(cursor, &value))
            return false;
        if (!strcmp(scratch->data, "count"))
            stats->count = value;
        else if (!strcmp(scratch->data, "average"))
            stats->average = value;
        else if (!strcmp(scratch->data, "total"))
            stats->total = value;
    } while (cursor_take(cursor, ','));
    return cursor_take(cursor, '}');
}

static int add_stats(struct bpftrace_table *table, const struct bytes *key,
                     const struct stats *stats, struct err *err)
{
    static const char *const headings[BPFTRACE_TABLE_COLUMNS] = {"count", "average", "total"};
    int64_t value = stats->whole ? stats->total : stats->average;
    const char *text = key ? bytes_text(key) : NULL;
    size_t len = key ? key->len : 0;
    if (value >= 0 && bpftrace_record_map_time(table->record) != SAMPLE_NO_TIME)
        return bpftrace_table_count(table, text, len, (uint64_t)value, err);
    struct bpftrace_row *row = new_row(table, text, len);
    if (stats->whole) {
        table->headings = headings;
        row->cells[0] = xasprintf("%" PRId64, stats->count);
        row->cells[1] = xasprintf("%" PRId64, stats->average);
        row->cells[2] = xasprintf("%" PRId64, stats->total);
    } else {
        row->cells[0] = xasprintf("%" PRId64, stats->average);
    }
    return 0;
}

// Whether an object's values are stats of a map without keys: {"count": ...}.
static bool is_keyless(struct cursor cursor, struct bytes *scratch)
{
    return !cursor_take(&cursor, '{') ||
           (cursor_take_string(&cursor, scratch) && !strcmp(scratch->data, "count") &&
            cursor_take(&cursor, ':') && !cursor_take(&cursor, '{'));
}

// Text that readers of one line share.
struct names {
    struct bytes name, key, scratch;
};

static void names_dispose(struct names *names)
{
    bytes_dispose(&names->name);
    bytes_dispose(&names->key);
    bytes_dispose(&names->scratch);
}

// "{"@name":" of all maps.
static bool take_name(struct cursor *cursor, struct names *names)
{
    return cursor_take(cursor, '{') && cursor_take_string(cursor, &names->name) &&
           cursor_take(cursor, ':');
}

int bpftrace_table_stats(struct bpftrace_record *record, struct cursor *cursor, bool *good,
                         struct err *err)
{
    struct names names = {0};
    struct stats stats;
    int code = 0;
    *good = take_name(cursor, &names);
    struct bpftrace_table table = {.record = record, .name = bytes_text(&names.name)};
    if (*good && is_keyless(*cursor, &names.scratch)) {
        *good = take_stats(cursor, &names.scratch, &stats);
        code = *good ? add_stats(&table, NULL, &stats, err) : 0;
    } else if (*good && cursor_take(cursor, '{') && !cursor_take(cursor, '}')) {
        do {
            *good = cursor_take_string(cursor, &names.key) && cursor_take(cursor, ':') &&
                    take_stats(cursor, &names.scratch, &stats);
            code = *good ? add_stats(&table, &names.key, &stats, err) : 0;
        } while (*good && !code && cursor_take(cursor, ','));
    }
    bpftrace_table_finish(&table);
    names_dispose(&names);
    return code;
}

// --- time series ---------------------------------------------------------------------------------

// [{"interval_start": "1970-01-01T00:00:00.500000000", "value": 9}, ...]
static bool take_series(struct cursor *cursor, struct names *names, struct bpftrace_table *table)
{
    struct bytes value = {0};
    bool good = cursor_take(cursor, '[');
    if (!good || cursor_take(cursor, ']'))
        return good;
    do {
        good = cursor_take(cursor, '{') &&
               cursor_take_named(cursor, &names->scratch, "interval_start") &&
               cursor_take_value(cursor, &names->key, &names->scratch) &&
               cursor_take(cursor, ',') && cursor_take_named(cursor, &names->scratch, "value") &&
               cursor_take_value(cursor, &value, &names->scratch) && cursor_take(cursor, '}');
        if (good)
            bpftrace_table_text(table, names->key.data, names->key.len, bytes_text(&value));
    } while (good && cursor_take(cursor, ','));
    bytes_dispose(&value);
    return good && cursor_take(cursor, ']');
}

bool bpftrace_table_series(struct bpftrace_record *record, struct cursor *cursor)
{
    struct names names = {0};
    struct bytes title = {0};
    bool good = take_name(cursor, &names), keyed = good && cursor_take(cursor, '{');
    if (keyed && cursor_take(cursor, '}'))
        good = keyed = false;
    while (good) {
        struct bytes key = {0};
        bytes_clear(&title);
        bytes_append_text(&title, bytes_text(&names.name));
        if (keyed) {
            good = cursor_take_string(cursor, &key) && cursor_take(cursor, ':');
            bytes_printf(&title, "[%s]", bytes_text(&key));
        }
        struct bpftrace_table table = {.record = record, .name = title.data};
        good = good && take_series(cursor, &names, &table);
        bpftrace_table_finish(&table);
        bytes_dispose(&key);
        if (!keyed || !cursor_take(cursor, ','))
            break;
    }
    bytes_dispose(&title);
    names_dispose(&names);
    return good;
}
