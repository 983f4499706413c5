// Sections of an ELF file by name, and what the notes and links in them say. libelf checks that
// sections lie inside the file; what is in them is checked here.
#ifndef FLICKER_COLLECTORS_ELF_SECTIONS_H
#define FLICKER_COLLECTORS_ELF_SECTIONS_H

#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Whether the file holds debug information of its own.
bool elf_has_debug_info(Elf *elf);
// .gnu_debuglink: the name of the debug file and its checksum. Borrowed; NULL: none.
const char *elf_debug_link(Elf *elf, uint32_t *crc);
// .gnu_debugaltlink: the name of what the debug file shares with others. Borrowed; NULL: none.
const char *elf_shared_debug_link(Elf *elf);
// The addresses at which functions start as the table for unwinding has them (.eh_frame_hdr, which
// stripped files keep), in order: differences to *base. The caller frees; NULL: there is none.
int32_t *elf_function_starts(Elf *elf, uint64_t *base, size_t *count);

#endif
