// A growing byte string.
#include "proto/bytes.h"

#include "proto/alloc.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bytes_dispose(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){0};
}

void bytes_clear(struct bytes *bytes)
{
    bytes->len = 0;
    if (bytes->data)
        bytes->data[0] = '\0';
}

void *bytes_extend(struct bytes *bytes, size_t len)
{
    array_reserve(&bytes->data, &bytes->capacity, bytes->len + len + 1);
    char *place = bytes->data + bytes->len;
    bytes->len += len;
    bytes->data[bytes->len] = '\0';
    return place;
}

void bytes_append(struct bytes *bytes, const void *data, size_t len)
{
    char *place = bytes_extend(bytes, len);
    if (len)
        memcpy(place, data, len);
}

void bytes_append_text(struct bytes *bytes, const char *text)
{
    bytes_append(bytes, text, strlen(text));
}

void bytes_append_char(struct bytes *bytes, char c)
{
    bytes_append(bytes, &c, 1);
}

void bytes_append_number(struct bytes *bytes, uint64_t number)
{
    char digits[20], *at = digits + sizeof digits;
    do {
        *--at = (char)('0' + number % 10);
    } while (number /= 10);
    bytes_append(bytes, at, (size_t)(digits + sizeof digits - at));
}

void bytes_printf(struct bytes *bytes, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len > 0) {
        array_reserve(&bytes->data, &bytes->capacity, bytes->len + (size_t)len + 1);
        vsnprintf(bytes->data + bytes->len, (size_t)len + 1, format, again);
        bytes->len += (size_t)len;
    }
    va_end(again);
}

void bytes_consume(struct bytes *bytes, size_t len)
{
    if (!len)
        return;
    memmove(bytes->data, bytes->data + len, bytes->len - len);
    bytes->len -= len;
    bytes->data[bytes->len] = '\0';
}

const char *bytes_text(const struct bytes *bytes)
{
    return bytes->data ? bytes->data : "";
}

void bytes_append_quoted(struct bytes *bytes, const char *word)
{
    bool plain = *word && !word[strcspn(word, " \t\n'\"\\$&|;<>(){}*?#~`!")];
    bytes_append_text(bytes, plain ? "" : "'");
    for (; *word; word++) {
        if (*word == '\'')
            bytes_append_text(bytes, "'\\''");
        else
            bytes_append_char(bytes, *word);
    }
    bytes_append_text(bytes, plain ? "" : "'");
}
