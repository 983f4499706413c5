// Writes JSON into a string: commas, quoting and UTF-8 are taken care of, nesting is the caller's.
#ifndef FLICKER_VIEWER_JSON_H
#define FLICKER_VIEWER_JSON_H

#include "proto/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Starts as {.out = &bytes}. Each value function writes one value, after json_key inside an object.
struct json {
    struct bytes *out; // borrowed
    bool more;         // a value came before on this level
};

void json_open(struct json *json, char bracket);  // '{' or '['
void json_close(struct json *json, char bracket); // '}' or ']'
void json_key(struct json *json, const char *key);
void json_null(struct json *json);
void json_bool(struct json *json, bool value);
void json_int(struct json *json, int64_t value);
void json_uint(struct json *json, uint64_t value);
// At most `digits` digits behind the point; what is not finite is null.
void json_number(struct json *json, double value, unsigned digits);
// Any bytes: control characters are escaped, and what is not UTF-8 becomes U+FFFD.
void json_text(struct json *json, const char *text, size_t len);
void json_text_z(struct json *json, const char *text); // NULL is ""

#endif
