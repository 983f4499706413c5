// Demangling by libiberty, within limits.
//
// Symbol names are chosen by whoever built the binary. libiberty limits its recursion; the length
// of what it reads and writes is limited here, the latter by leaving through longjmp: its callbacks
// have no other way out. It holds its state on the stack, so nothing but a punycode buffer of an
// overlong Rust name can be left behind.
#include "analysis/demangle.h"

#include "proto/alloc.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
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

// For each '<' and '(' what is past the bracket that closes it; 0 when nothing does. In one go: a
// name may be 64 KiB of brackets that nothing closes. The caller frees it.
static uint32_t *find_closes(const char *name, size_t len)
{
    uint32_t *past = xcalloc(len + 1, sizeof *past);
    uint32_t *around = xcalloc(len + 1, sizeof *around); // of each open bracket, the next one, + 1
    uint32_t open[2] = {0};                              // the innermost of each kind, + 1
    for (size_t i = 0; i < len; i++) {
        int round = name[i] == '(' || name[i] == ')';
        bool closes = name[i] == ')' || (name[i] == '>' && !(i && name[i - 1] == '-'));
        if (name[i] == '<' || name[i] == '(') {
            around[i] = open[round];
            open[round] = (uint32_t)i + 1;
        } else if (closes && open[round]) {
            uint32_t at = open[round] - 1;
            past[at] = (uint32_t)i + 1;
            open[round] = around[at];
        }
    }
    free(around);
    return past;
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
static size_t shorten_bracket(struct bytes *out, const char *name, size_t len, size_t at,
                              const uint32_t *past)
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
    size_t end = past[at];
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
    uint32_t *past = find_closes(name, len);
    for (size_t i = 0; i < len;) {
        size_t skip = operator_len(name, len, i);
        if (skip) {
            bytes_append(out, name + i, skip);
            i += skip;
            // libiberty writes "operator< <int>" and "operator-<int>".
            size_t open = i + (i < len && name[i] == ' ');
            if (open < len && name[open] == '<' && past[open]) {
                bytes_append_text(out, "<...>");
                i = past[open];
            }
            continue;
        }
        if ((name[i] == '<' || name[i] == '(') &&
            (skip = shorten_bracket(out, name, len, i, past)) > 0) {
            i += skip;
            continue;
        }
        bytes_append_char(out, name[i++]);
    }
    free(past);
}
