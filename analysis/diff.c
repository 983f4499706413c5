// One tree out of two folds, and what each path and function gained or lost.
#include "analysis/diff.h"

#include "analysis/fold_edit.h"
#include "analysis/functions.h"
#include "analysis/names.h"
#include "analysis/proportion.h"
#include "proto/alloc.h"
#include "proto/sort.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Frames of both sides in one dictionary.
struct merger {
    struct dict *own;
    enum diff_match match;
    // By text: the first frame that reads so, + 1; for functions and for threads' names.
    uint32_t *reads_as[2];
    size_t capacity[2];
};

static uint32_t first_reading_as(struct merger *merger, uint32_t frame)
{
    struct bytes text = {0};
    fold_frame_text(merger->own, frame, &text);
    uint32_t string = dict_string(merger->own, bytes_text(&text), text.len);
    bytes_dispose(&text);
    int comm = merger->own->frames[frame].kind == FRAME_COMM;
    size_t old = merger->capacity[comm];
    array_reserve(&merger->reads_as[comm], &merger->capacity[comm], (size_t)string + 1);
    if (merger->capacity[comm] > old)
        memset(merger->reads_as[comm] + old, 0,
               (merger->capacity[comm] - old) * sizeof *merger->reads_as[comm]);
    uint32_t *first = &merger->reads_as[comm][string];
    if (!*first)
        *first = frame + 1;
    return *first - 1;
}

// The merged frame of each frame of `dict` in use by the fold; the caller frees it.
static uint32_t *merge_frames(struct merger *merger, const struct fold *fold)
{
    uint32_t *merged = xcalloc(fold->dict->frame_count + 1, sizeof *merged);
    for (size_t i = 1; i < fold->count; i++) {
        uint32_t frame = fold->nodes[i].frame;
        if (merged[frame])
            continue;
        uint32_t copy = names_copy_frame(merger->own, fold->dict, frame);
        if (merger->match == DIFF_BY_TEXT)
            copy = first_reading_as(merger, copy);
        merged[frame] = copy + 1;
    }
    return merged;
}

// Adds a fold's paths to the tree, with their weights or without.
static void add_paths(struct fold_edit *edit, const struct fold *fold, const uint32_t *merged,
                      bool weights)
{
    uint32_t *node_of = xcalloc(fold->count + 1, sizeof *node_of);
    for (size_t i = 0; i < fold->count && !edit->canceled; i++) {
        const struct fold_node *node = &fold->nodes[i];
        if (i)
            node_of[i] = fold_edit_child(edit, node_of[node->parent], merged[node->frame] - 1);
        if (weights)
            fold_edit_add(edit, node_of[i], node);
    }
    free(node_of);
}

// The paths of both, with the weights of one. The order of a tree's nodes depends on its paths
// only, so that both sides come out in the same.
static void make_side(struct fold *side, const struct fold *weights, const uint32_t *merged,
                      const struct fold *paths, const uint32_t *merged_paths)
{
    struct fold_edit edit;
    fold_edit_init(&edit, side);
    fold_edit_expect(&edit, weights->count > paths->count ? weights->count : paths->count);
    add_paths(&edit, weights, merged, true);
    add_paths(&edit, paths, merged_paths, false);
    fold_edit_commit(&edit);
}

static const char *unit_of(const struct fold *fold)
{
    if (!fold->totals.by_value)
        return "samples";
    if (fold->totals.event >= fold->dict->event_count)
        return "";
    return dict_text(fold->dict, fold->dict->events[fold->totals.event].unit);
}

static int check_sides(const struct fold *a, const struct fold *b, struct err *err)
{
    bool a_empty = !a->count || !fold_total(a, &a->nodes[0]);
    bool b_empty = !b->count || !fold_total(b, &b->nodes[0]);
    if (a_empty || b_empty)
        return err_set(err, -ENODATA, "%s no samples: there is nothing to compare",
                       !b_empty   ? "the first side has"
                       : !a_empty ? "the second side has"
                                  : "both sides have");
    if (strcmp(unit_of(a), unit_of(b)) != 0)
        return err_set(err, -EINVAL, "the first side counts '%s' and the second '%s'", unit_of(a),
                       unit_of(b));
    return 0;
}

int diff_folds(struct diff *out, const struct fold *a, const struct fold *b, enum diff_match match,
               struct err *err)
{
    *out = (struct diff){0};
    int rc = check_sides(a, b, err);
    if (rc < 0)
        return rc;
    struct names *names = names_new(false);
    struct dict *own = &names->dict;
    out->a = (struct fold){.dict = own, .own = names, .totals = a->totals};
    out->b = (struct fold){.dict = own, .own = names_hold(names), .totals = b->totals};
    out->a.cancel = a->cancel;
    out->b.cancel = b->cancel;
    out->a.totals.event = names_copy_event(names, a->dict, a->totals.event);
    out->b.totals.event = names_copy_event(names, b->dict, b->totals.event);
    struct merger merger = {.own = own, .match = match};
    uint32_t *merged_a = merge_frames(&merger, a), *merged_b = merge_frames(&merger, b);
    make_side(&out->a, a, merged_a, b, merged_b);
    make_side(&out->b, b, merged_b, a, merged_a);
    out->scale = (double)fold_total(&out->a, &out->a.nodes[0]) /
                 (double)fold_total(&out->b, &out->b.nodes[0]);
    free(merged_a);
    free(merged_b);
    free(merger.reads_as[0]);
    free(merger.reads_as[1]);
    rc = fold_canceled(&out->a, err);
    if (rc == 0)
        rc = fold_canceled(&out->b, err);
    if (rc)
        diff_dispose(out);
    return rc;
}

void diff_dispose(struct diff *diff)
{
    fold_dispose(&diff->b);
    fold_dispose(&diff->a);
    *diff = (struct diff){0};
}

double diff_self(const struct diff *diff, size_t node)
{
    return (double)fold_self(&diff->a, &diff->a.nodes[node]) -
           (double)fold_self(&diff->b, &diff->b.nodes[node]) * diff->scale;
}

double diff_total(const struct diff *diff, size_t node)
{
    return (double)fold_total(&diff->a, &diff->a.nodes[node]) -
           (double)fold_total(&diff->b, &diff->b.nodes[node]) * diff->scale;
}

bool diff_is_new(const struct diff *diff, size_t node)
{
    return diff->a.nodes[node].total_samples && !diff->b.nodes[node].total_samples;
}

bool diff_is_gone(const struct diff *diff, size_t node)
{
    return diff->b.nodes[node].total_samples && !diff->a.nodes[node].total_samples;
}

static uint64_t scaled(uint64_t weight, double scale)
{
    return (uint64_t)nearbyint((double)weight * scale);
}

void diff_elided(struct fold *out, const struct diff *diff)
{
    struct names *names = names_hold(diff->b.own);
    *out = (struct fold){
        .dict = &names->dict, .own = names, .totals = diff->b.totals, .cancel = diff->b.cancel};
    const struct fold *b = &diff->b;
    bool *needed = xcalloc(b->count, sizeof *needed);
    for (size_t i = b->count; i-- > 1;) {
        const struct fold_node *node = &b->nodes[i];
        needed[i] |= diff_is_gone(diff, i) && (node->self_samples || node->self_value);
        needed[node->parent] |= needed[i];
    }
    uint32_t *node_of = xcalloc(b->count, sizeof *node_of);
    struct fold_edit edit;
    fold_edit_init(&edit, out);
    for (size_t i = 1; i < b->count; i++) {
        const struct fold_node *node = &b->nodes[i];
        if (!needed[i])
            continue;
        node_of[i] = fold_edit_child(&edit, node_of[node->parent], node->frame);
        struct fold_node weight = {.self_samples = scaled(node->self_samples, diff->scale),
                                   .self_value = scaled(node->self_value, diff->scale)};
        if (diff_is_gone(diff, i))
            fold_edit_add(&edit, node_of[i], &weight);
    }
    fold_edit_commit(&edit);
    free(needed);
    free(node_of);
}

// Files of folded stacks have one sample a line, whose value is how many samples it stands for.
static bool value_is_samples(const struct fold *fold)
{
    if (!fold->totals.by_value || fold->totals.event >= fold->dict->event_count)
        return false;
    const struct event *event = &fold->dict->events[fold->totals.event];
    return !strcmp(dict_text(fold->dict, event->unit), "samples") ||
           (event->unit == DICT_EMPTY && !strcmp(dict_text(fold->dict, event->name), "samples"));
}

uint64_t diff_samples(const struct fold *fold)
{
    const struct fold_node *all = &fold->nodes[0];
    return value_is_samples(fold) ? all->total_value : all->total_samples;
}

static uint64_t hits_of(const struct fold *fold, const struct top_row *row, bool self)
{
    if (value_is_samples(fold))
        return self ? row->self_value : row->total_value;
    return self ? row->self_samples : row->total_samples;
}

static double share_of(const struct fold *fold, const struct top_row *row, bool self)
{
    uint64_t weight = fold->totals.by_value ? self ? row->self_value : row->total_value
                      : self                ? row->self_samples
                                            : row->total_samples;
    return (double)weight / (double)fold_total(fold, &fold->nodes[0]);
}

// What a row is ranked by: among those that moved the end of the interval that is nearer to zero.
static double size_of(const struct diff_row *row)
{
    if (row->moved && row->low * row->high > 0)
        return fmin(fabs(row->low), fabs(row->high));
    return row->moved ? 0 : fabs(row->share_a - row->share_b);
}

static int compare_rows(const void *left, const void *right, void *arg)
{
    const struct diff_row *a = left, *b = right;
    const struct dict *dict = arg;
    if (a->moved != b->moved)
        return a->moved ? -1 : 1;
    double size_a = size_of(a), size_b = size_of(b);
    if (size_a != size_b)
        return size_a < size_b ? 1 : -1;
    return functions_compare(dict, a->a.frame, b->a.frame);
}

// Marks what moved, out of all questions asked. A function that neither side has (of its own, where
// asked by self) is no question.
static void judge(struct diff_rows *out)
{
    double *chances = xcalloc(out->count + 1, sizeof *chances);
    size_t asked = 0;
    for (size_t i = 0; i < out->count; i++) {
        struct diff_row *row = &out->rows[i];
        struct proportion a = {row->samples_a, out->samples_a};
        struct proportion b = {row->samples_b, out->samples_b};
        proportion_difference(&row->low, &row->high, a, b);
        if (a.hits || b.hits)
            chances[asked++] = proportion_chance(a, b);
    }
    proportion_adjust(chances, asked);
    asked = 0;
    for (size_t i = 0; i < out->count; i++) {
        struct diff_row *row = &out->rows[i];
        row->chance = row->samples_a || row->samples_b ? chances[asked++] : 1;
        row->moved = !out->too_few && row->chance <= 0.05;
        out->moved += row->moved;
    }
    free(chances);
}

void diff_functions(struct diff_rows *out, const struct diff *diff, enum top_order order)
{
    struct top_row *rows_a, *rows_b;
    size_t count, count_b;
    // One tree, hence the same functions in the same order.
    free(functions_of_fold(&diff->a, &rows_a, &count));
    free(functions_of_fold(&diff->b, &rows_b, &count_b));
    count = count < count_b ? count : count_b; // canceled in between
    *out = (struct diff_rows){
        .count = count,
        .samples_a = diff_samples(&diff->a),
        .samples_b = diff_samples(&diff->b),
    };
    out->too_few = out->samples_a < DIFF_MIN_SAMPLES || out->samples_b < DIFF_MIN_SAMPLES;
    out->rows = xcalloc(count + 1, sizeof *out->rows);
    bool self = order == TOP_BY_SELF;
    for (size_t i = 0; i < count; i++)
        out->rows[i] = (struct diff_row){.a = rows_a[i],
                                         .b = rows_b[i],
                                         .samples_a = hits_of(&diff->a, &rows_a[i], self),
                                         .samples_b = hits_of(&diff->b, &rows_b[i], self),
                                         .share_a = share_of(&diff->a, &rows_a[i], self),
                                         .share_b = share_of(&diff->b, &rows_b[i], self)};
    free(rows_a);
    free(rows_b);
    judge(out);
    (void)sort_unless(diff->a.cancel, out->rows, count, sizeof *out->rows, compare_rows,
                      (void *)diff->a.dict);
}

void diff_rows_dispose(struct diff_rows *rows)
{
    free(rows->rows);
    *rows = (struct diff_rows){0};
}
