// Names of address ranges, sorted once and searched by bisection.
#include "collectors/symbol_table.h"

#include "proto/alloc.h"

#include <stdlib.h>
#include <string.h>

// How far back a symbol that spans others is looked for.
enum { MAX_NESTING = 16, MAX_SCANS = 8 };

void symbol_table_dispose(struct symbol_table *table)
{
    free(table->symbols);
    free(table->text);
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

static int by_address(const void *left, const void *right)
{
    const struct symbol *a = left, *b = right;
    return a->start < b->start ? -1 : a->start > b->start;
}

// By address, 11 bits of it at a time, the lowest first: a large program has 100,000 symbols, and
// it is while they are sorted that samples wait.
static void sort_large(struct symbol_table *table, uint64_t lowest, uint64_t highest)
{
    enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };
    struct symbol *from = table->symbols, *to = xreallocarray(NULL, table->count, sizeof *to);
    for (unsigned shift = 0; shift < 64 && (highest - lowest) >> shift; shift += DIGIT_BITS) {
        uint32_t places[DIGITS + 1] = {0};
        for (size_t i = 0; i < table->count; i++)
            places[((from[i].start - lowest) >> shift & (DIGITS - 1)) + 1]++;
        for (size_t i = 0; i < DIGITS; i++)
            places[i + 1] += places[i];
        for (size_t i = 0; i < table->count; i++)
            to[places[(from[i].start - lowest) >> shift & (DIGITS - 1)]++] = from[i];
        struct symbol *swap = from;
        from = to;
        to = swap;
    }
    free(to);
    table->symbols = from;
    table->capacity = table->count;
}

static void sort(struct symbol_table *table)
{
    enum { LARGE = 1024 };
    uint64_t lowest = UINT64_MAX, highest = 0;
    for (size_t i = 0; i < table->count; i++) {
        uint64_t start = table->symbols[i].start;
        lowest = start < lowest ? start : lowest;
        highest = start > highest ? start : highest;
    }
    if (table->count >= LARGE && table->count < UINT32_MAX)
        sort_large(table, lowest, highest);
    else
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
    return table->capacity * sizeof *table->symbols + table->text_capacity;
}
