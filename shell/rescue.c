// What outlives a session.
#include "shell/rescue.h"

#include "proto/alloc.h"
#include "shell/export.h"
#include "shell/session.h"
#include "shell/units.h"

#include <errno.h>
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

int rescue_write(struct session *session, const struct query *query, const char *path,
                 const char *format_name, unsigned long long *bytes, struct err *err)
{
    struct export_file file = {.path = path, .format_name = format_name};
    int code = export_samples(session, query, &file, err);
    *bytes = file.bytes;
    export_file_dispose(&file);
    return code;
}

static bool move_away(const char *from, const char *to)
{
    char *from_path = rescue_path(from), *to_path = rescue_path(to);
    bool moved = from_path && to_path && !rename(from_path, to_path);
    free(from_path);
    free(to_path);
    return moved;
}

// Beside the one that is there, which makes room only when the new one is whole.
static int save_as(struct session *session, const char *name, struct err *err)
{
    struct query all = {.event = "*", .idle = true};
    unsigned long long bytes;
    char *path = rescue_path(name);
    if (!path)
        return err_set(err, -ENOENT, "there is no directory for them: XDG_STATE_HOME names one");
    mode_t mask = umask(077);
    int code = rescue_write(session, &all, path, "fks", &bytes, err);
    umask(mask);
    free(path);
    return code;
}

void rescue_save(struct session *session)
{
    struct buffer_stats stats;
    struct err err = {0};
    char name[32];
    buffer_stats(session->buffer, &stats);
    if (!stats.samples)
        return;
    snprintf(name, sizeof name, "rescue-%d.fks", (int)getpid());
    if (save_as(session, name, &err)) {
        session_complain(session, "the samples could not be saved: %s", err.message);
        return;
    }
    move_away("rescue.fks", "rescue-old.fks");
    char *path = rescue_path(move_away(name, "rescue.fks") ? "rescue.fks" : name);
    session_complain(session, "the samples are saved in %s ('open rescue' next time)",
                     path ? path : name);
    free(path);
}

void rescue_opened(struct session *session)
{
    if (!move_away("rescue.fks", "rescue-opened.fks"))
        return;
    bool more = move_away("rescue-old.fks", "rescue.fks");
    char *path = rescue_path("rescue-opened.fks");
    session_say(session, "the file is now %s, until the next one is opened%s", path ? path : "gone",
                more ? "\nan older one is there, too: 'open rescue' again" : "");
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
