// help: the table of commands, for people.
#include "shell/help.h"
#include "shell/session.h"

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    const char *name = invocation_word(run, 0);
    if (!name) {
        help_put_all(&run->out.text);
        return RUN_OK;
    }
    const struct command *command = command_find(name, session->prompt != NULL, err);
    if (command) {
        help_put_command(&run->out.text, command);
        return RUN_OK;
    }
    const struct setting *setting = setting_by_name(name);
    if (setting) {
        help_put_setting(&run->out.text, setting);
        return RUN_OK;
    }
    if (help_put_key(&run->out.text, name))
        return RUN_OK;
    run->bad_at = run->words[0]->at;
    run->exit_code = EXIT_USAGE;
    return RUN_ERROR;
}

const struct command command_help = {
    .name = "help",
    .group = "show",
    .usage = "help [COMMAND | SETTING | KEY]",
    .summary = "list the commands, or explain one",
    .details = "A KEY is what stands before '=': 'help value', 'help column'.",
    .example = "help slice",
    .words = {ARG_COMMAND},
    .max_words = 1,
    .run = run,
};
