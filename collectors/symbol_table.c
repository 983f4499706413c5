// Names of address ranges, sorted once and searched by bisection.
#include "collectors/symbol_table.h"

#include "proto/alloc.h"

#include <stdlib.h>
#include <string.h>

// How far back a symbol that spans others is looked for.
enum { MAX_NESTING = 16 };

void symbol_table_dispose(struct symbol_table *table)
{
    free(table->symbols);
    free(table->text);
    *table = (struct symbol_table){0};
}

void symbol_table_add(struct symbol_table *table, uint64_t start, uint64_t size, uint32_t rank,
                      const char *name, size_t len)
{
    if (table->text_len + len + 1 > UINT32_MAX)
        return;
    array_reserve(&table->text, &table->text_capacity, table->text_len + len + 1);
    memcpy(table->text + table->text_len, name, len);
    table->text[table->text_len + len] = '\0';
    array_reserve(&table->symbols, &table->capacity, table->count + 1);
    table->symbols[table->count++] = (struct symbol){start, size, (uint32_t)table->text_len, rank};
    table->text_len += len + 1;
    table->sorted = false;
}

// By address; of one address the best name last. Text grows, so name_at tells which came later.
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
    qsort(table->symbols, table->count, sizeof *table->symbols, by_address);
    size_t kept = 0;
    for (size_t i = 0; i < table->count; i++) {
        if (kept && table->symbols[kept - 1].start == table->symbols[i].start)
            kept--;
        table->symbols[kept++] = table->symbols[i];
    }
    table->count = kept;
    table->sorted = true;
}

const struct symbol *symbol_table_find(struct symbol_table *table, uint64_t address)
{
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
