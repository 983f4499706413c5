// Names of kernel addresses: the kernel is asked (naming.bpf.c), or else /proc/kallsyms is read.
#include "collectors/native/kernel_symbols.h"

#include "collectors/native/naming.skel.h"
#include "proto/alloc.h"
#include "proto/bytes.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// "ffffffff81000000 T _text" or "ffffffffc0000000 t name\t[module]"; the tab and module stay in the
// name. Data is left out.
static void parse_line(struct kernel_symbols *symbols, const char *line, size_t len)
{
    uint64_t address = 0;
    size_t at = 0;
    for (; at < len && line[at] != ' '; at++) {
        char c = line[at];
        unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
        if (digit > 15)
            return;
        address = address << 4 | digit;
    }
    if (!address || at + 3 >= len || !strchr("tTwW", line[at + 1]))
        return;
    bool global = line[at + 1] == 'T' || line[at + 1] == 'W';
    symbol_table_add(&symbols->table, address, 0, global, line + at + 3, len - at - 3);
}

static void parse_all(struct kernel_symbols *symbols)
{
    enum { CHUNK_BYTES = 256 * 1024 };
    struct bytes text = {0};
    char *chunk = xmalloc(CHUNK_BYTES);
    ssize_t got;
    while ((got = read(symbols->fd, chunk, CHUNK_BYTES)) > 0) {
        bytes_append(&text, chunk, (size_t)got);
        const char *at = text.data, *end = text.data + text.len, *newline;
        while ((newline = memchr(at, '\n', (size_t)(end - at)))) {
            parse_line(symbols, at, (size_t)(newline - at));
            at = newline + 1;
        }
        bytes_consume(&text, (size_t)(at - text.data));
    }
    free(chunk);
    bytes_dispose(&text);
}

void kernel_symbols_init(struct kernel_symbols *symbols)
{
    *symbols = (struct kernel_symbols){
        .naming = naming_bpf__open_and_load(),
        .fd = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC),
    };
}

void kernel_symbols_ask_no_more(struct kernel_symbols *symbols)
{
    naming_bpf__destroy(symbols->naming);
    symbols->naming = NULL;
}

void kernel_symbols_dispose(struct kernel_symbols *symbols)
{
    kernel_symbols_ask_no_more(symbols);
    if (symbols->fd >= 0)
        close(symbols->fd);
    symbol_table_dispose(&symbols->table);
}

// "name" or "name [module]"; NULL when the kernel may not be asked, "" when it does not know.
static const char *ask(struct kernel_symbols *symbols, uint64_t address)
{
    if (!symbols->naming)
        return NULL;
    LIBBPF_OPTS(bpf_test_run_opts, options);
    char *name = symbols->naming->bss->name;
    symbols->naming->bss->address = address;
    int program = bpf_program__fd(symbols->naming->progs.name_address);
    if (bpf_prog_test_run_opts(program, &options) || (int)options.retval < 0) {
        kernel_symbols_ask_no_more(symbols); // before Linux 5.19 only root may
        return NULL;
    }
    name[sizeof symbols->naming->bss->name - 1] = '\0';
    return strncmp(name, "0x", 2) != 0 ? name : "";
}

// "name" or "name\t[module]"; NULL when unknown.
static const char *look_up(struct kernel_symbols *symbols, uint64_t address)
{
    if (symbols->fd >= 0) {
        parse_all(symbols);
        close(symbols->fd);
        symbols->fd = -1;
    }
    const struct symbol *symbol = symbol_table_find(&symbols->table, address);
    return symbol ? symbol_table_name(&symbols->table, symbol) : NULL;
}

const char *kernel_symbols_name(struct kernel_symbols *symbols, uint64_t address, size_t *name_len,
                                const char **module, size_t *module_len)
{
    const char *name = ask(symbols, address);
    if (!name)
        name = look_up(symbols, address);
    if (!name || !*name)
        return NULL;
    *name_len = strcspn(name, " \t");
    *module = name[*name_len] ? name + *name_len + 1 : "[kernel]";
    *module_len = strlen(*module);
    return name;
}
