// Names of compiled code: demangling, shortening, compilers' clones.
#include "analysis/demangle.h"
#include "analysis/transform.h"

#include <string.h>

static bool detect_mangled(const struct dict *dict, const struct frame *frame)
{
    return demangle_looks_mangled(dict_text(dict, frame->name), dict_text_len(dict, frame->name));
}

static bool demangled(const struct dict *dict, const struct frame *frame, struct bytes *name)
{
    return demangle(name, dict_text(dict, frame->name), dict_text_len(dict, frame->name));
}

static size_t demangle_frame(struct rewriting *rewriting, struct dict *dict, uint32_t frame,
                             uint32_t *out)
{
    return names_rename(rewriting, dict, frame, out, demangled);
}

const struct transform transform_demangle = {
    .name = "demangle",
    .summary = "C++ and Rust names as they were written",
    .detect = detect_mangled,
    .rewrite = demangle_frame,
};

static bool shortened(const struct dict *dict, const struct frame *frame, struct bytes *name)
{
    const char *text = dict_text(dict, frame->name);
    if ((frame->kind != FRAME_USER && frame->kind != FRAME_INLINED) || !strpbrk(text, "<("))
        return false;
    demangle_shorten(name, text, dict_text_len(dict, frame->name));
    return true;
}

static size_t shorten_frame(struct rewriting *rewriting, struct dict *dict, uint32_t frame,
                            uint32_t *out)
{
    return names_rename(rewriting, dict, frame, out, shortened);
}

const struct transform transform_shorten = {
    .name = "shorten",
    .summary = "C++ and Rust names without template arguments and parameters",
    .rewrite = shorten_frame,
};

// The length of a name without one suffix of a function that the compiler split off or specialised,
// or of Go's assembly functions; as it is when there is none.
static size_t without_suffix(const char *name, size_t len)
{
    static const char *const suffixes[] = {".isra", ".constprop", ".part",  ".cold",
                                           ".llvm", ".lto_priv",  ".clone", ".abi0"};
    size_t end = len;
    while (end && name[end - 1] >= '0' && name[end - 1] <= '9')
        end--;
    // ".isra.0" has a number, ".cold" none, and that of ".abi0" is part of it.
    end = end && end < len && name[end - 1] == '.' ? end - 1 : len;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        size_t suffix = strlen(suffixes[i]);
        if (end > suffix && !memcmp(name + end - suffix, suffixes[i], suffix))
            return end - suffix;
    }
    return len;
}

static size_t without_suffixes(const char *name, size_t len)
{
    for (size_t shorter; (shorter = without_suffix(name, len)) < len;)
        len = shorter;
    return len;
}

static bool detect_clone(const struct dict *dict, const struct frame *frame)
{
    const char *name = dict_text(dict, frame->name);
    size_t len = dict_text_len(dict, frame->name);
    return without_suffix(name, len) < len;
}

static bool original(const struct dict *dict, const struct frame *frame, struct bytes *name)
{
    const char *text = dict_text(dict, frame->name);
    bytes_append(name, text, without_suffixes(text, dict_text_len(dict, frame->name)));
    return true;
}

static size_t original_frame(struct rewriting *rewriting, struct dict *dict, uint32_t frame,
                             uint32_t *out)
{
    return names_rename(rewriting, dict, frame, out, original);
}

const struct transform transform_clones = {
    .name = "clones",
    .summary = "parts and copies that a compiler made (.isra.0, .cold) as their function",
    .detect = detect_clone,
    .rewrite = original_frame,
};
