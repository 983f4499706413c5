// Demangling by libiberty, within limits.
//
// Symbol names are chosen by whoever built the binary. libiberty limits its recursion; the length
// of what it reads and writes is limited here, the latter by leaving through longjmp: its callbacks
// have no other way out. It holds its state on the stack, so nothing but a punycode buffer of an
// overlong Rust name can be left behind.
#include "analysis/demangle.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <string.h>

struct writer {
    struct bytes *out;
    size_t start;
    jmp_buf overflow;
};

static void write_piece(const char *data, size_t len, void *opaque)
{
    struct writer *writer = opaque;
    if (len > DEMANGLE_MAX_OUT_BYTES - (writer->out->len - writer->start))
        longjmp(writer->overflow, 1);
    bytes_append(writer->out, data, len);
}

bool demangle_looks_mangled(const char *name, size_t len)
{
    return len > 2 && name[0] == '_' &&
           (name[1] == 'Z' || name[1] == 'R' || (len > 8 && !memcmp(name, "_GLOBAL_", 8)));
}

static void cut_back(struct bytes *out, size_t len)
{
    if (out->len > len) {
        out->len = len;
        out->data[len] = '\0';
    }
}

static bool unfold(struct bytes *out, const char *mangled)
{
    struct writer writer = {.out = out, .start = out->len};
    if (setjmp(writer.overflow))
        return false;
    // Rust first: a legacy Rust name is a valid C++ name with a hash at its end.
    if (rust_demangle_callback(mangled, 0, write_piece, &writer))
        return true;
    cut_back(out, writer.start);
    const int options = DMGL_PARAMS | DMGL_ANSI | DMGL_RET_DROP;
    return cplus_demangle_v3_callback(mangled, options, write_piece, &writer);
}

bool demangle(struct bytes *out, const char *name, size_t len)
{
    if (!demangle_looks_mangled(name, len) || len > DEMANGLE_MAX_BYTES || memchr(name, '\0', len))
        return false;
    const char *version = memchr(name, '@', len); // "_Zf@GLIBC_2.2.5"
    struct bytes mangled = {0};
    bytes_append(&mangled, name, version ? (size_t)(version - name) : len);
    size_t start = out->len;
    bool ok = unfold(out, mangled.data) && out->len > start;
    bytes_dispose(&mangled);
    if (!ok) {
        cut_back(out, start);
        return false;
    }
    char *clone = strstr(out->data + start, " [clone ");
    if (clone)
        cut_back(out, (size_t)(clone - out->data));
    return true;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || (unsigned char)c >= 0x80;
}

// Past the bracket that closes the one at `at`; 0 when nothing does.
static size_t past_close(const char *name, size_t len, size_t at)
{
    size_t depth = 0;
    char open = name[at], close = open == '<' ? '>' : ')';
    for (size_t i = at; i < len; i++) {
        if (name[i] == open)
            depth++;
        else if (name[i] == close && !(close == '>' && name[i - 1] == '-') && --depth == 0)
            return i + 1;
    }
    return 0;
}

// How many bytes an operator's name has at `at`, 0 when there is none: "operator<<", "operator()".
static size_t operator_len(const char *name, size_t len, size_t at)
{
    static const char *const symbols[] = {"<=>", "<<=", ">>=", "->*", "()", "[]", "->", "<<",
                                          ">>",  "<=",  ">=",  "<",   ">",  "-",  ""};
    static const char word[] = "operator";
    size_t after = at + sizeof word - 1;
    if (len < after || memcmp(name + at, word, sizeof word - 1) != 0 ||
        (at && is_word(name[at - 1])))
        return 0;
    for (size_t i = 0;; i++) { // others have no bracket in them
        size_t symbol_len = strlen(symbols[i]);
        if (len - after >= symbol_len && !memcmp(name + after, symbols[i], symbol_len))
            return after + symbol_len - at;
    }
}

// What stays of the bracket at `at` and how far it reaches: 0 when it is to be kept and gone into.
static size_t shorten_bracket(struct bytes *out, const char *name, size_t len, size_t at)
{
    static const char anonymous[] = "(anonymous namespace)";
    if (len - at >= sizeof anonymous - 1 && !memcmp(name + at, anonymous, sizeof anonymous - 1)) {
        bytes_append_text(out, anonymous);
        return sizeof anonymous - 1;
    }
    char before = at ? name[at - 1] : '\0';
    // "(native)" and Go's "main.(*T).M" are names; "<T as Trait>" begins a path.
    if (name[at] == '(' ? !at || before == '.' : !is_word(before) && before != ':')
        return 0;
    size_t end = past_close(name, len, at);
    if (!end)
        return 0;
    if (end == at + 2)
        bytes_append(out, name + at, 2);
    else
        bytes_append_text(out, name[at] == '<' ? "<...>" : "(...)");
    return end - at;
}

void demangle_shorten(struct bytes *out, const char *name, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t skip = operator_len(name, len, i);
        if (skip) {
            bytes_append(out, name + i, skip);
            i += skip;
            // libiberty writes "operator< <int>" and "operator-<int>".
            size_t open = i + (i < len && name[i] == ' '), end = 0;
            if (open < len && name[open] == '<' && (end = past_close(name, len, open)) > 0) {
                bytes_append_text(out, "<...>");
                i = end;
            }
            continue;
        }
        if ((name[i] == '<' || name[i] == '(') && (skip = shorten_bracket(out, name, len, i)) > 0) {
            i += skip;
            continue;
        }
        bytes_append_char(out, name[i++]);
    }
}
