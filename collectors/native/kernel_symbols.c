// Names of kernel addresses, from /proc/kallsyms.
#include "collectors/native/kernel_symbols.h"

#include "proto/alloc.h"
#include "proto/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
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

static void close_all(struct kernel_symbols *symbols)
{
    int *const fds[] = {&symbols->fd, &symbols->table_fd, &symbols->done_fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
}

// What the helper does. Half a table is none: its head is checked against the length of the file.
static _Noreturn void help(struct kernel_symbols *symbols)
{
    parse_all(symbols);
    if (symbol_table_write(&symbols->table, symbols->table_fd) && ftruncate(symbols->table_fd, 0))
        _exit(1);
    _exit(0);
}

// A child of a child, so that nobody has to wait for it.
static void start_helper(struct kernel_symbols *symbols)
{
    int done[2];
    symbols->table_fd = memfd_create("kallsyms", MFD_CLOEXEC);
    if (symbols->table_fd < 0 || pipe2(done, O_CLOEXEC))
        return;
    pid_t child = fork();
    if (child == 0) {
        if (fork() == 0)
            help(symbols);
        _exit(0);
    }
    close(done[1]);
    symbols->done_fd = done[0];
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
        continue;
}

void kernel_symbols_init(struct kernel_symbols *symbols)
{
    *symbols = (struct kernel_symbols){
        .fd = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC), .table_fd = -1, .done_fd = -1};
    if (symbols->fd >= 0)
        start_helper(symbols);
}

void kernel_symbols_dispose(struct kernel_symbols *symbols)
{
    close_all(symbols);
    symbol_table_dispose(&symbols->table);
}

// The helper's table; without one, what it should have done.
static void load(struct kernel_symbols *symbols)
{
    char byte;
    while (symbols->done_fd >= 0 && read(symbols->done_fd, &byte, 1) < 0 && errno == EINTR)
        continue;
    if (symbols->table_fd < 0 || symbol_table_map(&symbols->table, symbols->table_fd)) {
        // The helper shares the file's position.
        if (!lseek(symbols->fd, 0, SEEK_SET))
            parse_all(symbols);
    }
    close_all(symbols);
}

const char *kernel_symbols_name(struct kernel_symbols *symbols, uint64_t address, size_t *name_len,
                                const char **module, size_t *module_len)
{
    if (symbols->fd >= 0)
        load(symbols);
    const struct symbol *symbol = symbol_table_find(&symbols->table, address);
    if (!symbol)
        return NULL;
    const char *name = symbol_table_name(&symbols->table, symbol);
    const char *tab = strchr(name, '\t');
    *name_len = tab ? (size_t)(tab - name) : strlen(name);
    *module = tab ? tab + 1 : "[kernel]";
    *module_len = strlen(*module);
    return name;
}
