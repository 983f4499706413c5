// Paths into a tree of places.
#include "proto/json_places.h"

#include "proto/alloc.h"

#include <stdlib.h>

static int place_new(struct json_places *places, const char *key, size_t len)
{
    array_reserve(&places->rows, &places->capacity, places->count + 1);
    int row = (int)places->count++;
    places->rows[row] = (struct json_place){.key = key,
                                            .key_len = len,
                                            .id = -1,
                                            .alias = row,
                                            .element = JSON_NOWHERE,
                                            .next = JSON_NOWHERE};
    memset(places->rows[row].buckets, 0xff, sizeof places->rows[row].buckets);
    return row;
}

// "[]", "[+]" or "[=]".
static int element_of(struct json_places *places, int place, char how)
{
    if (places->rows[place].element < 0) {
        int row = place_new(places, NULL, 0);
        places->rows[row].runs = how == '+';
        places->rows[row].shapes = how == '=' ? json_shapes_new() : NULL;
        places->rows[place].element = row;
    }
    return places->rows[place].element;
}

static int member_of(struct json_places *places, int place, const char *key, size_t len)
{
    int found = json_place_member(places, place, key, len);
    if (found >= 0)
        return found;
    int row = place_new(places, key, len);
    int *bucket = places->rows[place].buckets + json_key_bucket(key, len);
    places->rows[row].next = *bucket;
    return *bucket = row;
}

static int place_of(struct json_places *places, const char *path)
{
    int place = 0;
    while (*path) {
        if (*path == '[') {
            place = element_of(places, place, path[1]);
            path = strchr(path, ']') + 1;
        } else if (*path == '!') {
            places->rows[place].whole = true;
            path++;
        } else {
            path += *path == '.';
            size_t len = strcspn(path, ".[!");
            place = member_of(places, place, path, len);
            path += len;
        }
    }
    return place;
}

void json_places_init(struct json_places *places, const struct json_path *paths)
{
    *places = (struct json_places){0};
    place_new(places, NULL, 0);
    for (; paths->path; paths++) {
        int place = place_of(places, paths->path);
        places->rows[place].id = paths->id;
        if (paths->again)
            places->rows[place].alias = place_of(places, paths->again);
    }
    for (size_t row = 0; row < places->count; row++) {
        int element = places->rows[row].element;
        if (element >= 0)
            places->rows[row].element = places->rows[element].alias;
    }
}

void json_places_dispose(struct json_places *places)
{
    for (size_t row = 0; row < places->count; row++)
        json_shapes_free(places->rows[row].shapes);
    free(places->rows);
}
