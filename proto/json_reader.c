// The JSON reader: a state machine over bytes.
//
// What lies whole in the bytes at hand, as nearly all does, is taken at once: a string up to its
// quote, a number eight digits at a time. What lies across the end of a push goes byte by byte
// through `text`.
#include "proto/json_reader.h"

#include "proto/alloc.h"
#include "proto/json_places.h"
#include "proto/utf8.h"

#include <errno.h>
#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

enum expect {
    EXPECT_VALUE, // or, in an array, its end
    EXPECT_KEY,   // or the object's end
    EXPECT_COLON,
    EXPECT_COMMA,   // or the end of what is open
    EXPECT_NOTHING, // after the document
};

// What lies across the end of a push.
enum partial { PARTIAL_NONE, PARTIAL_STRING, PARTIAL_SCALAR };

enum { INTEGER_BYTES = 24 }; // that may be looked at for one

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

// --- bytes ---------------------------------------------------------------------------------------

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

static bool is_letter(char c)
{
    return (unsigned char)((c | 0x20) - 'a') < 26;
}

static bool is_scalar_byte(char c)
{
    return is_digit(c) || is_letter(c) || c == '-' || c == '+' || c == '.';
}

// The number that eight digits make, as values of 0 to 9, the first in the lowest byte.
INLINE uint64_t join_digits(uint64_t word)
{
    word = word * 10 + (word >> 8);
    return ((word & 0x000000ff000000ffu) * 0x000f424000000064u +
            (word >> 16 & 0x000000ff000000ffu) * 0x0000271000000001u) >>
           32;
}

// How many of eight bytes are digits, from the first on, and their number.
INLINE unsigned eight_digits(const char *at, uint64_t *number)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    word ^= 0x3030303030303030u; // digits are 0 to 9 now; the high bit marks what is none
    uint64_t others =
        (((word & 0x7f7f7f7f7f7f7f7fu) + 0x7676767676767676u) | word) & 0x8080808080808080u;
    unsigned digits = others ? (unsigned)__builtin_ctzll(others) / 8 : 8;
    if (!digits)
        return 0;
    *number = join_digits(word << (64 - 8 * digits)); // zeros before them
    return digits;
}

// The digits of an integer, up to 15, in INTEGER_BYTES that may be read. Returns what follows,
// which must not be more of a number; NULL: it is something else.
INLINE const char *read_integer(const char *at, int64_t *out)
{
    static const uint64_t POWERS[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
    uint64_t number = 0, rest = 0;
    bool negative = *at == '-';
    unsigned digits = eight_digits(at += negative, &number);
    at += digits;
    if (digits == 8) {
        digits = eight_digits(at, &rest);
        if (digits == 8)
            return NULL;
        number = number * POWERS[digits] + rest;
        at += digits;
    } else if (!digits) {
        return NULL;
    }
    *out = negative ? -(int64_t)number : (int64_t)number;
    return at;
}

// The end of a string's plain bytes: its quote, an escape, or the end of what is there.
INLINE const char *scan_plain(const char *at, const char *end, bool *has_high_bytes)
{
    unsigned char high = 0;
#ifdef __SSE2__
    const __m128i quotes = _mm_set1_epi8('"'), backslashes = _mm_set1_epi8('\\');
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        unsigned stops = (unsigned)_mm_movemask_epi8(
            _mm_or_si128(_mm_cmpeq_epi8(bytes, quotes), _mm_cmpeq_epi8(bytes, backslashes)));
        unsigned highs = (unsigned)_mm_movemask_epi8(bytes);
        *has_high_bytes |= (highs & (stops ? (stops & -stops) - 1 : 0xffff)) != 0;
        if (stops)
            return at + __builtin_ctz(stops);
    }
#endif
    while (at < end && *at != '"' && *at != '\\')
        high |= (unsigned char)*at++;
    *has_high_bytes |= high >= 0x80;
    return at;
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

static void open_level(struct json_reader *json, const char *at, struct err *err)
{
    bool is_object = *at == '{';
    if (json->depth == JSON_DEPTH_MAX) {
        json->failed = err_set(err, -EBADMSG, "byte %llu: nested deeper than %d",
                               (unsigned long long)(json->offset + (uint64_t)(at - json->data)),
                               JSON_DEPTH_MAX);
        return;
    }
    hand_over(json, (struct json_value){.kind = is_object ? JSON_OBJECT : JSON_ARRAY, .text = ""},
              err);
    struct level *level = json->levels + json->depth++;
    *level = (struct level){json->place, json_place_element(&json->places, json->place), is_object};
    json->in_object = is_object;
    begin_item(json);
}

static const char *close_level(struct json_reader *json, const char *at, const char *end,
                               struct err *err)
{
    const struct level *level = json->levels + --json->depth;
    enum json_kind kind = level->is_object ? JSON_OBJECT_END : JSON_ARRAY_END;
    json->place = level->place;
    json->in_object = json->depth && level[-1].is_object;
    hand_over(json, (struct json_value){.kind = kind, .text = ""}, err);
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

static size_t count_digits(const char *text, size_t len)
{
    size_t digits = 0;
    while (digits < len && is_digit(text[digits]))
        digits++;
    return digits;
}

// As RFC 8259 has it, but that zeros may lead.
static bool is_number(const char *text, size_t len)
{
    const char *at = text, *end = text + len;
    at += at < end && *at == '-';
    size_t digits = count_digits(at, (size_t)(end - at));
    at += digits;
    if (digits && at < end && *at == '.') {
        digits = count_digits(at + 1, (size_t)(end - at - 1));
        at += 1 + digits;
    }
    if (digits && at < end && (*at | 0x20) == 'e') {
        at++;
        at += at < end && (*at == '-' || *at == '+');
        digits = count_digits(at, (size_t)(end - at));
        at += digits;
    }
    return digits && at == end;
}

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
    if (*at == '{' || *at == '[') {
        open_level(json, at, err);
        return at + 1;
    }
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
