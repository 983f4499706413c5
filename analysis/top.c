// The heaviest functions of a fold.
#include "analysis/top.h"

#include "analysis/functions.h"
#include "proto/sort.h"

#include <stdlib.h>

struct order_arg {
    const struct fold *fold;
    enum top_order order;
};

static uint64_t weight(const struct order_arg *arg, const struct top_row *row, bool total)
{
    if (arg->fold->totals.by_value)
        return total ? row->total_value : row->self_value;
    return total ? row->total_samples : row->self_samples;
}

static int compare_rows(const void *left, const void *right, void *user)
{
    const struct order_arg *arg = user;
    const struct top_row *a = left;
    const struct top_row *b = right;
    bool by_total = arg->order == TOP_BY_TOTAL;
    for (int i = 0; i < 2; i++, by_total = !by_total) { // the other weight breaks ties
        uint64_t weight_a = weight(arg, a, by_total);
        uint64_t weight_b = weight(arg, b, by_total);
        if (weight_a != weight_b)
            return weight_a < weight_b ? 1 : -1;
    }
    return functions_compare(arg->fold->dict, a->frame, b->frame);
}

void top_of_fold(struct top *out, const struct fold *fold, enum top_order order)
{
    *out = (struct top){0};
    free(functions_of_fold(fold, &out->rows, &out->count));
    struct order_arg arg = {fold, order};
    (void)sort_unless(fold->cancel, out->rows, out->count, sizeof *out->rows, compare_rows, &arg);
}

void top_dispose(struct top *top)
{
    free(top->rows);
    *top = (struct top){0};
}
