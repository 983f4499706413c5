// The children of every node of a fold, widest first.
#include "viewer/children.h"

#include "proto/alloc.h"

#include <stdlib.h>

static int widest_first(const void *a, const void *b, void *arg)
{
    const struct fold *fold = arg;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    uint64_t width_x = fold_total(fold, &fold->nodes[x]),
             width_y = fold_total(fold, &fold->nodes[y]);
    if (width_x != width_y)
        return width_x < width_y ? 1 : -1;
    return x < y ? -1 : x > y;
}

void children_of_fold(struct children *out, const struct fold *fold)
{
    uint32_t *at = xcalloc(fold->count + 2, sizeof *at);
    out->at = at;
    out->list = xcalloc(fold->count + 1, sizeof *out->list);
    for (size_t i = 1; i < fold->count; i++)
        at[fold->nodes[i].parent + 2]++;
    for (size_t i = 2; i < fold->count + 2; i++)
        at[i] += at[i - 1];
    for (size_t i = 1; i < fold->count;
         i++) // moves at[p + 1] from where p's children start to their end
        out->list[at[fold->nodes[i].parent + 1]++] = (uint32_t)i;
    for (size_t i = 0; i < fold->count && (i % FOLD_STEPS || !fold_is_canceled(fold)); i++)
        qsort_r(out->list + at[i], at[i + 1] - at[i], sizeof *out->list, widest_first,
                (void *)fold);
}

void children_dispose(struct children *children)
{
    free(children->at);
    free(children->list);
    *children = (struct children){0};
}
