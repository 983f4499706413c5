// Java: "Lcom/x/Y;::m" and "void com.x.Y.m(int)" as "com.x.Y::m".
//
// Perf maps of the JVM name methods by the class's descriptor, inlined ones joined by "->"
// (perf-map-agent); what folded them may have made ":" of ";" and dropped the "L". Those that the
// JVM itself writes since JDK 17 (jcmd Compiler.perfmap) have them as in a source. Interpreted
// methods have no name of their own: frames named "Interpreter" go, their weight stays with the
// caller. Classes that are generated anew in every process are one: lambdas, proxies, accessors.
// After nflxprofile's Java processor and FlameGraph's stackcollapse-perf.pl.
#include "analysis/transform.h"

#include <ctype.h>
#include <string.h>

static bool is_class_char(char c)
{
    return isalnum((unsigned char)c) || strchr("_$/.-+", c) || (unsigned char)c >= 0x80;
}

// The length of the class in front of "::", 0 when this is no Java method. *marked: a
// descriptor's end (";", or ":" that was one) stands between.
static size_t class_len(const char *name, size_t len, bool *marked)
{
    size_t end = 0;
    while (end < len && name[end] && is_class_char(name[end]))
        end++;
    *marked = end && end + 2 < len && (name[end] == ';' || name[end] == ':') &&
              name[end + 1] == ':' && name[end + 2] == ':';
    if (*marked)
        return end;
    bool method = end && end + 2 < len && name[end] == ':' && name[end + 1] == ':';
    return method && memchr(name, '/', end) ? end : 0;
}

// The parts of "TYPE CLASS.METHOD(ARGUMENTS)", which only code of a JIT is named.
struct declaration {
    const char *class, *method;
    size_t class_len, method_len;
};

static bool parse_declaration(struct declaration *out, const char *name)
{
    const char *space = strchr(name, ' '), *open = space ? strchr(space, '(') : NULL;
    const char *dot = open ? memrchr(space, '.', (size_t)(open - space)) : NULL;
    if (!dot || space == name || name[strlen(name) - 1] != ')')
        return false;
    for (const char *at = name; at < dot; at++) {
        bool in_type = at < space && strchr("[]", *at);
        if (at != space && !in_type && !is_class_char(*at))
            return false;
    }
    *out = (struct declaration){.class = space + 1,
                                .class_len = (size_t)(dot - space) - 1,
                                .method = dot + 1,
                                .method_len = (size_t)(open - dot) - 1};
    return out->class_len && out->method_len && !memchr(out->method, ' ', out->method_len);
}

static bool detect_java(const struct dict *dict, const struct frame *frame)
{
    bool marked;
    struct declaration declaration;
    const char *name = dict_text(dict, frame->name);
    if (frame->kind == FRAME_JIT && parse_declaration(&declaration, name))
        return true;
    return frame->kind != FRAME_KERNEL &&
           class_len(name, dict_text_len(dict, frame->name), &marked) > 0;
}

static size_t without_digits(const char *name, size_t len)
{
    while (len && isdigit((unsigned char)name[len - 1]))
        len--;
    return len;
}

// The length of a class name without what differs from process to process.
static size_t stable_len(const char *name, size_t len)
{
    for (size_t i = 0; i + 2 < len; i++) {
        if (name[i] == '$' && name[i + 1] == '$') { // Y$$Lambda$14/0x0000000800c03000
            size_t end = i + 2;
            while (end < len && !strchr("$/.+", name[end]))
                end++;
            return end;
        }
        if (strchr("/.+", name[i]) && name[i + 1] == '0' && name[i + 2] == 'x')
            return i; // LambdaForm$MH/0x0000000800c03000
    }
    static const char *const numbered[] = {"$Proxy", "GeneratedMethodAccessor",
                                           "GeneratedConstructorAccessor"};
    size_t stem = without_digits(name, len);
    for (size_t i = 0; i < sizeof numbered / sizeof *numbered; i++) {
        size_t word = strlen(numbered[i]);
        if (stem >= word && !memcmp(name + stem - word, numbered[i], word))
            return stem;
    }
    return len;
}

static void append_name(struct bytes *out, const char *class, size_t len, const char *method,
                        size_t method_len)
{
    len = stable_len(class, len);
    for (size_t i = 0; i < len; i++)
        bytes_append_char(out, class[i] == '/' ? '.' : class[i]);
    bytes_append_text(out, "::");
    bytes_append(out, method, method_len);
}

// One method: "Lcom/x/Y;::m(I)V". False when it is none.
static bool append_method(struct bytes *out, const char *name, size_t len)
{
    bool marked;
    size_t class = class_len(name, len, &marked);
    if (!class)
        return false;
    const char *method = name + class + marked + 2, *args;
    size_t method_len = len - (size_t)(method - name);
    if ((args = memchr(method, '(', method_len)) != NULL)
        method_len = (size_t)(args - method);
    // Without the mark, an "L" may be the package's own.
    if (*name == 'L' && class > 1 && (marked || memchr(name, '/', class))) {
        name++;
        class --;
    }
    append_name(out, name, class, method, method_len);
    return true;
}

// Past the next "->", or len.
static size_t inline_end(const char *name, size_t len)
{
    const char *arrow = memmem(name, len, "->", 2);
    return arrow ? (size_t)(arrow - name) : len;
}

static size_t java_frames(struct rewriting *rewriting, struct dict *own, uint32_t frame,
                          uint32_t *out)
{
    struct bytes *scratch = &rewriting->scratch;
    struct frame row = own->frames[frame];
    if (row.kind == FRAME_COMM || row.kind == FRAME_KERNEL)
        return 1;
    // Copied: the dictionary's text moves when names are added.
    bytes_clear(scratch);
    bytes_append(scratch, dict_text(own, row.name), dict_text_len(own, row.name));
    if (!strcmp(scratch->data, "Interpreter"))
        return 0;
    bool marked;
    struct bytes name = {0};
    struct declaration method;
    if (row.kind == FRAME_JIT && parse_declaration(&method, scratch->data)) {
        append_name(&name, method.class, method.class_len, method.method, method.method_len);
        out[0] = names_named_frame(own, &row, &name);
        bytes_dispose(&name);
        return 1;
    }
    if (!class_len(scratch->data, scratch->len, &marked))
        return 1;
    size_t count = 0, at = 0;
    while (at < scratch->len && count < NAMES_REWRITE_MAX) {
        size_t len = inline_end(scratch->data + at, scratch->len - at);
        bytes_clear(&name);
        if (!append_method(&name, scratch->data + at, len))
            bytes_append(&name, scratch->data + at, len);
        if (name.len) {
            out[count] = names_named_frame(own, &row, &name);
            row.kind = FRAME_INLINED;
            count++;
        }
        at += len + 2;
    }
    bytes_dispose(&name);
    return count;
}

const struct transform transform_java = {
    .name = "java",
    .summary = "Java classes with dots, inlined methods apart, interpreter frames left out",
    .detect = detect_java,
    .rewrite = java_frames,
};
