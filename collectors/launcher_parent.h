// The privileged side of the launcher.
#ifndef FLICKER_COLLECTORS_LAUNCHER_PARENT_H
#define FLICKER_COLLECTORS_LAUNCHER_PARENT_H

#include "collectors/launcher.h"

#include <sys/types.h>

// Blocks the signals that the parent waits for; call before the fork, so that none is missed.
void launcher_parent_block_signals(void);
// Undoes that in the child.
void launcher_parent_unblock_signals(void);
// Serves the child over the socket until it has ended, ends every collector, restores the terminal
// as it was at the call when the child was killed, and exits with the child's status.
_Noreturn void launcher_parent_serve(pid_t child, int socket_fd, enum launcher_power power);

#endif
