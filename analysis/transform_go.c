// Go: names as their source has them.
//
// The linker escapes a package path's last part ("gopkg.in/yaml%2ev2.Unmarshal"), names the shapes
// that a generic function was compiled for ("Map[go.shape.int_0]"), and marks the wrapper of a
// method value ("T.M-fm"). Go's own profiles show the first plain, the second as "[...]".
#include "analysis/transform.h"

#include <ctype.h>
#include <string.h>

static const char shape[] = "[go.shape.";
static const char wrapper[] = "-fm";

static bool is_escape(const char *at)
{
    return at[0] == '%' && isxdigit((unsigned char)at[1]) && isxdigit((unsigned char)at[2]);
}

// "%2e" in C++'s "operator%" or in a URL is not preceded by a package's path.
static bool has_escape(const char *name)
{
    const char *slash = strrchr(name, '/');
    for (const char *at = slash; at && (at = strchr(at, '%')) != NULL; at++) {
        if (is_escape(at))
            return true;
    }
    return false;
}

static bool is_wrapper(const char *name, size_t len)
{
    return len >= sizeof wrapper && !strcmp(name + len - (sizeof wrapper - 1), wrapper);
}

static bool detect_go(const struct dict *dict, const struct frame *frame)
{
    const char *name = dict_text(dict, frame->name);
    return frame->kind == FRAME_USER &&
           (strstr(name, shape) || has_escape(name) ||
            (is_wrapper(name, dict_text_len(dict, frame->name)) && strchr(name, '.')));
}

static unsigned hex_digit(char c)
{
    return isdigit((unsigned char)c) ? (unsigned)(c - '0') : ((unsigned)c | 32) - 'a' + 10;
}

// Past the bracket that closes the one at `at`, or the name's end.
static const char *past_bracket(const char *at)
{
    size_t depth = 0;
    for (; *at; at++) {
        depth += *at == '[';
        if (*at == ']' && --depth == 0)
            return at + 1;
    }
    return at;
}

static bool as_in_source(const struct dict *dict, const struct frame *frame, struct bytes *name)
{
    if (!detect_go(dict, frame))
        return false;
    const char *at = dict_text(dict, frame->name);
    size_t len = dict_text_len(dict, frame->name);
    const char *end = at + (is_wrapper(at, len) ? len - (sizeof wrapper - 1) : len);
    bool escaped = has_escape(at);
    while (at < end) {
        if (!strncmp(at, shape, sizeof shape - 1)) {
            bytes_append_text(name, "[...]");
            at = past_bracket(at);
        } else if (escaped && is_escape(at)) {
            bytes_append_char(name, (char)(hex_digit(at[1]) << 4 | hex_digit(at[2])));
            at += 3;
        } else {
            bytes_append_char(name, *at++);
        }
    }
    return true;
}

static size_t go_frame(struct rewriting *rewriting, struct dict *dict, uint32_t frame,
                       uint32_t *out)
{
    return names_rename(rewriting, dict, frame, out, as_in_source);
}

const struct transform transform_go = {
    .name = "go",
    .summary = "Go names with plain paths, generic functions' shapes as [...]",
    .detect = detect_go,
    .rewrite = go_frame,
};
