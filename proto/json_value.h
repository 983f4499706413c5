// A value that the JSON reader hands over, and what it is as a number or text.
#ifndef FLICKER_PROTO_JSON_VALUE_H
#define FLICKER_PROTO_JSON_VALUE_H

#include "proto/bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum json_kind {
    JSON_OBJECT,
    JSON_OBJECT_END,
    JSON_ARRAY,
    JSON_ARRAY_END,
    JSON_STRING,
    JSON_NUMBER,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
    JSON_INTEGERS, // a run of an array's elements, where the path asks for that
    JSON_RECORD,   // a whole object of strings and numbers, where the path asks for that
};

enum { JSON_RUN_MOST = 256 }; // integers that come together

struct json_value {
    int id;
    bool is_integer;  // a number of at most 18 digits and nothing else
    const char *text; // string: unescaped (may hold NULs); number: as written. Borrowed
    size_t len;       // of text; or how many integers, or members
    int64_t integer;
    const int64_t *integers;          // borrowed
    const struct json_value *members; // those of a record that are wanted, in order; borrowed
    enum json_kind kind; // apart from id: who compares both would load them as one, and wait
};

// A number as an integer, rounded towards zero; clamped to the type's range. Strings of digits
// count too: some writers quote their numbers. 0 for anything else.
int64_t json_value_int(const struct json_value *value);
// A number times 10^digits (at most 9), rounded to the nearest, exactly; false when it is none or
// does not fit.
bool json_value_fixed(const struct json_value *value, unsigned digits, int64_t *out);
double json_value_double(const struct json_value *value);

// Appends text as a JSON string, quotes included; what is not UTF-8 becomes U+FFFD.
void json_quote(struct bytes *out, const char *text, size_t len);

#endif
