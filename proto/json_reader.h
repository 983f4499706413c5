// A JSON reader for profiles: push-style, in constant memory, with the paths that matter named
// beforehand.
//
// A format says which values it wants by a table of paths ("nodes[].callFrame.url"); it is then
// called for those only, by number. What no path leads to is passed over. So a decoder is a table
// and a switch, whatever the order of the keys.
//
// RFC 8259, and what real profiles have beyond it: trailing commas, an end that is missing (Chrome
// writes traces so on purpose), NaN and Infinity (read as null). Nesting is at most 512 deep.
// Strings are handed over as UTF-8: bytes that are not, and halves of a surrogate pair, are
// replaced by U+FFFD. What nobody asked for is checked as the rest is.
#ifndef FLICKER_PROTO_JSON_READER_H
#define FLICKER_PROTO_JSON_READER_H

#include "proto/json_value.h"

enum {
    JSON_DEPTH_MAX = 512,
    JSON_STRING_MAX_BYTES = 1 << 20, // what is behind is cut off
    JSON_NUMBER_MAX_BYTES = 512,
    JSON_TEXT_MAX_BYTES = 1 << 12, // of what may be known
};

// One row of the table: the last has a NULL path. "" is the whole document, ".key" a member,
// "[]" every element. Long profiles consist of a few things over and over, which may come together
// where the path asks for it, or one by one all the same:
//   "[+]"  integers of up to 15 digits that follow each other, as JSON_INTEGERS;
//   "[=]"  objects of strings and numbers that are spelled as one before but for these:
//   JSON_RECORD;
//   "!" behind an object or array: it comes with its text where that is at hand, up to the first
//          bracket that may close it. Who has met the same text returns JSON_KNOWN, and it is
//          passed over. At its end the text comes again if that was all of it, to be remembered.
struct json_path {
    const char *path;
    int id;            // what the format is called with; not negative
    const char *again; // the path means what this earlier row means: for trees ("head.children[]")
};

enum { JSON_KNOWN = 1 };

// A negative result stops the reader for good.
typedef int json_each_fn(void *arg, const struct json_value *value, struct err *err);

struct json_reader;
struct json_reader *json_reader_new(const struct json_path *paths, json_each_fn *each, void *arg);
void json_reader_free(struct json_reader *json);
// Fails with -EBADMSG and the byte's offset where the text is no JSON.
int json_reader_push(struct json_reader *json, const char *data, size_t len,
                     struct err *err) MUST_CHECK;
// Hands over a number that ended the text. *complete: the document was closed.
int json_reader_finish(struct json_reader *json, bool *complete, struct err *err) MUST_CHECK;
uint64_t json_reader_offset(const struct json_reader *json);

#endif
