// The shape of flat objects: their bytes but for the strings and numbers in them.
//
// The writer of a profile spells a record the same way a million times: the same keys in the same
// order, with the same spaces. Who has read one such object knows where in the next one its values
// lie, compares what is between them, and need neither look up keys nor ask what may come next.
#ifndef FLICKER_PROTO_JSON_SHAPE_H
#define FLICKER_PROTO_JSON_SHAPE_H

#include "proto/json_value.h"

enum {
    JSON_SHAPES = 4,         // of one place
    JSON_SHAPE_MEMBERS = 12, // of one object
    JSON_SHAPE_WORDS = 64,
};

struct json_shape {
    unsigned count; // of members
    struct json_shape_member {
        int id;                        // -1: not wanted
        char kind;                     // '"' or '0'
        uint8_t words;                 // of the bytes before its value, in `text`
        uint16_t bytes;                // of these
    } members[JSON_SHAPE_MEMBERS + 1]; // the last one: what is behind all values
    struct json_shape_word {
        uint64_t text, mask; // of eight bytes
    } words[JSON_SHAPE_WORDS];
};

struct json_shapes {
    struct json_shape shapes[JSON_SHAPES];
    unsigned count, last; // the one that fitted last
    uint64_t learned, met;
};

struct json_places;

struct json_shapes *json_shapes_new(void);
void json_shapes_free(struct json_shapes *shapes); // NULL is fine

// Takes note of an object of this place, whose text is known to be JSON.
void json_shapes_learn(struct json_shapes *shapes, const struct json_places *places, int place,
                       const char *text, size_t len);
// Whether an object of a known shape begins at `at`, and is whole: returns what follows it, and
// fills members (room for JSON_SHAPE_MEMBERS), those that are wanted; else NULL.
const char *json_shapes_match(struct json_shapes *shapes, const char *at, const char *end,
                              struct json_value *members, size_t *count);

#endif
