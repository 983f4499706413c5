// filter: whose samples are looked at.
#include "shell/answer.h"

#include <stdlib.h>
#include <string.h>

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    const char *word = invocation_word(run, 0);
    if (word && strcmp(word, "none") != 0)
        return invocation_usage(run, run->words[0]->at, err,
                                "'%s' is no filter; expected terms like comm=NAME, frame~'A|B' or "
                                "!cpu=0 (quotes around the value only), or none",
                                word);
    if (word && run->filter)
        return invocation_usage(run, run->words[0]->at, err,
                                "'none' drops all filters, and takes no terms");
    if (word)
        selection_set_filter(session->selection, NULL);
    else if (run->filter) {
        selection_set_filter(session->selection, run->filter);
        run->filter = NULL;
    }
    enum run_result result = answer_selection(session, run, false, err);
    if (result == RUN_ERROR && run->statement->word_count)
        selection_undo(session->selection); // a pattern that is too expensive, say
    return result;
}

const struct command command_filter = {
    .name = "filter",
    .group = "select",
    .usage = "filter [TERM... | none]",
    .summary = "select by process, thread, CPU, function or module",
    .details =
        "Terms: comm=NAME pid=N tid=N cpu=LIST frame=NAME module=NAME cgroup=NAME; with ~ instead\n"
        "of = a regular expression (PCRE2); ! before one negates it. A frame or module term holds "
        "for\na sample when any frame of its stack matches. In one command, terms of one key are "
        "or-ed,\nnegated ones and-ed, different keys and-ed; a further 'filter' narrows. 'undo' "
        "takes back.\nThe same terms after top, fold, why... hold for that command only.",
    .example = "filter comm=demo !frame~^idle",
    .choices = "none",
    .max_words = 1,
    .filters = true,
    .run = run,
};
