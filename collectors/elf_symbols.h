// The functions of one ELF file: its symbol tables, and where its segments lie.
#ifndef FLICKER_COLLECTORS_ELF_SYMBOLS_H
#define FLICKER_COLLECTORS_ELF_SYMBOLS_H

#include "collectors/symbol_table.h"

struct elf_symbols;

// Reads .symtab and .dynsym (and .symtab of the installed debug file of the same build-id when the
// file itself has none). Never NULL: a file that is not ELF, or damaged, has fewer names. The
// descriptor is borrowed for the call.
struct elf_symbols *elf_symbols_read(int fd);
// The same of an image in memory (the vdso), borrowed for the call.
struct elf_symbols *elf_symbols_read_memory(void *image, size_t len);
void elf_symbols_free(struct elf_symbols *elf);

// The link-time address of a file offset; false when no segment holds it.
bool elf_symbols_address(const struct elf_symbols *elf, uint64_t file_offset, uint64_t *address);
// The function at a link-time address; NULL when unknown. Borrowed.
const char *elf_symbols_name(struct elf_symbols *elf, uint64_t address);
// The build-id, *len bytes; NULL when it has none.
const unsigned char *elf_symbols_build_id(const struct elf_symbols *elf, size_t *len);
size_t elf_symbols_bytes(const struct elf_symbols *elf);

#endif
