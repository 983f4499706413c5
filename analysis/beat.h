// A sampling rate that beats with a heatmap's rows: where the samples of one CPU do not divide
// evenly into the rows of a column, some rows get one sample fewer than the others, always the
// same, and look like a pause that is not there. 99 Hz on 50 rows gives 49 of them two samples and
// one of them one.
#ifndef FLICKER_ANALYSIS_BEAT_H
#define FLICKER_ANALYSIS_BEAT_H

#include "proto/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct beat {
    double rate_hz;
    uint32_t rows;
    double samples_a_row; // of one busy CPU, on average
    double rows_off;      // rows of a column that get one more or fewer than the others
    bool uneven;          // it can be seen
    // Numbers of rows near by that divide the rate, the nearest first; there may be none.
    uint32_t even_rows[2];
    size_t even_count;
    double even_hz; // the rate near by that these rows divide
};

// A rate of 0 (not known) beats with nothing.
void beat_find(struct beat *out, double rate_hz, int64_t column_ns, uint32_t rows);
// The number of rows from `least` to `most` that divides the rate and is nearest to `wanted`;
// `wanted` itself where it does not beat, or none does better.
uint32_t beat_rows(double rate_hz, int64_t column_ns, uint32_t wanted, uint32_t least,
                   uint32_t most);

// Appends a line for people when it can be seen: what it looks like, and which rows are even.
void beat_text(const struct beat *beat, struct bytes *out);

#endif
