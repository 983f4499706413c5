// A sampling rate that beats with a heatmap's rows.
#include "analysis/beat.h"

#include <math.h>

// One sample more or fewer is seen where a row has fewer than so many.
static const double visible_below = 8;
static const double samples_least = 4; // a column of fewer samples is drawn as single dots anyway
static const double nearly = 1e-3;     // of a whole number of samples: rates are given in Hz

static double samples_of(double rate_hz, int64_t column_ns)
{
    return rate_hz * (double)column_ns * 1e-9;
}

static bool is_divided(double samples, uint32_t rows)
{
    double a_row = samples / rows;
    return round(a_row) >= 1 && fabs(a_row - round(a_row)) * rows < nearly;
}

static double ratio(uint32_t a, uint32_t b)
{
    return a > b ? (double)a / b : (double)b / a;
}

// The nearest by ratio, the smaller of two; 0: none.
static uint32_t divisor_in(double samples, uint32_t wanted, uint32_t least, uint32_t most)
{
    uint32_t best = 0;
    for (uint32_t rows = least > 0 ? least : 1; rows <= most; rows++) {
        if (is_divided(samples, rows) && (!best || ratio(rows, wanted) < ratio(best, wanted)))
            best = rows;
    }
    return best;
}

void beat_find(struct beat *out, double rate_hz, int64_t column_ns, uint32_t rows)
{
    *out = (struct beat){.rate_hz = rate_hz, .rows = rows};
    double samples = samples_of(rate_hz, column_ns);
    if (!(samples > 0) || !rows)
        return;
    double a_row = out->samples_a_row = samples / rows;
    double whole = fmax(round(a_row), 1);
    out->rows_off = fabs(samples - whole * rows);
    out->uneven = samples >= samples_least && out->rows_off >= 0.5 && a_row < visible_below;
    out->even_hz = whole * rows / ((double)column_ns * 1e-9);
    const uint32_t least = rows > 4 ? rows / 2 : 2;
    uint32_t first = divisor_in(samples, rows, least, rows * 2);
    uint32_t other = first < rows ? divisor_in(samples, rows, rows, rows * 2)
                                  : divisor_in(samples, rows, least, rows);
    if (first)
        out->even_rows[out->even_count++] = first;
    if (other && other != first)
        out->even_rows[out->even_count++] = other;
}

uint32_t beat_rows(double rate_hz, int64_t column_ns, uint32_t wanted, uint32_t least,
                   uint32_t most)
{
    struct beat beat;
    beat_find(&beat, rate_hz, column_ns, wanted);
    uint32_t even =
        beat.uneven ? divisor_in(samples_of(rate_hz, column_ns), wanted, least, most) : 0;
    return even ? even : wanted;
}

void beat_text(const struct beat *beat, struct bytes *out)
{
    if (!beat->uneven)
        return;
    bytes_printf(out,
                 "%g Hz on %u rows is %.3g samples a row on each CPU: lines that are paler all the "
                 "way are no pauses; ",
                 beat->rate_hz, (unsigned)beat->rows, beat->samples_a_row);
    for (size_t i = 0; i < beat->even_count; i++)
        bytes_printf(out, "%srows=%u", i ? " or " : "", (unsigned)beat->even_rows[i]);
    if (!beat->even_count)
        bytes_printf(out, "a recording at %g Hz", beat->even_hz);
    bytes_append_text(out, " has none\n");
}
