// source: runs a script.
#include "shell/session.h"

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    const char *path = invocation_word(run, 0);
    if (!path)
        return invocation_usage(run, GRAMMAR_NOWHERE, err, "a script is expected\nusage: %s",
                                run->command->usage);
    if (!feed_push_file(&session->feed, path, err))
        return RUN_OK;
    run->bad_at = run->words[0]->at;
    return RUN_ERROR;
}

const struct command command_source = {
    .name = "source",
    .group = "automate",
    .usage = "source FILE",
    .summary = "run the commands of a file",
    .details = "It stops at its first error. It begins when the line that called it has ended.",
    .example = "source incident.fl",
    .words = {ARG_FILE},
    .max_words = 1,
    .run = run,
};
