// Where the results of one command go.
#include "shell/writer.h"

#include "proto/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WRITE_BYTES = 1 << 18 };

static int write_held(struct writer *writer, struct err *err)
{
    struct output_fd target;
    if (writer->kind == REDIRECT_FILE && !writer->begun && ftruncate(writer->fd, 0))
        errno = 0; // a device, or a pipe
    writer->begun = true;
    output_fd_init(&target, writer->fd, writer->name);
    target.base.cancel = writer->base.cancel;
    int code =
        writer->text.len ? output_write(&target.base, writer->text.data, writer->text.len, err) : 0;
    bytes_clear(&writer->text);
    return code;
}

static int gather(struct output *output, const void *data, size_t len, struct err *err)
{
    struct writer *writer = (struct writer *)output;
    bytes_append(&writer->text, data, len);
    if (writer->kind == REDIRECT_PIPE || writer->text.len < WRITE_BYTES)
        return 0;
    return write_held(writer, err);
}

static int start_command(struct writer *writer, struct err *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return err_set(err, -errno, "cannot start '%s': %s", writer->name, strerror(errno));
    pid_t child = fork();
    if (!child) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGPIPE, SIG_DFL);
        signal(SIGXFSZ, SIG_DFL);
        signal(SIGQUIT, SIG_DFL);
        dup2(ends[0], STDIN_FILENO);
        execl("/bin/sh", "sh", "-c", writer->name, (char *)NULL);
        _exit(127);
    }
    int code = -errno;
    close(ends[0]);
    if (child < 0) {
        close(ends[1]);
        return err_set(err, code, "cannot start '%s': %s", writer->name, strerror(-code));
    }
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    writer->fd = ends[1];
    writer->child = child;
    return 0;
}

// What a file holds stays until there is something to write: a command that fails costs nothing.
static int open_file(struct writer *writer, const char *path, struct err *err)
{
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (writer->kind == REDIRECT_APPEND ? O_APPEND : 0);
    writer->fd = open(path, flags | O_EXCL, 0666);
    writer->made = writer->fd >= 0;
    if (writer->fd < 0 && errno == EEXIST)
        writer->fd = open(path, flags, 0666);
    if (writer->fd < 0)
        return err_set(err, -errno, "cannot write '%s': %s", path, strerror(errno));
    return 0;
}

int writer_open(struct writer *writer, enum redirect kind, const char *target, struct err *err)
{
    *writer = (struct writer){.base.write = gather, .kind = kind, .fd = -1};
    writer->name = xstrdup(kind == REDIRECT_NONE ? "standard output" : target);
    switch (kind) {
    case REDIRECT_NONE:
        writer->fd = STDOUT_FILENO;
        return 0;
    case REDIRECT_PIPE:
        return start_command(writer, err);
    case REDIRECT_FILE:
    case REDIRECT_APPEND:
        return open_file(writer, target, err);
    }
    return 0;
}

void writer_open_fd(struct writer *writer, int fd, const char *name, const atomic_bool *cancel)
{
    *writer = (struct writer){.base = {.write = gather, .cancel = cancel},
                              .kind = REDIRECT_FILE,
                              .fd = fd,
                              .name = xstrdup(name)};
}

// Feeds the command as much as it takes now.
static int feed(struct writer *writer, struct err *err)
{
    while (writer->text.len) {
        ssize_t wrote = write(writer->fd, writer->text.data, writer->text.len);
        if (wrote < 0 && errno == EAGAIN)
            return 1;
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0 && errno == EPIPE)
            break; // head, or a pager that was quit
        if (wrote < 0)
            return err_set(err, -errno, "cannot write to '%s': %s", writer->name, strerror(errno));
        bytes_consume(&writer->text, (size_t)wrote);
    }
    close(writer->fd);
    writer->fd = -1;
    writer->fed = true;
    return 0;
}

static int finish_command(struct writer *writer, struct err *err)
{
    if (!writer->fed) {
        int code = feed(writer, err);
        if (code)
            return code;
    }
    int status;
    pid_t ended = waitpid(writer->child, &status, WNOHANG);
    if (ended == 0 || (ended < 0 && errno == EINTR))
        return 1;
    writer->child = 0;
    if (ended > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return err_set(err, -ENOENT, "the shell could not run '%s'", writer->name);
    return 0;
}

int writer_finish(struct writer *writer, struct err *err)
{
    if (writer->kind == REDIRECT_PIPE)
        return finish_command(writer, err);
    int code = write_held(writer, err);
    if (code == -EPIPE && writer->kind == REDIRECT_NONE)
        return 0; // our reader has gone: it wants no more
    if (writer->kind == REDIRECT_NONE || writer->fd < 0)
        return code;
    int fd = writer->fd;
    writer->fd = -1;
    if (close(fd) && !code)
        code = err_set(err, -errno, "cannot write '%s': %s", writer->name, strerror(errno));
    return code;
}

int writer_fd(const struct writer *writer)
{
    return writer->kind == REDIRECT_PIPE ? writer->fd : -1;
}

void writer_dispose(struct writer *writer)
{
    if (writer->fd > STDERR_FILENO)
        close(writer->fd);
    if (writer->made && !writer->begun)
        unlink(writer->name);
    if (writer->child > 0) {
        kill(writer->child, SIGTERM);
        waitpid(writer->child, NULL, 0);
    }
    bytes_dispose(&writer->text);
    free(writer->name);
    *writer = (struct writer){.fd = -1};
}
