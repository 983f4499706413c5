// A rate that beats with the rows, against what a clock of that rate really puts into them.
#include "analysis/beat.h"
#include "tests/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define SECOND INT64_C(1000000000)
enum { COLUMNS = 20 };

// How far the palest and the fullest row of a map are apart, in shares of the mean: one CPU that is
// sampled at this rate for some columns.
static double contrast(double rate_hz, int64_t column_ns, uint32_t rows, double phase)
{
    double *cells = calloc(rows, sizeof *cells), least = INFINITY, most = 0, sum = 0;
    int64_t period_ns = (int64_t)(1e9 / rate_hz); // as the kernel's timer
    for (int64_t at = (int64_t)(phase * (double)period_ns); at < COLUMNS * column_ns;
         at += period_ns)
        cells[at % column_ns * rows / column_ns]++;
    for (uint32_t row = 0; row < rows; row++) {
        least = fmin(least, cells[row]);
        most = fmax(most, cells[row]);
        sum += cells[row];
    }
    free(cells);
    return (most - least) / (sum / rows);
}

static void what_is_said_is_what_is_drawn(void **state)
{
    (void)state;
    static const double rates_hz[] = {49, 50, 97, 99, 100, 199, 200, 250, 499, 997, 999, 1000};
    static const uint32_t rows[] = {5, 10, 11, 20, 25, 33, 49, 50, 99, 100};
    size_t uneven = 0, even = 0;
    for (size_t i = 0; i < sizeof rates_hz / sizeof *rates_hz; i++) {
        for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
            struct beat beat;
            beat_find(&beat, rates_hz[i], SECOND, rows[k]);
            // At a phase in the middle between two edges of rows.
            double drawn = contrast(rates_hz[i], SECOND, rows[k], 0.37);
            printf("%4.0f Hz on %3u rows: %5.2f a row, %4.1f rows off, %3.0f %% apart%s\n",
                   rates_hz[i], rows[k], beat.samples_a_row, beat.rows_off, drawn * 100,
                   beat.uneven ? ", said" : "");
            if (beat.uneven)
                assert_true(drawn > 0.12);
            else
                assert_true(drawn < 0.13);
            uneven += beat.uneven;
            even += !beat.uneven;
        }
    }
    assert_true(uneven > 30 && even > 30);
}

static void ninety_nine_on_fifty_draws_a_pale_line(void **state)
{
    (void)state;
    struct beat beat;
    beat_find(&beat, 99, SECOND, 50);
    assert_true(beat.uneven);
    assert_true(fabs(beat.samples_a_row - 1.98) < 1e-9);
    assert_true(fabs(beat.rows_off - 1) < 1e-9);
    assert_int_equal(beat.even_count, 2);
    assert_int_equal(beat.even_rows[0], 33);
    assert_int_equal(beat.even_rows[1], 99);
    assert_true(fabs(beat.even_hz - 100) < 1e-9);
    // Two columns of half a second are the same rate.
    beat_find(&beat, 99, 2 * SECOND, 50);
    assert_true(beat.uneven);
    assert_true(fabs(beat.rows_off - 2) < 1e-9);
}

static void what_is_suggested_does_not_beat(void **state)
{
    (void)state;
    for (int hz = 1; hz <= 1200; hz++) {
        for (uint32_t rows = 2; rows <= 200; rows += 3) {
            struct beat beat, better;
            beat_find(&beat, hz, SECOND, rows);
            for (size_t i = 0; i < beat.even_count; i++) {
                beat_find(&better, hz, SECOND, beat.even_rows[i]);
                assert_false(better.uneven);
                assert_true(beat.even_rows[i] >= rows / 2 && beat.even_rows[i] <= rows * 2);
            }
            beat_find(&better, beat.even_hz, SECOND, rows);
            assert_false(better.uneven);
        }
    }
}

static void rows_that_are_chosen_divide_the_rate_where_some_do(void **state)
{
    (void)state;
    assert_int_equal(beat_rows(99, SECOND, 20, 10, 33), 33);
    assert_int_equal(beat_rows(99, SECOND, 20, 10, 32), 11);
    assert_int_equal(beat_rows(99, SECOND, 20, 12, 32), 20);  // none there
    assert_int_equal(beat_rows(999, SECOND, 20, 10, 33), 20); // not seen
    assert_int_equal(beat_rows(100, SECOND, 20, 10, 33), 20);
    assert_int_equal(beat_rows(0, SECOND, 20, 10, 33), 20); // not known
}

static void a_rate_that_is_not_known_beats_with_nothing(void **state)
{
    (void)state;
    struct beat beat;
    beat_find(&beat, 0, SECOND, 50);
    assert_false(beat.uneven);
    beat_find(&beat, 99, SECOND, 0);
    assert_false(beat.uneven);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_said_is_what_is_drawn),
        cmocka_unit_test(ninety_nine_on_fifty_draws_a_pale_line),
        cmocka_unit_test(what_is_suggested_does_not_beat),
        cmocka_unit_test(rows_that_are_chosen_divide_the_rate_where_some_do),
        cmocka_unit_test(a_rate_that_is_not_known_beats_with_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
