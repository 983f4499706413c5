// The one loop: the terminal, scripts, collectors, the page, signals and timers.
#ifndef FLICKER_SHELL_LOOP_H
#define FLICKER_SHELL_LOOP_H

struct session;

// Runs until the session quits: all scripts have ended and there is no prompt, `quit`, Ctrl-D, an
// error in a script, or a signal that ends. The code is then session->exit_code.
void loop_run(struct session *session);

#endif
