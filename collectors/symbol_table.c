// Names of address ranges, sorted once and searched by bisection.
#include "collectors/symbol_table.h"

#include "proto/alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

// How far back a symbol that spans others is looked for.
enum { MAX_NESTING = 16, MAX_SCANS = 8 };

void symbol_table_dispose(struct symbol_table *table)
{
    if (table->mapping) {
        munmap(table->mapping, table->mapping_bytes);
    } else {
        free(table->symbols);
        free(table->text);
    }
    *table = (struct symbol_table){0};
}

uint32_t symbol_table_add_text(struct symbol_table *table, const char *text, size_t len)
{
    size_t at = table->text_len;
    if (len >= UINT32_MAX - at)
        return UINT32_MAX;
    array_reserve(&table->text, &table->text_capacity, at + len + 1);
    memcpy(table->text + at, text, len);
    table->text[at + len] = '\0';
    table->text_len = at + len + 1;
    return (uint32_t)at;
}

void symbol_table_add_at(struct symbol_table *table, uint64_t start, uint64_t size, uint32_t rank,
                         uint32_t name_at)
{
    array_reserve(&table->symbols, &table->capacity, table->count + 1);
    table->symbols[table->count++] = (struct symbol){start, size, name_at, rank};
    table->sorted = false;
    table->searches = 0;
}

void symbol_table_add(struct symbol_table *table, uint64_t start, uint64_t size, uint32_t rank,
                      const char *name, size_t len)
{
    uint32_t name_at = symbol_table_add_text(table, name, len);
    if (name_at != UINT32_MAX)
        symbol_table_add_at(table, start, size, rank, name_at);
}

// Whether b is the better name of one address. Text grows, so name_at tells which came later.
static bool is_better(const struct symbol_table *table, const struct symbol *a,
                      const struct symbol *b)
{
    if (a->rank != b->rank)
        return a->rank < b->rank;
    size_t before = strspn(table->text + a->name_at, "_");
    size_t after = strspn(table->text + b->name_at, "_");
    return after != before ? after < before : b->name_at > a->name_at;
}

// By address; of one address the best name last, but for what the text says.
static int by_address(const void *left, const void *right)
{
    const struct symbol *a = left, *b = right;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    return a->name_at < b->name_at ? -1 : a->name_at > b->name_at;
}

static void sort(struct symbol_table *table)
{
    size_t ordered = 1;
    while (ordered < table->count &&
           by_address(&table->symbols[ordered - 1], &table->symbols[ordered]) < 0)
        ordered++;
    if (ordered < table->count)
        qsort(table->symbols, table->count, sizeof *table->symbols, by_address);
    size_t kept = 0;
    for (size_t i = 0; i < table->count; i++) {
        struct symbol *last = kept ? &table->symbols[kept - 1] : NULL;
        if (!last || last->start != table->symbols[i].start)
            table->symbols[kept++] = table->symbols[i];
        else if (is_better(table, last, &table->symbols[i]))
            *last = table->symbols[i];
    }
    table->count = kept;
    table->sorted = true;
}

// A written table: this, the symbols, the text.
struct written {
    uint64_t count, text_len;
};

static int write_all(int fd, const void *data, size_t len)
{
    while (len) {
        ssize_t done = write(fd, data, len);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return done ? -errno : -EIO;
        data = (const char *)data + done;
        len -= (size_t)done;
    }
    return 0;
}

int symbol_table_write(struct symbol_table *table, int fd)
{
    if (!table->sorted && table->count)
        sort(table);
    const struct written head = {table->count, table->text_len};
    int status = write_all(fd, &head, sizeof head);
    if (!status)
        status = write_all(fd, table->symbols, table->count * sizeof *table->symbols);
    return status ? status : write_all(fd, table->text, table->text_len);
}

int symbol_table_map(struct symbol_table *table, int fd)
{
    struct stat stat;
    if (fstat(fd, &stat))
        return -errno;
    size_t bytes = (size_t)stat.st_size;
    if (bytes < sizeof(struct written))
        return -ENODATA;
    void *mapping = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    if (mapping == MAP_FAILED)
        return -errno;
    const struct written *head = mapping;
    struct symbol *symbols = (void *)((char *)mapping + sizeof *head);
    size_t room = bytes - sizeof *head;
    if (head->count > room / sizeof *symbols ||
        head->text_len != room - head->count * sizeof *symbols) {
        munmap(mapping, bytes);
        return -ENODATA;
    }
    symbol_table_dispose(table);
    *table = (struct symbol_table){
        .symbols = symbols,
        .count = head->count,
        .text = (char *)(symbols + head->count),
        .text_len = head->text_len,
        .sorted = true,
        .mapping = mapping,
        .mapping_bytes = bytes,
    };
    return 0;
}

// What the bisection finds, in a table that is not sorted.
static const struct symbol *scan(const struct symbol_table *table, uint64_t address)
{
    const struct symbol *nearest = NULL, *covering = NULL;
    for (size_t i = 0; i < table->count; i++) {
        const struct symbol *symbol = &table->symbols[i];
        if (symbol->start > address || (nearest && symbol->start < nearest->start &&
                                        (!symbol->size || address - symbol->start >= symbol->size)))
            continue;
        if (!nearest || symbol->start > nearest->start ||
            (symbol->start == nearest->start && is_better(table, nearest, symbol)))
            nearest = symbol;
        if (symbol->size && address - symbol->start < symbol->size &&
            (!covering || symbol->start > covering->start ||
             (symbol->start == covering->start && is_better(table, covering, symbol))))
            covering = symbol;
    }
    return nearest && (!nearest->size || address - nearest->start < nearest->size) ? nearest
                                                                                   : covering;
}

const struct symbol *symbol_table_find(struct symbol_table *table, uint64_t address)
{
    if (!table->sorted && table->searches++ < MAX_SCANS)
        return scan(table, address);
    if (!table->sorted && table->count)
        sort(table);
    size_t low = 0, high = table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table->symbols[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t back = 1; back <= MAX_NESTING && back <= low; back++) {
        const struct symbol *symbol = &table->symbols[low - back];
        if (symbol->size ? address - symbol->start < symbol->size : back == 1)
            return symbol;
    }
    return NULL;
}

const char *symbol_table_name(const struct symbol_table *table, const struct symbol *symbol)
{
    return table->text + symbol->name_at;
}

size_t symbol_table_bytes(const struct symbol_table *table)
{
    return table->mapping_bytes + table->capacity * sizeof *table->symbols + table->text_capacity;
}
