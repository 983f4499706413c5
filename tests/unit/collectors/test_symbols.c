// Names for addresses: tables, ELF files, maps, JIT maps, and this very process.
#include "collectors/address_map.h"
#include "collectors/elf_sections.h"
#include "collectors/elf_symbols.h"
#include "collectors/jit_symbols.h"
#include "collectors/symbols.h"
#include "proto/alloc.h"
#include "tests/test.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *name_at(struct symbol_table *table, uint64_t address)
{
    const struct symbol *symbol = symbol_table_find(table, address);
    return symbol ? symbol_table_name(table, symbol) : NULL;
}

static void a_table_knows_sizes_gaps_and_nesting(void **state)
{
    (void)state;
    struct symbol_table table = {0};
    assert_null(name_at(&table, 5));
    symbol_table_add(&table, 100, 50, 1, "outer", 5);
    symbol_table_add(&table, 110, 10, 1, "inner", 5);
    symbol_table_add(&table, 200, 0, 1, "open", 4);
    symbol_table_add(&table, 300, 10, 1, "low", 3);
    symbol_table_add(&table, 300, 10, 2, "high", 4);
    assert_null(name_at(&table, 99));
    assert_string_equal(name_at(&table, 100), "outer");
    assert_string_equal(name_at(&table, 115), "inner");
    assert_string_equal(name_at(&table, 120), "outer");
    assert_null(name_at(&table, 150));
    assert_string_equal(name_at(&table, 299), "open");
    assert_string_equal(name_at(&table, 305), "high");
    assert_null(name_at(&table, 310));
    symbol_table_add(&table, UINT64_MAX - 1, 0, 1, "top", 3);
    assert_string_equal(name_at(&table, UINT64_MAX), "top");
    symbol_table_dispose(&table);
}

// The first searches of a table look at all of it; then it is sorted, a large one in another way.
static void a_large_table_finds_what_a_look_at_all_of_it_finds(void **state)
{
    (void)state;
    enum { COUNT = 5000, ASKED = 4000 };
    struct symbol_table table = {0}, fresh = {0};
    uint64_t random = 88172645463325252;
    for (int i = 0; i < COUNT; i++) {
        char name[32];
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        uint64_t start = random % 30000 + (random >> 60 ? 0 : UINT64_C(1) << 62);
        int len = snprintf(name, sizeof name, "%.*ssymbol%d", (int)(random >> 20 & 3), "___", i);
        symbol_table_add(&table, start, start % 13, random >> 50 & 1, name, (size_t)len);
        symbol_table_add(&fresh, start, start % 13, random >> 50 & 1, name, (size_t)len);
    }
    for (uint64_t address = 0; address < ASKED; address++) {
        fresh.searches = 0; // never sorted
        const char *one = name_at(&table, address * 8), *other = name_at(&fresh, address * 8);
        assert_string_equal(one ? one : "", other ? other : "");
    }
    assert_true(table.sorted && !fresh.sorted);
    symbol_table_dispose(&table);
    symbol_table_dispose(&fresh);
}

static void maps_are_read_as_the_kernel_writes_them(void **state)
{
    (void)state;
    const char text[] =
        "55d29c4b8000-55d29c4bc000 r--p 00000000 fe:00 1234                       /usr/bin/ls\n"
        "55d29c4bc000-55d29c4d0000 r-xp 00004000 fe:00 1234                       /usr/bin/ls\n"
        "7f0000001000-7f0000002000 r-xp 00001000 fe:00 9   /tmp/a b (deleted)\n"
        "nonsense\n"
        "7f0000000000-7f0000001000 rwxp 00000000 00:00 0 \n"
        "7ffe6f5f8000-7ffe6f5fa000 r-xp 00000000 00:00 0                          [vdso]";
    struct address_map *map = address_map_parse(text, sizeof text - 1);
    assert_int_equal(map->count, 4);
    assert_null(address_map_find(map, 0x55d29c4b8000));
    const struct address_range *range = address_map_find(map, 0x55d29c4bc000);
    assert_non_null(range);
    assert_string_equal(range->path, "/usr/bin/ls");
    assert_int_equal(range->file_offset, 0x4000);
    assert_int_equal(range->inode, 1234);
    assert_string_equal(address_map_find(map, 0x7f0000001fff)->path, "/tmp/a b");
    assert_string_equal(address_map_find(map, 0x7f0000000fff)->path, "");
    assert_null(address_map_find(map, 0x7f0000002000));
    assert_string_equal(address_map_find(map, 0x7ffe6f5f8000)->path, "[vdso]");
    struct address_map *again = address_map_parse(text, sizeof text - 1);
    assert_true(address_map_equal(map, again));
    const struct address_range more = {0x1000, 0x2000, 0, 1, 2, (char *)"/x"};
    again = address_map_add(again, &more);
    assert_false(address_map_equal(map, again));
    address_map_release(again);
    address_map_release(map);
}

static void a_damaged_file_has_fewer_names_and_nothing_worse(void **state)
{
    (void)state;
    int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    char *image = xmalloc(1 << 20);
    ssize_t len = read(self, image, 1 << 20);
    assert_true(len > 4096);
    close(self);
    unsigned seed = 1;
    for (int round = 0; round < 300; round++) {
        int fd = memfd_create("damaged", MFD_CLOEXEC);
        char *copy = xmalloc((size_t)len);
        memcpy(copy, image, (size_t)len);
        // The first rounds cut the file, the others change its headers.
        size_t kept = round < 50 ? (size_t)len * (size_t)round / 50 : (size_t)len;
        for (int hit = 0; round >= 50 && hit < 20; hit++) {
            seed = seed * 1103515245 + 12345;
            copy[(seed >> 8) % (hit < 10 ? 1024 : (size_t)len)] = (char)(seed >> 24);
        }
        assert_int_equal(write(fd, copy, kept), kept);
        struct elf_symbols *elf = elf_symbols_read(fd, NULL);
        uint64_t address = 0;
        for (uint64_t offset = 0; offset < 1 << 20; offset += 64 * 1024) {
            if (elf_symbols_address(elf, offset, &address))
                (void)elf_symbols_name(elf, address);
        }
        elf_symbols_free(elf);
        free(copy);
        close(fd);
    }
    free(image);
}

// A file of holes: one symbol table with its names, names of sections, one segment of `type`. The
// one at `large` (0: the table, 1: its names, 2: names of sections, 3: the segment) is of 700 MiB.
static int make_hollow_file(uint32_t type, int large)
{
    enum { SMALL = 4096 };
    const uint64_t hollow = UINT64_C(700) << 20;
    struct {
        Elf64_Ehdr head;
        Elf64_Phdr segment;
        Elf64_Shdr sections[4];
    } file = {0};
    uint64_t at = sizeof file;
    const uint32_t types[] = {SHT_SYMTAB, SHT_STRTAB, SHT_STRTAB};
    file.head = (Elf64_Ehdr){.e_type = ET_DYN,
                             .e_machine = EM_X86_64,
                             .e_version = EV_CURRENT,
                             .e_phoff = sizeof file.head,
                             .e_shoff = sizeof file.head + sizeof file.segment,
                             .e_ehsize = sizeof file.head,
                             .e_phentsize = sizeof file.segment,
                             .e_phnum = 1,
                             .e_shentsize = sizeof *file.sections,
                             .e_shnum = 4,
                             .e_shstrndx = 3};
    memcpy(file.head.e_ident, ELFMAG "\2\1\1", 7);
    for (int i = 0; i < 3; i++) {
        file.sections[i + 1] = (Elf64_Shdr){.sh_type = types[i],
                                            .sh_offset = at,
                                            .sh_size = large == i ? hollow : SMALL,
                                            .sh_link = i == 0 ? 2 : 0,
                                            .sh_entsize = i == 0 ? sizeof(Elf64_Sym) : 0};
        at += file.sections[i + 1].sh_size;
    }
    file.segment = (Elf64_Phdr){
        .p_type = type, .p_offset = at, .p_filesz = large == 3 ? hollow : SMALL, .p_align = 4};
    at += file.segment.p_filesz;
    int fd = memfd_create("hollow", MFD_CLOEXEC);
    assert_int_equal(write(fd, &file, sizeof file), sizeof file);
    assert_int_equal(ftruncate(fd, (off_t)at), 0);
    return fd;
}

// In KiB, of a process that reads the file.
static long grown_by_reading(int fd)
{
    int ends[2];
    long grown = -1;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (!pid) {
        struct rusage before, after;
        getrusage(RUSAGE_SELF, &before);
        elf_symbols_free(elf_symbols_read(fd, NULL));
        getrusage(RUSAGE_SELF, &after);
        grown = after.ru_maxrss - before.ru_maxrss;
        _exit(write(ends[1], &grown, sizeof grown) != sizeof grown);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &grown, sizeof grown), sizeof grown);
    close(ends[0]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return grown;
}

// Any user may run one, and have root's collector look at it.
static void a_file_of_holes_takes_no_memory(void **state)
{
    (void)state;
    for (int large = 0; large <= 4; large++) {
        int fd = make_hollow_file(large == 4 ? PT_GNU_EH_FRAME : PT_NOTE, large < 3 ? large : 3);
        assert_in_range(grown_by_reading(fd), 0, 200 << 10);
        close(fd);
    }
}

// A stripped file still tells where its functions start.
static void functions_start_where_the_unwinding_table_says(void **state)
{
    (void)state;
    extern const char __executable_start;
    int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    elf_version(EV_CURRENT);
    Elf *elf = elf_begin(self, ELF_C_READ, NULL);
    uint64_t base = 0;
    size_t count = 0, found = 0;
    int32_t *starts = elf_function_starts(elf, &base, &count);
    assert_non_null(starts);
    const uint64_t wanted[] = {
        (uint64_t)((const char *)&elf_symbols_read - &__executable_start),
        (uint64_t)((const char *)&functions_start_where_the_unwinding_table_says -
                   &__executable_start),
    };
    for (size_t i = 0; i < count; i++) {
        assert_true(!i || starts[i - 1] <= starts[i]);
        for (size_t k = 0; k < 2; k++)
            found += base + (uint64_t)(int64_t)starts[i] == wanted[k];
    }
    assert_int_equal(found, 2);
    free(starts);
    elf_end(elf);
    close(self);
}

static void a_jit_map_grows_while_it_is_read(void **state)
{
    (void)state;
    int fd = memfd_create("map", MFD_CLOEXEC);
    struct jit_symbols jit = {0};
    const char first[] = "1000 20 JS:*hot [eval]:1:15\nrubbish\n2000 10 ha";
    assert_int_equal(write(fd, first, sizeof first - 1), sizeof first - 1);
    assert_true(jit_symbols_read(&jit, fd));
    assert_string_equal(jit_symbols_name(&jit, 0x101f), "JS:*hot [eval]:1:15");
    assert_null(jit_symbols_name(&jit, 0x2000));
    assert_false(jit_symbols_read(&jit, fd));
    assert_int_equal(write(fd, "lf\n", 3), 3);
    assert_true(jit_symbols_read(&jit, fd));
    assert_string_equal(jit_symbols_name(&jit, 0x2000), "half");
    // Code that was thrown away and made anew: the later line counts.
    assert_int_equal(write(fd, "1000 20 newer\n", 14), 14);
    assert_true(jit_symbols_read(&jit, fd));
    assert_string_equal(jit_symbols_name(&jit, 0x1000), "newer");
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(pwrite(fd, "5000 8 again\n", 13, 0), 13);
    assert_true(jit_symbols_read(&jit, fd));
    assert_null(jit_symbols_name(&jit, 0x1000));
    assert_string_equal(jit_symbols_name(&jit, 0x5000), "again");
    jit_symbols_dispose(&jit);
    close(fd);
}

static struct frame resolve(struct symbols *symbols, struct dict *dict, const void *address)
{
    struct frame frame = {0};
    symbols_resolve(symbols, dict, getpid(), (uint64_t)(uintptr_t)address, &frame);
    return frame;
}

static void this_process_is_named(void **state)
{
    (void)state;
    struct dict dict;
    dict_init(&dict);
    struct launcher *launcher = launcher_local();
    struct symbols *symbols = symbols_new(launcher);
    struct frame frame = resolve(symbols, &dict, (const void *)&this_process_is_named);
    assert_string_equal(dict_text(&dict, frame.name), "this_process_is_named");
    assert_non_null(strstr(dict_text(&dict, frame.module), "test_symbols"));
    assert_int_equal(frame.address, 0);
    assert_int_equal(frame.kind, FRAME_USER);
    frame = resolve(symbols, &dict, (const void *)&elf_symbols_read);
    assert_string_equal(dict_text(&dict, frame.name), "elf_symbols_read");
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    unsigned long start = 0, end = 0;
    while (fgets(line, sizeof line, maps)) {
        if (strstr(line, "[vdso]"))
            sscanf(line, "%lx-%lx", &start, &end);
    }
    fclose(maps);
    if (start) {
        frame = resolve(symbols, &dict, (const void *)(start + 0x10));
        assert_string_equal(dict_text(&dict, frame.module), "[vdso]");
    }
    frame = resolve(symbols, &dict, (const void *)8);
    assert_true(frame_is_unresolved(&frame));
    assert_int_equal(frame.address, 8);
    assert_int_equal(frame.module, DICT_EMPTY);
    symbols_free(symbols);
    launcher_free(launcher);
    dict_dispose(&dict);
}

// Executable memory without a file is a JIT's; its names are in /tmp.
static void the_newest_line_that_covers_an_address_wins(void **state)
{
    (void)state;
    struct jit_symbols jit = {0};
    int fd = memfd_create("map", MFD_CLOEXEC);
    // Memory is used again: shifted, inside, around, and with an end in between.
    dprintf(fd, "1000 100 old\n2000 100 whole\n1080 100 shifted\n2040 10 inside\n"
                "3000 10 small\n2ff0 40 around\n4000 0 empty\nffffffffffffffff 2 wraps\n");
    assert_true(jit_symbols_read(&jit, fd));
    static const struct {
        uint64_t address;
        const char *name; // NULL: none
    } expected[] = {{0xfff, NULL},       {0x1000, "old"},     {0x107f, "old"},
                    {0x1080, "shifted"}, {0x10ff, "shifted"}, {0x117f, "shifted"},
                    {0x1180, NULL},      {0x203f, "whole"},   {0x2040, "inside"},
                    {0x204f, "inside"},  {0x2050, "whole"},   {0x2100, NULL},
                    {0x2ff0, "around"},  {0x3008, "around"},  {0x302f, "around"},
                    {0x3030, NULL},      {0x4000, NULL},      {UINT64_MAX, NULL}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const char *name = jit_symbols_name(&jit, expected[i].address);
        if (expected[i].name)
            assert_string_equal(name, expected[i].name);
        else
            assert_null(name);
    }
    dprintf(fd, "1000 8 newest\n");
    assert_true(jit_symbols_read(&jit, fd));
    assert_string_equal(jit_symbols_name(&jit, 0x1007), "newest");
    assert_string_equal(jit_symbols_name(&jit, 0x1008), "old");
    jit_symbols_dispose(&jit);
    close(fd);
}

// Against looking at every line, on maps of overlapping lines at random.
static void pieces_are_what_every_line_says(void **state)
{
    (void)state;
    uint64_t seed = 42;
    for (int round = 0; round < 50; round++) {
        struct jit_symbols jit = {0};
        int fd = memfd_create("map", MFD_CLOEXEC), line[256];
        for (int i = 0; i < 256; i++)
            line[i] = -1;
        for (int i = 0; i < 40; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            unsigned start = (unsigned)(seed >> 33) % 200, size = 1 + (unsigned)(seed >> 45) % 50;
            dprintf(fd, "%x %x f%d\n", start, size, i);
            for (unsigned at = start; at < start + size; at++)
                line[at] = i;
        }
        assert_true(jit_symbols_read(&jit, fd));
        for (unsigned at = 0; at < 256; at++) {
            char name[16];
            snprintf(name, sizeof name, "f%d", line[at]);
            if (line[at] < 0)
                assert_null(jit_symbols_name(&jit, at));
            else
                assert_string_equal(jit_symbols_name(&jit, at), name);
        }
        jit_symbols_dispose(&jit);
        close(fd);
    }
}

static void jit_code_is_named(void **state)
{
    (void)state;
    struct dict dict;
    dict_init(&dict);
    void *code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(code, MAP_FAILED);
    char path[64];
    snprintf(path, sizeof path, "/tmp/perf-%d.map", getpid());
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fprintf(file, "%lx 100 JS:hot loop\n", (unsigned long)code);
    fclose(file);
    struct launcher *launcher = launcher_local();
    struct symbols *symbols = symbols_new(launcher);
    struct frame frame = resolve(symbols, &dict, (char *)code + 16);
    assert_string_equal(dict_text(&dict, frame.name), "JS:hot loop");
    assert_int_equal(frame.kind, FRAME_JIT);
    frame = resolve(symbols, &dict, (char *)code + 0x200);
    assert_true(frame_is_unresolved(&frame));
    // The memory is used again: a name that was known gives way.
    uint64_t space = symbols_space(symbols, getpid());
    file = fopen(path, "ae");
    assert_non_null(file);
    fprintf(file, "%lx 80 JS:other\n", (unsigned long)code);
    fclose(file);
    while (symbols_space(symbols, getpid()) == space)
        usleep(1000);
    frame = resolve(symbols, &dict, (char *)code + 16);
    assert_string_equal(dict_text(&dict, frame.name), "JS:other");
    unlink(path);
    munmap(code, 4096);
    symbols_free(symbols);
    launcher_free(launcher);
    dict_dispose(&dict);
}

// Ranges in any order, over one another, shared and not: as a page table of one's own has them.
static void ranges_added_later_hide_earlier_ones(void **state)
{
    (void)state;
    enum { PAGES = 64, ROUNDS = 400, ADDITIONS = 12 };
    uint64_t random = 88172645463325252u;
    for (int round = 0; round < ROUNDS; round++) {
        struct address_map *map = address_map_new(), *before = NULL;
        int owner[PAGES] = {0}, was[PAGES] = {0};
        for (int i = 1; i <= ADDITIONS; i++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            uint64_t start = random % PAGES, len = 1 + (random >> 20) % 9;
            struct address_range range = {start, start + len, 100 * (uint64_t)i, 1, 1, (char *)"x"};
            if (i == ADDITIONS / 2) {
                before = address_map_share(map);
                memcpy(was, owner, sizeof was);
            }
            map = address_map_add(map, &range);
            for (uint64_t page = start; page < start + len && page < PAGES; page++)
                owner[page] = 100 * i + (int)(page - start);
        }
        for (uint64_t page = 0; page < PAGES; page++) {
            const struct address_range *now = address_map_find(map, page);
            const struct address_range *then = address_map_find(before, page);
            assert_int_equal(now ? now->file_offset + page - now->start : 0, owner[page]);
            assert_int_equal(then ? then->file_offset + page - then->start : 0, was[page]);
        }
        address_map_release(map);
        address_map_release(before);
    }
}

// The mapping of this program that holds an address; path is the caller's to free.
static struct address_range own_range(const void *address)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    struct bytes text = {0};
    char line[512];
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps))
        bytes_append_text(&text, line);
    fclose(maps);
    struct address_map *map = address_map_parse(text.data, text.len);
    const struct address_range *found = address_map_find(map, (uint64_t)(uintptr_t)address);
    assert_non_null(found);
    struct address_range range = *found;
    range.path = xstrdup(found->path);
    address_map_release(map);
    bytes_dispose(&text);
    return range;
}

// Of processes that nobody can look at any more, records say what was mapped where; a number that
// is used again does not lend its names.
static void records_name_what_is_gone(void **state)
{
    (void)state;
    enum { PARENT = (1 << 22) + 1, CHILD }; // above all that the kernel gives
    struct dict dict;
    dict_init(&dict);
    struct launcher *launcher = launcher_local();
    struct symbols *symbols = symbols_new(launcher);
    const uint64_t address = (uint64_t)(uintptr_t)&records_name_what_is_gone;
    struct address_range range = own_range((const void *)&records_name_what_is_gone);
    struct frame frame;
    symbols_on_exec(symbols, PARENT);
    uint64_t empty = symbols_space(symbols, PARENT);
    symbols_resolve(symbols, &dict, PARENT, address, &frame);
    assert_true(frame_is_unresolved(&frame));
    symbols_on_map(symbols, PARENT, &range);
    uint64_t mapped = symbols_space(symbols, PARENT);
    assert_int_not_equal(mapped, empty);
    symbols_on_fork(symbols, PARENT, CHILD);
    assert_int_equal(symbols_space(symbols, CHILD), mapped); // names hold for both
    symbols_on_exit(symbols, PARENT);
    for (int32_t pid = PARENT; pid <= CHILD; pid++) {
        symbols_resolve(symbols, &dict, pid, address, &frame);
        assert_string_equal(dict_text(&dict, frame.name), "records_name_what_is_gone");
    }
    symbols_on_exec(symbols, CHILD);
    assert_int_not_equal(symbols_space(symbols, CHILD), mapped);
    symbols_resolve(symbols, &dict, CHILD, address, &frame);
    assert_true(frame_is_unresolved(&frame));
    free(range.path);
    symbols_free(symbols);
    launcher_free(launcher);
    dict_dispose(&dict);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_added_later_hide_earlier_ones),
        cmocka_unit_test(a_table_knows_sizes_gaps_and_nesting),
        cmocka_unit_test(a_large_table_finds_what_a_look_at_all_of_it_finds),
        cmocka_unit_test(maps_are_read_as_the_kernel_writes_them),
        cmocka_unit_test(a_damaged_file_has_fewer_names_and_nothing_worse),
        cmocka_unit_test(a_file_of_holes_takes_no_memory),
        cmocka_unit_test(functions_start_where_the_unwinding_table_says),
        cmocka_unit_test(a_jit_map_grows_while_it_is_read),
        cmocka_unit_test(this_process_is_named),
        cmocka_unit_test(the_newest_line_that_covers_an_address_wins),
        cmocka_unit_test(pieces_are_what_every_line_says),
        cmocka_unit_test(jit_code_is_named),
        cmocka_unit_test(records_name_what_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
