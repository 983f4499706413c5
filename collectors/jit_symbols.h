// Functions that a JIT wrote to a perf map: lines of "START SIZE NAME", hexadecimal, appended to as
// code is made (tools/perf/Documentation/jit-interface.txt).
#ifndef FLICKER_COLLECTORS_JIT_SYMBOLS_H
#define FLICKER_COLLECTORS_JIT_SYMBOLS_H

#include "collectors/symbol_table.h"

// Starts as {0}.
struct jit_symbols {
    struct symbol_table table;
    uint64_t read_bytes; // of the file, up to the last whole line
};

// Reads what was appended since the last call; a file that shrank is read anew. Returns whether
// there was anything new. At most 64 MiB a call.
bool jit_symbols_read(struct jit_symbols *jit, int fd);
const char *jit_symbols_name(struct jit_symbols *jit, uint64_t address);
void jit_symbols_dispose(struct jit_symbols *jit);

#endif
