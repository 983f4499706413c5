// What `bpftrace -f json` prints: a JSON object a line, {"type": ..., "data": ...}.
//
// - "printf" and "value" carry text, which is read like the text form's: what does not end its line
//   is continued by the next one
// - "map": keys are joined with ",", and stacks within them are several lines
// - "hist", "stats", "tseries" and maps without stacks: see bpftrace_table.h
// - "lost_events"; since 0.24 a "count" stands before its data; "attached_probes" says nothing
// - "helper_error" (0.20), "runtime_error", "errorf" and "warnf" (0.24) have other fields than
// data:
//   each is said once for its place in the program; a map that was full lost something
// - all else is for people; so is all before the first object: since 0.22 warnings about the
//   program stand there, with lines of it, which may begin with a brace, too
#include "proto/alloc.h"
#include "proto/bpftrace_cursor.h"
#include "proto/bpftrace_record.h"
#include "proto/bpftrace_squeezed.h"
#include "proto/bpftrace_table.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    JSON_LINE_MAX_BYTES = 64 << 20, // a map comes as one line
    COMPLAINTS_MAX = 32,            // that are kept in mind
};

struct bpftrace_json {
    struct decoder base;
    struct lines lines;
    struct bpftrace_record record;
    struct bytes text;    // an unescaped string
    struct bytes name;    // of a map
    struct bytes entry;   // one of its entries
    struct bytes partial; // a line that a printf has begun
    struct bytes scratch;
    char *complaints[COMPLAINTS_MAX]; // that were said
    size_t complaint_count;
    // Since 0.24 a string with \uXXXX leaves the stream printing in hexadecimal what bpftrace does
    // not make text of itself: the counts of histograms and of lost events.
    bool escaped, counts_first;
    bool begun;     // an object has come
    bool ends_line; // the object in hand is a line of its own: print(), not printf()
};

static int one_line(struct bpftrace_json *json, const char *line, size_t len, struct err *err)
{
    return bpftrace_record_line(&json->record, line,
                                len < BPFTRACE_LINE_MAX_BYTES ? len : BPFTRACE_LINE_MAX_BYTES, err);
}

// What a printf has begun is a line without what may follow.
static int end_partial(struct bpftrace_json *json, struct err *err)
{
    int code = json->partial.len ? one_line(json, json->partial.data, json->partial.len, err) : 0;
    bytes_clear(&json->partial);
    return code;
}

// The whole lines of a text; what is left goes on with the next one.
static int text_lines(struct bpftrace_json *json, const char *text, size_t len, struct err *err)
{
    const char *at = text, *end = text + len, *newline;
    int code = 0;
    while (!code && at < end && (newline = memchr(at, '\n', (size_t)(end - at)))) {
        if (json->partial.len) {
            bytes_append(&json->partial, at, (size_t)(newline - at));
            code = end_partial(json, err);
        } else {
            code = one_line(json, at, (size_t)(newline - at), err);
        }
        at = newline + 1;
    }
    if (!code && at < end)
        bytes_append(&json->partial, at, (size_t)(end - at));
    return code || json->partial.len <= BPFTRACE_LINE_MAX_BYTES ? code : end_partial(json, err);
}

// A key of a map that holds a stack: it goes to the record as the text form would print it.
static int stack_entry(struct bpftrace_json *json, uint64_t value, struct err *err)
{
    bytes_clear(&json->entry);
    bytes_printf(&json->entry, "%s[", bytes_text(&json->name));
    if (json->counts_first) // 0.24 or later
        bpftrace_unsqueeze(&json->entry, json->text.data, json->text.len);
    else
        bytes_append(&json->entry, json->text.data, json->text.len);
    bytes_printf(&json->entry, "]: %" PRIu64 "\n", value);
    return text_lines(json, json->entry.data, json->entry.len, err);
}

// An entry of a map; key NULL: there are no keys. The value may be anything: a number, a tuple, a
// stack.
static int map_entry(struct bpftrace_json *json, struct bpftrace_table *table,
                     struct cursor *cursor, const struct bytes *key, bool *good, struct err *err)
{
    uint64_t value;
    const char *text = key ? bytes_text(key) : NULL;
    size_t len = key ? key->len : 0;
    if (cursor_take_count(cursor, &value))
        return key && memchr(text, '\n', len) ? stack_entry(json, value, err)
                                              : bpftrace_table_count(table, text, len, value, err);
    *good = cursor_take_value(cursor, &json->entry, &json->scratch);
    if (*good)
        bpftrace_table_text(table, text, len, bytes_text(&json->entry));
    return 0;
}

// {"@name": {"keys": 12, ...}} or {"@name": 12}
static int map_data(struct bpftrace_json *json, struct cursor *cursor, bool *good, struct err *err)
{
    int code = 0;
    *good = cursor_take(cursor, '{') && cursor_take_string(cursor, &json->name) &&
            cursor_take(cursor, ':');
    if (!*good)
        return 0;
    struct bpftrace_table table = {.record = &json->record, .name = bytes_text(&json->name)};
    if (!cursor_take(cursor, '{')) {
        code = map_entry(json, &table, cursor, NULL, good, err);
    } else if (!cursor_take(cursor, '}')) {
        do {
            *good = cursor_take_string(cursor, &json->text) && cursor_take(cursor, ':');
            if (*good)
                code = map_entry(json, &table, cursor, &json->text, good, err);
        } while (*good && !code && cursor_take(cursor, ','));
    }
    bpftrace_table_finish(&table);
    return code;
}

// A printf, or print() of what is no map: a stack's lines are read as such.
static int text_data(struct bpftrace_json *json, struct cursor *cursor, bool *good, struct err *err)
{
    struct cursor at = *cursor;
    bool is_string = cursor_take(&at, '"');
    *good = is_string ? cursor_take_string(cursor, &json->text)
                      : cursor_take_value(cursor, &json->text, &json->scratch);
    if (*good && json->ends_line &&
        (!json->text.len || json->text.data[json->text.len - 1] != '\n'))
        bytes_append_char(&json->text, '\n');
    // Our own last word, whatever the program's last printf began.
    int code = *good && !strcmp(bytes_text(&json->text), "END\n") ? end_partial(json, err) : 0;
    return *good && !code ? text_lines(json, bytes_text(&json->text), json->text.len, err) : code;
}

// What has lines, and none that is a record: time(), cat(), join(), system().
static int words_data(struct bpftrace_json *json, struct cursor *cursor, bool *good,
                      struct err *err)
{
    (void)err;
    *good = cursor_take_value(cursor, &json->text, &json->scratch);
    for (const char *at = bytes_text(&json->text); *good && *at;) {
        size_t len = strcspn(at, "\n");
        bpftrace_record_text(&json->record, at, len);
        at += len + (at[len] == '\n');
    }
    return 0;
}

static int hist_data(struct bpftrace_json *json, struct cursor *cursor, bool *good, struct err *err)
{
    return bpftrace_table_hists(&json->record, cursor, good, err);
}

static int stats_data(struct bpftrace_json *json, struct cursor *cursor, bool *good,
                      struct err *err)
{
    return bpftrace_table_stats(&json->record, cursor, good, err);
}

static int series_data(struct bpftrace_json *json, struct cursor *cursor, bool *good,
                       struct err *err)
{
    (void)err;
    *good = bpftrace_table_series(&json->record, cursor);
    return 0;
}

static int lost_data(struct bpftrace_json *json, struct cursor *cursor, bool *good, struct err *err)
{
    uint64_t lost;
    (void)err;
    *good = cursor_take(cursor, '{') && cursor_take_named(cursor, &json->text, "events") &&
            cursor_take_written(cursor, &lost);
    if (*good)
        bpftrace_record_lost(&json->record, lost);
    return 0;
}

static int nothing_to_say(struct bpftrace_json *json, struct cursor *cursor, bool *good,
                          struct err *err)
{
    (void)json, (void)cursor, (void)good, (void)err;
    return 0;
}

static const struct type {
    const char *name;
    bool between; // may come between a line and its stacks
    int (*data)(struct bpftrace_json *json, struct cursor *cursor, bool *good, struct err *err);
} types[] = {
    {"printf", true, text_data},
    {"value", true, text_data},
    {"map", false, map_data},
    {"hist", false, hist_data},
    {"lhist", false, hist_data},
    {"stats", false, stats_data},
    {"tseries", false, series_data},
    {"time", false, words_data},
    {"cat", false, words_data},
    {"join", false, words_data},
    {"syscall", false, words_data},
    {"lost_events", true, lost_data},
    {"attached_probes", true, nothing_to_say},
    // Without data.
    {"helper_error", true, NULL},
    {"runtime_error", true, NULL},
    {"errorf", false, NULL},
    {"warnf", false, NULL},
};

static const struct type *type_by_name(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strlen(types[i].name) == len && !memcmp(types[i].name, name, len))
            return &types[i];
    }
    return NULL;
}

// --- complaints ----------------------------------------------------------------------------------

// The same at the same place comes as often as the probe fires.
static bool is_new(struct bpftrace_json *json, const char *text)
{
    for (size_t i = 0; i < json->complaint_count; i++) {
        if (!strcmp(json->complaints[i], text))
            return false;
    }
    if (json->complaint_count == COMPLAINTS_MAX)
        return false;
    json->complaints[json->complaint_count++] = xstrdup(text);
    return true;
}

// "msg": "...", "helper": "map_update_elem", "retcode": -7, "line": 1, "col": 9}: in any order.
static bool complaint(struct bpftrace_json *json, const struct type *type, struct cursor *cursor)
{
    struct bytes message = {0}, helper = {0}, code = {0}, line = {0}, column = {0}, rest = {0};
    bool good;
    do {
        good = cursor_take_string(cursor, &json->text) && cursor_take(cursor, ':');
        const char *name = bytes_text(&json->text);
        struct bytes *into = !strcmp(name, "msg")       ? &message
                             : !strcmp(name, "helper")  ? &helper
                             : !strcmp(name, "retcode") ? &code
                             : !strcmp(name, "line")    ? &line
                             : !strcmp(name, "col")     ? &column
                                                        : &rest;
        good = good && cursor_take_value(cursor, into, &json->scratch);
    } while (good && cursor_take(cursor, ','));
    if (good && !strcmp(bytes_text(&helper), "map_update_elem") &&
        !strcmp(bytes_text(&code), "-7")) {
        bpftrace_record_lost(&json->record, 1);
        bytes_clear(&message); // since 0.24: "Argument list too long"
        bytes_append_text(&message, "a map is full: more than max_map_keys of its config");
    }
    bytes_clear(&json->entry);
    bytes_printf(&json->entry, "stdin:%s:%s: %s: %s", line.len ? bytes_text(&line) : "1",
                 column.len ? bytes_text(&column) : "1",
                 !strcmp(type->name, "errorf") ? "ERROR" : "WARNING",
                 message.len ? bytes_text(&message) : "");
    if (helper.len)
        bytes_printf(&json->entry, " (%s: %s)", bytes_text(&helper), bytes_text(&code));
    if (good && (!strcmp(type->name, "errorf") || !strcmp(type->name, "warnf") ||
                 is_new(json, bytes_text(&json->entry))))
        bpftrace_record_text(&json->record, json->entry.data, json->entry.len);
    bytes_dispose(&message);
    bytes_dispose(&helper);
    bytes_dispose(&code);
    bytes_dispose(&line);
    bytes_dispose(&column);
    bytes_dispose(&rest);
    return good;
}

// --- lines ---------------------------------------------------------------------------------------

// Steps to the value of "data"; the fields before it are not needed.
static bool find_data(struct bpftrace_json *json, struct cursor *cursor)
{
    while (cursor_take_string(cursor, &json->text) && cursor_take(cursor, ':')) {
        if (!strcmp(json->text.data, "data"))
            return true;
        uint64_t count;
        bool counts_first = !strcmp(json->text.data, "count"); // 0.24 or later
        json->counts_first |= counts_first;
        if (counts_first ? !cursor_take_written(cursor, &count)
                         : !cursor_take_value(cursor, &json->text, &json->scratch))
            return false;
        if (!cursor_take(cursor, ','))
            return false;
    }
    return false;
}

static const char object_start[] = "{\"type\": \"";

static bool starts_object(const char *line, size_t len)
{
    return len >= sizeof object_start && !memcmp(line, object_start, sizeof object_start - 1);
}

static int json_line(void *arg, const char *line, size_t len, struct err *err)
{
    struct bpftrace_json *json = arg;
    struct bpftrace_record *record = &json->record;
    record->place.number = json->lines.number;
    record->place.offset = json->lines.offset;
    struct cursor cursor = {
        .at = line, .end = line + len, .hex = json->escaped && json->counts_first};
    int code = 0;
    if (!len)
        return 0;
    json->begun |= starts_object(line, len);
    if (!json->begun || !cursor_take(&cursor, '{')) { // bpftrace's own words are no JSON
        bpftrace_record_text(record, line, len);
        return 0;
    }
    bool good =
        cursor_take_named(&cursor, &json->text, "type") && cursor_take_string(&cursor, &json->text);
    const struct type *type = good ? type_by_name(json->text.data, json->text.len) : NULL;
    good = good && cursor_take(&cursor, ',');
    json->ends_line = type && !strcmp(type->name, "value");
    if (good && (!type || type->data != text_data))
        code = end_partial(json, err);
    if (good && !code && (!type || !type->between))
        code = bpftrace_record_end(record, err);
    if (code) {
        return code;
    } else if (good && type && type->data) {
        good = find_data(json, &cursor);
        code = good ? type->data(json, &cursor, &good, err) : 0;
    } else if (good && type) {
        good = complaint(json, type, &cursor);
    } else if (good) {
        bpftrace_record_text(record, line, len);
    }
    json->escaped |= cursor.escaped;
    if (!good)
        decode_report_skip(&json->base.report, json->lines.number, json->lines.offset,
                           json->lines.too_long ? "a line of more than 64 MiB"
                                                : "not what bpftrace -f json prints");
    return code;
}

// An empty push says that nothing has come for a while.
static int json_push(struct decoder *decoder, const void *data, size_t len, struct err *err)
{
    struct bpftrace_json *json = (struct bpftrace_json *)decoder;
    decoder->report.bytes += len;
    int code =
        len ? lines_push(&json->lines, data, len, json_line, json, err) : end_partial(json, err);
    if (!code && !len)
        code = bpftrace_record_quiet(&json->record, err);
    return code ? code : bpftrace_record_flush(&json->record, err);
}

static int json_finish(struct decoder *decoder, struct err *err)
{
    struct bpftrace_json *json = (struct bpftrace_json *)decoder;
    uint64_t skipped = decoder->report.skipped;
    int code = lines_finish(&json->lines, json_line, json, err);
    bool cut = decoder->report.skipped > skipped;
    if (!code)
        code = end_partial(json, err);
    return code ? code : bpftrace_record_finish(&json->record, cut, err);
}

static void json_free(struct decoder *decoder)
{
    struct bpftrace_json *json = (struct bpftrace_json *)decoder;
    if (!json)
        return;
    lines_dispose(&json->lines);
    bpftrace_record_dispose(&json->record);
    bytes_dispose(&json->text);
    bytes_dispose(&json->name);
    bytes_dispose(&json->entry);
    bytes_dispose(&json->partial);
    bytes_dispose(&json->scratch);
    for (size_t i = 0; i < json->complaint_count; i++)
        free(json->complaints[i]);
    free(json);
}

static struct decoder *json_new(struct sink *sink, const struct decode_options *options)
{
    static const struct decoder_ops OPS = {json_push, json_finish, json_free};
    struct bpftrace_json *json = xcalloc(1, sizeof *json);
    json->base = (struct decoder){.ops = &OPS, .sink = sink};
    json->lines.limit = JSON_LINE_MAX_BYTES;
    bpftrace_record_init(&json->record, &json->base, options);
    return &json->base;
}

static int json_probe(const void *head, size_t len)
{
    const char *at = head, *end = at + len;
    while (at < end && !starts_object(at, (size_t)(end - at))) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        at = newline ? newline + 1 : end;
    }
    at += at < end ? sizeof object_start - 1 : 0;
    const char *quote = memchr(at, '"', (size_t)(end - at));
    return quote && type_by_name(at, (size_t)(quote - at)) ? 95 : 0;
}

const struct format format_bpftrace_json = {
    .name = "bpftrace-json",
    .summary = "what bpftrace -f json prints, with stacks",
    .probe = json_probe,
    .decoder_new = json_new,
};
