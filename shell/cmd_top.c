// top: the heaviest functions.
#include "analysis/top.h"
#include "shell/answer.h"
#include "shell/compare.h"
#include "shell/csv.h"
#include "shell/stacks.h"
#include "shell/table.h"
#include "shell/units.h"

#include <string.h>

struct shares {
    double self, total;
};

static struct shares shares_of(const struct top_row *row, const struct totals *totals)
{
    double all = totals->by_value ? (double)totals->value : (double)totals->samples;
    if (all <= 0)
        return (struct shares){0};
    return (struct shares){
        .self = (totals->by_value ? (double)row->self_value : (double)row->self_samples) / all,
        .total = (totals->by_value ? (double)row->total_value : (double)row->total_samples) / all,
    };
}

static void put_table(struct invocation *run, const struct top *top, const struct fold *fold,
                      size_t rows, bool by_total)
{
    enum { BAR = 16, USED = 35 }; // cells of the bar, and before the frame
    struct bytes *out = &run->out.text;
    table_colored(out, &run->term, COLOR_INK3, "   self   total                    ");
    table_colored(out, &run->term, COLOR_INK3, table_has_squares(&run->term) ? "  frame" : "frame");
    bytes_append_char(out, '\n');
    struct shares first = shares_of(&top->rows[0], &fold->totals);
    double longest = by_total ? first.total : first.self;
    for (size_t i = 0; i < rows && i < top->count; i++) {
        struct shares shares = shares_of(&top->rows[i], &fold->totals);
        double share = by_total ? shares.total : shares.self;
        table_share(out, shares.self);
        bytes_append_char(out, ' ');
        table_share(out, shares.total);
        bytes_append_text(out, "  ");
        table_bar(out, &run->term, longest > 0 ? share / longest : 0, BAR);
        bytes_append_text(out, "  ");
        table_frame(out, &run->term, fold->dict, top->rows[i].frame, table_width_left(run, USED));
        bytes_append_char(out, '\n');
    }
}

static void put_json(struct session *session, struct invocation *run, const struct query *query,
                     const struct top *top, const struct fold *fold, size_t rows)
{
    struct json json = {.out = &run->out.text};
    answer_json_open(&json, session, run, query, &fold->totals);
    json_key(&json, "rows");
    json_open(&json, '[');
    for (size_t i = 0; i < rows && i < top->count; i++) {
        const struct top_row *row = &top->rows[i];
        struct shares shares = shares_of(row, &fold->totals);
        struct bytes name = {0};
        fold_frame_text(fold->dict, row->frame, &name);
        json_open(&json, '{');
        json_key(&json, "frame");
        json_text(&json, bytes_text(&name), name.len);
        json_key(&json, "module");
        json_text_z(&json, dict_text(fold->dict, fold->dict->frames[row->frame].module));
        json_key(&json, "self");
        json_uint(&json, fold->totals.by_value ? row->self_value : row->self_samples);
        json_key(&json, "total");
        json_uint(&json, fold->totals.by_value ? row->total_value : row->total_samples);
        json_key(&json, "self_share");
        json_number(&json, shares.self, 6);
        json_key(&json, "total_share");
        json_number(&json, shares.total, 6);
        json_close(&json, '}');
        bytes_dispose(&name);
    }
    json_close(&json, ']');
    answer_json_close(&json);
}

static void put_csv(struct invocation *run, const struct top *top, const struct fold *fold,
                    size_t rows)
{
    struct bytes *out = &run->out.text;
    csv_head(out, "frame,module,self,total,self_share,total_share");
    for (size_t i = 0; i < rows && i < top->count; i++) {
        const struct top_row *row = &top->rows[i];
        struct shares shares = shares_of(row, &fold->totals);
        bool by_value = fold->totals.by_value;
        csv_frame(out, fold->dict, row->frame);
        csv_text_z(out, dict_text(fold->dict, fold->dict->frames[row->frame].module));
        csv_uint(out, by_value ? row->self_value : row->self_samples);
        csv_uint(out, by_value ? row->total_value : row->total_samples);
        csv_number(out, shares.self, 6);
        csv_number(out, shares.total, 6);
        csv_end(out);
    }
}

static enum run_result run_against(struct session *session, struct invocation *run,
                                   const struct word *vs, enum top_order order, size_t rows,
                                   struct err *err)
{
    struct compare compare;
    int code =
        compare_init(&compare, session, run, "sel", GRAMMAR_NOWHERE, vs->value, vs->value_at, err);
    if (!code && run->json) {
        code = compare_put_json(session, run, &compare, order, rows, err);
    } else if (!code) {
        compare_say(session, run, &compare);
        code = compare_put_table(session, run, &compare, order, rows, err);
    }
    compare_dispose(&compare);
    return code ? RUN_ERROR : RUN_OK;
}

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    uint64_t rows = run->settings.top;
    stacks_stand_upright(run);
    const char *word = invocation_word(run, 0);
    if (word && (!units_parse_count(word, &rows) || !rows))
        return invocation_usage(run, run->words[0]->at, err,
                                "'%s' is not a number of rows; expected one like 10", word);
    const struct word *by = invocation_key(run, "by");
    bool by_total = by && !strcmp(by->value, "total");
    const struct word *vs = invocation_key(run, "vs");
    if (vs)
        return run_against(session, run, vs, by_total ? TOP_BY_TOTAL : TOP_BY_SELF, rows, err);
    struct query query;
    struct fold fold = {0};
    struct top top = {0};
    invocation_query(run, session, &query);
    int code = stacks_fold(session, run, session->store, &query, &fold, err);
    if (!code) {
        top_of_fold(&top, &fold, by_total ? TOP_BY_TOTAL : TOP_BY_SELF);
        code = fold_canceled(&fold, err);
    }
    if (!code) {
        if (run->json) {
            put_json(session, run, &query, &top, &fold, rows);
        } else if (run->csv) {
            put_csv(run, &top, &fold, rows);
        } else {
            answer_say(session, &query, &fold.totals);
            stacks_say(session, run);
            if (top.count)
                put_table(run, &top, &fold, rows, by_total);
        }
    }
    top_dispose(&top);
    fold_dispose(&fold);
    return code ? RUN_ERROR : RUN_OK;
}

const struct command command_top = {
    .name = "top",
    .group = "look",
    .usage = "top [ROWS] [by=self|total] [vs=SIDE] [TERM...]",
    .summary = "the heaviest functions of what is selected",
    .details = "self: samples in the function itself; total: with what it called. 'top10' is 'top "
               "10'.",
    .example = "top 10",
    .words = {ARG_COUNT},
    .max_words = 1,
    .keys = {{"by", ARG_CHOICE, "self total", "what to order by (self)"},
             {"vs", ARG_SIDE, NULL, "compare with rest, all, a mark or a file: as diff does"}},
    .settings = "color event idle " STACKS_SETTINGS,
    .filters = true,
    .json = true,
    .csv = true,
    .run = run,
};
