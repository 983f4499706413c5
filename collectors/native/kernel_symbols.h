// Names of kernel addresses, from /proc/kallsyms: functions, modules, BPF programs.
#ifndef FLICKER_COLLECTORS_NATIVE_KERNEL_SYMBOLS_H
#define FLICKER_COLLECTORS_NATIVE_KERNEL_SYMBOLS_H

#include "collectors/symbol_table.h"

struct kernel_symbols {
    struct symbol_table table;
    int fd; // of /proc/kallsyms; -1: not readable
};

// Opens the file, which needs root to show addresses; it is read when the first name is wanted, by
// whoever is then running.
void kernel_symbols_init(struct kernel_symbols *symbols);
void kernel_symbols_dispose(struct kernel_symbols *symbols);
// NULL when unknown; *module is "[kernel]" or "[name]", len bytes. Borrowed.
const char *kernel_symbols_name(struct kernel_symbols *symbols, uint64_t address, size_t *name_len,
                                const char **module, size_t *module_len);

#endif
