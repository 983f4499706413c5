// What `bpftrace -f json` prints: a JSON object a line, {"type": ..., "data": ...}.
//
// - "printf" and "value" carry text, which is read like the text form's; a printf is a whole, so
//   that a comm with newlines does no harm
// - "map": keys are joined with ",", and stacks within them are several lines
// - "hist", "stats" and maps without stacks: see bpftrace_table.h
// - "lost_events"; "attached_probes" says nothing; all else is for people
#include "proto/alloc.h"
#include "proto/bpftrace_cursor.h"
#include "proto/bpftrace_record.h"
#include "proto/bpftrace_table.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { JSON_LINE_MAX_BYTES = 64 << 20 }; // a map comes as one line

struct bpftrace_json {
    struct decoder base;
    struct lines lines;
    struct bpftrace_record record;
    struct bytes text;  // an unescaped string
    struct bytes name;  // of a map
    struct bytes entry; // one of its entries
};

// Text is several lines; the last need not end in a newline.
static int text_lines(struct bpftrace_json *json, const char *text, size_t len, struct err *err)
{
    const char *at = text, *end = text + len;
    int code = 0;
    while (!code && at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t line_len = (size_t)((newline ? newline : end) - at);
        size_t read = line_len < BPFTRACE_LINE_MAX_BYTES ? line_len : BPFTRACE_LINE_MAX_BYTES;
        code = bpftrace_record_line(&json->record, at, read, err);
        at += line_len + 1;
    }
    return code;
}

// A key of a map that holds a stack: it goes to the record as the text form would print it.
static int stack_entry(struct bpftrace_json *json, uint64_t value, struct err *err)
{
    bytes_clear(&json->entry);
    bytes_printf(&json->entry, "%s[", bytes_text(&json->name));
    bytes_append(&json->entry, json->text.data, json->text.len);
    bytes_printf(&json->entry, "]: %" PRIu64, value);
    return text_lines(json, json->entry.data, json->entry.len, err);
}

// {"@name": {"keys": 12, ...}} or {"@name": 12}
static int map_data(struct bpftrace_json *json, struct cursor *cursor, bool *good, struct err *err)
{
    uint64_t value;
    int code = 0;
    *good = cursor_take(cursor, '{') && cursor_take_string(cursor, &json->name) &&
            cursor_take(cursor, ':');
    if (!*good)
        return 0;
    struct bpftrace_table table = {.record = &json->record, .name = bytes_text(&json->name)};
    if (!cursor_take(cursor, '{')) {
        *good = cursor_take_number(cursor, &value);
        code = *good ? bpftrace_table_count(&table, NULL, 0, value, err) : 0;
    } else if (!cursor_take(cursor, '}')) {
        do {
            *good = cursor_take_string(cursor, &json->text) && cursor_take(cursor, ':') &&
                    cursor_take_number(cursor, &value);
            if (!*good)
                break;
            code = memchr(json->text.data, '\n', json->text.len)
                       ? stack_entry(json, value, err)
                       : bpftrace_table_count(&table, json->text.data, json->text.len, value, err);
        } while (!code && cursor_take(cursor, ','));
    }
    bpftrace_table_finish(&table);
    return code;
}

static int json_line(void *arg, const char *line, size_t len, struct err *err)
{
    struct bpftrace_json *json = arg;
    struct bpftrace_record *record = &json->record;
    record->place.number = json->lines.number;
    record->place.offset = json->lines.offset;
    struct cursor cursor = {line, line + len};
    uint64_t lost;
    int code = 0;
    if (!len)
        return 0;
    if (!cursor_take(&cursor, '{')) { // bpftrace's own words are no JSON
        bpftrace_record_text(record, line, len);
        return 0;
    }
    bool good =
        cursor_take_named(&cursor, &json->text, "type") && cursor_take_string(&cursor, &json->text);
    char type[16] = "";
    if (good && json->text.len < sizeof type)
        memcpy(type, json->text.data, json->text.len + 1);
    good = good && cursor_take(&cursor, ',') && cursor_take_named(&cursor, &json->text, "data");
    if (good && (!strcmp(type, "printf") || !strcmp(type, "value"))) {
        bool is_text = cursor_take(&cursor, '"');
        cursor.at -= is_text;
        if (!is_text) // print() of a number
            bpftrace_record_text(record, line, len);
        else if ((good = cursor_take_string(&cursor, &json->text)))
            code = text_lines(json, json->text.data, json->text.len, err);
    } else if (good && !strcmp(type, "map")) {
        code = map_data(json, &cursor, &good, err);
    } else if (good && (!strcmp(type, "hist") || !strcmp(type, "lhist"))) {
        code = bpftrace_table_hists(record, &cursor, &good, err);
    } else if (good && !strcmp(type, "stats")) {
        good = bpftrace_table_stats(record, &cursor);
    } else if (good && !strcmp(type, "time")) {
        good = cursor_take_string(&cursor, &json->text);
        size_t time_len = json->text.len && json->text.data[json->text.len - 1] == '\n'
                              ? json->text.len - 1
                              : json->text.len;
        bpftrace_record_text(record, json->text.data, good ? time_len : 0);
    } else if (good && !strcmp(type, "lost_events")) {
        good = cursor_take(&cursor, '{') && cursor_take_named(&cursor, &json->text, "events") &&
               cursor_take_number(&cursor, &lost);
        if (good)
            bpftrace_record_lost(record, lost);
    } else if (good && strcmp(type, "attached_probes")) {
        bpftrace_record_text(record, line, len);
    }
    if (!good)
        decode_report_skip(&json->base.report, json->lines.number, json->lines.offset,
                           json->lines.too_long ? "a line of more than 64 MiB"
                                                : "not what bpftrace -f json prints");
    return code;
}

static int json_push(struct decoder *decoder, const void *data, size_t len, struct err *err)
{
    struct bpftrace_json *json = (struct bpftrace_json *)decoder;
    decoder->report.bytes += len;
    int code = lines_push(&json->lines, data, len, json_line, json, err);
    return code ? code : bpftrace_record_flush(&json->record, err);
}

static int json_finish(struct decoder *decoder, struct err *err)
{
    struct bpftrace_json *json = (struct bpftrace_json *)decoder;
    uint64_t skipped = decoder->report.skipped;
    int code = lines_finish(&json->lines, json_line, json, err);
    bool cut = decoder->report.skipped > skipped;
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
    static const char START[] = "{\"type\": \"";
    static const char *const TYPES[] = {
        "attached_probes", "printf", "map", "value", "time", "hist", "stats", "lost_events"};
    const char *at = head, *end = at + len;
    while (at < end && isspace((unsigned char)*at))
        at++;
    if ((size_t)(end - at) < sizeof START || memcmp(at, START, sizeof START - 1))
        return 0;
    at += sizeof START - 1;
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++) {
        size_t type_len = strlen(TYPES[i]);
        if ((size_t)(end - at) > type_len && !memcmp(at, TYPES[i], type_len) && at[type_len] == '"')
            return 95;
    }
    return 0;
}

const struct format format_bpftrace_json = {
    .name = "bpftrace-json",
    .summary = "what bpftrace -f json prints, with stacks",
    .probe = json_probe,
    .decoder_new = json_new,
};
