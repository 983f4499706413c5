// fold: folded stacks, one a line, as flame graph tools read them.
//
// What perf printed comes out as stackcollapse-perf.pl has it, rewritten only by what was asked for
// by hand; samples of others as the rest of flicker shows them.
#include "analysis/collapse.h"
#include "proto/alloc.h"
#include "shell/answer.h"
#include "shell/csv.h"
#include "shell/stacks.h"

#include <stdlib.h>
#include <string.h>

static void json_stack(struct json *json, const struct fold *fold, size_t node, uint32_t *path)
{
    size_t depth = 0;
    for (size_t at = node; at; at = fold->nodes[at].parent)
        path[depth++] = fold->nodes[at].frame;
    json_open(json, '{');
    json_key(json, "stack");
    json_open(json, '[');
    struct bytes name = {0};
    while (depth--) {
        bytes_clear(&name);
        fold_frame_text(fold->dict, path[depth], &name);
        json_text(json, bytes_text(&name), name.len);
    }
    bytes_dispose(&name);
    json_close(json, ']');
    json_key(json, "weight");
    json_uint(json, fold_self(fold, &fold->nodes[node]));
    json_close(json, '}');
}

static int put_json(struct session *session, struct invocation *run, const struct query *query,
                    const struct fold *fold, struct err *err)
{
    struct bytes text = {0};
    struct json json = {.out = &text};
    answer_json_open(&json, session, run, query, &fold->totals);
    json_key(&json, "stacks");
    json_open(&json, '[');
    uint32_t *path = xcalloc(fold->count + 1, sizeof *path);
    int code = 0;
    for (size_t i = 1; i < fold->count && !code; i++) {
        if (!fold_self(fold, &fold->nodes[i]))
            continue;
        json_stack(&json, fold, i, path);
        code = output_write(&run->out.base, text.data, text.len, err);
        bytes_clear(&text);
    }
    free(path);
    json_close(&json, ']');
    answer_json_close(&json);
    if (!code)
        code = output_write(&run->out.base, text.data, text.len, err);
    bytes_dispose(&text);
    return code;
}

// A line as fold_write_text writes it, in two columns.
static int put_csv(struct invocation *run, const struct fold *fold, struct err *err)
{
    struct bytes folded = {0};
    struct output_bytes text;
    output_bytes_init(&text, &folded);
    int code = fold_write_text(fold, &text.base, err);
    csv_head(&run->out.text, "stack,weight");
    for (const char *at = bytes_text(&folded), *end = at + folded.len; !code && at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *space = memrchr(at, ' ', (size_t)(newline - at));
        csv_text(&run->out.text, at, (size_t)(space - at));
        csv_text(&run->out.text, space + 1, (size_t)(newline - space - 1));
        csv_end(&run->out.text);
        at = newline + 1;
    }
    bytes_dispose(&folded);
    return code;
}

// What the text is like.
struct form {
    const struct word *style, *weight; // NULL: not given
};

static enum collapse_weight weight_of(const struct form *form)
{
    return form->weight && !strcmp(form->weight->value, "samples") ? COLLAPSE_SAMPLES
                                                                   : COLLAPSE_VALUES;
}

static bool is_of_perf(struct session *session, const struct totals *totals)
{
    struct buffer_source source;
    for (size_t i = buffer_source_count(session->buffer); i-- > 0;) {
        buffer_source_get(session->buffer, i, &source);
        if (source.number == totals->source)
            return !strcmp(source.collector, "perf");
    }
    return false;
}

static void say(struct session *session, struct invocation *run, const struct query *query,
                const struct totals *totals)
{
    if (run->out.kind != REDIRECT_NONE)
        answer_say(session, query, totals);
}

// The samples' own names, nothing rewritten.
static int put_style(struct session *session, struct invocation *run, const struct query *query,
                     const struct totals *totals, const struct form *form, struct err *err)
{
    say(session, run, query, totals);
    return collapse_write(session->store, query, collapse_style_by_name(form->style->value),
                          weight_of(form), &run->out.base, err);
}

static int put_perf(struct session *session, struct invocation *run, const struct query *query,
                    const struct form *form, struct err *err)
{
    struct fold fold = {0};
    struct transforms transforms = {0};
    struct query asked = *query;
    asked.first = stacks_first(&run->settings);
    asked.sums = weight_of(form) == COLLAPSE_VALUES;
    if (stacks_are_rewritten(&run->settings)) // what is asked for by hand needs readable names
        stacks_transforms(&transforms, &run->settings);
    else if (transforms_list(&transforms, "none", err))
        return RUN_ERROR;
    asked.by_line = transforms_by_line(&transforms);
    int code = store_fold(session->store, &asked, &fold, err);
    if (!code)
        code = transforms_apply(&transforms, &fold, NULL, &session->transforms_applied, err);
    if (!code) {
        say(session, run, query, &fold.totals);
        stacks_say(session, run);
        code = collapse_fold(&fold, COLLAPSE_PLAIN, weight_of(form), &run->out.base, err);
    }
    transforms_dispose(&transforms);
    fold_dispose(&fold);
    return code;
}

static int put_shown(struct session *session, struct invocation *run, const struct query *query,
                     const struct form *form, struct err *err)
{
    struct fold fold = {0};
    struct query asked = *query;
    asked.sums = form->weight && weight_of(form) == COLLAPSE_VALUES;
    int code = stacks_fold(session, run, session->store, &asked, &fold, err);
    if (!code) {
        if (form->weight)
            fold.totals.by_value = weight_of(form) == COLLAPSE_VALUES;
        say(session, run, query, &fold.totals);
        if (run->out.kind != REDIRECT_NONE)
            stacks_say(session, run);
        code = run->json  ? put_json(session, run, query, &fold, err)
               : run->csv ? put_csv(run, &fold, err)
                          : fold_write_text(&fold, &run->out.base, err);
    }
    fold_dispose(&fold);
    return code;
}

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    struct query query;
    struct totals totals;
    const struct form form = {invocation_key(run, "style"), invocation_key(run, "weight")};
    if (form.style && (run->json || run->csv))
        return invocation_usage(run, form.style->at, err,
                                "style= is for text; --%s has names and weights as they are",
                                run->json ? "json" : "csv");
    if (form.style && stacks_are_rewritten(&run->settings))
        return invocation_usage(run, form.style->at, err,
                                "style= prints names as they were recorded; expected none of "
                                "'" STACKS_SETTINGS "' with it");
    invocation_query(run, session, &query);
    int code = store_totals(session->store, &query, &totals, err);
    if (code)
        return RUN_ERROR;
    if (form.style)
        code = put_style(session, run, &query, &totals, &form, err);
    else if (!run->json && !run->csv && is_of_perf(session, &totals))
        code = put_perf(session, run, &query, &form, err);
    else
        code = put_shown(session, run, &query, &form, err);
    return code ? RUN_ERROR : RUN_OK;
}

const struct command command_fold = {
    .name = "fold",
    .group = "look",
    .usage = "fold [style=STYLE] [weight=value|samples] [TERM...] [> FILE]",
    .summary = "folded stacks: one line a call path, with its weight",
    .details =
        "What perf printed is folded as stackcollapse-perf.pl does: names as perf has them, the "
        "first "
        "event\n(event= chooses), weights the sums of the periods. style= is that script's option "
        "of this name, for\nany samples. Others are folded as they are shown, by samples or by "
        "value. Idle CPUs count with\nidle=on.",
    .example = "fold > stall.folded",
    .keys = {{"style", ARG_CHOICE, "plain pid tid kernel jit all addrs",
              "names as stackcollapse-perf.pl has them under that option"},
             {"weight", ARG_CHOICE, "value samples", "what is added up"}},
    .settings = "event idle " STACKS_SETTINGS,
    .filters = true,
    .json = true,
    .csv = true,
    .run = run,
};
