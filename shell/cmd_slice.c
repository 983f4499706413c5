// slice: which time is looked at.
#include "shell/answer.h"

#include <string.h>

// Byte of the line that corresponds to a byte of the words joined by single spaces.
static size_t line_offset(const struct invocation *run, size_t at)
{
    for (size_t i = 0; i < run->word_count; i++) {
        size_t len = strlen(run->words[i]->text);
        if (at <= len)
            return run->words[i]->at + at;
        at -= len + 1;
    }
    return GRAMMAR_NOWHERE;
}

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    if (run->word_count) {
        struct bytes words = {0};
        for (size_t i = 0; i < run->word_count; i++)
            bytes_printf(&words, "%s%s", i ? " " : "", invocation_word(run, i));
        size_t bad_at;
        int code = session_slice(session, bytes_text(&words), &bad_at, err);
        bytes_dispose(&words);
        if (code && bad_at != GRAMMAR_NOWHERE) {
            run->bad_at = line_offset(run, bad_at);
            run->exit_code = EXIT_USAGE;
        }
        if (code)
            return RUN_ERROR;
    }
    return answer_selection(session, run, !run->word_count, err);
}

const struct command command_slice = {
    .name = "slice",
    .group = "select",
    .usage = "slice [RANGE[,RANGE...] | spike [N] | all]",
    .summary = "select a part of the time; everything that is asked looks at that",
    .details = "A range is FROM TO, FROM-TO, FROM+LENGTH, or FROM alone (until the end).\n"
               "  7.2 7.5                 seconds from the start\n"
               "  @-10s @-5s              before the end (now, while something is recorded)\n"
               "  14:03:12.5 14:03:13     on the wall clock (Z at the end: UTC)\n"
               "  13:08:44.86+380ms       so long from there\n"
               "  spike                   the moments when the rate of what is in view rose; see "
               "'spikes'\n"
               "  spike 2                 one of them\n"
               "  all                     everything\n"
               "Without words: says what is selected.",
    .example = "slice 7.2 7.5",
    .words = {ARG_TIME},
    .choices = "all spike",
    .max_words = -1,
    .run = run,
};
