// Errors: what can fail returns 0 or a negative errno and fills a `struct err` that the caller
// owns.
//
// A message is lower case, quotes the offending value, says where (file, line, byte) and what was
// expected, without a final period; a second line may say what to do next.
#ifndef FLICKER_PROTO_ERR_H
#define FLICKER_PROTO_ERR_H

#include <stdarg.h>
#include <stddef.h>

#define MUST_CHECK               __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

enum { ERR_MESSAGE_BYTES = 1024 };

// Initialise with `struct err err = {0}`; a code of 0 means that nothing was reported.
struct err {
    int code; // 0 or a negative errno
    char message[ERR_MESSAGE_BYTES];
};

// Fills *err (NULL: the message is dropped) and returns code, which must be a negative errno.
int err_set(struct err *err, int code, const char *format, ...) PRINTF_LIKE(3, 4);
int err_setv(struct err *err, int code, const char *format, va_list args) PRINTF_LIKE(3, 0);

// Puts "prefix: " before the message that is there (a file's name, say). Returns err's code.
int err_prefix(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
