// Holding the places of standard input, output and error.
#include "proto/standard_fds.h"

#include <fcntl.h>
#include <unistd.h>

void standard_fds_hold(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        // The lowest number that is free is this one, as all below are held. Without a /dev/null
        // there is nothing that could stand in.
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
            return;
    }
}
