// How the shape of an object is learned and met again.
#include "proto/json_shape.h"

#include "proto/alloc.h"
#include "proto/json_places.h"
#include "proto/json_scan.h"

#include <stdlib.h>
#include <string.h>

enum { WORD = sizeof(uint64_t), LEARNED_MOST = 32, MET_EACH = 8 };

struct json_shapes *json_shapes_new(void)
{
    return xcalloc(1, sizeof(struct json_shapes));
}

void json_shapes_free(struct json_shapes *shapes)
{
    free(shapes);
}

// The end of a string that has neither escapes nor bytes beyond ASCII; `at` is behind its quote.
static const char *plain_string(const char *at, const char *end)
{
    while (at < end && *at != '"' && *at != '\\' && !((unsigned char)*at & 0x80))
        at++;
    return at < end && *at == '"' ? at : NULL;
}

static const char *skip_spaces(const char *at, const char *end)
{
    while (at < end && is_space(*at))
        at++;
    return at;
}

struct learner {
    struct json_shape *shape;
    size_t words;
    const char *from; // of what is between two values
};

// The bytes up to a value, or up to the end.
static bool add_member(struct learner *learner, const char *until, char kind, int id)
{
    size_t bytes = (size_t)(until - learner->from), words = (bytes + WORD - 1) / WORD;
    if (learner->words + words > JSON_SHAPE_WORDS)
        return false;
    for (size_t i = 0; i < words; i++) {
        size_t some = bytes - i * WORD < WORD ? bytes - i * WORD : WORD;
        struct json_shape_word *word = &learner->shape->words[learner->words++];
        *word = (struct json_shape_word){0};
        memcpy(&word->text, learner->from + i * WORD, some);
        memset(&word->mask, 0xff, some);
    }
    learner->shape->members[learner->shape->count] = (struct json_shape_member){
        .id = id, .kind = kind, .words = (uint8_t)words, .bytes = (uint16_t)bytes};
    return true;
}

// Learns one member; `at` is at its key. Returns the byte behind its value; NULL: it is not flat.
static const char *learn_member(struct learner *learner, const struct json_places *places,
                                int place, const char *at, const char *end)
{
    const char *key = at + 1, *key_end = plain_string(key, end);
    if (*at != '"' || !key_end || learner->shape->count == JSON_SHAPE_MEMBERS)
        return NULL;
    int member = json_place_member(places, place, key, (size_t)(key_end - key));
    at = skip_spaces(key_end + 1, end);
    at = skip_spaces(at + 1, end); // the colon
    char kind = *at == '"' ? '"' : '0';
    if (kind == '0' && *at != '-' && !is_digit(*at))
        return NULL;
    at += kind == '"';
    if (!add_member(learner, at, kind, member < 0 ? -1 : places->rows[member].id))
        return NULL;
    learner->shape->count++;
    learner->from = kind == '"' ? plain_string(at, end) : at + strcspn(at, " \t\r\n,}");
    return learner->from ? learner->from + (kind == '"') : NULL;
}

static bool learn(struct json_shape *shape, const struct json_places *places, int place,
                  const char *text, size_t len)
{
    const char *end = text + len, *at = skip_spaces(text + 1, end);
    struct learner learner = {.shape = shape, .from = text};
    shape->count = 0;
    while (at && at < end && *at != '}') {
        at = learn_member(&learner, places, place, at, end);
        at = at ? skip_spaces(at, end) : NULL;
        if (at && *at == ',')
            at = skip_spaces(at + 1, end);
    }
    return at && at + 1 == end && shape->count && add_member(&learner, end, 0, -1);
}

void json_shapes_learn(struct json_shapes *shapes, const struct json_places *places, int place,
                       const char *text, size_t len)
{
    // Objects that change their shape all the time are not worth it.
    if (shapes->learned > LEARNED_MOST + shapes->met / MET_EACH)
        return;
    unsigned at = (unsigned)(shapes->learned++ % JSON_SHAPES);
    if (!learn(&shapes->shapes[at], places, place, text, len)) {
        shapes->shapes[at].count = 0; // fits nothing
        return;
    }
    shapes->last = at;
    if (shapes->count <= at)
        shapes->count = at + 1;
}

INLINE bool is_same(const char *at, const struct json_shape_word *words, size_t count)
{
    uint64_t differ = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t text;
        memcpy(&text, at + i * WORD, sizeof text);
        differ |= (text ^ words[i].text) & words[i].mask;
    }
    return !differ;
}

// What is no short integer. Returns what follows it; NULL: it is none, or not whole.
static const char *number_end(const char *at, const char *end)
{
    const char *start = at;
    while (at < end && is_scalar_byte(*at))
        at++;
    size_t len = (size_t)(at - start);
    return at < end && len <= JSON_NUMBER_MAX_BYTES && is_number(start, len) ? at : NULL;
}

static const char *string_end(const char *at, const char *end)
{
    bool has_high_bytes = false;
    const char *close = scan_plain(at, end, &has_high_bytes);
    bool plain = close < end && *close == '"' && !has_high_bytes;
    return plain && close - at <= JSON_STRING_MAX_BYTES ? close : NULL;
}

// There are INTEGER_BYTES to be looked at. Returns what follows the value, as above; fills what a
// string and a number have.
INLINE const char *read_value(char kind, const char *at, const char *end, struct json_value *value)
{
    const char *after;
    value->text = at;
    value->is_integer = false;
    value->integer = 0;
    if (kind == '"') {
        value->kind = JSON_STRING;
        after = string_end(at, end);
    } else {
        value->kind = JSON_NUMBER;
        after = read_integer(at, &value->integer);
        value->is_integer = after && !is_scalar_byte(*after);
        if (!value->is_integer)
            after = number_end(at, end);
    }
    value->len = after ? (size_t)(after - at) : 0;
    return after;
}

static const char *match(const struct json_shape *shape, const char *at, const char *end,
                         struct json_value *members, size_t *count)
{
    struct json_value *out = members;
    const struct json_shape_word *words = shape->words;
    for (const struct json_shape_member *member = shape->members;; member++) {
        if (end - at < member->words * WORD + INTEGER_BYTES || !is_same(at, words, member->words))
            return NULL;
        at += member->bytes;
        words += member->words;
        if (member == shape->members + shape->count)
            break;
        if (!(at = read_value(member->kind, at, end, out)))
            return NULL;
        out->id = member->id;
        out += member->id >= 0;
    }
    *count = (size_t)(out - members);
    return at;
}

const char *json_shapes_match(struct json_shapes *shapes, const char *at, const char *end,
                              struct json_value *members, size_t *count)
{
    for (unsigned tried = 0; tried < shapes->count; tried++) {
        unsigned which = (shapes->last + tried) % shapes->count;
        const struct json_shape *shape = &shapes->shapes[which];
        const char *after = shape->count ? match(shape, at, end, members, count) : NULL;
        if (after) {
            shapes->last = which;
            shapes->met++;
            return after;
        }
    }
    return NULL;
}
