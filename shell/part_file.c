// Writing a file beside its place.
#include "shell/part_file.h"

#include "proto/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    HELD_BYTES = 1 << 18,
    SETTLED_BYTES = 8 << 20, // between two looks at Ctrl-C
    LARGE_BYTES = 64 << 20,
};

static int cannot_write(const struct part_file *file, struct err *err)
{
    return err_set(err, -errno, "cannot write '%s': %s", file->path, strerror(errno));
}

static int flush(struct part_file *file, struct err *err)
{
    struct output_fd out;
    output_fd_init(&out, file->fd, file->path);
    out.base.cancel = file->base.cancel;
    int code = output_write(&out.base, bytes_text(&file->held), file->held.len, err);
    bytes_clear(&file->held);
    return code;
}

static int hold(struct part_file *file, const void *data, size_t len, struct err *err)
{
    bytes_append(&file->held, data, len);
    file->written += len;
    return file->held.len < HELD_BYTES ? 0 : flush(file, err);
}

static int write_raw(struct output *output, const void *data, size_t len, struct err *err)
{
    return hold((struct part_file *)((char *)output - offsetof(struct part_file, raw)), data, len,
                err);
}

static int write_text(struct output *output, const void *data, size_t len, struct err *err)
{
    struct part_file *file = (struct part_file *)output;
    int canceled = output_canceled(output, err); // packing takes longer than writing
    if (canceled)
        return canceled;
    return file->packs ? output_write(&file->gzip.base, data, len, err)
                       : hold(file, data, len, err);
}

// Under a name that nobody has: not that of another flicker that writes the same file, nor what a
// stranger put there.
static void open_beside(struct part_file *file)
{
    enum { TRIES = 100 };
    for (int i = 1; i <= TRIES; i++) {
        free(file->part);
        file->part =
            i == 1 ? xasprintf("%s.part", file->path) : xasprintf("%s.part%d", file->path, i);
        file->fd = open(file->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file->fd >= 0 || errno != EEXIST)
            return;
    }
}

int part_file_open(struct part_file *file, const char *path, bool packs, struct err *err)
{
    *file = (struct part_file){.base.write = write_text, .fd = -1, .raw.write = write_raw};
    struct stat info;
    bool there = !stat(path, &info);
    file->path = xstrdup(path);
    if (there && !S_ISREG(info.st_mode)) {
        file->part = xstrdup(path);
        file->fd = open(path, O_WRONLY | O_CLOEXEC);
    } else {
        open_beside(file);
    }
    if (file->fd < 0)
        return cannot_write(file, err);
    // Who could not read it before cannot now. Of a file of another user's that is no matter.
    if (there && S_ISREG(info.st_mode) && fchmod(file->fd, info.st_mode & 0777))
        errno = 0;
    file->packs = packs;
    if (packs)
        gzip_output_init(&file->gzip, &file->raw);
    return 0;
}

// Brings what was written to the disk, a piece at a time, since one fsync of gigabytes cannot be
// stopped. Where the file system has no such call, fsync does it all.
static int settle(struct part_file *file, struct err *err)
{
    const unsigned wait =
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    int code = output_canceled(&file->base, err);
    for (uint64_t at = 0; at < file->written && !code; at += SETTLED_BYTES) {
        off_t piece = (off_t)at; // the next one is under way meanwhile
        if (sync_file_range(file->fd, piece + SETTLED_BYTES, SETTLED_BYTES,
                            SYNC_FILE_RANGE_WRITE) ||
            sync_file_range(file->fd, piece, SETTLED_BYTES, wait))
            break;
        code = output_canceled(&file->base, err);
    }
    if (!code && fsync(file->fd) && errno != EINVAL && errno != EROFS)
        code = cannot_write(file, err);
    return code;
}

static void *close_it(void *fd)
{
    close((int)(intptr_t)fd);
    return NULL;
}

// Closes a file that has no name any more: to free the pages of a large one takes long, so that is
// left to a thread of its own.
static void close_unnamed(int fd, uint64_t bytes)
{
    pthread_t thread;
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (bytes >= LARGE_BYTES && !pthread_create(&thread, NULL, close_it, (void *)(intptr_t)fd))
        pthread_detach(thread);
    else
        close(fd);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

// So that the new name is on the disk, too. A file system that cannot is no failure.
static void sync_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *directory = slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup(".");
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(directory);
}

int part_file_commit(struct part_file *file, struct err *err)
{
    int code = file->packs ? gzip_output_finish(&file->gzip, err) : 0;
    if (!code)
        code = flush(file, err);
    if (!code)
        code = settle(file, err);
    if (code)
        return code;
    int fd = file->fd;
    file->fd = -1;
    if (close(fd))
        code = cannot_write(file, err);
    bool plain = strcmp(file->path, file->part) != 0;
    if (!code && plain && rename(file->part, file->path))
        code = cannot_write(file, err);
    else if (!code && plain)
        sync_directory(file->path);
    if (code && plain)
        unlink(file->part);
    return code;
}

void part_file_dispose(struct part_file *file)
{
    bool plain = file->fd >= 0 && strcmp(file->path, file->part) != 0;
    if (plain)
        unlink(file->part);
    if (file->fd >= 0)
        close_unnamed(file->fd, plain ? file->written : 0);
    if (file->packs)
        gzip_output_dispose(&file->gzip);
    bytes_dispose(&file->held);
    free(file->path);
    free(file->part);
    *file = (struct part_file){.fd = -1};
}
