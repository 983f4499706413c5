// The JSON reader: a state machine over bytes.
//
// What lies whole in the bytes at hand, as nearly all does, is taken at once: a string up to its
// quote, a number eight digits at a time. What lies across the end of a push goes byte by byte
// through `text`.
#include "proto/json_reader.h"

#include "proto/alloc.h"
#include "proto/json_places.h"
#include "proto/json_scan.h"
#include "proto/utf8.h"

#include <errno.h>
#include <stdlib.h>

enum expect {
    EXPECT_VALUE, // or, in an array, its end
    EXPECT_KEY,   // or the object's end
    EXPECT_COLON,
    EXPECT_COMMA,   // or the end of what is open
    EXPECT_NOTHING, // after the document
};

// What lies across the end of a push.
enum partial { PARTIAL_NONE, PARTIAL_STRING, PARTIAL_SCALAR };

struct level {
    int place;   // JSON_NOWHERE: nothing below is wanted
    int element; // of an array
    bool is_object;
};

struct json_reader {
    json_each_fn *each;
    void *arg;
    struct json_places places;

    enum expect expect;
    enum partial partial;
    bool is_key;        // the string in hand
    unsigned in_escape; // 1: after the backslash, 2..5: within \uXXXX
    unsigned code, high_surrogate;
    bool has_high_bytes;
    struct bytes text;     // of a string or scalar that is not whole or not plain
    struct bytes clean;    // the same, made UTF-8
    uint64_t token_offset; // where a scalar began
    int place;             // where the next value lies
    bool in_object;
    struct level levels[JSON_DEPTH_MAX];
    size_t depth;
    int64_t run[JSON_RUN_MOST];
    struct {
        const char *at;  // the object or array of this push that was opened last of those whose
        size_t depth;    // text matters, and the depth within it; NULL: none
        const char *end; // behind the first bracket that may close it
    } opened;
    const char *data; // the push in hand
    uint64_t offset;  // where it begins
    int failed;
};

struct json_reader *json_reader_new(const struct json_path *paths, json_each_fn *each, void *arg)
{
    struct json_reader *json = xcalloc(1, sizeof *json);
    json->each = each;
    json->arg = arg;
    json_places_init(&json->places, paths);
    return json;
}

void json_reader_free(struct json_reader *json)
{
    if (!json)
        return;
    json_places_dispose(&json->places);
    bytes_dispose(&json->text);
    bytes_dispose(&json->clean);
    free(json);
}

// --- values --------------------------------------------------------------------------------------

static void bad(struct json_reader *json, uint64_t offset, char seen, const char *expected,
                struct err *err)
{
    char text[2] = {seen > ' ' && seen < 0x7f ? seen : '?', '\0'};
    json->failed = err_set(err, -EBADMSG, "byte %llu: '%s' where %s was expected",
                           (unsigned long long)offset, text, expected);
}

static void bad_byte(struct json_reader *json, const char *at, const char *expected,
                     struct err *err)
{
    bad(json, json->offset + (uint64_t)(at - json->data), *at, expected, err);
}

INLINE int wanted_id(const struct json_reader *json)
{
    return json->place < 0 ? -1 : json->places.rows[json->place].id;
}

INLINE void hand_over(struct json_reader *json, struct json_value value, struct err *err)
{
    value.id = wanted_id(json);
    if (value.id >= 0)
        json->failed = json->each(json->arg, &value, err);
}

static void begin_item(struct json_reader *json)
{
    json->expect = json->in_object ? EXPECT_KEY : EXPECT_VALUE;
    if (!json->in_object)
        json->place = json->levels[json->depth - 1].element;
}

// After a value: what may follow. The comma is taken at once where it is there.
INLINE const char *value_done(struct json_reader *json, const char *at, const char *end)
{
    json->expect = json->depth ? EXPECT_COMMA : EXPECT_NOTHING;
    if (at == end || *at != ',' || !json->depth)
        return at;
    begin_item(json);
    return at + 1;
}

// Whether it is too deep; that is an error.
static bool is_too_deep(struct json_reader *json, const char *at, struct err *err)
{
    if (json->depth < JSON_DEPTH_MAX)
        return false;
    json->failed =
        err_set(err, -EBADMSG, "byte %llu: nested deeper than %d",
                (unsigned long long)(json->offset + (uint64_t)(at - json->data)), JSON_DEPTH_MAX);
    return true;
}

static void open_level(struct json_reader *json, bool is_object)
{
    struct level *level = json->levels + json->depth++;
    *level = (struct level){json->place, json_place_element(&json->places, json->place), is_object};
    json->in_object = is_object;
    begin_item(json);
}

// The objects from here on that are spelled as one before. Returns where the first other one is.
static const char *record_run(struct json_reader *json, const char *at, const char *end,
                              struct err *err)
{
    struct json_value members[JSON_SHAPE_MEMBERS];
    struct json_value record = {.kind = JSON_RECORD, .text = "", .members = members};
    struct json_shapes *shapes = json->places.rows[json->place].shapes;
    const char *after;
    while (at < end && *at == '{' &&
           (after = json_shapes_match(shapes, at, end, members, &record.len))) {
        hand_over(json, record, err);
        at = value_done(json, after, end);
        if (json->failed || json->expect != EXPECT_VALUE)
            break;
    }
    return at;
}

// Hands over an object or array with its text, up to what may be its end. Returns the end when it
// is known; else NULL.
static const char *ask_known(struct json_reader *json, const char *at, const char *end,
                             struct err *err)
{
    bool is_object = *at == '{';
    size_t most =
        (size_t)(end - at) < JSON_TEXT_MAX_BYTES ? (size_t)(end - at) : (size_t)JSON_TEXT_MAX_BYTES;
    const char *close = memchr(at, is_object ? '}' : ']', most);
    struct json_value value = {.kind = is_object ? JSON_OBJECT : JSON_ARRAY, .text = at};
    value.len = close ? (size_t)(close + 1 - at) : 0;
    hand_over(json, value, err);
    json->opened.end = close ? close + 1 : NULL;
    if (json->failed != JSON_KNOWN)
        return NULL;
    json->failed = 0;
    json->opened.at = NULL; // it was not opened
    return close + 1;
}

// An object or array.
static const char *level_token(struct json_reader *json, const char *at, const char *end,
                               struct err *err)
{
    const struct json_place *row = json->place < 0 ? NULL : json->places.rows + json->place;
    bool is_object = *at == '{';
    if (is_too_deep(json, at, err))
        return at;
    if (row && (row->whole || row->shapes)) {
        const char *after = row->shapes ? record_run(json, at, end, err) : at;
        if (after != at)
            return after;
        json->opened.at = at;
        json->opened.depth = json->depth + 1;
        json->opened.end = NULL;
    }
    if (row && row->whole) {
        const char *after = ask_known(json, at, end, err);
        if (after)
            return value_done(json, after, end);
    } else {
        hand_over(json,
                  (struct json_value){.kind = is_object ? JSON_OBJECT : JSON_ARRAY, .text = ""},
                  err);
    }
    open_level(json, is_object);
    return at + 1;
}

// The text of what is closed here, where it matters.
static void note_text(struct json_reader *json, const struct json_place *row, const char *end,
                      struct json_value *value)
{
    if (row->shapes && value->kind == JSON_OBJECT_END)
        json_shapes_learn(row->shapes, &json->places, json->place, json->opened.at,
                          (size_t)(end - json->opened.at));
    if (row->whole && end == json->opened.end) {
        value->text = json->opened.at;
        value->len = (size_t)(end - json->opened.at);
    }
    json->opened.at = NULL;
}

static const char *close_level(struct json_reader *json, const char *at, const char *end,
                               struct err *err)
{
    bool has_text = json->opened.at && json->opened.depth == json->depth;
    const struct level *level = json->levels + --json->depth;
    struct json_value value = {.kind = level->is_object ? JSON_OBJECT_END : JSON_ARRAY_END,
                               .text = ""};
    json->place = level->place;
    json->in_object = json->depth && level[-1].is_object;
    if (has_text)
        note_text(json, json->places.rows + json->place, at + 1, &value);
    hand_over(json, value, err);
    return value_done(json, at + 1, end);
}

// --- strings -------------------------------------------------------------------------------------

// Text with the bytes replaced that are not UTF-8.
static void make_utf8(struct bytes *out, const char *text, size_t len)
{
    bytes_clear(out);
    for (size_t at = 0; at < len;) {
        size_t good = utf8_length(text + at, len - at);
        bytes_append(out, good ? text + at : "\xef\xbf\xbd", good ? good : 3);
        at += good ? good : 1;
    }
}

// Whether the string in hand matters at all: else it is scanned for its end only.
INLINE bool is_wanted(const struct json_reader *json)
{
    return json->is_key ? json->levels[json->depth - 1].place >= 0 : wanted_id(json) >= 0;
}

// Takes the string in hand; `at` is behind its quote.
INLINE const char *string_done(struct json_reader *json, const char *text, size_t len,
                               const char *at, const char *end, struct err *err)
{
    len = len < JSON_STRING_MAX_BYTES ? len : JSON_STRING_MAX_BYTES;
    if (json->has_high_bytes && is_wanted(json)) {
        make_utf8(&json->clean, text, len);
        text = json->clean.data;
        len = json->clean.len;
    }
    json->partial = PARTIAL_NONE;
    if (!json->is_key) {
        hand_over(json, (struct json_value){.kind = JSON_STRING, .text = text, .len = len}, err);
        return value_done(json, at, end);
    }
    json->place = json_place_member(&json->places, json->levels[json->depth - 1].place, text, len);
    json->expect = EXPECT_COLON;
    if (at < end && *at == ':') {
        json->expect = EXPECT_VALUE;
        at++;
    }
    return at;
}

// Everything that is wanted of a string, up to a length that no name has.
static void keep_text(struct json_reader *json, const char *text, size_t len)
{
    size_t room = JSON_STRING_MAX_BYTES - json->text.len;
    if (len && is_wanted(json))
        bytes_append(&json->text, text, len < room ? len : room);
}

// Half of a pair whose other half does not come.
static void keep_lone_surrogate(struct json_reader *json)
{
    if (json->high_surrogate)
        keep_text(json, "\xef\xbf\xbd", 3);
    json->high_surrogate = 0;
}

static void keep_code(struct json_reader *json, unsigned code)
{
    char utf8[4];
    size_t len = 0;
    bool is_low = code >= 0xdc00 && code < 0xe000;
    if (is_low && json->high_surrogate) {
        code = 0x10000 + ((json->high_surrogate - 0xd800) << 10) + (code - 0xdc00);
        json->high_surrogate = 0;
    } else if (is_low) {
        code = 0xfffd;
    }
    keep_lone_surrogate(json);
    if (code >= 0xd800 && code < 0xdc00) { // wait for its other half
        json->high_surrogate = code;
    } else if (code < 0x80) {
        utf8[len++] = (char)code;
    } else {
        unsigned extra = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
        static const unsigned char LEAD[] = {0, 0xc0, 0xe0, 0xf0};
        utf8[len++] = (char)(LEAD[extra] | code >> (6 * extra));
        while (extra--)
            utf8[len++] = (char)(0x80 | (code >> (6 * extra) & 0x3f));
    }
    keep_text(json, utf8, len);
}

// One byte of an escape. False: it is none.
static bool escape_byte(struct json_reader *json, char c)
{
    static const char FROM[] = "\"\\/bfnrt", TO[] = "\"\\/\b\f\n\r\t";
    if (json->in_escape == 1) {
        const char *known = c ? strchr(FROM, c) : NULL;
        if (c == 'u') {
            json->in_escape = 2;
            json->code = 0;
        } else if (known) {
            keep_lone_surrogate(json);
            keep_text(json, TO + (known - FROM), 1);
            json->in_escape = 0;
        }
        return c == 'u' || known;
    }
    bool is_hex_letter = (unsigned char)((c | 0x20) - 'a') < 6;
    if (!is_digit(c) && !is_hex_letter)
        return false;
    json->code = json->code << 4 | (unsigned)(is_hex_letter ? (c | 0x20) - 'a' + 10 : c - '0');
    if (++json->in_escape == 6) {
        keep_code(json, json->code);
        json->in_escape = 0;
    }
    return true;
}

// The rest of a string that is not plain or not whole, or as much as there is.
static const char *string_bytes(struct json_reader *json, const char *at, const char *end,
                                struct err *err)
{
    while (at < end) {
        if (json->in_escape) {
            if (!escape_byte(json, *at)) {
                bad_byte(json, at, "an escape", err);
                return at;
            }
            at++;
            continue;
        }
        const char *start = at;
        at = scan_plain(at, end, &json->has_high_bytes);
        if (at > start || (at < end && *at == '"'))
            keep_lone_surrogate(json);
        keep_text(json, start, (size_t)(at - start));
        if (at < end && *at == '"')
            return string_done(json, bytes_text(&json->text), json->text.len, at + 1, end, err);
        if (at < end) {
            json->in_escape = 1;
            at++;
        }
    }
    return at;
}

INLINE const char *string_token(struct json_reader *json, bool is_key, const char *at,
                                const char *end, struct err *err)
{
    json->is_key = is_key;
    json->has_high_bytes = false;
    const char *close = scan_plain(++at, end, &json->has_high_bytes);
    if (close < end && *close == '"') // whole and plain: not copied
        return string_done(json, at, (size_t)(close - at), close + 1, end, err);
    json->partial = PARTIAL_STRING;
    json->in_escape = json->high_surrogate = 0;
    bytes_clear(&json->text);
    return string_bytes(json, at, end, err);
}

// --- numbers and words ---------------------------------------------------------------------------

// False: the scalar is none.
static bool scalar_done(struct json_reader *json, const char *text, size_t len, struct err *err)
{
    static const struct {
        const char *word;
        enum json_kind kind;
    } WORDS[] = {{"true", JSON_TRUE}, {"false", JSON_FALSE},   {"null", JSON_NULL},
                 {"NaN", JSON_NULL},  {"Infinity", JSON_NULL}, {"-Infinity", JSON_NULL}};
    struct json_value value = {.kind = JSON_NUMBER, .text = text, .len = len};
    json->partial = PARTIAL_NONE;
    bool good = len <= JSON_NUMBER_MAX_BYTES && is_number(text, len);
    for (size_t i = 0; !good && i < sizeof WORDS / sizeof *WORDS; i++) {
        if (len == strlen(WORDS[i].word) && !memcmp(text, WORDS[i].word, len)) {
            value.kind = WORDS[i].kind;
            good = true;
        }
    }
    if (good)
        hand_over(json, value, err);
    else
        bad(json, json->token_offset, *text, "a value", err);
    return good;
}

// A scalar byte by byte, or as much of it as there is.
static const char *scalar_bytes(struct json_reader *json, const char *at, const char *end,
                                struct err *err)
{
    const char *start = at;
    bool begun = json->partial == PARTIAL_SCALAR;
    while (at < end && is_scalar_byte(*at))
        at++;
    if (!begun) {
        bytes_clear(&json->text);
        json->token_offset = json->offset + (uint64_t)(start - json->data);
    }
    if (begun || at == end) {
        size_t len = (size_t)(at - start), room = JSON_NUMBER_MAX_BYTES + 1 - json->text.len;
        json->partial = PARTIAL_SCALAR;
        bytes_append(&json->text, start, len < room ? len : room);
        if (at == end)
            return at;
    }
    bool good = begun ? scalar_done(json, json->text.data, json->text.len, err)
                      : scalar_done(json, start, (size_t)(at - start), err);
    return good ? value_done(json, at, end) : at;
}

INLINE const char *number_token(struct json_reader *json, const char *at, const char *end,
                                struct err *err)
{
    struct json_value value = {.kind = JSON_NUMBER, .is_integer = true, .text = at};
    const char *after = end - at >= INTEGER_BYTES ? read_integer(at, &value.integer) : NULL;
    if (!after || is_scalar_byte(*after))
        return scalar_bytes(json, at, end, err);
    value.len = (size_t)(after - at);
    hand_over(json, value, err);
    return value_done(json, after, end);
}

struct run {
    size_t count;
    bool is_last; // the last one is followed by the array's end
};

#ifdef __SSE2__
enum { BLOCK = 64 };

// A bit for each byte of a block that is a comma, and one for each that is no digit.
INLINE uint64_t find_commas(const char *block, uint64_t *others)
{
    uint64_t commas = 0;
    *others = 0;
    for (unsigned i = 0; i < BLOCK; i += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(block + i));
        __m128i digits = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
        __m128i more = _mm_cmpeq_epi8(_mm_max_epu8(digits, _mm_set1_epi8(10)), digits);
        __m128i equal = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(','));
        commas |= (uint64_t)(unsigned)_mm_movemask_epi8(equal) << i;
        *others |= (uint64_t)(unsigned)_mm_movemask_epi8(more) << i;
    }
    return commas;
}

// The number of the digits, at most eight, that end before `end`; there are eight bytes before it.
INLINE int64_t digits_before(const char *end, size_t digits)
{
    uint64_t word;
    memcpy(&word, end - sizeof word, sizeof word); // x86: the lowest byte first
    word = (word ^ 0x3030303030303030u) & UINT64_MAX << (64 - 8 * digits);
    return (int64_t)join_digits(word);
}

// Integers of up to eight digits with nothing but commas between them. Where they end is found for
// 64 bytes at once, so that the processor need not finish one before it begins the next.
static const char *plain_run(struct json_reader *json, const char *at, const char *end,
                             struct run *run)
{
    size_t count = 0;
    uint64_t stop = 0;
    if (at - json->data < 8)
        return at;
    for (const char *block = at; end - block >= BLOCK && count < JSON_RUN_MOST && !stop;
         block += BLOCK) {
        uint64_t others, ends = find_commas(block, &others);
        stop = others & ~ends;
        stop &= -stop;
        if (stop) {
            bool closes = block[__builtin_ctzll(stop)] == ']';
            ends = (ends & (stop - 1)) | (closes ? stop : 0);
        }
        for (; ends && count < JSON_RUN_MOST; ends &= ends - 1) {
            const char *after = block + __builtin_ctzll(ends);
            size_t digits = (size_t)(after - at);
            if (digits - 1 >= 8) { // longer, or none at all
                run->count = count;
                return at;
            }
            json->run[count++] = digits_before(after, digits);
            run->is_last = ends == stop;
            at = after + !run->is_last;
        }
    }
    run->count = count;
    return at;
}
#endif

// Integers of an array, one after the other, each with its comma, and the last one. Stops before
// what is something else, or not whole.
static const char *integer_run(struct json_reader *json, const char *at, const char *end,
                               struct err *err)
{
    struct run run = {0};
#ifdef __SSE2__
    at = plain_run(json, at, end, &run);
#endif
    while (run.count < JSON_RUN_MOST && end - at >= INTEGER_BYTES && !run.is_last) {
        const char *after = read_integer(at, json->run + run.count);
        run.is_last = after && *after == ']';
        if (!run.is_last && (!after || *after != ','))
            break;
        at = after + !run.is_last;
        at += *at == ' ';
        run.count++;
    }
    if (run.is_last)
        json->expect = EXPECT_COMMA;
    if (run.count)
        hand_over(
            json,
            (struct json_value){.kind = JSON_INTEGERS, .integers = json->run, .len = run.count},
            err);
    return at;
}

// --- the machine ---------------------------------------------------------------------------------

INLINE const char *value_begin(struct json_reader *json, const char *at, const char *end,
                               struct err *err)
{
    if (*at == '"')
        return string_token(json, false, at, end, err);
    if (is_digit(*at) || *at == '-') {
        bool alone = json->in_object || !json->depth ||
                     (wanted_id(json) >= 0 && !json->places.rows[json->place].runs);
        const char *after = alone ? at : integer_run(json, at, end, err);
        return after == at ? number_token(json, at, end, err) : after;
    }
    if (*at == '{' || *at == '[')
        return level_token(json, at, end, err);
    if (*at == ']' && json->depth && !json->in_object)
        return close_level(json, at, end, err);
    if (is_scalar_byte(*at))
        return scalar_bytes(json, at, end, err);
    bad_byte(json, at, "a value", err);
    return at;
}

static const char *after_value(struct json_reader *json, const char *at, const char *end,
                               struct err *err)
{
    if (*at == (json->in_object ? '}' : ']'))
        return close_level(json, at, end, err);
    if (*at == ',')
        begin_item(json);
    else
        bad_byte(json, at, json->in_object ? "',' or '}'" : "',' or ']'", err);
    return at + 1;
}

INLINE const char *step(struct json_reader *json, const char *at, const char *end, struct err *err)
{
    switch (json->expect) {
    case EXPECT_VALUE:
        return value_begin(json, at, end, err);
    case EXPECT_KEY:
        if (*at == '"')
            return string_token(json, true, at, end, err);
        if (*at == '}')
            return close_level(json, at, end, err);
        bad_byte(json, at, "a key or '}'", err);
        break;
    case EXPECT_COLON:
        if (*at == ':')
            json->expect = EXPECT_VALUE;
        else
            bad_byte(json, at, "':'", err);
        break;
    case EXPECT_COMMA:
        return after_value(json, at, end, err);
    case EXPECT_NOTHING:
        bad_byte(json, at, "the end", err);
        break;
    }
    return at + 1;
}

int json_reader_push(struct json_reader *json, const char *data, size_t len, struct err *err)
{
    const char *at = data, *end = data + len;
    if (json->failed)
        return err_set(err, json->failed, "reading has failed before");
    json->data = data;
    json->opened.at = NULL;
    if (json->partial == PARTIAL_STRING)
        at = string_bytes(json, at, end, err);
    else if (json->partial == PARTIAL_SCALAR)
        at = scalar_bytes(json, at, end, err);
    while (at < end && !json->failed) {
        if (is_space(*at))
            at++;
        else
            at = step(json, at, end, err);
    }
    json->offset += len;
    return json->failed;
}

int json_reader_finish(struct json_reader *json, bool *complete, struct err *err)
{
    *complete = json->expect == EXPECT_NOTHING;
    if (json->failed || json->partial != PARTIAL_SCALAR || json->depth)
        return 0;
    *complete = scalar_done(json, json->text.data, json->text.len, err);
    return json->failed;
}

uint64_t json_reader_offset(const struct json_reader *json)
{
    return json->offset;
}
