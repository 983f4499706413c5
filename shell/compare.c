// Two sides compared.
#include "shell/compare.h"

#include "proto/alloc.h"
#include "shell/answer.h"
#include "shell/side.h"
#include "shell/stacks.h"
#include "shell/table.h"
#include "shell/units.h"
#include "viewer/svg.h"
#include "viewer/weight.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int compare_init(struct compare *out, struct session *session, struct invocation *run,
                 const char *a, size_t a_at, const char *b, size_t b_at, struct err *err)
{
    *out = (struct compare){.label = {xstrdup(a), xstrdup(b)}};
    const size_t at[2] = {a_at, b_at};
    struct side sides[2] = {0};
    struct fold folds[2] = {0};
    int code = 0;
    for (int i = 0; i < 2 && !code; i++) {
        code = side_init(&sides[i], session, run, out->label[i], err);
        if (!code)
            code = side_fold(&sides[i], session, run, &folds[i], err);
        if (code)
            run->bad_at = at[i];
        if (code == -EINVAL)
            run->exit_code = EXIT_USAGE;
    }
    bool one_store = !sides[0].buffer && !sides[1].buffer;
    if (!code)
        code = diff_folds(&out->diff, &folds[0], &folds[1],
                          one_store ? DIFF_BY_FUNCTION : DIFF_BY_TEXT, err);
    if (!code)
        out->common_ns = side_common_ns(&sides[0], &sides[1], session);
    for (int i = 0; i < 2; i++) {
        fold_dispose(&folds[i]);
        side_dispose(&sides[i]);
    }
    return code;
}

void compare_dispose(struct compare *compare)
{
    diff_dispose(&compare->diff);
    free(compare->label[0]);
    free(compare->label[1]);
    *compare = (struct compare){0};
}

// "A (sel): 499 samples".
static void put_side(struct bytes *out, const struct compare *compare, int side)
{
    const struct fold *fold = side ? &compare->diff.b : &compare->diff.a;
    bytes_append_text(out, side ? ", B (" : "A (");
    term_text(out, compare->label[side], strlen(compare->label[side]));
    bytes_append_text(out, "): ");
    uint64_t samples = diff_samples(fold);
    if (fold->totals.by_value && samples != fold->totals.value) {
        weight_append(out, fold->totals.value, &fold->totals, fold->dict);
        bytes_append_text(out, " in ");
    }
    units_put_things(out, samples, "sample");
    if (fold->totals.lost) {
        bytes_append_text(out, ", ");
        units_put_count(out, fold->totals.lost);
        bytes_append_text(out, " lost");
    }
}

static bool have_path_in_common(const struct diff *diff)
{
    for (size_t i = 1; i < diff->a.count; i++) {
        bool comm = diff->a.dict->frames[diff->a.nodes[i].frame].kind == FRAME_COMM;
        if (!comm && !diff_is_new(diff, i) && !diff_is_gone(diff, i))
            return true;
    }
    return false;
}

void compare_say(struct session *session, const struct invocation *run,
                 const struct compare *compare)
{
    struct bytes text = {0};
    put_side(&text, compare, 0);
    put_side(&text, compare, 1);
    if (compare->common_ns > 0) {
        bytes_append_text(&text, "\nthe samples of ");
        units_put_duration(&text, compare->common_ns);
        bytes_append_text(&text, " are on both sides: less differs than there is");
    }
    if (!have_path_in_common(&compare->diff))
        bytes_append_text(&text, "\nA and B have no call path in common");
    session_say(session, "%s", bytes_text(&text));
    bytes_dispose(&text);
    stacks_say(session, run);
}

static void put_row(struct invocation *run, const struct dict *dict, const struct diff_row *row)
{
    enum { COUNTS = 44 }; // the column after both numbers of samples
    struct bytes *out = &run->out.text, text = {0};
    table_share(out, row->share_a);
    bytes_append_char(out, ' ');
    table_share(out, row->share_b);
    bytes_printf(&text, "  %+6.1f pp (%+.1f..%+.1f)", (row->share_a - row->share_b) * 100,
                 row->low * 100, row->high * 100);
    while (text.len < 29)
        bytes_append_char(&text, ' ');
    table_colored(out, &run->term, row->share_a > row->share_b ? COLOR_SELECTION : COLOR_BASELINE,
                  bytes_text(&text));
    bytes_clear(&text);
    bytes_printf(&text, " %" PRIu64 "/%" PRIu64, row->samples_a, row->samples_b);
    while (text.len < COUNTS - 29)
        bytes_append_char(&text, ' ');
    bytes_append(out, text.data, text.len);
    bytes_append_text(out, !row->b.total_samples   ? "new   "
                           : !row->a.total_samples ? "gone  "
                                                   : "      ");
    table_frame(out, &run->term, dict, row->a.frame, 0);
    bytes_append_char(out, '\n');
    bytes_dispose(&text);
}

static void put_table(struct session *session, struct invocation *run,
                      const struct compare *compare, const struct diff_rows *all, size_t rows)
{
    if (all->moved) {
        table_colored(&run->out.text, &run->term, COLOR_INK3,
                      "      A       B     A - B (95 %)              samples A/B         frame");
        bytes_append_char(&run->out.text, '\n');
    }
    for (size_t i = 0; i < rows && i < all->moved; i++)
        put_row(run, compare->diff.a.dict, &all->rows[i]);
    if (all->too_few)
        session_say(session, "fewer than %d samples on one side: too few to say what moved",
                    DIFF_MIN_SAMPLES);
    else
        session_say(session, "%zu of %zu function%s moved by more than chance explains", all->moved,
                    all->count, units_s(all->count));
}

int compare_put_table(struct session *session, struct invocation *run,
                      const struct compare *compare, enum top_order order, size_t rows,
                      struct err *err)
{
    struct diff_rows all;
    diff_functions(&all, &compare->diff, order);
    int code = fold_canceled(&compare->diff.a, err);
    if (!code)
        put_table(session, run, compare, &all, rows);
    diff_rows_dispose(&all);
    return code;
}

static void json_row(struct json *json, const struct dict *dict, const struct diff_row *row)
{
    struct bytes name = {0};
    fold_frame_text(dict, row->a.frame, &name);
    json_open(json, '{');
    json_key(json, "frame");
    json_text(json, bytes_text(&name), name.len);
    json_key(json, "module");
    json_text_z(json, dict_text(dict, dict->frames[row->a.frame].module));
    json_key(json, "share_a");
    json_number(json, row->share_a, 6);
    json_key(json, "share_b");
    json_number(json, row->share_b, 6);
    json_key(json, "samples_a");
    json_uint(json, row->samples_a);
    json_key(json, "samples_b");
    json_uint(json, row->samples_b);
    json_key(json, "low");
    json_number(json, row->low, 6);
    json_key(json, "high");
    json_number(json, row->high, 6);
    json_key(json, "chance");
    json_number(json, row->chance, 9);
    json_key(json, "moved");
    json_bool(json, row->moved);
    json_close(json, '}');
    bytes_dispose(&name);
}

static void put_json(struct session *session, struct invocation *run, const struct compare *compare,
                     const struct diff_rows *all, size_t rows)
{
    struct json json = {.out = &run->out.text};
    answer_json_open(&json, session, run, NULL, NULL);
    json_key(&json, "a");
    json_text_z(&json, compare->label[0]);
    json_key(&json, "b");
    json_text_z(&json, compare->label[1]);
    json_key(&json, "samples_a");
    json_uint(&json, all->samples_a);
    json_key(&json, "samples_b");
    json_uint(&json, all->samples_b);
    json_key(&json, "too_few");
    json_bool(&json, all->too_few);
    json_key(&json, "moved");
    json_uint(&json, all->moved);
    json_key(&json, "rows");
    json_open(&json, '[');
    for (size_t i = 0; i < rows && i < all->count; i++)
        json_row(&json, compare->diff.a.dict, &all->rows[i]);
    json_close(&json, ']');
    answer_json_close(&json);
}

int compare_put_json(struct session *session, struct invocation *run, const struct compare *compare,
                     enum top_order order, size_t rows, struct err *err)
{
    struct diff_rows all;
    diff_functions(&all, &compare->diff, order);
    int code = fold_canceled(&compare->diff.a, err);
    if (!code)
        put_json(session, run, compare, &all, rows);
    diff_rows_dispose(&all);
    return code;
}

static bool has_too_few(const struct diff *diff)
{
    return diff_samples(&diff->a) < DIFF_MIN_SAMPLES || diff_samples(&diff->b) < DIFF_MIN_SAMPLES;
}

int compare_put_picture(struct session *session, struct invocation *run,
                        const struct compare *compare, bool svg, bool elided, unsigned lines,
                        struct err *err)
{
    struct fold gone = {0};
    bool too_few = has_too_few(&compare->diff);
    if (elided)
        diff_elided(&gone, &compare->diff);
    if (too_few)
        session_say(session, "fewer than %d samples on one side: too few to %s", DIFF_MIN_SAMPLES,
                    elided ? "say what is gone" : "colour what moved");
    const struct diff *diff = elided || too_few ? NULL : &compare->diff;
    const struct fold *fold = elided ? &gone : &compare->diff.a;
    int code = elided ? fold_canceled(&gone, err) : 0;
    if (code) {
        // Nothing is drawn.
    } else if (elided && !fold_total(&gone, &gone.nodes[0])) {
        code = err_set(err, -ENODATA, "'%s' did nothing that '%s' does not do, too",
                       compare->label[1], compare->label[0]);
    } else if (svg) {
        char *title = xasprintf(elided ? "in %2$s, no more in %1$s" : "%s against %s",
                                compare->label[0], compare->label[1]);
        struct bytes subtitle = {0};
        put_side(&subtitle, compare, 0);
        put_side(&subtitle, compare, 1);
        struct svg_options options = {
            .title = title, .subtitle = bytes_text(&subtitle), .diff = diff};
        code = svg_flame(&run->out.base, fold, &options, err);
        bytes_dispose(&subtitle);
        free(title);
    } else if (diff) {
        term_diff(&run->out.text, &run->term, diff, lines);
    } else {
        term_flame(&run->out.text, &run->term, fold, lines);
    }
    fold_dispose(&gone);
    return code;
}
