// The descriptors 0, 1 and 2 of a process that was started without some of them.
//
// Whatever is opened next takes the lowest number that is free. A socket or a file that became
// number 2 would be sent every message that is meant for people.
#ifndef FLICKER_PROTO_STANDARD_FDS_H
#define FLICKER_PROTO_STANDARD_FDS_H

// The first thing that main does. Those that are closed become /dev/null, open for reading only: an
// input has ended, and who writes is told that it cannot.
void standard_fds_hold(void);

#endif
