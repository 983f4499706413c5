// why: what is special about the slice, against the rest.
#include "analysis/why.h"
#include "shell/answer.h"
#include "shell/stacks.h"
#include "shell/table.h"
#include "shell/units.h"

#include <errno.h>

static void put_table(struct invocation *run, const struct why *why, const struct dict *dict,
                      size_t rows)
{
    enum { BAR = 12, USED = 58 }; // cells of the bar, and before the frame
    struct bytes *out = &run->out.text;
    table_colored(out, &run->term, COLOR_INK3,
                  "  slice    rest  more than the rest (95 %)                ");
    table_colored(out, &run->term, COLOR_INK3, table_has_squares(&run->term) ? "  frame" : "frame");
    bytes_append_char(out, '\n');
    for (size_t i = 0; i < rows && i < why->count; i++) {
        const struct why_row *row = &why->rows[i];
        double more = row->share_in - row->share_out;
        table_share(out, row->share_in);
        bytes_append_char(out, ' ');
        table_share(out, row->share_out);
        struct bytes text = {0};
        bytes_printf(&text, "  %+6.1f pp (%+.1f..%+.1f)", more * 100, row->low * 100,
                     row->high * 100);
        while (text.len < 29)
            bytes_append_char(&text, ' ');
        table_colored(out, &run->term, row->low > 0 ? COLOR_SELECTION : COLOR_INK3,
                      bytes_text(&text));
        bytes_dispose(&text);
        table_bar(out, &run->term, more, BAR);
        bytes_append_text(out, "  ");
        table_frame(out, &run->term, dict, row->frame, table_width_left(run, USED));
        bytes_append_char(out, '\n');
    }
}

static void put_json(struct session *session, struct invocation *run, const struct query *query,
                     const struct why *why, const struct fold *in, size_t rows)
{
    struct json json = {.out = &run->out.text};
    answer_json_open(&json, session, run, query, &in->totals);
    json_key(&json, "samples_in");
    json_uint(&json, why->samples_in);
    json_key(&json, "samples_out");
    json_uint(&json, why->samples_out);
    json_key(&json, "too_few");
    json_bool(&json, why->too_few);
    json_key(&json, "rows");
    json_open(&json, '[');
    for (size_t i = 0; i < rows && i < why->count; i++) {
        const struct why_row *row = &why->rows[i];
        struct bytes name = {0};
        fold_frame_text(in->dict, row->frame, &name);
        json_open(&json, '{');
        json_key(&json, "frame");
        json_text(&json, bytes_text(&name), name.len);
        json_key(&json, "module");
        json_text_z(&json, dict_text(in->dict, in->dict->frames[row->frame].module));
        json_key(&json, "share_in");
        json_number(&json, row->share_in, 6);
        json_key(&json, "share_out");
        json_number(&json, row->share_out, 6);
        json_key(&json, "low");
        json_number(&json, row->low, 6);
        json_key(&json, "high");
        json_number(&json, row->high, 6);
        json_close(&json, '}');
        bytes_dispose(&name);
    }
    json_close(&json, ']');
    answer_json_close(&json);
}

static void say_basis(struct session *session, const struct query *query, const struct fold *in,
                      const struct why *why)
{
    answer_say(session, query, &in->totals);
    struct bytes text = {0};
    bytes_append_text(&text, "against the rest: ");
    units_put_things(&text, why->samples_out, "sample");
    if (why->too_few)
        bytes_printf(&text, "\nfewer than %d samples on one side: too few to say why",
                     WHY_MIN_SAMPLES);
    session_say(session, "%s", bytes_text(&text));
    bytes_dispose(&text);
}

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    struct query query;
    uint64_t rows = run->settings.top;
    stacks_stand_upright(run);
    const char *word = invocation_word(run, 0);
    if (word && (!units_parse_count(word, &rows) || !rows))
        return invocation_usage(run, run->words[0]->at, err,
                                "'%s' is not a number of rows; expected one like 10", word);
    invocation_query(run, session, &query);
    if (!query.range_count) {
        err_set(err, -EINVAL,
                "nothing is selected that could be compared with the rest; slice "
                "first, for instance 'slice spike'");
        return RUN_ERROR;
    }
    struct query rest = query;
    rest.outside = true;
    struct fold in = {0}, out = {0};
    struct why why = {0};
    int code = stacks_fold(session, run, session->store, &query, &in, err);
    if (!code)
        code = stacks_fold(session, run, session->store, &rest, &out, err);
    if (!code && in.totals.samples && out.totals.samples)
        code = stacks_align(&in, &out, err);
    if (!code) {
        why_of_folds(&why, &in, &out);
        code = fold_canceled(&in, err);
    }
    if (!code) {
        if (run->json) {
            put_json(session, run, &query, &why, &in, rows);
        } else {
            say_basis(session, &query, &in, &why);
            stacks_say(session, run);
            if (why.count && !why.too_few)
                put_table(run, &why, in.dict, rows);
        }
    }
    why_dispose(&why);
    fold_dispose(&in);
    fold_dispose(&out);
    return code ? RUN_ERROR : RUN_OK;
}

const struct command command_why = {
    .name = "why",
    .group = "look",
    .usage = "why [ROWS] [TERM...]",
    .summary = "the frames that the slice has more of than the rest, with both shares",
    .details = "A function counts once in a stack, callers included. Ranked by the lower end of "
               "the 95 %\ninterval of the difference, so that chance does not come first.",
    .example = "why",
    .words = {ARG_COUNT},
    .max_words = 1,
    .settings = "color event idle top " STACKS_SETTINGS,
    .filters = true,
    .json = true,
    .run = run,
};
