// Signals as flags and as a descriptor for the loop.
#include "shell/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

// A signal handler gets no argument of ours, so this one pointer must be static. Not a signalfd:
// Ctrl-C has to stop a query while the loop is not polling.
static struct signals *receiver;

static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGWINCH, SIGCONT};

static void handle(int number)
{
    int saved = errno;
    if (number == SIGINT)
        atomic_store(&receiver->interrupted, true);
    else if (number == SIGTERM || number == SIGHUP) {
        atomic_store(&receiver->ending, number);
        atomic_store(&receiver->interrupted, true);
    } else if (number == SIGWINCH)
        atomic_store(&receiver->resized, true);
    else if (number == SIGCONT)
        atomic_store(&receiver->resumed, true);
    ssize_t ignored = write(receiver->wake[1], "", 1);
    (void)ignored;
    errno = saved;
}

int signals_init(struct signals *signals, struct err *err)
{
    *signals = (struct signals){.wake = {-1, -1}};
    if (pipe2(signals->wake, O_CLOEXEC | O_NONBLOCK))
        return err_set(err, -errno, "cannot make a pipe: %s", strerror(errno));
    receiver = signals;
    signal(SIGPIPE, SIG_IGN); // a reader that has gone is an error of write()
    signal(SIGXFSZ, SIG_IGN); // so is a file that may not grow
    for (size_t i = 0; i < sizeof caught / sizeof *caught; i++) {
        struct sigaction action = {.sa_handler = handle};
        sigemptyset(&action.sa_mask);
        sigaction(caught[i], &action, NULL);
    }
    return 0;
}

void signals_drain(struct signals *signals)
{
    char bytes[64];
    while (read(signals->wake[0], bytes, sizeof bytes) > 0)
        ;
}

void signals_dispose(struct signals *signals)
{
    for (size_t i = 0; i < sizeof caught / sizeof *caught; i++)
        signal(caught[i], SIG_DFL);
    receiver = NULL;
    close(signals->wake[0]);
    close(signals->wake[1]);
}
