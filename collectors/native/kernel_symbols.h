// Names of kernel addresses, from /proc/kallsyms: functions, modules, BPF programs.
#ifndef FLICKER_COLLECTORS_NATIVE_KERNEL_SYMBOLS_H
#define FLICKER_COLLECTORS_NATIVE_KERNEL_SYMBOLS_H

#include "collectors/symbol_table.h"

struct kernel_symbols {
    struct symbol_table table;
    int fd;       // of /proc/kallsyms; -1: not readable, or read
    int table_fd; // of the table that a helper writes; -1: none
    int done_fd;  // ends when it has been written
};

// Opens the file, which needs root to show addresses, and starts a helper process that reads it,
// which takes longer than all else at the start: it is done beside that. (Not a thread: threads
// and the launcher's forks do not go together.)
void kernel_symbols_init(struct kernel_symbols *symbols);
void kernel_symbols_dispose(struct kernel_symbols *symbols);
// Waits for the helper, up to what it takes, when the first name is wanted.
// NULL when unknown; *module is "[kernel]" or "[name]", len bytes. Borrowed.
const char *kernel_symbols_name(struct kernel_symbols *symbols, uint64_t address, size_t *name_len,
                                const char **module, size_t *module_len);

#endif
