// What the debug information of one file says of an address, by libdw.
//
// Two indexes, as a file may have neither of its own: which unit covers an address (LLVM writes no
// .debug_aranges), made when the file is opened, and where a unit's functions are, made when the
// unit is first asked for. Below a function its entries are walked.
#include "collectors/debug_info.h"

#include "proto/alloc.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_UNITS = 1 << 20,
    MAX_FUNCTIONS = 1 << 20, // of a unit
    MAX_NESTING = 64,        // of entries in a function, and of namespaces
    MAX_PIECES = 1 << 16,    // of one function, or unit
};

// Addresses from `low` up to `high` belong to what lies at `die`.
struct cover {
    uint64_t low, high;
    Dwarf_Off die;
    uint32_t unit;
};

struct covers {
    struct cover *items;
    size_t count, capacity;
};

struct unit {
    Dwarf_Off die;
    bool read;
    struct covers functions;
};

struct debug_info {
    Elf *elf, *shared_elf;
    Dwarf *dwarf, *shared;
    struct covers covers;
    struct unit *units;
    size_t unit_count, unit_capacity;
};

static int by_low(const void *left, const void *right)
{
    const struct cover *a = left, *b = right;
    if (a->low != b->low)
        return a->low < b->low ? -1 : 1;
    return a->high < b->high ? 1 : a->high > b->high ? -1 : 0;
}

static void covers_sort(struct covers *covers)
{
    if (covers->count)
        qsort(covers->items, covers->count, sizeof *covers->items, by_low);
}

// Adds every piece of an entry's code.
static void covers_add(struct covers *covers, Dwarf_Die *die, uint32_t unit)
{
    Dwarf_Addr base, low, high;
    ptrdiff_t at = 0;
    for (int i = 0; i < MAX_PIECES && (at = dwarf_ranges(die, at, &base, &low, &high)) > 0; i++) {
        if (high <= low || !low) // 0: code that the linker threw away
            continue;
        array_reserve(&covers->items, &covers->capacity, covers->count + 1);
        covers->items[covers->count++] = (struct cover){low, high, dwarf_dieoffset(die), unit};
    }
}

// The innermost of those that hold the address: pieces may nest, and then start later.
static const struct cover *covers_find(const struct covers *covers, uint64_t address)
{
    enum { MAX_BACK = 64 };
    size_t low = 0, high = covers->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (covers->items[middle].low <= address)
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t back = 1; back <= low && back <= MAX_BACK; back++) {
        if (address < covers->items[low - back].high)
            return &covers->items[low - back];
    }
    return NULL;
}

static void index_units(struct debug_info *info)
{
    Dwarf_CU *unit = NULL;
    Dwarf_Die die;
    uint8_t type = 0;
    while (info->unit_count < MAX_UNITS &&
           dwarf_get_units(info->dwarf, unit, &unit, NULL, &type, &die, NULL) == 0) {
        if (type != DW_UT_compile || !die.addr)
            continue;
        array_reserve(&info->units, &info->unit_capacity, info->unit_count + 1);
        info->units[info->unit_count] = (struct unit){.die = dwarf_dieoffset(&die)};
        covers_add(&info->covers, &die, (uint32_t)info->unit_count++);
    }
    covers_sort(&info->covers);
}

static void index_functions(struct covers *out, Dwarf_Die *parent, int depth)
{
    Dwarf_Die die;
    if (depth > MAX_NESTING || dwarf_child(parent, &die))
        return;
    do {
        switch (dwarf_tag(&die)) {
        case DW_TAG_subprogram:
            covers_add(out, &die, 0);
            break;
        case DW_TAG_namespace:
        case DW_TAG_module:
            index_functions(out, &die, depth + 1);
            break;
        default:
            break;
        }
    } while (out->count < MAX_FUNCTIONS && dwarf_siblingof(&die, &die) == 0);
}

static Elf *open_elf(int fd)
{
    // Mapped: a file of debug information can be gigabytes, and who reads it may die.
    Elf *elf = fd < 0 ? NULL : elf_begin(fd, ELF_C_READ_MMAP, NULL);
    if (elf && elf_kind(elf) == ELF_K_ELF)
        return elf;
    elf_end(elf);
    return NULL;
}

static bool same_build_id(Elf *elf, const void *id, size_t len)
{
    const void *own = NULL;
    ssize_t own_len = elf ? dwelf_elf_gnu_build_id(elf, &own) : 0;
    return own_len > 0 && (size_t)own_len == len && !memcmp(own, id, len);
}

// What the debug file shares with others must be what it was made with.
static void open_shared(struct debug_info *info, int fd)
{
    const char *name = NULL;
    const void *id = NULL;
    ssize_t len = dwelf_dwarf_gnu_debugaltlink(info->dwarf, &name, &id);
    info->shared_elf = len > 0 ? open_elf(fd) : NULL;
    if (info->shared_elf && same_build_id(info->shared_elf, id, (size_t)len))
        info->shared = dwarf_begin_elf(info->shared_elf, DWARF_C_READ, NULL);
    if (info->shared)
        dwarf_setalt(info->dwarf, info->shared);
}

static bool open_dwarf(struct debug_info *info, int fd)
{
    info->elf = open_elf(fd);
    info->dwarf = info->elf ? dwarf_begin_elf(info->elf, DWARF_C_READ, NULL) : NULL;
    Dwarf_CU *unit = NULL;
    if (info->dwarf && dwarf_get_units(info->dwarf, unit, &unit, NULL, NULL, NULL, NULL) == 0)
        return true;
    dwarf_end(info->dwarf);
    elf_end(info->elf);
    info->dwarf = NULL;
    info->elf = NULL;
    return false;
}

struct debug_info *debug_info_open(const struct debug_info_files *files)
{
    struct debug_info *info = xcalloc(1, sizeof *info);
    elf_version(EV_CURRENT);
    if (!open_dwarf(info, files->separate) && !open_dwarf(info, files->image))
        return info;
    open_shared(info, files->shared);
    index_units(info);
    return info;
}

void debug_info_close(struct debug_info *info)
{
    if (!info)
        return;
    for (size_t i = 0; i < info->unit_count; i++)
        free(info->units[i].functions.items);
    free(info->units);
    free(info->covers.items);
    dwarf_end(info->dwarf);
    dwarf_end(info->shared);
    elf_end(info->elf);
    elf_end(info->shared_elf);
    free(info);
}

// With the name that the linker knows, from which a readable one is made later.
static const char *name_of(Dwarf_Die *die)
{
    static const unsigned names[] = {DW_AT_linkage_name, DW_AT_MIPS_linkage_name, DW_AT_name};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        Dwarf_Attribute attribute;
        const char *name = dwarf_formstring(dwarf_attr_integrate(die, names[i], &attribute));
        if (name && *name)
            return name;
    }
    return NULL;
}

static uint32_t number_of(Dwarf_Die *die, unsigned name)
{
    Dwarf_Attribute attribute;
    Dwarf_Word number = 0;
    if (!dwarf_attr(die, name, &attribute) || dwarf_formudata(&attribute, &number) ||
        number > UINT32_MAX)
        return 0;
    return (uint32_t)number;
}

// Where an inlined function was called.
static void call_site(struct debug_frame *caller, Dwarf_Die *unit, Dwarf_Die *inlined)
{
    Dwarf_Files *files = NULL;
    size_t count = 0, number = number_of(inlined, DW_AT_call_file);
    caller->line = number_of(inlined, DW_AT_call_line);
    if (caller->line && !dwarf_getsrcfiles(unit, &files, &count) && number < count)
        caller->file = dwarf_filesrc(files, number, NULL, NULL);
}

static void line_of(struct debug_frame *frame, Dwarf_Die *unit, uint64_t address)
{
    Dwarf_Line *line = dwarf_getsrc_die(unit, address);
    int number = 0;
    if (!line || dwarf_lineno(line, &number) || number <= 0)
        return;
    frame->line = (uint32_t)number;
    frame->file = dwarf_linesrc(line, NULL, NULL);
}

// Replaces an entry by the one in it that holds the address, of those that nest in functions.
static bool step_inside(Dwarf_Die *die, uint64_t address)
{
    Dwarf_Die child;
    if (dwarf_child(die, &child))
        return false;
    do {
        switch (dwarf_tag(&child)) {
        case DW_TAG_inlined_subroutine:
        case DW_TAG_lexical_block:
        case DW_TAG_try_block:
        case DW_TAG_catch_block:
        case DW_TAG_with_stmt:
            if (dwarf_haspc(&child, address) > 0) {
                *die = child;
                return true;
            }
            break;
        default:
            break;
        }
    } while (dwarf_siblingof(&child, &child) == 0);
    return false;
}

// Functions that lie in other entries, as those of local classes do, are not in the index.
static bool find_nested(Dwarf_Die *unit, uint64_t address, Dwarf_Die *out)
{
    Dwarf_Die *scopes = NULL;
    int count = dwarf_getscopes(unit, address, &scopes);
    bool found = false;
    for (int i = 0; i < count && !found; i++) { // innermost first
        found = dwarf_tag(&scopes[i]) == DW_TAG_subprogram;
        *out = scopes[i];
    }
    free(scopes);
    return found;
}

static bool find_function(struct debug_info *info, struct unit *unit, Dwarf_Die *unit_die,
                          uint64_t address, Dwarf_Die *out)
{
    if (!unit->read) {
        unit->read = true;
        index_functions(&unit->functions, unit_die, 0);
        covers_sort(&unit->functions);
    }
    const struct cover *cover = covers_find(&unit->functions, address);
    return cover ? dwarf_offdie(info->dwarf, cover->die, out) != NULL
                 : find_nested(unit_die, address, out);
}

size_t debug_info_find(struct debug_info *info, uint64_t address,
                       struct debug_frame out[DEBUG_INFO_MAX_FRAMES])
{
    const struct cover *cover = covers_find(&info->covers, address);
    struct unit *unit = cover ? &info->units[cover->unit] : NULL;
    Dwarf_Die unit_die, die;
    if (!unit || !dwarf_offdie(info->dwarf, unit->die, &unit_die))
        return 0;
    size_t count = 1;
    out[0] = (struct debug_frame){0};
    if (find_function(info, unit, &unit_die, address, &die)) {
        out[0].function = name_of(&die);
        for (int depth = 0; depth < MAX_NESTING && step_inside(&die, address); depth++) {
            if (dwarf_tag(&die) != DW_TAG_inlined_subroutine || count == DEBUG_INFO_MAX_FRAMES)
                continue;
            const char *name = name_of(&die);
            if (!name)
                continue; // what lies in it is told of its caller
            call_site(&out[count - 1], &unit_die, &die);
            out[count++] = (struct debug_frame){.function = name};
        }
    }
    line_of(&out[count - 1], &unit_die, address);
    return out[0].function || out[0].line || count > 1 ? count : 0;
}
