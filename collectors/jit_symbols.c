// Functions that a JIT wrote to a perf map.
#include "collectors/jit_symbols.h"

#include "proto/alloc.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK_BYTES = 1 << 20, MAX_CHUNKS = 64 };

static void parse_line(struct jit_symbols *jit, const char *line, size_t len)
{
    char *end = NULL;
    uint64_t start = strtoull(line, &end, 16);
    if (end == line || *end != ' ')
        return;
    const char *size_at = end + 1;
    uint64_t size = strtoull(size_at, &end, 16);
    const char *name = end + 1;
    if (end == size_at || *end != ' ' || name >= line + len)
        return;
    symbol_table_add(&jit->table, start, size, 0, name, (size_t)(line + len - name));
}

// Parses the whole lines of a NUL-terminated chunk; returns their bytes.
static size_t parse_chunk(struct jit_symbols *jit, char *chunk, size_t len)
{
    size_t at = 0;
    for (;;) {
        char *newline = memchr(chunk + at, '\n', len - at);
        if (!newline)
            return at;
        *newline = '\0';
        parse_line(jit, chunk + at, (size_t)(newline - chunk) - at);
        at = (size_t)(newline - chunk) + 1;
    }
}

bool jit_symbols_read(struct jit_symbols *jit, int fd)
{
    struct stat stat;
    if (fstat(fd, &stat))
        return false;
    if ((uint64_t)stat.st_size < jit->read_bytes)
        jit_symbols_dispose(jit);
    bool any = false;
    char *chunk = xmalloc(CHUNK_BYTES + 1);
    for (int i = 0; i < MAX_CHUNKS; i++) {
        ssize_t got = pread(fd, chunk, CHUNK_BYTES, (off_t)jit->read_bytes);
        if (got <= 0)
            break;
        chunk[got] = '\0';
        size_t parsed = parse_chunk(jit, chunk, (size_t)got);
        if (!parsed && got < CHUNK_BYTES)
            break; // half a line: the rest has yet to be written
        // A line as long as a chunk is no line of a map.
        jit->read_bytes += parsed ? parsed : (size_t)got;
        any = any || parsed;
    }
    free(chunk);
    return any;
}

const char *jit_symbols_name(struct jit_symbols *jit, uint64_t address)
{
    const struct symbol *symbol = symbol_table_find(&jit->table, address);
    return symbol ? symbol_table_name(&jit->table, symbol) : NULL;
}

void jit_symbols_dispose(struct jit_symbols *jit)
{
    symbol_table_dispose(&jit->table);
    *jit = (struct jit_symbols){0};
}
