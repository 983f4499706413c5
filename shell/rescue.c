// What outlives a session.
#include "shell/rescue.h"

#include "proto/alloc.h"
#include "proto/format.h"
#include "shell/session.h"
#include "shell/units.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// Under sudo, HOME may still be root's while we are the user again.
static char *home_directory(void)
{
    const char *home = getenv("HOME");
    struct stat info;
    if (home && *home && !stat(home, &info) && info.st_uid == getuid())
        return xstrdup(home);
    const struct passwd *user = getpwuid(getuid());
    return user ? xstrdup(user->pw_dir) : home && *home ? xstrdup(home) : NULL;
}

static void make_directories(const char *path)
{
    char *copy = xstrdup(path);
    for (char *slash = copy + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(copy, 0700);
        *slash = '/';
    }
    mkdir(copy, 0700);
    free(copy);
}

char *rescue_path(const char *name)
{
    const char *state = getenv("XDG_STATE_HOME");
    char *directory = NULL;
    if (state && *state == '/') {
        directory = xasprintf("%s/flicker", state);
    } else {
        char *home = home_directory();
        if (home)
            directory = xasprintf("%s/.local/state/flicker", home);
        free(home);
    }
    if (!directory)
        return NULL;
    make_directories(directory);
    char *path = access(directory, W_OK | X_OK) ? NULL : xasprintf("%s/%s", directory, name);
    free(directory);
    return path;
}

// An output that gathers, so that an encoder's small pieces are few writes.
struct gathered {
    struct output base;
    struct output_fd file;
    struct bytes held;
    unsigned long long written;
};

static int gathered_flush(struct gathered *gathered, struct err *err)
{
    int code =
        output_write(&gathered->file.base, bytes_text(&gathered->held), gathered->held.len, err);
    bytes_clear(&gathered->held);
    return code;
}

static int gathered_write(struct output *output, const void *data, size_t len, struct err *err)
{
    struct gathered *gathered = (struct gathered *)output;
    bytes_append(&gathered->held, data, len);
    gathered->written += len;
    return gathered->held.len < (1 << 18) ? 0 : gathered_flush(gathered, err);
}

static int encode(struct session *session, const struct query *query, const struct format *format,
                  int fd, const char *path, unsigned long long *bytes, struct err *err)
{
    struct gathered out = {.base.write = gathered_write};
    output_fd_init(&out.file, fd, path);
    // The encoder reads names only; the dictionary stays the store's.
    struct encoder *encoder =
        format->encoder_new((struct dict *)store_dict(session->store), &out.base);
    int code = store_replay(session->store, query, &encoder->sink, err);
    if (!code)
        code = encoder->ops->finish(encoder, err);
    encoder_free(encoder);
    if (!code)
        code = gathered_flush(&out, err);
    if (!code && fsync(fd) && errno != EINVAL)
        code = err_set(err, -errno, "cannot write '%s': %s", path, strerror(errno));
    bytes_dispose(&out.held);
    *bytes = out.written;
    return code;
}

static const struct format *find_format(const char *path, const char *name, struct err *err)
{
    const struct format *format = name ? format_by_name(name) : format_by_extension(path);
    if (!name && !format)
        format = strchr(path, '.') ? NULL : format_by_name("fks");
    if (format && format->encoder_new)
        return format;
    struct bytes known = {0};
    for (size_t i = 0; format_table[i]; i++) {
        if (format_table[i]->encoder_new && format_table[i]->extension)
            bytes_printf(&known, "%s%s", known.len ? ", " : "", format_table[i]->extension);
    }
    err_set(err, -EINVAL, "no format for '%s'; expected a name that ends in %s", path,
            bytes_text(&known));
    bytes_dispose(&known);
    return NULL;
}

int rescue_write(struct session *session, const struct query *query, const char *path,
                 const char *format_name, unsigned long long *bytes, struct err *err)
{
    const struct format *format = find_format(path, format_name, err);
    if (!format)
        return -EINVAL;
    struct stat info;
    bool plain = stat(path, &info) || S_ISREG(info.st_mode); // a device or pipe is written to
    char *part = plain ? xasprintf("%s.part", path) : xstrdup(path);
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    int code = fd < 0 ? err_set(err, -errno, "cannot write '%s': %s", path, strerror(errno)) : 0;
    if (!code)
        code = encode(session, query, format, fd, path, bytes, err);
    if (fd >= 0 && close(fd) && !code)
        code = err_set(err, -errno, "cannot write '%s': %s", path, strerror(errno));
    if (!code && plain && rename(part, path))
        code = err_set(err, -errno, "cannot write '%s': %s", path, strerror(errno));
    if (code && plain && fd >= 0)
        unlink(part);
    free(part);
    return code;
}

void rescue_save(struct session *session)
{
    struct buffer_stats stats;
    buffer_stats(session->buffer, &stats);
    char *path = stats.samples ? rescue_path("rescue.fks") : NULL;
    if (!path)
        return;
    struct query all = {.event = "*", .idle = true};
    unsigned long long bytes;
    struct err err = {0};
    mode_t mask = umask(077);
    if (rescue_write(session, &all, path, "fks", &bytes, &err))
        session_complain(session, "the samples could not be saved: %s", err.message);
    else
        session_complain(session, "the samples are saved in %s ('open rescue' next time)", path);
    umask(mask);
    free(path);
}

void rescue_offer(struct session *session)
{
    char *path = rescue_path("rescue.fks");
    struct stat info;
    if (path && !stat(path, &info)) {
        struct tm day;
        char when[32];
        localtime_r(&info.st_mtime, &day);
        strftime(when, sizeof when, "%Y-%m-%d %H:%M", &day);
        struct bytes size = {0};
        units_put_size(&size, (uint64_t)info.st_size);
        session_say(session,
                    "a session was ended on %s and its samples were saved (%s): 'open rescue'",
                    when, bytes_text(&size));
        bytes_dispose(&size);
    }
    free(path);
}
