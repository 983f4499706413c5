// undo: takes back the last change of the selection.
#include "shell/answer.h"

#include <errno.h>

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    if (!selection_undo(session->selection)) {
        err_set(err, -ENOENT, "there is no slice and no filter to take back");
        return RUN_ERROR;
    }
    return answer_selection(session, run, false, err);
}

const struct command command_undo = {
    .name = "undo",
    .group = "select",
    .usage = "undo",
    .summary = "take back the last slice or filter",
    .example = "undo",
    .run = run,
};
