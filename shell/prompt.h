// The prompt: readline in callback mode, driven by the loop.
#ifndef FLICKER_SHELL_PROMPT_H
#define FLICKER_SHELL_PROMPT_H

#include "proto/err.h"

#include <stdbool.h>

struct session;
struct prompt;

// One a process (readline has one state). Reads the history from the state directory.
struct prompt *prompt_new(struct session *session);
void prompt_free(struct prompt *prompt); // saves the history; gives the terminal back; NULL is fine

// Shows the prompt and takes keys; called again after each line.
void prompt_start(struct prompt *prompt);
// Gives the terminal to a command.
void prompt_stop(struct prompt *prompt);
bool prompt_active(const struct prompt *prompt);
// Standard input is readable.
void prompt_read(struct prompt *prompt);
// Ctrl-C at the prompt: a new line.
void prompt_interrupt(struct prompt *prompt);
void prompt_resize(struct prompt *prompt);
// After Ctrl-Z and 'fg': the terminal is as the shell that started us left it.
void prompt_resume(struct prompt *prompt);
// The state in the prompt may have changed.
void prompt_refresh(struct prompt *prompt);

// Around messages that come while a line is typed. Nothing happens while a command has the
// terminal.
void prompt_hide(struct prompt *prompt);
void prompt_show(struct prompt *prompt);

// The line that was entered, NULL: none yet; taken over by the caller. *left: Ctrl-D.
char *prompt_take_line(struct prompt *prompt, bool *left);

#endif
