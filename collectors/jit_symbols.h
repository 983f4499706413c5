// Functions that a JIT wrote to a perf map: lines of "START SIZE NAME", hexadecimal, appended to as
// code is made (tools/perf/Documentation/jit-interface.txt).
//
// JITs use memory again: several lines may cover an address, and the newest of them is what lies
// there now.
#ifndef FLICKER_COLLECTORS_JIT_SYMBOLS_H
#define FLICKER_COLLECTORS_JIT_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jit_line {
    uint64_t start, end;
    uint32_t name_at; // in text
};

// From `start` to the next piece's start one line is the newest.
struct jit_piece {
    uint64_t start;
    uint32_t line; // UINT32_MAX: none
};

// Starts as {0}.
struct jit_symbols {
    struct jit_line *lines; // in the file's order, the newest last
    size_t count, capacity;
    char *text;
    size_t text_len, text_capacity;
    struct jit_piece *pieces; // by start; of the first piece_lines lines
    size_t piece_count, piece_capacity, piece_lines;
    uint64_t read_bytes; // of the file, up to the last whole line
};

// Reads what was appended since the last call; a file that shrank is read anew. Returns whether
// there was anything new. At most 64 MiB a call.
bool jit_symbols_read(struct jit_symbols *jit, int fd);
// Of the newest line that covers the address; NULL when none does.
const char *jit_symbols_name(struct jit_symbols *jit, uint64_t address);
void jit_symbols_dispose(struct jit_symbols *jit);

#endif
