// A bpftrace program made ready to be run by a recording.
#include "collectors/bpftrace_program.h"

#include "proto/alloc.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char ready_text[] = "printf(\"READY %llu\\n\", nsecs); ";
static const char end_text[] = "printf(\"END\\n\"); ";

// Steps over a comment, a string or a preprocessor line; returns at when there is none.
static const char *skip_quiet(const char *at, bool line_start)
{
    const char *end = at;
    if (at[0] == '/' && at[1] == '*') {
        end = strstr(at + 2, "*/");
        return end ? end + 2 : at + strlen(at);
    }
    if ((at[0] == '/' && at[1] == '/') || (at[0] == '#' && line_start))
        return at + strcspn(at, "\n");
    if (at[0] != '"')
        return at;
    for (end = at + 1; *end && *end != '"'; end++)
        end += end[0] == '\\' && end[1];
    return *end ? end + 1 : end;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

// Where the block of a probe (BEGIN, END; since 0.24 also in small letters) starts: after its '{';
// NULL when there is none.
static const char *find_block(const char *text, const char *probe)
{
    size_t len = strlen(probe);
    int depth = 0;
    bool wanted = false, line_start = true, in_word = false, in_probe = false;
    for (const char *at = text; *at;) {
        const char *quiet = skip_quiet(at, line_start);
        if (quiet > at) {
            at = quiet;
            in_word = line_start = false;
            continue;
        }
        // Not within another probe's name: "uprobe:/bin/x:end".
        if (!depth && !in_word && !in_probe && !strncasecmp(at, probe, len) && !is_word(at[len]))
            wanted = true;
        if (!isspace((unsigned char)*at))
            in_probe = !strchr("},;", *at);
        if (*at == '{' && depth++ == 0 && wanted)
            return at + 1;
        depth -= *at == '}' && depth > 0;
        in_word = is_word(*at);
        line_start = *at == '\n' || (line_start && isspace((unsigned char)*at));
        at++;
    }
    return NULL;
}

static void place_of(const char *text, size_t offset, uint32_t *line, uint32_t *column)
{
    *line = *column = 1;
    for (size_t i = 0; i < offset; i++) {
        *column = text[i] == '\n' ? 1 : *column + 1;
        *line += text[i] == '\n';
    }
}

// A statement put first into the block that is there; false when there is none.
static bool mark(struct bpftrace_program *program, const char *probe, const char *statement)
{
    const char *block = find_block(program->text, probe);
    if (!block)
        return false;
    size_t offset = (size_t)(block - program->text);
    struct bpftrace_marker *marker = &program->markers[program->marker_count++];
    place_of(program->text, offset, &marker->line, &marker->column);
    marker->len = (uint32_t)strlen(statement);
    marker->text = statement;
    char *marked = xasprintf("%.*s%s%s", (int)offset, program->text, statement, block);
    free(program->text);
    program->text = marked;
    return true;
}

static bool is_directive(const char *at)
{
    return *at == '#' && at[1] != '!';
}

// Where the program says something after comments and blank lines.
static const char *first_word(const char *text)
{
    for (;;) {
        const char *at = text + strspn(text, " \t\r\n");
        const char *after = is_directive(at) || *at == '"' ? at : skip_quiet(at, true);
        if (after == at)
            return at;
        text = after;
    }
}

// #include, struct, config and the like, which must come before any probe.
static bool has_preamble(const char *text)
{
    static const char *const words[] = {"config", "enum",   "fn",    "import", "let",
                                        "macro",  "struct", "union", "typedef"};
    const char *first = first_word(text);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t len = strlen(words[i]);
        if (!strncmp(first, words[i], len) && !is_word(first[len]))
            return true;
    }
    bool line_start = true;
    for (const char *at = text; *at;) {
        if (line_start && is_directive(at))
            return true;
        const char *quiet = skip_quiet(at, false);
        if (quiet > at) {
            at = quiet;
            line_start = false;
            continue;
        }
        line_start = *at == '\n' || (line_start && isspace((unsigned char)*at));
        at++;
    }
    return false;
}

void bpftrace_program_init(struct bpftrace_program *program, const char *text)
{
    *program = (struct bpftrace_program){.text = xstrdup(text)};
    if (!strncmp(text, "#!", 2)) // how it is run as a file
        memcpy(program->text, "//", 2);
    // The later block first, so that the place of each marker is one in the author's text.
    const char *begin = find_block(text, "BEGIN"), *end = find_block(text, "END");
    bool has_end = false, has_begin = false;
    if (end > begin)
        has_end = mark(program, "END", end_text);
    has_begin = mark(program, "BEGIN", ready_text);
    if (!has_end)
        has_end = end && end < begin && mark(program, "END", end_text);
    if (has_begin && has_end)
        return;
    char *ours = xasprintf("%s%s%s%s%s%s", has_begin ? "" : "BEGIN { ", has_begin ? "" : ready_text,
                           has_begin ? "" : "} ", has_end ? "" : "END { ", has_end ? "" : end_text,
                           has_end ? "" : "}");
    bool before = !has_preamble(text);
    char *full = xasprintf("%s\n%s", before ? ours : program->text, before ? program->text : ours);
    free(ours);
    free(program->text);
    program->text = full;
    program->lines_before = before;
}

void bpftrace_program_dispose(struct bpftrace_program *program)
{
    free(program->text);
    bpftrace_warnings_dispose(&program->warnings);
    *program = (struct bpftrace_program){0};
}

static void remove_markers(const struct bpftrace_program *program, struct bytes *line)
{
    for (size_t i = 0; i < program->marker_count; i++) {
        const struct bpftrace_marker *marker = &program->markers[i];
        char *at = line->len ? strstr(line->data, marker->text) : NULL;
        if (!at)
            continue;
        memmove(at, at + marker->len, line->len - (size_t)(at - line->data) - marker->len + 1);
        line->len -= marker->len;
    }
}

// By how much a column of the marked text lies behind the author's.
static uint32_t shift_at(const struct bpftrace_program *program, uint32_t line, uint32_t column)
{
    uint32_t shift = 0;
    // Markers of one line: the one that was put in last is the first in the line.
    for (size_t i = program->marker_count; i-- > 0;) {
        const struct bpftrace_marker *marker = &program->markers[i];
        if (marker->line == line && column >= marker->column + shift + marker->len)
            shift += marker->len;
    }
    return shift;
}

static unsigned author_row(const struct bpftrace_program *program, unsigned row)
{
    return row > program->lines_before ? row - program->lines_before : 1;
}

// "stdin:2:25-26", "stdin:2:25" and "stdin:1-2" (several lines) at the start of a line. False: none
// of these.
static bool move_place(struct bpftrace_program *program, struct bytes *line)
{
    unsigned row = 0, from = 0, to = 0;
    int rest = 0;
    const char *text = bytes_text(line);
    struct bytes moved = {0};
    if (sscanf(text, "stdin:%u:%u%n", &row, &from, &rest) == 2 && rest) {
        const char *end = text + rest;
        row = author_row(program, row);
        program->error_shift = shift_at(program, row, from);
        program->error_line = row;
        bytes_printf(&moved, "stdin:%u:%u", row, from - program->error_shift);
        rest = 0;
        if (sscanf(end, "-%u%n", &to, &rest) == 1 && rest)
            bytes_printf(&moved, "-%u", to - program->error_shift);
        bytes_append_text(&moved, end + rest);
    } else if (sscanf(text, "stdin:%u-%u%n", &row, &to, &rest) == 2 && rest) {
        row = author_row(program, row);
        to = author_row(program, to);
        bytes_printf(&moved, "stdin:%u", row);
        if (to > row)
            bytes_printf(&moved, "-%u", to);
        bytes_append_text(&moved, text + rest);
    } else {
        return false;
    }
    bytes_dispose(line);
    *line = moved;
    return true;
}

void bpftrace_program_unmark(struct bpftrace_program *program, struct bytes *line)
{
    remove_markers(program, line);
    if (move_place(program, line))
        return;
    size_t blank = strspn(bytes_text(line), " ");
    bool nothing = line->len && line->len == blank; // 0.26 underlines no character by none
    bool underline = program->error_line && line->len &&
                     (nothing || strspn(line->data + blank, "~^") == line->len - blank);
    if (!underline)
        return;
    if (nothing)
        bytes_append_char(line, '^');
    size_t cut = program->error_shift < blank ? program->error_shift : blank;
    bytes_consume(line, cut);
    program->error_line = 0;
}

// Looks at every word of the program itself; calls until one is it.
static bool any_word(const char *text, bool (*is_it)(const char *at))
{
    bool line_start = true, in_word = false;
    for (const char *at = text; *at;) {
        const char *quiet = skip_quiet(at, line_start);
        if (quiet > at) {
            at = quiet;
            in_word = line_start = false;
            continue;
        }
        if (!in_word && is_it(at))
            return true;
        in_word = is_word(*at);
        line_start = *at == '\n';
        at++;
    }
    return false;
}

static bool asks_for_name(const char *at)
{
    return !strncmp(at, "usym(", 5) || !strncmp(at, "uaddr(", 6);
}

bool bpftrace_program_wants_names(const char *text)
{
    return any_word(text, asks_for_name);
}

// "@x[...kstack...]": within the brackets.
static bool is_stack_key(const char *at)
{
    if (*at != '@')
        return false;
    at += 1 + strspn(at + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    if (*at != '[')
        return false;
    for (int depth = 0; *at && !(depth == 1 && *at == ']'); at++) {
        depth += (*at == '[') - (*at == ']');
        if (!strncmp(at, "kstack", 6) || !strncmp(at, "ustack", 6))
            return true;
    }
    return false;
}

bool bpftrace_program_has_stack_keys(const char *text)
{
    return any_word(text, is_stack_key);
}

char *bpftrace_program_bare_stacks(const char *text)
{
    static const char named[] = "ustack(perf", bare[] = "ustack(raw";
    struct bytes out = {0};
    const char *at;
    while ((at = strstr(text, named))) {
        bytes_append(&out, text, (size_t)(at - text));
        bytes_append_text(&out, bare);
        text = at + sizeof named - 1;
    }
    bytes_append_text(&out, text);
    return out.data;
}
