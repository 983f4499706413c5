// The tables as text: for `help`, the manual page and the README.
#ifndef FLICKER_SHELL_HELP_H
#define FLICKER_SHELL_HELP_H

#include "shell/command.h"

void help_put_all(struct bytes *out);
void help_put_command(struct bytes *out, const struct command *command);
void help_put_setting(struct bytes *out, const struct setting *setting);
// What key=value means to each command that has this key; false: none has it.
bool help_put_key(struct bytes *out, const char *key);
// What `flicker --help` says.
void help_put_program(struct bytes *out);
// The manual page in troff.
void help_put_manual(struct bytes *out);
// Every command in a Markdown table.
void help_put_markdown(struct bytes *out);

#endif
