// Errors as values: a code and a message in a struct that the caller owns.
#include "proto/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST_BYTES = 8192 };

// Of a text that is too long the middle goes (of a file's name, mostly): what a message ends with
// says why.
static size_t shorten(char *out, size_t most, const char *text, size_t len)
{
    static const char gap[] = "...";
    size_t kept = most - (sizeof gap - 1), head = kept / 2;
    if (len <= most) {
        memcpy(out, text, len);
    } else {
        memcpy(out, text, head);
        memcpy(out + head, gap, sizeof gap - 1);
        memcpy(out + head + sizeof gap - 1, text + len - (kept - head), kept - head);
        len = most;
    }
    out[len] = '\0';
    return len;
}

static size_t write_long(char text[LONGEST_BYTES], const char *format, va_list args)
{
    int len = vsnprintf(text, LONGEST_BYTES, format, args);
    return len < 0 ? 0 : len < LONGEST_BYTES ? (size_t)len : LONGEST_BYTES - 1;
}

int err_setv(struct err *err, int code, const char *format, va_list args)
{
    if (code >= 0)
        code = -EINVAL;
    if (!err)
        return code;
    err->code = code;
    char text[LONGEST_BYTES];
    shorten(err->message, sizeof err->message - 1, text, write_long(text, format, args));
    return code;
}

int err_set(struct err *err, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    code = err_setv(err, code, format, args);
    va_end(args);
    return code;
}

int err_prefix(struct err *err, const char *format, ...)
{
    if (!err)
        return -EINVAL;
    char text[LONGEST_BYTES], prefix[ERR_MESSAGE_BYTES / 2];
    va_list args;
    va_start(args, format);
    size_t len = shorten(prefix, sizeof prefix - 1, text, write_long(text, format, args));
    va_end(args);
    size_t old_len = strnlen(err->message, sizeof err->message);
    memcpy(text, err->message, old_len);
    memcpy(err->message, prefix, len);
    memcpy(err->message + len, ": ", 2);
    shorten(err->message + len + 2, sizeof err->message - len - 3, text, old_len); // and the NUL
    return err->code;
}
