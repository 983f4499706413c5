// Names of address ranges, sorted once and searched by bisection: what an ELF file, a JIT's map and
// /proc/kallsyms all come down to.
#ifndef FLICKER_COLLECTORS_SYMBOL_TABLE_H
#define FLICKER_COLLECTORS_SYMBOL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbol {
    uint64_t start;
    uint64_t size;    // 0: up to the next symbol
    uint32_t name_at; // in the table's text
    uint32_t rank;    // of two names of one address the higher one counts, then that with fewer
                      // leading underscores (as perf chooses), then the later
};

// Starts as {0}.
struct symbol_table {
    struct symbol *symbols;
    size_t count, capacity;
    char *text; // names, each NUL-terminated
    size_t text_len, text_capacity;
    bool sorted;
    unsigned searches; // since something was added: a few do not pay for sorting
};

void symbol_table_dispose(struct symbol_table *table);
// Adds a name (copied). What would not fit into 4 GiB of text is dropped.
void symbol_table_add(struct symbol_table *table, uint64_t start, uint64_t size, uint32_t rank,
                      const char *name, size_t len);
// Appends text that holds many names, each to end in NUL (the last one is made to). Returns where
// it begins; UINT32_MAX: it did not fit.
uint32_t symbol_table_add_text(struct symbol_table *table, const char *text, size_t len);
// Adds a symbol whose name lies at this place of the text.
void symbol_table_add_at(struct symbol_table *table, uint64_t start, uint64_t size, uint32_t rank,
                         uint32_t name_at);
// The symbol that holds the address, NULL when there is none. Sorts after a few searches.
const struct symbol *symbol_table_find(struct symbol_table *table, uint64_t address);
// Its name; borrowed until the next addition.
const char *symbol_table_name(const struct symbol_table *table, const struct symbol *symbol);
// Bytes on the heap.
size_t symbol_table_bytes(const struct symbol_table *table);

#endif
