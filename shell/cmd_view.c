// view: where the live page is.
#include "shell/session.h"

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    if (session_serve(session, err))
        return RUN_ERROR;
    bytes_printf(&run->out.text, "%s\n", server_url(session->server));
    size_t tabs = server_tabs(session->server);
    if (tabs)
        session_say(session, "open in %zu tab%s", tabs, tabs == 1 ? "" : "s");
    return RUN_OK;
}

const struct command command_view = {
    .name = "view",
    .group = "show",
    .usage = "view",
    .summary = "print the address of the live page",
    .details =
        "It listens on 127.0.0.1 only; the address holds a secret. From elsewhere, with its port "
        "at both\nends: ssh -L PORT:127.0.0.1:PORT HOST.",
    .example = "view",
    .run = run,
};
