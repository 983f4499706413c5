// Sections of an ELF file by name, and what the notes and links in them say.
#include "collectors/elf_sections.h"

#include "proto/alloc.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

// What is larger is not read: see elf_symbols.c.
enum {
    MAX_STARTS = 8 << 20,
    MAX_STARTS_BYTES = 12 + 8 * MAX_STARTS,
    MAX_LINK_BYTES = 64 << 10,
    MAX_NAMES_BYTES = 16 << 20,
};

// The section that holds the names of sections; 0, which has none, when that cannot be.
static size_t names_of_sections(Elf *elf)
{
    size_t names = 0;
    GElf_Shdr header;
    if (elf_getshdrstrndx(elf, &names))
        return 0;
    Elf_Scn *section = elf_getscn(elf, names);
    return section && gelf_getshdr(section, &header) && header.sh_size <= MAX_NAMES_BYTES ? names
                                                                                          : 0;
}

static Elf_Scn *section_of(Elf *elf, const char *name, GElf_Shdr *header)
{
    size_t names = names_of_sections(elf);
    Elf_Scn *section = NULL;
    if (!names)
        return NULL;
    while ((section = elf_nextscn(elf, section))) {
        if (!gelf_getshdr(section, header))
            continue;
        const char *own = elf_strptr(elf, names, header->sh_name);
        if (own && !strcmp(own, name))
            return section;
    }
    return NULL;
}

bool elf_has_debug_info(Elf *elf)
{
    static const char *const names[] = {".debug_info", ".zdebug_info"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        GElf_Shdr header;
        if (section_of(elf, names[i], &header) && header.sh_type != SHT_NOBITS && header.sh_size)
            return true;
    }
    return false;
}

// A section that begins with a name; *len is without it and its NUL. NULL: there is none.
static const char *named_section(Elf *elf, const char *section_name, const Elf_Data **data,
                                 size_t *name_len)
{
    GElf_Shdr header;
    Elf_Scn *section = section_of(elf, section_name, &header);
    *data = section && header.sh_size <= MAX_LINK_BYTES ? elf_getdata(section, NULL) : NULL;
    if (!*data || !(*data)->d_buf || !memchr((*data)->d_buf, '\0', (*data)->d_size))
        return NULL;
    *name_len = strlen((*data)->d_buf);
    return (*data)->d_buf;
}

const char *elf_debug_link(Elf *elf, uint32_t *crc)
{
    const Elf_Data *data = NULL;
    size_t len = 0;
    const char *name = named_section(elf, ".gnu_debuglink", &data, &len);
    size_t crc_at = (len + 1 + 3) & ~(size_t)3;
    if (!name || crc_at + sizeof *crc > data->d_size)
        return NULL;
    memcpy(crc, name + crc_at, sizeof *crc); // in the byte order of the file, which is ours
    return name;
}

const char *elf_shared_debug_link(Elf *elf)
{
    const Elf_Data *data = NULL;
    size_t len = 0;
    return named_section(elf, ".gnu_debugaltlink", &data, &len);
}

// Where a number of this size lies behind the head of .eh_frame_hdr; 0: of another kind.
static size_t bytes_of(unsigned char encoding)
{
    return encoding == (DW_EH_PE_pcrel | DW_EH_PE_sdata4) || encoding == DW_EH_PE_udata4 ? 4 : 0;
}

int32_t *elf_function_starts(Elf *elf, uint64_t *base, size_t *count)
{
    size_t headers = 0;
    GElf_Phdr header = {0};
    if (elf_getphdrnum(elf, &headers))
        return NULL;
    for (size_t i = 0; i < headers && header.p_type != PT_GNU_EH_FRAME; i++) {
        if (!gelf_getphdr(elf, (int)i, &header))
            header.p_type = PT_NULL;
    }
    if (header.p_type != PT_GNU_EH_FRAME || header.p_filesz > MAX_STARTS_BYTES)
        return NULL;
    const Elf_Data *data =
        elf_getdata_rawchunk(elf, (int64_t)header.p_offset, header.p_filesz, ELF_T_BYTE);
    const unsigned char *bytes = data ? data->d_buf : NULL;
    // Version, encodings of three numbers, a pointer, the count; then pairs of a start and a place
    // (Linux Standard Base, "The .eh_frame_hdr section").
    enum { HEAD = 4, PAIR = 8 };
    if (!bytes || data->d_size < HEAD + 8 || bytes[0] != 1 || !bytes_of(bytes[1]) ||
        bytes[2] != DW_EH_PE_udata4 || bytes[3] != (DW_EH_PE_datarel | DW_EH_PE_sdata4))
        return NULL;
    uint32_t pairs = 0;
    memcpy(&pairs, bytes + HEAD + 4, sizeof pairs);
    if (pairs > (data->d_size - HEAD - 8) / PAIR || pairs > MAX_STARTS || !pairs)
        return NULL;
    int32_t *starts = xreallocarray(NULL, pairs, sizeof *starts);
    for (size_t i = 0; i < pairs; i++)
        memcpy(&starts[i], bytes + HEAD + 8 + i * PAIR, sizeof *starts);
    *base = header.p_vaddr;
    *count = pairs;
    return starts;
}
