// Giving up root for good.
#ifndef FLICKER_COLLECTORS_PRIVILEGES_H
#define FLICKER_COLLECTORS_PRIVILEGES_H

#include "proto/err.h"

// Makes this process the user who called sudo (SUDO_UID, SUDO_GID; uid 0 stays uid 0 without
// them), without any capability and without a way to gain one: bounding, ambient and inheritable
// sets emptied, SECBIT_NOROOT locked, no_new_privs set. HOME, USER and LOGNAME follow the user.
int privileges_drop(struct err *err) MUST_CHECK;
// That of it which any process may do to itself: no effective, permitted, inheritable or ambient
// capability, no_new_privs. 0 or a negative errno.
int privileges_drop_capabilities(void) MUST_CHECK;

#endif
