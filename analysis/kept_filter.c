// Compiled filters, kept.
#include "analysis/kept_filter.h"

#include "analysis/names.h"
#include "proto/alloc.h"

#include <stdlib.h>
#include <string.h>

enum { CPU_BYTES = 65536 / 8 };

static void forget(struct kept_filter *kept)
{
    filter_bits_dispose(&kept->bits);
    free(kept->marks);
    kept->marks = NULL;
    kept->threads = kept->nodes = 0;
}

void kept_filters_dispose(struct kept_filters *kept)
{
    for (size_t i = 0; i < KEPT_FILTERS; i++) {
        forget(&kept->items[i]);
        free(kept->items[i].text);
    }
    names_release(kept->names);
    *kept = (struct kept_filters){.numbers = kept->numbers}; // never given twice
}

size_t kept_filters_bytes(const struct kept_filters *kept)
{
    size_t bytes = kept->names ? names_bytes(kept->names) : 0;
    for (size_t i = 0; i < KEPT_FILTERS; i++) {
        const struct kept_filter *item = &kept->items[i];
        bytes += (item->bits.threads ? item->threads / 8 : 0) +
                 (item->bits.nodes ? item->nodes / 8 : 0) + (item->bits.cpus ? CPU_BYTES : 0) +
                 (item->marks ? item->nodes : 0);
    }
    return bytes;
}

// The one with this text, else the one that was not asked for longest, now with this text.
static struct kept_filter *find(struct kept_filters *kept, char *text)
{
    struct kept_filter *oldest = &kept->items[0];
    for (size_t i = 0; i < KEPT_FILTERS; i++) {
        struct kept_filter *item = &kept->items[i];
        if (item->text && !strcmp(item->text, text)) {
            free(text);
            return item;
        }
        if (item->used < oldest->used)
            oldest = item;
    }
    forget(oldest);
    free(oldest->text);
    oldest->text = text;
    oldest->number = ++kept->numbers;
    return oldest;
}

static void mark_nodes(struct kept_filter *kept, const struct callpaths *callpaths)
{
    const uint64_t *bits = kept->bits.nodes;
    if (!bits)
        return;
    kept->marks = xmalloc(kept->nodes);
    for (size_t i = 0; i < kept->nodes; i++) {
        bool fails = !(bits[i / 64] >> i % 64 & 1);
        kept->marks[i] = (uint8_t)(callpaths->marks[i] | (fails ? KEPT_FILTER_FAILS : 0));
    }
}

int kept_filters_compile(struct kept_filters *kept, const struct filter *filter,
                         const struct callpaths *callpaths, const atomic_bool *cancel,
                         const struct kept_filter **out, struct err *err)
{
    const struct dict *dict = callpaths->dict;
    struct kept_filter *item = find(kept, filter_text(filter));
    item->used = ++kept->clock;
    *out = item;
    if (item->nodes == dict->node_count && item->threads == dict->thread_count &&
        item->generation == dict->generation)
        return 0;
    forget(item);
    if (kept->names)
        names_keep(&kept->names, dict);
    int rc = filter_compile(filter, dict, cancel, &kept->names, &item->bits, err);
    if (rc < 0)
        return rc;
    item->generation = dict->generation;
    item->nodes = dict->node_count; // at least one, the root
    item->threads = dict->thread_count;
    mark_nodes(item, callpaths);
    return 0;
}
