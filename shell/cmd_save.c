// save: writes samples to a file.
#include "shell/export.h"
#include "shell/session.h"

#include <string.h>

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    const char *path = invocation_word(run, 0);
    if (!path)
        return invocation_usage(run, GRAMMAR_NOWHERE, err, "a file is expected\nusage: %s",
                                run->command->usage);
    const struct word *what = invocation_key(run, "what");
    const struct word *format = invocation_key(run, "format");
    bool selected = what && !strcmp(what->value, "selection");
    struct query query = {.event = "*", .idle = true, .cancel = &session->signals.interrupted};
    if (selected)
        invocation_query(run, session, &query);
    struct export_file file = {.path = path, .format_name = format ? format->value : NULL};
    int code = export_samples(session, &query, &file, err);
    if (code)
        run->bad_at = run->words[0]->at;
    else
        export_say(session, &file, selected ? "the selection, " : "all samples, ");
    export_file_dispose(&file);
    return code ? RUN_ERROR : RUN_OK;
}

const struct command command_save = {
    .name = "save",
    .group = "files",
    .usage = "save FILE [what=all|selection] [format=NAME]",
    .summary = "write the samples to a file; .fks keeps everything",
    .details = "The format goes by the file's ending. The file appears when it is whole: a full "
               "disk costs nothing\nthat was there.",
    .example = "save incident.fks",
    .words = {ARG_FILE},
    .max_words = 1,
    .keys = {{"what", ARG_CHOICE, "all selection", "everything (the default), or what is in view"},
             {"format", ARG_EXPORT, NULL, "write this format, whatever the file's name"}},
    .run = run,
};
