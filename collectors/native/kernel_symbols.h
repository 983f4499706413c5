// Names of kernel addresses: functions, modules, BPF programs.
#ifndef FLICKER_COLLECTORS_NATIVE_KERNEL_SYMBOLS_H
#define FLICKER_COLLECTORS_NATIVE_KERNEL_SYMBOLS_H

#include "collectors/symbol_table.h"

struct naming_bpf;

struct kernel_symbols {
    struct naming_bpf
        *naming; // a program that asks the kernel; NULL: it cannot (before Linux 5.14)
    int fd;      // of /proc/kallsyms, for then; -1: not readable, or read
    struct symbol_table table; // what it holds
};

// Loads the program, and opens the file, which needs root to show addresses. Neither is used yet.
void kernel_symbols_init(struct kernel_symbols *symbols);
void kernel_symbols_dispose(struct kernel_symbols *symbols);
// NULL when unknown; *module is "[kernel]" or "[name]", len bytes. Borrowed until the next call.
// Needs no rights. Where the kernel cannot be asked, the first call reads all names.
const char *kernel_symbols_name(struct kernel_symbols *symbols, uint64_t address, size_t *name_len,
                                const char **module, size_t *module_len);

// From here on names are looked up in the file; what happens by itself where the kernel does not
// answer.
void kernel_symbols_ask_no_more(struct kernel_symbols *symbols);

#endif
