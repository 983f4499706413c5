// Differences as colours and words.
#include "viewer/delta.h"

#include <math.h>

static double all_of(const struct diff *diff)
{
    return (double)fold_total(&diff->a, &diff->a.nodes[0]);
}

void delta_init(struct delta *out, const struct diff *diff)
{
    *out = (struct delta){.diff = diff};
    for (size_t i = 0; i < diff->a.count; i++)
        out->largest = fmax(out->largest, fabs(diff_self(diff, i)));
}

int delta_step(const struct delta *delta, size_t node)
{
    double self = diff_self(delta->diff, node);
    if (fabs(self) < all_of(delta->diff) / 1000)
        return 0;
    int step = (int)ceil(fabs(self) / delta->largest * DELTA_MOST);
    step = step > DELTA_MOST ? DELTA_MOST : step;
    return self > 0 ? step : -step;
}

const char *delta_name(int step)
{
    static const char *const names[] = {"less5", "less4", "less3", "less2", "less1", "same",
                                        "more1", "more2", "more3", "more4", "more5"};
    return names[step + DELTA_MOST];
}

static uint8_t blend(uint8_t from, uint8_t to, int step)
{
    return (uint8_t)(from + (to - from) * step / (DELTA_MOST + 2)); // names stay readable on it
}

struct rgb delta_color(enum theme theme, int step)
{
    struct rgb same = fill_color(theme, FILL_COMM);
    struct rgb accent = color_token(theme, step < 0 ? COLOR_BASELINE : COLOR_SELECTION);
    int by = step < 0 ? -step : step;
    return (struct rgb){blend(same.red, accent.red, by), blend(same.green, accent.green, by),
                        blend(same.blue, accent.blue, by)};
}

void delta_append_total(struct bytes *out, const struct diff *diff, size_t node)
{
    bytes_printf(out, "%+.1f pp", diff_total(diff, node) / all_of(diff) * 100);
}

void delta_append(struct bytes *out, const struct diff *diff, size_t node)
{
    delta_append_total(out, diff, node);
    if (fold_self(&diff->a, &diff->a.nodes[node]) || fold_self(&diff->b, &diff->b.nodes[node]))
        bytes_printf(out, ", %+.1f pp of its own", diff_self(diff, node) / all_of(diff) * 100);
    if (diff_is_new(diff, node))
        bytes_append_text(out, ", new");
}
