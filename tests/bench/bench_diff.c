// How far diff can be trusted: profiles with known differences, compared a thousand times.
//
//   bench_diff [PAIRS [SEED]]
//
// Draws two samples of a random program whose true shares are known, folds and compares them. Says
// how often the 95 % intervals held the truth (93..97 % is right) and how often equal profiles
// showed no mover (>= 95 % is right), and fails when either is not so. Numbers of samples differ
// between the sides, from 200 to 20,000, as ranges do.
#include "analysis/diff.h"
#include "analysis/fold_edit.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { FUNCTIONS = 60, PATHS = 80, DEPTH = 8 };

struct program {
    uint32_t path[PATHS][DEPTH]; // functions, callers first
    uint32_t depth[PATHS];
    double share[2][PATHS]; // of each side
};

static double uniform(uint64_t *seed) // splitmix64
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (double)((z ^ z >> 31) >> 11) / 9007199254740992.0;
}

static uint32_t below(uint64_t *seed, uint32_t limit)
{
    return (uint32_t)(uniform(seed) * limit);
}

static void normalise(double *shares)
{
    double sum = 0;
    for (size_t i = 0; i < PATHS; i++)
        sum += shares[i];
    for (size_t i = 0; i < PATHS; i++)
        shares[i] /= sum;
}

// Paths of unequal weight; every one begins in function 0. With `differ`, one path is worth another
// factor on side A.
static void make_program(struct program *program, bool differ, uint64_t *seed)
{
    for (size_t i = 0; i < PATHS; i++) {
        program->depth[i] = 2 + below(seed, DEPTH - 1);
        program->path[i][0] = 0;
        for (size_t d = 1; d < program->depth[i]; d++)
            program->path[i][d] = 1 + below(seed, FUNCTIONS - 1);
        program->share[0][i] = program->share[1][i] = -log(1 - uniform(seed));
    }
    if (differ)
        program->share[0][below(seed, PATHS)] *= exp(4 * uniform(seed) - 2);
    normalise(program->share[0]);
    normalise(program->share[1]);
}

static bool has(const struct program *program, size_t path, uint32_t function, bool self)
{
    if (self)
        return program->path[path][program->depth[path] - 1] == function;
    for (size_t d = 0; d < program->depth[path]; d++) {
        if (program->path[path][d] == function)
            return true;
    }
    return false;
}

static double true_share(const struct program *program, int side, uint32_t function, bool self)
{
    double share = 0;
    for (size_t i = 0; i < PATHS; i++)
        share += has(program, i, function, self) ? program->share[side][i] : 0;
    return share;
}

static struct fold draw(const struct program *program, int side, uint32_t samples,
                        struct dict *dict, uint64_t *seed)
{
    uint64_t hits[PATHS] = {0};
    double below_path[PATHS], sum = 0;
    for (size_t i = 0; i < PATHS; i++)
        below_path[i] = sum += program->share[side][i];
    for (uint32_t n = 0; n < samples; n++) {
        double at = uniform(seed) * sum;
        size_t low = 0, high = PATHS - 1;
        while (low < high) {
            size_t middle = (low + high) / 2;
            if (below_path[middle] > at)
                high = middle;
            else
                low = middle + 1;
        }
        hits[low]++;
    }
    struct fold fold = {.dict = dict, .totals.event = UINT32_MAX};
    struct fold_edit edit;
    fold_edit_init(&edit, &fold);
    for (size_t i = 0; i < PATHS; i++) {
        if (!hits[i])
            continue;
        uint32_t node = 0;
        for (size_t d = 0; d < program->depth[i]; d++) {
            char name[16];
            snprintf(name, sizeof name, "%" PRIu32, program->path[i][d]);
            struct frame frame = {.name = dict_string_z(dict, name), .kind = FRAME_USER};
            node = fold_edit_child(&edit, node, dict_frame(dict, &frame));
        }
        fold_edit_add(&edit, node, &(struct fold_node){.self_samples = hits[i]});
    }
    fold_edit_commit(&edit);
    return fold;
}

struct tally {
    uint64_t intervals, held; // of functions with enough samples for the normal distribution
    uint64_t changed, found;  // functions whose true share differs by 5 points or more
    uint64_t pairs, quiet;    // pairs without any mover
};

static void check_rows(struct tally *tally, const struct program *program, const struct diff *diff,
                       bool self)
{
    struct diff_rows rows;
    diff_functions(&rows, diff, self ? TOP_BY_SELF : TOP_BY_TOTAL);
    for (size_t i = 0; i < rows.count; i++) {
        const struct diff_row *row = &rows.rows[i];
        const struct frame *frame = &diff->a.dict->frames[row->a.frame];
        uint32_t function = (uint32_t)atoi(dict_text(diff->a.dict, frame->name));
        double a = true_share(program, 0, function, self);
        double b = true_share(program, 1, function, self);
        double fewest =
            fmin(fmin(a, 1 - a) * (double)rows.samples_a, fmin(b, 1 - b) * (double)rows.samples_b);
        if (fewest >= 5) {
            tally->intervals++;
            tally->held += row->low <= a - b && a - b <= row->high;
        }
        tally->changed += fabs(a - b) >= 0.05;
        tally->found += fabs(a - b) >= 0.05 && row->moved;
    }
    tally->pairs++;
    tally->quiet += rows.moved == 0;
    diff_rows_dispose(&rows);
}

static void run_pair(struct tally *tally, bool differ, uint64_t *seed)
{
    struct program program;
    make_program(&program, differ, seed);
    struct dict dict;
    dict_init(&dict);
    uint32_t samples_a = (uint32_t)(200 * exp(uniform(seed) * log(100)));
    uint32_t samples_b = (uint32_t)(200 * exp(uniform(seed) * log(100)));
    struct fold a = draw(&program, 0, samples_a, &dict, seed);
    struct fold b = draw(&program, 1, samples_b, &dict, seed);
    struct diff diff;
    struct err err = {0};
    if (diff_folds(&diff, &a, &b, DIFF_BY_FUNCTION, &err) < 0) {
        fprintf(stderr, "bench_diff: %s\n", err.message);
        exit(1);
    }
    check_rows(tally, &program, &diff, false);
    check_rows(tally, &program, &diff, true);
    diff_dispose(&diff);
    fold_dispose(&a);
    fold_dispose(&b);
    dict_dispose(&dict);
}

static double percent(uint64_t part, uint64_t all)
{
    return all ? 100.0 * (double)part / (double)all : 0;
}

int main(int argc, char **argv)
{
    uint64_t pairs = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    struct tally known = {0}, equal = {0};
    for (uint64_t i = 0; i < pairs; i++) {
        run_pair(&known, true, &seed);
        run_pair(&equal, false, &seed);
    }
    double held = percent(known.held, known.intervals), quiet = percent(equal.quiet, equal.pairs);
    printf("known differences: %" PRIu64 " pairs by total and by self, %" PRIu64 " intervals\n",
           pairs, known.intervals);
    printf("  the 95 %% interval held the truth in        %6.2f %% (93..97)\n", held);
    printf("  a change of 5 points or more was found in  %6.2f %% of %" PRIu64 "\n",
           percent(known.found, known.changed), known.changed);
    printf("equal profiles: %" PRIu64 " pairs by total and by self\n", pairs);
    printf("  no mover in                                %6.2f %% (>= 95)\n", quiet);
    printf("  the 95 %% interval held zero in             %6.2f %%\n",
           percent(equal.held, equal.intervals));
    bool right = held >= 93 && held <= 97 && quiet >= 95;
    if (!right)
        printf("NOT RIGHT\n");
    return right ? 0 : 1;
}
