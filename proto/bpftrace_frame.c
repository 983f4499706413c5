// Reads one line of a bpftrace stack.
#include "proto/bpftrace_frame.h"

#include <ctype.h>
#include <string.h>

// A hexadecimal number at the start of text; returns its length, 0 when there is none.
static size_t read_hex(const char *text, size_t len, uint64_t *out)
{
    size_t at = 0;
    uint64_t value = 0;
    for (; at < len && at < 16 && isxdigit((unsigned char)text[at]); at++) {
        unsigned char c = (unsigned char)text[at];
        value = value << 4 | (isdigit(c) ? c - (unsigned)'0' : (unsigned)(c | 0x20) - 'a' + 10u);
    }
    *out = value;
    return at;
}

static bool is_bare_address(const char *text, size_t len, uint64_t *address)
{
    return len > 2 && text[0] == '0' && text[1] == 'x' &&
           read_hex(text + 2, len - 2, address) == len - 2;
}

// "@FILE:LINE" at the end of what is after a name; takes it off. at: where it may begin.
static void take_source(struct bpftrace_frame *out, const char *text, size_t at, size_t *len)
{
    size_t end = *len;
    uint32_t line = 0;
    while (end > at && isdigit((unsigned char)text[end - 1]))
        end--;
    if (end == *len || *len - end > 8 || end < at + 2 || text[end - 1] != ':' || text[at] != '@')
        return;
    for (size_t i = end; i < *len; i++)
        line = line * 10 + (uint32_t)(text[i] - '0');
    out->file = text + at + 1;
    out->file_len = end - 1 - (at + 1);
    out->line = line;
    *len = at;
}

// "[inlined] name@FILE:LINE": no offset.
static bool is_inlined(struct bpftrace_frame *out, const char *text, size_t len)
{
    static const char start[] = "[inlined] ";
    if (len <= sizeof start - 1 || memcmp(text, start, sizeof start - 1))
        return false;
    out->name = text + sizeof start - 1;
    out->name_len = len - (sizeof start - 1);
    const char *source = memchr(out->name, '@', out->name_len);
    if (source && source > out->name)
        take_source(out, out->name, (size_t)(source - out->name), &out->name_len);
    out->has_offset = true; // it is a name of bpftrace's as sure as if it had one
    return true;
}

// "name+12", "name+12 (module)" and "name+12@FILE:LINE": finds where the name ends and the module
// begins.
static bool split_at_offset(struct bpftrace_frame *out, const char *text, size_t len)
{
    for (size_t plus = 1; plus + 1 < len; plus++) {
        if (text[plus] != '+')
            continue;
        size_t at = plus + 1;
        while (at < len && isdigit((unsigned char)text[at]))
            at++;
        bool module_follows =
            at + 3 < len && text[at] == ' ' && text[at + 1] == '(' && text[len - 1] == ')';
        if (at == plus + 1)
            continue;
        if (at < len && text[at] == '@')
            take_source(out, text, at, &len);
        if (at < len && !module_follows)
            continue;
        out->name = text;
        out->name_len = plus;
        out->has_offset = true;
        if (module_follows) {
            out->module = text + at + 2;
            out->module_len = len - at - 3;
        }
        return true;
    }
    return false;
}

// "name (module)" without an offset: the module begins at the last " (".
static void split_at_module(struct bpftrace_frame *out, const char *text, size_t len)
{
    out->name = text;
    out->name_len = len;
    for (size_t at = len; len && text[len - 1] == ')' && at-- > 1;) {
        if (text[at] == '(' && text[at - 1] == ' ') {
            out->name_len = at - 1;
            out->module = text + at + 1;
            out->module_len = len - at - 2;
            return;
        }
    }
}

bool bpftrace_frame_parse(struct bpftrace_frame *out, const char *line, size_t len)
{
    memset(out, 0, sizeof *out);
    size_t indent = 0;
    while (indent < len && (line[indent] == ' ' || line[indent] == '\t'))
        indent++;
    if (indent == len || (line[0] != '\t' && indent < 4))
        return false;
    const char *text = line + indent;
    size_t left = len - indent;
    size_t digits = read_hex(text, left, &out->address);
    out->has_address = digits && digits < left && text[digits] == ' ';
    if (out->has_address) {
        text += digits + 1;
        left -= digits + 1;
        if (!split_at_offset(out, text, left))
            split_at_module(out, text, left);
    } else {
        out->address = 0;
        uint64_t address;
        out->has_address = is_bare_address(text, left, &address);
        if (out->has_address) {
            out->address = address;
            return true;
        }
        if (left == 1 && *text == '0') { // the end of a chain of frame pointers (0.26)
            out->has_address = true;
            return true;
        }
        if (left == 16 && !memcmp(text, "<unwind failure>", 16)) {
            out->name = text;
            out->name_len = left;
            return true;
        }
        return is_inlined(out, text, left) || split_at_offset(out, text, left);
    }
    uint64_t same;
    bool zero = out->name_len == 1 && *out->name == '0'; // 0.26
    if (!out->name_len || zero || is_bare_address(out->name, out->name_len, &same) ||
        (out->name_len == 9 && !memcmp(out->name, "[unknown]", 9)))
        out->name = NULL;
    if ((out->module_len == 9 && !memcmp(out->module, "[unknown]", 9)) ||
        (out->module_len == 7 && !memcmp(out->module, "inlined", 7)))
        out->module = NULL;
    return true;
}

bool bpftrace_frame_parse_bare(struct bpftrace_frame *out, const char *line, size_t len)
{
    enum { BUILD_ID_DIGITS = 40, ADDRESS_DIGITS = 16 };
    memset(out, 0, sizeof *out);
    size_t digits = 0;
    while (digits < len &&
           (isdigit((unsigned char)line[digits]) || (line[digits] >= 'a' && line[digits] <= 'f')))
        digits++;
    bool with_build_id = digits == BUILD_ID_DIGITS && digits + 1 < len && line[digits] == ' ' &&
                         is_bare_address(line + digits + 1, len - digits - 1, &out->address);
    if (with_build_id) {
        out->module = line;
        out->module_len = digits;
    } else if (digits != len || !digits || digits > ADDRESS_DIGITS) {
        return false;
    } else {
        read_hex(line, len, &out->address);
    }
    out->has_address = true;
    return true;
}
