// Puts back the blanks of squeezed frames.
#include "proto/bpftrace_squeezed.h"

#include "proto/bpftrace_frame.h"

#include <ctype.h>
#include <string.h>

// How many digits of text are the address.
static size_t address_len(const char *text, size_t len)
{
    enum { KERNEL = 16, USER = 12, FIXED = 6 };
    size_t run = 0;
    while (run < len && run < KERNEL && isxdigit((unsigned char)text[run]))
        run++;
    // "ADDRESS0xADDRESS": the second says it.
    for (size_t n = run; n > 0; n--) {
        if (len >= 2 * n + 2 && !memcmp(text + n, "0x", 2) && !memcmp(text + n + 2, text, n))
            return n;
    }
    if (run == KERNEL && !memcmp(text, "ffff", 4))
        return KERNEL;
    if (run >= USER)
        return USER;
    return run > FIXED && text[0] == '4' ? FIXED : run;
}

// Where " (module)" belongs: after "+12", else before the last bracket. len: there is none.
static size_t module_start(const char *text, size_t len)
{
    size_t last = len;
    for (size_t at = 1; len && text[len - 1] == ')' && at < len; at++) {
        if (text[at] != '(')
            continue;
        size_t digits = at;
        while (digits && isdigit((unsigned char)text[digits - 1]))
            digits--;
        if (digits < at && digits && text[digits - 1] == '+')
            return at;
        last = at;
    }
    return last;
}

static void put_line(struct bytes *out, const char *line, size_t len)
{
    struct bpftrace_frame frame;
    size_t start = out->len;
    if (len && *line == '\t') {
        size_t digits = address_len(line + 1, len - 1);
        const char *name = line + 1 + digits;
        size_t left = len - 1 - digits, module = module_start(name, left);
        bytes_append(out, line, 1 + digits);
        bytes_append_char(out, ' ');
        bytes_append(out, name, module);
        if (module < left) {
            bytes_append_char(out, ' ');
            bytes_append(out, name + module, left - module);
        }
    } else {
        bytes_append_text(out, "        ");
        bytes_append(out, line, len);
    }
    if (bpftrace_frame_parse(&frame, out->data + start, out->len - start))
        return;
    out->len = start;
    bytes_append(out, line, len);
}

void bpftrace_unsqueeze(struct bytes *out, const char *keys, size_t len)
{
    for (const char *at = keys, *end = keys + len; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t line_len = (size_t)((newline ? newline : end) - at);
        // What is before the first line or after a comma is another key.
        if (at == keys || !newline || *at == ',')
            bytes_append(out, at, line_len);
        else
            put_line(out, at, line_len);
        if (newline)
            bytes_append_char(out, '\n');
        at += line_len + (newline != NULL);
    }
}
