// quit: ends the session, and with it what records.
#include "shell/session.h"

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    (void)session;
    (void)run;
    (void)err;
    return RUN_QUIT;
}

const struct command command_quit = {
    .name = "quit",
    .group = "show",
    .usage = "quit",
    .summary = "leave; collectors end, what is not saved is gone",
    .example = "quit",
    .run = run,
};
