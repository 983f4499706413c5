// What `bpftrace -f json` prints: a JSON object a line, {"type": ..., "data": ...}.
//
// - "printf" and "value" carry text, which is read like the text form's; a printf is a whole, so
//   that a comm with newlines does no harm
// - "map": keys are joined with ",", and stacks within them are several lines
// - "lost_events"; "attached_probes" says nothing; all else (hist, stats, time) is for people
// Bytes from 0x80 come as \uffffffc3 up to 0.17, which is no JSON: the byte 0xc3 is meant.
#include "proto/alloc.h"
#include "proto/bpftrace_record.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { JSON_LINE_MAX_BYTES = 64 << 20 }; // a map comes as one line

struct bpftrace_json {
    struct decoder base;
    struct lines lines;
    struct bpftrace_record record;
    struct bytes text;  // an unescaped string
    struct bytes entry; // "@name[": before a map's keys
};

struct cursor {
    const char *at, *end;
};

static void skip_blanks(struct cursor *cursor)
{
    while (cursor->at < cursor->end && (*cursor->at == ' ' || *cursor->at == '\t'))
        cursor->at++;
}

static bool take(struct cursor *cursor, char wanted)
{
    skip_blanks(cursor);
    if (cursor->at == cursor->end || *cursor->at != wanted)
        return false;
    cursor->at++;
    return true;
}

static bool take_hex(struct cursor *cursor, unsigned digits, unsigned *out)
{
    unsigned value = 0;
    if (cursor->end - cursor->at < (ptrdiff_t)digits)
        return false;
    for (unsigned i = 0; i < digits; i++) {
        unsigned char c = (unsigned char)cursor->at[i];
        if (!isxdigit(c))
            return false;
        value = value << 4 | (isdigit(c) ? c - (unsigned)'0' : (c | 0x20u) - 'a' + 10u);
    }
    cursor->at += digits;
    *out = value;
    return true;
}

static void append_utf8(struct bytes *out, unsigned code)
{
    if (code < 0x80) {
        bytes_append_char(out, (char)code);
    } else if (code < 0x800) {
        bytes_append_char(out, (char)(0xc0 | code >> 6));
        bytes_append_char(out, (char)(0x80 | (code & 0x3f)));
    } else {
        bytes_append_char(out, (char)(0xe0 | code >> 12));
        bytes_append_char(out, (char)(0x80 | (code >> 6 & 0x3f)));
        bytes_append_char(out, (char)(0x80 | (code & 0x3f)));
    }
}

static bool take_escape(struct cursor *cursor, struct bytes *out)
{
    static const char FROM[] = "nrtbf\"\\/", TO[] = "\n\r\t\b\f\"\\/";
    if (cursor->at == cursor->end)
        return false;
    char c = *cursor->at++;
    if (c == 'u') {
        unsigned code, byte;
        if (!take_hex(cursor, 4, &code))
            return false;
        struct cursor quirk = *cursor;
        if (code == 0xffff && take_hex(&quirk, 4, &byte) && byte >> 8 == 0xff) {
            *cursor = quirk;
            bytes_append_char(out, (char)(byte & 0xff));
        } else {
            append_utf8(out, code);
        }
        return true;
    }
    const char *known = strchr(FROM, c);
    if (!c || !known)
        return false;
    bytes_append_char(out, TO[known - FROM]);
    return true;
}

// A string, unescaped into *out.
static bool take_string(struct cursor *cursor, struct bytes *out)
{
    bytes_clear(out);
    bytes_append(out, "", 0);
    if (!take(cursor, '"'))
        return false;
    while (cursor->at < cursor->end) {
        const char *start = cursor->at;
        while (cursor->at < cursor->end && *cursor->at != '"' && *cursor->at != '\\')
            cursor->at++;
        bytes_append(out, start, (size_t)(cursor->at - start));
        if (cursor->at == cursor->end)
            return false;
        if (*cursor->at++ == '"')
            return true;
        if (!take_escape(cursor, out))
            return false;
    }
    return false;
}

static bool take_number(struct cursor *cursor, uint64_t *out)
{
    skip_blanks(cursor);
    const char *start = cursor->at;
    while (cursor->at < cursor->end && isdigit((unsigned char)*cursor->at))
        cursor->at++;
    return bpftrace_number(start, (size_t)(cursor->at - start), out);
}

static bool take_named(struct cursor *cursor, struct bytes *scratch, const char *name)
{
    return take_string(cursor, scratch) && !strcmp(scratch->data, name) && take(cursor, ':');
}

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

// {"@name": {"keys": 12, ...}} or {"@name": 12}: as the text form would print it.
static int map_data(struct bpftrace_json *json, struct cursor *cursor, bool *good, struct err *err)
{
    uint64_t value;
    int code = 0;
    *good = take(cursor, '{') && take_string(cursor, &json->text) && take(cursor, ':');
    if (!*good)
        return 0;
    bytes_clear(&json->entry);
    bytes_append(&json->entry, json->text.data, json->text.len);
    if (!take(cursor, '{')) {
        *good = take_number(cursor, &value);
        bytes_printf(&json->entry, ": %llu", (unsigned long long)value);
        bpftrace_record_text(&json->record, json->entry.data, *good ? json->entry.len : 0);
        return 0;
    }
    bytes_append_char(&json->entry, '[');
    size_t name_len = json->entry.len;
    if (take(cursor, '}'))
        return 0;
    do {
        *good =
            take_string(cursor, &json->text) && take(cursor, ':') && take_number(cursor, &value);
        if (!*good)
            break;
        json->entry.len = name_len;
        bytes_append(&json->entry, json->text.data, json->text.len);
        bytes_printf(&json->entry, "]: %llu", (unsigned long long)value);
        code = text_lines(json, json->entry.data, json->entry.len, err);
    } while (!code && take(cursor, ','));
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
    if (!take(&cursor, '{')) { // bpftrace's own words are no JSON
        bpftrace_record_text(record, line, len);
        return 0;
    }
    bool good = take_named(&cursor, &json->text, "type") && take_string(&cursor, &json->text);
    char type[16] = "";
    if (good && json->text.len < sizeof type)
        memcpy(type, json->text.data, json->text.len + 1);
    good = good && take(&cursor, ',') && take_named(&cursor, &json->text, "data");
    if (good && (!strcmp(type, "printf") || !strcmp(type, "value"))) {
        bool is_text = take(&cursor, '"');
        cursor.at -= is_text;
        if (!is_text) // print() of a number
            bpftrace_record_text(record, line, len);
        else if ((good = take_string(&cursor, &json->text)))
            code = text_lines(json, json->text.data, json->text.len, err);
    } else if (good && !strcmp(type, "map")) {
        code = map_data(json, &cursor, &good, err);
    } else if (good && !strcmp(type, "lost_events")) {
        good = take(&cursor, '{') && take_named(&cursor, &json->text, "events") &&
               take_number(&cursor, &lost);
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
