// Names as compilers mangle them, made readable: C++ (Itanium ABI), Rust (v0 and legacy).
#ifndef FLICKER_ANALYSIS_DEMANGLE_H
#define FLICKER_ANALYSIS_DEMANGLE_H

#include "proto/bytes.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    DEMANGLE_MAX_BYTES = 8192,     // longer mangled names are left alone
    DEMANGLE_MAX_OUT_BYTES = 65536 // a few bytes of back references can unfold to gigabytes
};

// Whether this looks like a mangled name: cheap, no promise that it demangles.
bool demangle_looks_mangled(const char *name, size_t len);

// Appends the readable form: parameters and template arguments, no return type, no hash, no clone
// suffix (".isra.0", ".cold") and no symbol version. False, and nothing appended, when the name is
// not mangled, is damaged, or unfolds beyond the limits.
bool demangle(struct bytes *out, const char *name, size_t len);

// Appends a readable name with its template arguments and parameters left out: "f<int>(char)"
// becomes "f<...>(...)". Operators, "(anonymous namespace)" and Rust's "<T as Trait>" stay.
void demangle_shorten(struct bytes *out, const char *name, size_t len);

#endif
