// Node.js: JavaScript functions by name and place, and whole stacks by package.
//
// V8 names functions in its perf map as TAG:TIER NAME FILE:LINE[:COLUMN], where tier is one
// character: "LazyCompile:*hot /srv/app.js:12:3". After nflxprofile's two Node.js processors.
#include "analysis/transform.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

// A JavaScript function's name, taken apart; all borrowed from the name. name_len 0: anonymous.
struct script {
    const char *name, *file;
    size_t name_len, file_len; // file_len 0: no place is known
    const char *place;         // file:line[:column]
    size_t place_len;
    uint32_t line;
    bool optimised;
};

static bool starts_with(const char *text, size_t len, const char *with)
{
    size_t with_len = strlen(with);
    return len >= with_len && !memcmp(text, with, with_len);
}

// Past the tag, or 0: not JavaScript.
static size_t tag_len(const char *text, size_t len)
{
    static const char *const tags[] = {
        "LazyCompile:", "InterpretedFunction:", "JS:", "Function:", "Script:", "Eval:"};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        if (starts_with(text, len, tags[i]))
            return strlen(tags[i]);
    }
    return 0;
}

// The space between name and place. Accessors have a space in their name: "get size".
static const char *name_end(const char *text, size_t len)
{
    static const char *const modifiers[] = {"get ", "set ", "async ", "static "};
    size_t skip = 0;
    for (size_t i = 0; i < sizeof modifiers / sizeof *modifiers; i++) {
        size_t modifier = strlen(modifiers[i]);
        if (starts_with(text + skip, len - skip, modifiers[i]) &&
            memchr(text + skip + modifier, ' ', len - skip - modifier))
            skip += modifier;
    }
    return memchr(text + skip, ' ', len - skip);
}

// Takes ":12" off the end of a place; false when there is none.
static bool take_number(const char *text, size_t *len, uint32_t *number)
{
    size_t end = *len;
    while (end && isdigit((unsigned char)text[end - 1]))
        end--;
    if (!end || end == *len || text[end - 1] != ':' || *len - end > 9)
        return false;
    *number = (uint32_t)strtoul(text + end, NULL, 10);
    *len = end - 1;
    return true;
}

static bool parse_script(struct script *out, const char *text, size_t len)
{
    size_t tag = tag_len(text, len);
    if (!tag)
        return false;
    *out =
        (struct script){.file = "", .place = "", .optimised = tag < len && strchr("*+", text[tag])};
    text += tag;
    len -= tag;
    if (len && strchr("*~^+-'", *text)) { // optimised, interpreted, baseline
        text++;
        len--;
    }
    const char *space = name_end(text, len);
    out->name = text;
    out->name_len = space ? (size_t)(space - text) : len;
    if (!space)
        return true;
    out->file = out->place = space + 1;
    out->file_len = out->place_len = len - out->name_len - 1;
    uint32_t column;
    if (take_number(out->file, &out->file_len, &out->line)) {
        column = out->line;
        if (!take_number(out->file, &out->file_len, &out->line))
            out->line = column; // there was one number only
    }
    return true;
}

static bool detect_script(const struct dict *dict, const struct frame *frame)
{
    return tag_len(dict_text(dict, frame->name), dict_text_len(dict, frame->name)) > 0;
}

static const char *copy_name(struct bytes *scratch, const struct dict *dict,
                             const struct frame *frame)
{
    bytes_clear(scratch);
    bytes_append(scratch, dict_text(dict, frame->name), dict_text_len(dict, frame->name));
    return scratch->data;
}

// With `tiers` optimised and interpreted code of a function stay apart.
static size_t rewrite_script(struct rewriting *rewriting, struct dict *own, uint32_t frame,
                             uint32_t *out, bool tiers)
{
    struct frame row = own->frames[frame];
    if (row.kind == FRAME_COMM)
        return 1;
    const char *name = copy_name(&rewriting->scratch, own, &row);
    // Stands between caller and callee where the number of arguments differs.
    if (strstr(name, "ArgumentsAdaptorTrampoline"))
        return 0;
    struct script script;
    if (!parse_script(&script, name, rewriting->scratch.len))
        return 1;
    row.name = script.name_len ? dict_string(own, script.name, script.name_len)
                               : dict_string_z(own, "(anonymous)");
    // The place tells functions of one name apart, as the module does elsewhere.
    row.module = dict_string(own, script.place, script.place_len);
    row.file = dict_string(own, script.file, script.file_len);
    row.line = script.line;
    row.kind = tiers && !script.optimised ? FRAME_INTERPRETED : FRAME_JIT;
    out[0] = dict_frame(own, &row);
    return 1;
}

static size_t node_frame(struct rewriting *rewriting, struct dict *own, uint32_t frame,
                         uint32_t *out)
{
    return rewrite_script(rewriting, own, frame, out, false);
}

static size_t node_tier_frame(struct rewriting *rewriting, struct dict *own, uint32_t frame,
                              uint32_t *out)
{
    return rewrite_script(rewriting, own, frame, out, true);
}

const struct transform transform_node = {
    .name = "node",
    .summary = "JavaScript functions by name and place, whether optimised or not",
    .detect = detect_script,
    .rewrite = node_frame,
};

const struct transform transform_node_tiers = {
    .name = "node-tiers",
    .summary = "as node, but optimised and interpreted code of a function apart",
    .rewrite = node_tier_frame,
};

static void append_package(struct bytes *out, const struct script *script)
{
    static const char modules[] = "node_modules/";
    const char *file = script->file, *found = NULL;
    size_t len = script->file_len;
    for (const char *at = file;
         (at = memmem(at, len - (size_t)(at - file), modules, sizeof modules - 1)) != NULL;)
        found = at += sizeof modules - 1; // the innermost
    if (found) {
        size_t left = len - (size_t)(found - file);
        const char *end = memchr(found, '/', left);
        if (end && *found == '@') // "@scope/name"
            end = memchr(end + 1, '/', left - (size_t)(end + 1 - found));
        bytes_append(out, found, end ? (size_t)(end - found) : left);
    } else if (len &&
               (*file == '/' || starts_with(file, len, "file:") || memmem(file, len, "[eval", 5))) {
        bytes_append_text(out, "(app code)");
    } else {
        bytes_append_text(out, "(node api)");
    }
}

// Cheap parts of V8 between two JavaScript functions, which would only split the graph.
static bool is_glue(const char *name, size_t len)
{
    if (strstr(name, "ArgumentsAdaptorTrampoline") || starts_with(name, len, "BytecodeHandler"))
        return true;
    return starts_with(name, len, "Builtin") &&
           (strstr(name, "Construct") || strstr(name, "LoadIC") || strstr(name, "StoreIC") ||
            strstr(name, "InterpreterEntryTrampoline"));
}

static uint32_t group_frame(struct dict *own, const char *name, size_t len, uint8_t kind)
{
    struct frame frame = {.name = dict_string(own, name, len), .kind = kind};
    return dict_frame(own, &frame);
}

static size_t package_frame(struct rewriting *rewriting, struct dict *own, uint32_t frame,
                            uint32_t *out)
{
    struct bytes *scratch = &rewriting->scratch;
    struct frame row = own->frames[frame];
    if (row.kind == FRAME_COMM) { // every process begins with native code
        out[1] = group_frame(own, "(native)", 8, FRAME_USER);
        return 2;
    }
    const char *name = copy_name(scratch, own, &row);
    if (is_glue(name, scratch->len))
        return 0;
    struct script script;
    struct bytes package = {0};
    uint8_t kind = FRAME_JIT;
    if (parse_script(&script, name, scratch->len) && script.place_len) {
        append_package(&package, &script);
    } else {
        kind = row.kind == FRAME_KERNEL ? FRAME_KERNEL : FRAME_USER;
        bytes_append_text(&package, kind == FRAME_KERNEL ? "(kernel)" : "(native)");
    }
    out[0] = group_frame(own, bytes_text(&package), package.len, kind);
    bytes_dispose(&package);
    return 1;
}

const struct transform transform_node_packages = {
    .name = "node-packages",
    .summary = "JavaScript stacks by npm package, (app code), (node api), (native), (kernel)",
    .rewrite = package_frame,
    .join = REWRITE_JOIN_ALL,
};
