// Errors as values: a code and a message in a struct that the caller owns.
#include "proto/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int err_setv(struct err *err, int code, const char *format, va_list args)
{
    if (code >= 0)
        code = -EINVAL;
    if (!err)
        return code;
    err->code = code;
    vsnprintf(err->message, sizeof err->message, format, args);
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
    char prefix[ERR_MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    int prefix_len = vsnprintf(prefix, sizeof prefix, format, args);
    va_end(args);
    if (prefix_len < 0)
        return err->code;
    size_t len = (size_t)prefix_len < sizeof prefix ? (size_t)prefix_len : sizeof prefix - 1;
    if (len > sizeof err->message - 3)
        len = sizeof err->message - 3;
    size_t room = sizeof err->message - len - 3; // ": " and the NUL
    size_t old_len = strnlen(err->message, sizeof err->message);
    if (old_len > room)
        old_len = room;
    memmove(err->message + len + 2, err->message, old_len);
    memcpy(err->message, prefix, len);
    memcpy(err->message + len, ": ", 2);
    err->message[len + 2 + old_len] = '\0';
    return err->code;
}
