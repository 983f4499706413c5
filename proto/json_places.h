// The tree of the places in a document that a format wants values of, made of its table of paths.
#ifndef FLICKER_PROTO_JSON_PLACES_H
#define FLICKER_PROTO_JSON_PLACES_H

#include "proto/json_reader.h"
#include "proto/json_shape.h"

#include <string.h>

enum { JSON_NOWHERE = -1, JSON_KEY_BUCKETS = 16 };

struct json_place {
    const char *key; // borrowed from the table; NULL: an element of an array
    size_t key_len;
    int id;                     // -1: only on the way to others
    int alias;                  // the place that it stands for; itself, mostly
    int element;                // the child that is an array's element
    bool runs;                  // wanted as JSON_INTEGERS
    bool whole;                 // wanted with its text
    struct json_shapes *shapes; // wanted as JSON_RECORD; else NULL
    int next;                   // in the bucket of the parent
    int buckets[JSON_KEY_BUCKETS];
};

struct json_places {
    struct json_place *rows; // the first is the document
    size_t count, capacity;
};

void json_places_init(struct json_places *places, const struct json_path *paths);
void json_places_dispose(struct json_places *places);

static inline unsigned json_key_bucket(const char *key, size_t len)
{
    return len ? ((unsigned char)key[0] + (unsigned char)key[len - 1] * 5u + (unsigned)len * 3u) %
                     JSON_KEY_BUCKETS
               : 0;
}

// The member of a place; JSON_NOWHERE when nothing below it is wanted.
static inline int json_place_member(const struct json_places *places, int place, const char *key,
                                    size_t len)
{
    if (place < 0)
        return JSON_NOWHERE;
    int at = places->rows[place].buckets[json_key_bucket(key, len)];
    for (; at >= 0; at = places->rows[at].next) {
        const struct json_place *row = places->rows + at;
        if (row->key_len == len && !memcmp(row->key, key, len))
            return row->alias;
    }
    return JSON_NOWHERE;
}

static inline int json_place_element(const struct json_places *places, int place)
{
    return place < 0 ? JSON_NOWHERE : places->rows[place].element;
}

#endif
