// The state that the prompt shows: "flicker[live 1:36  1.3k/s  lost 1.4%  sel 380ms]> ".
#ifndef FLICKER_SHELL_PROMPT_TEXT_H
#define FLICKER_SHELL_PROMPT_TEXT_H

#include "shell/session.h"
#include "viewer/term.h"

// Colour changes are wrapped in \001 and \002, as readline wants.
void prompt_text(struct bytes *out, struct session *session, const struct term *term);

#endif
