// The functions of one ELF file: its symbol tables, and where its segments lie.
#ifndef FLICKER_COLLECTORS_ELF_SYMBOLS_H
#define FLICKER_COLLECTORS_ELF_SYMBOLS_H

#include "collectors/debug_info.h"
#include "collectors/symbol_table.h"

struct elf_symbols;

// Reads .symtab and .dynsym (and .symtab of the installed debug file when the file itself has none:
// see debug_files.h). Never NULL: a file that is not ELF, or damaged, has fewer names. The
// descriptor is borrowed for the call; the path is where the file says it lies, NULL: not known.
struct elf_symbols *elf_symbols_read(int fd, const char *path);
// The same of an image in memory (the vdso), borrowed for the call.
struct elf_symbols *elf_symbols_read_memory(void *image, size_t len);
void elf_symbols_free(struct elf_symbols *elf);

// The link-time address of a file offset; false when no segment holds it.
bool elf_symbols_address(const struct elf_symbols *elf, uint64_t file_offset, uint64_t *address);
// The function at a link-time address; NULL when unknown. Borrowed.
const char *elf_symbols_name(struct elf_symbols *elf, uint64_t address);
// Where the function starts that holds an address without a name, as far as the file tells; else
// the address itself.
uint64_t elf_symbols_start(const struct elf_symbols *elf, uint64_t address);
// Opens what debug information of the file is to be had; image is -1 when there is none. `fd` is
// the file, borrowed; descriptors in *out are the caller's.
void elf_symbols_debug_info(const struct elf_symbols *elf, int fd, const char *path,
                            struct debug_info_files *out);
// Whether the file has the same build-id, by a look at its notes alone.
bool elf_symbols_is_same(const struct elf_symbols *elf, int fd);

#endif
