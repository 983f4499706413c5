// The functions of one ELF file. libelf checks that headers and sections lie inside the file; what
// it hands out (names, sizes, counts) is checked here.
#include "collectors/elf_symbols.h"

#include "collectors/debug_files.h"
#include "collectors/elf_sections.h"
#include "proto/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// What is larger is not read: sizes are the file's own word, and holes in it cost whoever made it
// nothing, but us the memory.
enum {
    MAX_SEGMENTS = 64,
    MAX_BUILD_ID_BYTES = 64,
    MAX_NOTES_BYTES = 1 << 20,
    MAX_SYMBOLS = 8 << 20,
    MAX_TABLE_BYTES = MAX_SYMBOLS * (int)sizeof(Elf64_Sym),
    MAX_TEXT_BYTES = 512 << 20,
};

struct segment {
    uint64_t offset, address, bytes;
};

struct elf_symbols {
    struct segment segments[MAX_SEGMENTS];
    size_t segment_count;
    struct symbol_table table;
    unsigned char build_id[MAX_BUILD_ID_BYTES];
    size_t build_id_len;
    bool has_debug_info;
    char *debug_link; // NULL: none
    uint32_t debug_link_crc;
    int32_t *starts; // of functions, from starts_base, where names are missing
    size_t start_count;
    uint64_t starts_base;
};

static void read_segments(struct elf_symbols *symbols, Elf *elf)
{
    size_t count = 0;
    if (elf_getphdrnum(elf, &count))
        return;
    for (size_t i = 0; i < count && symbols->segment_count < MAX_SEGMENTS; i++) {
        GElf_Phdr header;
        if (!gelf_getphdr(elf, (int)i, &header) || header.p_type != PT_LOAD)
            continue;
        symbols->segments[symbols->segment_count++] =
            (struct segment){header.p_offset, header.p_vaddr, header.p_filesz};
    }
}

// A note's name and data lie inside the block: gelf_getnote checks that.
static void read_build_id(struct elf_symbols *symbols, Elf *elf)
{
    size_t count = 0;
    if (elf_getphdrnum(elf, &count))
        return;
    for (size_t i = 0; i < count && !symbols->build_id_len; i++) {
        GElf_Phdr header;
        if (!gelf_getphdr(elf, (int)i, &header) || header.p_type != PT_NOTE ||
            header.p_filesz > MAX_NOTES_BYTES)
            continue;
        Elf_Data *data = elf_getdata_rawchunk(elf, (int64_t)header.p_offset, header.p_filesz,
                                              header.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
        GElf_Nhdr note;
        size_t at = 0, next, name_at, desc_at;
        while (data && (next = gelf_getnote(data, at, &note, &name_at, &desc_at)) > 0) {
            const char *bytes = data->d_buf;
            if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
                !memcmp(bytes + name_at, "GNU", 4) && note.n_descsz <= MAX_BUILD_ID_BYTES) {
                memcpy(symbols->build_id, bytes + desc_at, note.n_descsz);
                symbols->build_id_len = note.n_descsz;
            }
            at = next;
        }
    }
}

// Which of two names for one address people expect: sized over unsized, global over local.
static uint32_t rank_of(const GElf_Sym *symbol)
{
    uint32_t rank = symbol->st_size ? 4 : 0;
    return rank + (GELF_ST_BIND(symbol->st_info) == STB_GLOBAL ? 2
                   : GELF_ST_BIND(symbol->st_info) == STB_WEAK ? 1
                                                               : 0);
}

static bool is_function(const GElf_Sym *symbol)
{
    int type = GELF_ST_TYPE(symbol->st_info);
    bool asm_entry = type == STT_NOTYPE && GELF_ST_BIND(symbol->st_info) == STB_GLOBAL;
    return symbol->st_shndx != SHN_UNDEF && symbol->st_shndx != SHN_ABS && symbol->st_value &&
           (type == STT_FUNC || type == STT_GNU_IFUNC || asm_entry);
}

// The section's names as one text; *len is without what was appended.
static uint32_t take_text(struct elf_symbols *symbols, Elf *elf, size_t section_index, size_t *len)
{
    Elf_Scn *section = elf_getscn(elf, section_index);
    GElf_Shdr header;
    if (!section || !gelf_getshdr(section, &header) || header.sh_type != SHT_STRTAB ||
        header.sh_size > MAX_TEXT_BYTES)
        return UINT32_MAX;
    const Elf_Data *data = elf_getdata(section, NULL);
    if (!data || !data->d_buf)
        return UINT32_MAX;
    *len = data->d_size;
    uint32_t base = symbol_table_add_text(&symbols->table, data->d_buf, data->d_size);
    // malloc@@GLIBC_2.2.5: without the version.
    char *text = symbols->table.text + base, *at = text;
    while (base != UINT32_MAX && (at = memchr(at, '@', *len - (size_t)(at - text)))) {
        if (at > text && at[-1])
            *at = '\0';
        at++;
    }
    return base;
}

static void read_symbols(struct elf_symbols *symbols, Elf *elf, Elf_Scn *section,
                         const GElf_Shdr *header)
{
    size_t text_len = 0;
    if (header->sh_size > MAX_TABLE_BYTES)
        return;
    uint32_t base = take_text(symbols, elf, header->sh_link, &text_len);
    Elf_Data *data = base == UINT32_MAX ? NULL : elf_getdata(section, NULL);
    size_t count = data && header->sh_entsize ? header->sh_size / header->sh_entsize : 0;
    for (size_t i = 0; i < count && i < MAX_SYMBOLS; i++) {
        GElf_Sym symbol;
        if (!gelf_getsym(data, (int)i, &symbol))
            break;
        if (is_function(&symbol) && symbol.st_name && symbol.st_name < text_len)
            symbol_table_add_at(&symbols->table, symbol.st_value, symbol.st_size, rank_of(&symbol),
                                base + symbol.st_name);
    }
}

// Reads every section of this type; false when there was none.
static bool read_tables(struct elf_symbols *symbols, Elf *elf, unsigned type)
{
    bool found = false;
    Elf_Scn *section = NULL;
    while ((section = elf_nextscn(elf, section))) {
        GElf_Shdr header;
        if (!gelf_getshdr(section, &header) || header.sh_type != type)
            continue;
        read_symbols(symbols, elf, section, &header);
        found = true;
    }
    return found;
}

static int open_debug_file(const struct elf_symbols *symbols, const char *path)
{
    const struct debug_wanted wanted = {
        .path = path,
        .build_id = symbols->build_id,
        .build_id_len = symbols->build_id_len,
        .link = symbols->debug_link,
        .link_crc = symbols->debug_link_crc,
    };
    return debug_file_open(&wanted);
}

// The installed debug file: the same addresses, all the names.
static bool read_debug_file(struct elf_symbols *symbols, const char *path)
{
    int fd = open_debug_file(symbols, path);
    Elf *elf = fd < 0 ? NULL : elf_begin(fd, ELF_C_READ, NULL);
    bool found = elf && elf_kind(elf) == ELF_K_ELF && read_tables(symbols, elf, SHT_SYMTAB);
    elf_end(elf);
    if (fd >= 0)
        close(fd);
    return found;
}

static struct elf_symbols *read_all(Elf *elf, const char *path)
{
    struct elf_symbols *symbols = xcalloc(1, sizeof *symbols);
    if (elf && elf_kind(elf) == ELF_K_ELF) {
        read_segments(symbols, elf);
        read_build_id(symbols, elf);
        symbols->has_debug_info = elf_has_debug_info(elf);
        const char *link = elf_debug_link(elf, &symbols->debug_link_crc);
        symbols->debug_link = link ? xstrdup(link) : NULL;
        if (!read_tables(symbols, elf, SHT_SYMTAB)) {
            read_tables(symbols, elf, SHT_DYNSYM);
            if (!read_debug_file(symbols, path))
                symbols->starts =
                    elf_function_starts(elf, &symbols->starts_base, &symbols->start_count);
        }
    }
    elf_end(elf);
    return symbols;
}

struct elf_symbols *elf_symbols_read(int fd, const char *path)
{
    elf_version(EV_CURRENT);
    // Not mapped: a file that is cut while it is read must be an error, not a SIGBUS.
    return read_all(elf_begin(fd, ELF_C_READ, NULL), path);
}

struct elf_symbols *elf_symbols_read_memory(void *image, size_t len)
{
    elf_version(EV_CURRENT);
    return read_all(elf_memory(image, len), NULL);
}

void elf_symbols_free(struct elf_symbols *elf)
{
    if (!elf)
        return;
    symbol_table_dispose(&elf->table);
    free(elf->debug_link);
    free(elf->starts);
    free(elf);
}

bool elf_symbols_address(const struct elf_symbols *elf, uint64_t file_offset, uint64_t *address)
{
    for (size_t i = 0; i < elf->segment_count; i++) {
        const struct segment *segment = &elf->segments[i];
        if (file_offset - segment->offset >= segment->bytes || file_offset < segment->offset)
            continue;
        *address = file_offset - segment->offset + segment->address;
        return true;
    }
    return false;
}

const char *elf_symbols_name(struct elf_symbols *elf, uint64_t address)
{
    const struct symbol *symbol = symbol_table_find(&elf->table, address);
    const char *name = symbol ? symbol_table_name(&elf->table, symbol) : NULL;
    return name && *name ? name : NULL;
}

uint64_t elf_symbols_start(const struct elf_symbols *elf, uint64_t address)
{
    size_t low = 0, high = elf->start_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (elf->starts_base + (uint64_t)(int64_t)elf->starts[middle] <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? elf->starts_base + (uint64_t)(int64_t)elf->starts[low - 1] : address;
}

// The name of what a debug file shares with others, opened.
static int open_shared(int debug_fd)
{
    Elf *elf = elf_begin(debug_fd, ELF_C_READ, NULL);
    const char *name = elf && elf_kind(elf) == ELF_K_ELF ? elf_shared_debug_link(elf) : NULL;
    int fd = name ? debug_file_open_shared(name) : -ENOENT;
    elf_end(elf);
    return fd < 0 ? -1 : fd;
}

void elf_symbols_debug_info(const struct elf_symbols *elf, int fd, const char *path,
                            struct debug_info_files *out)
{
    int separate = open_debug_file(elf, path);
    *out = (struct debug_info_files){-1, separate < 0 ? -1 : separate, -1};
    if (separate < 0 && !elf->has_debug_info)
        return;
    out->image = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    out->shared = open_shared(separate < 0 ? fd : separate);
}

bool elf_symbols_is_same(const struct elf_symbols *elf, int fd)
{
    struct elf_symbols other = {0};
    elf_version(EV_CURRENT);
    Elf *file = elf_begin(fd, ELF_C_READ, NULL);
    if (file && elf_kind(file) == ELF_K_ELF)
        read_build_id(&other, file);
    elf_end(file);
    return other.build_id_len && other.build_id_len == elf->build_id_len &&
           !memcmp(other.build_id, elf->build_id, elf->build_id_len);
}
