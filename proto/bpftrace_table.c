// Counts, histograms and averages: samples where they have a time, text where not.
#include "proto/bpftrace_table.h"

#include "proto/alloc.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int bpftrace_table_count(struct bpftrace_table *table, const char *key, size_t key_len,
                         uint64_t value, struct err *err)
{
    if (bpftrace_record_map_time(table->record) != SAMPLE_NO_TIME) {
        const struct bpftrace_value point = {table->name, key, key_len, NULL, value};
        return bpftrace_record_value(table->record, &point, err);
    }
    char *row = key ? xasprintf("%s[%.*s]: %" PRIu64, table->name, (int)key_len, key, value)
                    : xasprintf("%s: %" PRIu64, table->name, value);
    size_t at = table->count++ % BPFTRACE_TABLE_ROWS;
    free(table->rows[at]);
    table->rows[at] = row;
    return 0;
}

void bpftrace_table_finish(struct bpftrace_table *table)
{
    size_t shown = table->count < BPFTRACE_TABLE_ROWS ? table->count : BPFTRACE_TABLE_ROWS;
    if (shown < table->count) {
        char *more = xasprintf("%s: the %zu largest of %zu", table->name, shown, table->count);
        bpftrace_record_text(table->record, more, strlen(more));
        free(more);
    }
    for (size_t i = table->count - shown; i < table->count; i++) {
        char *row = table->rows[i % BPFTRACE_TABLE_ROWS];
        bpftrace_record_text(table->record, row, strlen(row));
        free(row);
    }
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
    int64_t value;
    *bucket = (struct bucket){.count = 0};
    if (!cursor_take(cursor, '{'))
        return false;
    do {
        if (!cursor_take_string(cursor, scratch) || !cursor_take(cursor, ':') ||
            !cursor_take_signed(cursor, &value))
            return false;
        if (!strcmp(scratch->data, "min"))
            bucket->min = value, bucket->has_min = true;
        else if (!strcmp(scratch->data, "max"))
            bucket->max = value, bucket->has_max = true;
        else if (!strcmp(scratch->data, "count"))
            bucket->count = value > 0 ? (uint64_t)value : 0;
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

// 12, or {"count": 870, "average": 48, "total": 41909}: as the text form has it.
static bool put_stats(struct bytes *out, struct cursor *cursor, struct bytes *scratch)
{
    int64_t value;
    bool first = true;
    if (!cursor_take(cursor, '{')) {
        bool good = cursor_take_signed(cursor, &value);
        bytes_printf(out, "%" PRId64, good ? value : 0);
        return good;
    }
    do {
        if (!cursor_take_string(cursor, scratch) || !cursor_take(cursor, ':') ||
            !cursor_take_signed(cursor, &value))
            return false;
        bytes_printf(out, "%s%s %" PRId64, first ? "" : ", ", bytes_text(scratch), value);
        first = false;
    } while (cursor_take(cursor, ','));
    return cursor_take(cursor, '}');
}

// Whether an object's values are stats of a map without keys: {"count": ...}.
static bool is_keyless(struct cursor cursor, struct bytes *scratch)
{
    return !cursor_take(&cursor, '{') ||
           (cursor_take_string(&cursor, scratch) && !strcmp(scratch->data, "count") &&
            cursor_take(&cursor, ':') && !cursor_take(&cursor, '{'));
}

bool bpftrace_table_stats(struct bpftrace_record *record, struct cursor *cursor)
{
    struct bytes name = {0}, key = {0}, scratch = {0}, line = {0};
    bool good =
        cursor_take(cursor, '{') && cursor_take_string(cursor, &name) && cursor_take(cursor, ':');
    if (good && is_keyless(*cursor, &scratch)) {
        bytes_printf(&line, "%s: ", bytes_text(&name));
        good = put_stats(&line, cursor, &scratch);
        bpftrace_record_text(record, line.data, good ? line.len : 0);
    } else if (good && cursor_take(cursor, '{') && !cursor_take(cursor, '}')) {
        do {
            bytes_clear(&line);
            good = cursor_take_string(cursor, &key) && cursor_take(cursor, ':');
            bytes_printf(&line, "%s[%s]: ", bytes_text(&name), bytes_text(&key));
            good = good && put_stats(&line, cursor, &scratch);
            bpftrace_record_text(record, line.data, good ? line.len : 0);
        } while (good && cursor_take(cursor, ','));
    }
    bytes_dispose(&name);
    bytes_dispose(&key);
    bytes_dispose(&scratch);
    bytes_dispose(&line);
    return good;
}
