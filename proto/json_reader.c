// The JSON reader: a state machine over bytes, and a trie of the paths that are wanted.
#include "proto/json_reader.h"

#include "proto/alloc.h"
#include "proto/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

// A place in the tree of wanted paths.
struct place {
    const char *key; // borrowed from the table; NULL: an element of an array
    size_t key_len;
    int id; // -1: only on the way to others
    int first_child, next_sibling;
    int alias; // the place that it stands for, -1: itself
};

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
    int place; // -1: nothing below is wanted
    bool is_object;
};

struct json_reader {
    json_each_fn *each;
    void *arg;
    struct place *places;
    size_t place_count, place_capacity;

    enum expect expect;
    enum partial partial;
    bool is_key;        // the string in hand
    bool escaped;       // the string in hand goes through `text`
    unsigned in_escape; // 1: after the backslash, 2..5: within \uXXXX
    unsigned code, high_surrogate;
    bool has_high_bytes;
    struct bytes text;  // of a string or scalar that is not whole or not plain
    struct bytes clean; // the same, made UTF-8
    int place;          // where the next value lies
    struct level levels[JSON_DEPTH_MAX];
    size_t depth;
    uint64_t offset; // of the push in hand
    int failed;
};

// --- paths ---------------------------------------------------------------------------------------

static int place_new(struct json_reader *json, const char *key, size_t len)
{
    array_reserve(&json->places, &json->place_capacity, json->place_count + 1);
    json->places[json->place_count] = (struct place){
        .key = key, .key_len = len, .id = -1, .first_child = -1, .next_sibling = -1, .alias = -1};
    return (int)json->place_count++;
}

static int real_place(const struct json_reader *json, int place)
{
    return place >= 0 && json->places[place].alias >= 0 ? json->places[place].alias : place;
}

static int child_find(const struct json_reader *json, int place, const char *key, size_t len)
{
    place = real_place(json, place);
    if (place < 0)
        return -1;
    for (int at = json->places[place].first_child; at >= 0; at = json->places[at].next_sibling) {
        const struct place *child = json->places + at;
        if (!key != !child->key)
            continue;
        if (!key || (child->key_len == len && !memcmp(child->key, key, len)))
            return at;
    }
    return -1;
}

static int path_find(struct json_reader *json, const char *path, bool add)
{
    int place = 0;
    while (*path && place >= 0) {
        const char *key = NULL;
        size_t len = 2;
        if (*path != '[') {
            key = *path == '.' ? path + 1 : path;
            len = strcspn(key, ".[");
        }
        path = (key ? key : path) + len;
        int child = child_find(json, place, key, len);
        if (child < 0 && add) {
            child = place_new(json, key, len);
            json->places[child].next_sibling = json->places[place].first_child;
            json->places[place].first_child = child;
        }
        place = child;
    }
    return place;
}

struct json_reader *json_reader_new(const struct json_path *paths, json_each_fn *each, void *arg)
{
    struct json_reader *json = xcalloc(1, sizeof *json);
    json->each = each;
    json->arg = arg;
    place_new(json, NULL, 0);
    for (; paths->path; paths++) {
        int place = path_find(json, paths->path, true);
        json->places[place].id = paths->id;
        if (paths->again)
            json->places[place].alias = path_find(json, paths->again, false);
    }
    return json;
}

void json_reader_free(struct json_reader *json)
{
    if (!json)
        return;
    free(json->places);
    bytes_dispose(&json->text);
    bytes_dispose(&json->clean);
    free(json);
}

// --- values --------------------------------------------------------------------------------------

static int bad(struct json_reader *json, const char *data, const char *at, const char *expected,
               struct err *err)
{
    char seen[8] = "?";
    if (at && *at > ' ' && *at < 0x7f)
        seen[0] = *at;
    uint64_t offset = json->offset + (uint64_t)(at - data);
    return json->failed = err_set(err, -EBADMSG, "byte %llu: '%s' where %s was expected",
                                  (unsigned long long)offset, seen, expected);
}

static int hand_over(struct json_reader *json, enum json_kind kind, const char *text, size_t len,
                     struct err *err)
{
    int place = real_place(json, json->place);
    if (place < 0 || json->places[place].id < 0)
        return 0;
    struct json_value value = {json->places[place].id, kind, text, len};
    return json->failed = json->each(json->arg, &value, err);
}

// After a value: what may follow.
static void value_done(struct json_reader *json)
{
    json->expect = json->depth ? EXPECT_COMMA : EXPECT_NOTHING;
}

static int open_level(struct json_reader *json, const char *data, const char *at, struct err *err)
{
    bool is_object = *at == '{';
    if (json->depth == JSON_DEPTH_MAX)
        return json->failed = err_set(err, -EBADMSG, "byte %llu: nested deeper than %d",
                                      (unsigned long long)(json->offset + (uint64_t)(at - data)),
                                      JSON_DEPTH_MAX);
    int code = hand_over(json, is_object ? JSON_OBJECT : JSON_ARRAY, "", 0, err);
    int place = json->place;
    json->levels[json->depth++] = (struct level){place, is_object};
    json->expect = is_object ? EXPECT_KEY : EXPECT_VALUE;
    if (!is_object)
        json->place = child_find(json, place, NULL, 0);
    return code;
}

static int close_level(struct json_reader *json, struct err *err)
{
    const struct level *level = json->levels + --json->depth;
    json->place = level->place;
    int code = hand_over(json, level->is_object ? JSON_OBJECT_END : JSON_ARRAY_END, "", 0, err);
    value_done(json);
    return code;
}

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
static bool is_wanted(const struct json_reader *json)
{
    return json->is_key ? json->levels[json->depth - 1].place >= 0 : json->place >= 0;
}

static int string_done(struct json_reader *json, const char *text, size_t len, struct err *err)
{
    if (json->has_high_bytes && is_wanted(json)) {
        make_utf8(&json->clean, text, len);
        text = json->clean.data;
        len = json->clean.len;
        json->has_high_bytes = false;
    }
    json->partial = PARTIAL_NONE;
    if (!json->is_key) {
        value_done(json);
        return hand_over(json, JSON_STRING, text, len, err);
    }
    json->place = child_find(json, json->levels[json->depth - 1].place, text, len);
    json->expect = EXPECT_COLON;
    return 0;
}

// Everything that is wanted of a string, up to a length that no name has.
static void keep_text(struct json_reader *json, const char *text, size_t len)
{
    size_t room = JSON_STRING_MAX_BYTES - json->text.len;
    if (len && is_wanted(json))
        bytes_append(&json->text, text, len < room ? len : room);
}

static void keep_code(struct json_reader *json, unsigned code)
{
    char utf8[4];
    size_t len = 0;
    if (code >= 0xd800 && code < 0xdc00) { // wait for its other half
        json->high_surrogate = code;
        return;
    }
    if (code >= 0xdc00 && code < 0xe000)
        code = json->high_surrogate
                   ? 0x10000 + ((json->high_surrogate - 0xd800) << 10) + (code - 0xdc00)
                   : 0xfffd;
    json->high_surrogate = 0;
    if (code < 0x80) {
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
            keep_text(json, TO + (known - FROM), 1);
            json->in_escape = 0;
        }
        return c == 'u' || known;
    }
    if (!isxdigit((unsigned char)c))
        return false;
    json->code = json->code << 4 | (isdigit((unsigned char)c) ? (unsigned)(c - '0')
                                                              : (unsigned)((c | 0x20) - 'a' + 10));
    if (++json->in_escape == 6) {
        keep_code(json, json->code);
        json->in_escape = 0;
    }
    return true;
}

// Plain bytes of a string up to its end, an escape, or the end of data.
static const char *scan_plain(struct json_reader *json, const char *at, const char *end)
{
    unsigned char high = 0;
#ifdef __SSE2__
    const __m128i quotes = _mm_set1_epi8('"'), backslashes = _mm_set1_epi8('\\');
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        unsigned stops = (unsigned)_mm_movemask_epi8(
            _mm_or_si128(_mm_cmpeq_epi8(bytes, quotes), _mm_cmpeq_epi8(bytes, backslashes)));
        unsigned highs = (unsigned)_mm_movemask_epi8(bytes);
        unsigned before = stops ? (1u << __builtin_ctz(stops)) - 1 : 0xffff;
        json->has_high_bytes |= (highs & before) != 0;
        if (stops)
            return at + __builtin_ctz(stops);
    }
#endif
    while (at < end && *at != '"' && *at != '\\')
        high |= (unsigned char)*at++;
    json->has_high_bytes |= high >= 0x80;
    return at;
}

// The rest of a string, or as much as there is.
static const char *string_bytes(struct json_reader *json, const char *data, const char *at,
                                const char *end, struct err *err)
{
    while (at < end) {
        if (json->in_escape) {
            if (!escape_byte(json, *at)) {
                bad(json, data, at, "an escape", err);
                return at;
            }
            at++;
            continue;
        }
        const char *start = at;
        at = scan_plain(json, at, end);
        if (json->high_surrogate && at > start)
            json->high_surrogate = 0;
        bool ends = at < end && *at == '"';
        if (ends && !json->escaped) { // whole and plain: not copied
            string_done(json, start, (size_t)(at - start), err);
            return at + 1;
        }
        json->escaped = true;
        keep_text(json, start, (size_t)(at - start));
        if (ends) {
            string_done(json, bytes_text(&json->text), json->text.len, err);
            return at + 1;
        }
        if (at < end) {
            json->in_escape = 1;
            at++;
        }
    }
    return at;
}

static const char *string_begin(struct json_reader *json, bool is_key, const char *data,
                                const char *at, const char *end, struct err *err)
{
    json->partial = PARTIAL_STRING;
    json->is_key = is_key;
    json->escaped = json->has_high_bytes = false;
    json->in_escape = json->high_surrogate = 0;
    bytes_clear(&json->text);
    return string_bytes(json, data, at + 1, end, err);
}

static bool is_scalar_byte(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '+' || c == '.';
}

static int scalar_done(struct json_reader *json, const char *text, size_t len, const char **problem,
                       struct err *err)
{
    static const struct {
        const char *word;
        enum json_kind kind;
    } WORDS[] = {{"true", JSON_TRUE}, {"false", JSON_FALSE},   {"null", JSON_NULL},
                 {"NaN", JSON_NULL},  {"Infinity", JSON_NULL}, {"-Infinity", JSON_NULL}};
    enum json_kind kind = JSON_NUMBER;
    json->partial = PARTIAL_NONE;
    bool is_number =
        isdigit((unsigned char)text[0]) || (text[0] == '-' && len > 1 && text[1] != 'I');
    for (size_t i = 0; !is_number && i < sizeof WORDS / sizeof *WORDS; i++) {
        if (len == strlen(WORDS[i].word) && !memcmp(text, WORDS[i].word, len))
            kind = WORDS[i].kind;
    }
    for (size_t i = 1; is_number && i < len; i++) {
        if (isalpha((unsigned char)text[i]) && text[i] != 'e' && text[i] != 'E')
            is_number = false, kind = JSON_NUMBER;
    }
    if (kind == JSON_NUMBER && !is_number) {
        *problem = "a value";
        return 0;
    }
    value_done(json);
    return hand_over(json, kind, text, len, err);
}

static const char *scalar_bytes(struct json_reader *json, const char *data, const char *at,
                                const char *end, struct err *err)
{
    const char *start = at, *problem = NULL;
    while (at < end && is_scalar_byte(*at))
        at++;
    bool begun = json->partial == PARTIAL_SCALAR;
    if (begun || at == end) {
        json->partial = PARTIAL_SCALAR;
        if (!begun)
            bytes_clear(&json->text);
        if (json->text.len < 64) // no number is longer; a longer one is cut
            bytes_append(&json->text, start, (size_t)(at - start));
        if (at == end)
            return at;
        scalar_done(json, json->text.data, json->text.len, &problem, err);
    } else {
        scalar_done(json, start, (size_t)(at - start), &problem, err);
    }
    if (problem)
        bad(json, data, start, problem, err);
    return at;
}

// Plain integers of an array, one after the other, which long profiles consist of: a short cut past
// the machine. Stops before the one that is not whole, not plain, or the last.
static const char *number_run(struct json_reader *json, const char *at, const char *end,
                              struct err *err)
{
    int place = real_place(json, json->place);
    int id = place < 0 ? -1 : json->places[place].id;
    for (;;) {
        const char *start = at;
        at += *at == '-';
        while (at < end && (unsigned char)(*at - '0') < 10)
            at++;
        if (at == end || *at != ',' || at - start < 1 + (*start == '-') || at - start > 64)
            return start;
        struct json_value value = {id, JSON_NUMBER, start, (size_t)(at - start)};
        at++;
        if (id >= 0 && (json->failed = json->each(json->arg, &value, err)))
            return at;
        if (at == end || ((unsigned char)(*at - '0') >= 10 && *at != '-'))
            return at;
    }
}

// --- the machine ---------------------------------------------------------------------------------

static const char *value_begin(struct json_reader *json, const char *data, const char *at,
                               const char *end, struct err *err)
{
    bool in_array = json->depth && !json->levels[json->depth - 1].is_object;
    if (*at == '"')
        return string_begin(json, false, data, at, end, err);
    if (*at == '{' || *at == '[') {
        open_level(json, data, at, err);
    } else if (*at == ']' && in_array) {
        close_level(json, err);
    } else if (is_scalar_byte(*at)) {
        const char *after = in_array ? number_run(json, at, end, err) : at;
        return after == at ? scalar_bytes(json, data, at, end, err) : after;
    } else {
        bad(json, data, at, "a value", err);
    }
    return at + 1;
}

static const char *step(struct json_reader *json, const char *data, const char *at, const char *end,
                        struct err *err)
{
    bool in_object = json->depth && json->levels[json->depth - 1].is_object;
    switch (json->expect) {
    case EXPECT_VALUE:
        return value_begin(json, data, at, end, err);
    case EXPECT_KEY:
        if (*at == '"')
            return string_begin(json, true, data, at, end, err);
        if (*at == '}')
            close_level(json, err);
        else
            bad(json, data, at, "a key or '}'", err);
        break;
    case EXPECT_COLON:
        if (*at == ':')
            json->expect = EXPECT_VALUE;
        else
            bad(json, data, at, "':'", err);
        break;
    case EXPECT_COMMA:
        if (*at == (in_object ? '}' : ']')) {
            close_level(json, err);
        } else if (*at == ',') {
            json->expect = in_object ? EXPECT_KEY : EXPECT_VALUE;
            if (!in_object)
                json->place = child_find(json, json->levels[json->depth - 1].place, NULL, 0);
        } else {
            bad(json, data, at, in_object ? "',' or '}'" : "',' or ']'", err);
        }
        break;
    case EXPECT_NOTHING:
        bad(json, data, at, "the end", err);
        break;
    }
    return at + 1;
}

int json_reader_push(struct json_reader *json, const char *data, size_t len, struct err *err)
{
    const char *at = data, *end = data + len;
    if (json->failed)
        return err_set(err, json->failed, "reading has failed before");
    while (at < end && !json->failed) {
        if (json->partial == PARTIAL_STRING)
            at = string_bytes(json, data, at, end, err);
        else if (json->partial == PARTIAL_SCALAR)
            at = scalar_bytes(json, data, at, end, err);
        else if (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')
            at++;
        else
            at = step(json, data, at, end, err);
    }
    json->offset += len;
    return json->failed;
}

int json_reader_finish(struct json_reader *json, bool *complete, struct err *err)
{
    *complete = json->expect == EXPECT_NOTHING;
    if (json->failed || json->partial != PARTIAL_SCALAR || json->depth)
        return 0;
    const char *problem = NULL;
    int code = scalar_done(json, json->text.data, json->text.len, &problem, err);
    *complete = !problem;
    return code;
}

uint64_t json_reader_offset(const struct json_reader *json)
{
    return json->offset;
}

// --- reading and writing values ------------------------------------------------------------------

// A number of up to 18 digits and nothing else: nearly all of them.
static bool plain_int(const struct json_value *value, int64_t *out)
{
    size_t at = value->len && value->text[0] == '-', start = at;
    int64_t number = 0;
    for (; at < value->len && at - start < 18; at++) {
        unsigned digit = (unsigned char)value->text[at] - (unsigned)'0';
        if (digit > 9)
            return false;
        number = number * 10 + digit;
    }
    *out = start ? -number : number;
    return at == value->len && at > start;
}

double json_value_double(const struct json_value *value)
{
    char text[72];
    int64_t number;
    if (value->kind != JSON_NUMBER && value->kind != JSON_STRING)
        return 0;
    if (plain_int(value, &number))
        return (double)number;
    size_t len = value->len < sizeof text - 1 ? value->len : sizeof text - 1;
    memcpy(text, value->text, len);
    text[len] = '\0';
    double wide = strtod(text, NULL);
    return isfinite(wide) ? wide : 0;
}

bool json_value_fixed(const struct json_value *value, unsigned digits, int64_t *out)
{
    static const double POWERS[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
    const char *at = value->text, *end = at + value->len;
    bool negative = at < end && *at == '-';
    uint64_t whole = 0;
    unsigned seen = 0, behind = 0;
    at += negative;
    for (; at < end && isdigit((unsigned char)*at) && seen < 19; at++, seen++)
        whole = whole * 10 + (uint64_t)(*at - '0');
    if (at < end && *at == '.' && seen + digits < 19) {
        bool up = false;
        for (at++; at < end && isdigit((unsigned char)*at); at++, behind++) {
            if (behind < digits)
                whole = whole * 10 + (uint64_t)(*at - '0');
            else if (behind == digits)
                up = *at >= '5';
        }
        for (; behind < digits; behind++)
            whole *= 10;
        whole += up;
    } else if (at == end && seen + digits < 19) {
        for (; behind < digits; behind++)
            whole *= 10;
    } else {
        at = NULL;
    }
    if (at == end && seen && (value->kind == JSON_NUMBER || value->kind == JSON_STRING)) {
        *out = negative ? -(int64_t)whole : (int64_t)whole;
        return true;
    }
    double wide = json_value_double(value) * POWERS[digits]; // an exponent, or very long
    if ((value->kind != JSON_NUMBER && value->kind != JSON_STRING) || !(fabs(wide) < 9.2e18))
        return false;
    *out = llround(wide);
    return true;
}

int64_t json_value_int(const struct json_value *value)
{
    int64_t number;
    if ((value->kind == JSON_NUMBER || value->kind == JSON_STRING) && plain_int(value, &number))
        return number;
    double wide = json_value_double(value);
    return wide >= 0x1p63 ? INT64_MAX : wide < -0x1p63 ? INT64_MIN : (int64_t)wide;
}

bool json_value_is(const struct json_value *value, const char *text)
{
    return value->kind == JSON_STRING && value->len == strlen(text) &&
           !memcmp(value->text, text, value->len);
}

void json_quote(struct bytes *out, const char *text, size_t len)
{
    bytes_append_char(out, '"');
    for (size_t at = 0; at < len;) {
        unsigned char c = (unsigned char)text[at];
        size_t good = utf8_length(text + at, len - at);
        if (c == '"' || c == '\\') {
            bytes_append_char(out, '\\');
            bytes_append_char(out, (char)c);
        } else if (c < 0x20) {
            bytes_printf(out, "\\u%04x", c);
        } else {
            bytes_append(out, good ? text + at : "\xef\xbf\xbd", good ? good : 3);
        }
        at += good ? good : 1;
    }
    bytes_append_char(out, '"');
}
