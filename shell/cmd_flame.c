// flame: the flame graph, as SVG into a file or drawn in the terminal.
#include "proto/alloc.h"
#include "shell/answer.h"
#include "shell/compare.h"
#include "shell/stacks.h"
#include "viewer/svg.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *title_of(struct session *session)
{
    struct bytes text = {0};
    for (size_t i = 0; i < buffer_source_count(session->buffer); i++) {
        struct buffer_source source;
        buffer_source_get(session->buffer, i, &source);
        bytes_printf(&text, "%s%s", text.len ? ", " : "", *source.host ? source.host : source.name);
    }
    char *title = xstrdup(text.len ? bytes_text(&text) : "flame graph");
    bytes_dispose(&text);
    return title;
}

static int put_svg(struct session *session, struct invocation *run, const struct query *query,
                   const struct fold *fold, struct err *err)
{
    struct bytes subtitle = {0}, ranges = {0};
    answer_put_totals(&subtitle, session, query, &fold->totals);
    answer_put_ranges(&ranges, session, query, false);
    if (ranges.len)
        bytes_printf(&subtitle, "; %s", bytes_text(&ranges));
    for (size_t i = 0; i < subtitle.len; i++) {
        if (subtitle.data[i] == '\n')
            subtitle.data[i] = ' ';
    }
    char *title = title_of(session);
    struct svg_options options = {.title = title, .subtitle = bytes_text(&subtitle), .width = 1200};
    int code = svg_flame(&run->out.base, fold, &options, err);
    free(title);
    bytes_dispose(&ranges);
    bytes_dispose(&subtitle);
    return code;
}

static enum run_result run_against(struct session *session, struct invocation *run,
                                   const struct word *vs, bool svg, unsigned lines, struct err *err)
{
    const struct word *elided = invocation_key(run, "elided");
    bool gone = elided && !strcmp(elided->value, "on");
    struct compare compare;
    int code =
        compare_init(&compare, session, run, "sel", GRAMMAR_NOWHERE, vs->value, vs->value_at, err);
    if (!code) {
        compare_say(session, run, &compare);
        code = compare_put_picture(session, run, &compare, svg, gone, lines, err);
    }
    compare_dispose(&compare);
    return code ? RUN_ERROR : RUN_OK;
}

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    struct query query;
    struct fold fold = {0};
    const struct word *as = invocation_key(run, "as");
    bool svg =
        as ? !strcmp(as->value, "svg") : run->out.kind != REDIRECT_NONE || !isatty(STDOUT_FILENO);
    uint64_t lines = run->term.lines > 8 ? run->term.lines - 4 : 20;
    if (invocation_count(run, "lines", 1, 1000, &lines, err))
        return RUN_ERROR;
    const struct word *vs = invocation_key(run, "vs");
    const struct word *elided = invocation_key(run, "elided");
    if (elided && !vs)
        return invocation_usage(run, elided->at, err, "elided needs vs=, what to compare with");
    if (vs)
        return run_against(session, run, vs, svg, (unsigned)lines, err);
    invocation_query(run, session, &query);
    int code = stacks_fold(session, run, session->store, &query, &fold, err);
    if (!code) {
        answer_say(session, &query, &fold.totals);
        stacks_say(session, run);
        if (svg)
            code = put_svg(session, run, &query, &fold, err);
        else
            term_flame(&run->out.text, &run->term, &fold, (unsigned)lines);
        if (!code)
            code = fold_canceled(&fold, err);
    }
    fold_dispose(&fold);
    return code ? RUN_ERROR : RUN_OK;
}

const struct command command_flame = {
    .name = "flame",
    .group = "look",
    .usage = "flame [as=text|svg] [lines=N] [vs=SIDE [elided=on]] [TERM...] [> FILE.svg]",
    .summary = "the flame graph: drawn in the terminal, SVG into a file",
    .example = "flame > stall.svg",
    .keys = {{"as", ARG_CHOICE, "text svg", "text in the terminal (the default there), or SVG"},
             {"lines", ARG_COUNT, NULL, "how deep to draw in the terminal"},
             {"vs", ARG_SIDE, NULL, "colour by the difference to rest, all, a mark or a file"},
             {"elided", ARG_CHOICE, "off on", "only what vs= does and this does not (off)"}},
    .settings = "color event idle " STACKS_SETTINGS,
    .filters = true,
    .run = run,
};
