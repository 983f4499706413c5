// diff: what one side has more or less of than another.
#include "shell/compare.h"
#include "shell/stacks.h"

#include <string.h>
#include <unistd.h>

static bool to_svg(const struct invocation *run)
{
    const char *target = run->statement->target;
    size_t len = target ? strlen(target) : 0;
    return run->out.kind != REDIRECT_NONE && run->out.kind != REDIRECT_PIPE && len > 4 &&
           !strcmp(target + len - 4, ".svg");
}

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    if (run->word_count != 2)
        return invocation_usage(run, GRAMMAR_NOWHERE, err, "two sides are expected\nusage: %s",
                                run->command->usage);
    const struct word *as = invocation_key(run, "as"), *by = invocation_key(run, "by");
    const struct word *elided = invocation_key(run, "elided");
    bool gone = elided && !strcmp(elided->value, "on");
    uint64_t lines = run->term.lines > 8 ? run->term.lines - 4 : 20;
    if (invocation_count(run, "lines", 1, 1000, &lines, err))
        return RUN_ERROR;
    const char *form = as ? as->value : to_svg(run) ? "svg" : gone ? "flame" : "table";
    if (gone && !strcmp(form, "table"))
        return invocation_usage(run, elided->at, err, "elided is a picture: as=flame or as=svg");
    if (run->json || !strcmp(form, "table"))
        stacks_stand_upright(run);
    enum top_order order = by && !strcmp(by->value, "self") ? TOP_BY_SELF : TOP_BY_TOTAL;
    struct compare compare;
    int code = compare_init(&compare, session, run, run->words[0]->text, run->words[0]->at,
                            run->words[1]->text, run->words[1]->at, err);
    if (!code && run->json) {
        code = compare_put_json(session, run, &compare, order, run->settings.top, err);
    } else if (!code) {
        compare_say(session, run, &compare);
        if (!strcmp(form, "table"))
            code = compare_put_table(session, run, &compare, order, run->settings.top, err);
        else
            code = compare_put_picture(session, run, &compare, !strcmp(form, "svg"), gone,
                                       (unsigned)lines, err);
    }
    compare_dispose(&compare);
    return code ? RUN_ERROR : RUN_OK;
}

const struct command command_diff = {
    .name = "diff",
    .group = "compare",
    .usage = "diff A B [by=total|self] [as=table|flame|svg] [elided=on] [TERM...] [> FILE.svg]",
    .summary = "what A has more or less of than B: marks, sel, rest, all, files, times",
    .details =
        "B is scaled to A's total. The table has what moved by more than chance explains "
        "(Fisher's\n"
        "exact test, all functions considered), ranked by the end of the 95 % interval nearer to "
        "zero.\nPictures are A's, orange where it has more of its own, blue where less; elided: "
        "what B did and\nA does no more. Files need not be opened before.",
    .example = "diff sel rest",
    .words = {ARG_SIDE, ARG_SIDE},
    .max_words = 2,
    .keys = {{"by", ARG_CHOICE, "total self", "which share (total)"},
             {"as", ARG_CHOICE, "table flame svg",
              "what to show (table; svg into a file of that name)"},
             {"elided", ARG_CHOICE, "off on", "only paths that A lacks (off)"},
             {"lines", ARG_COUNT, NULL, "how deep to draw in the terminal"}},
    .settings = "color event idle top " STACKS_SETTINGS,
    .filters = true,
    .json = true,
    .run = run,
};
