// Where command lines come from when nobody types.
#include "shell/feed.h"

#include "proto/alloc.h"
#include "shell/grammar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SCRIPT_BYTES_MAX = 16 << 20 };

static struct feed_script *push(struct feed *feed, const char *name)
{
    array_reserve(&feed->scripts, &feed->capacity, feed->count + 1);
    struct feed_script *script = &feed->scripts[feed->count++];
    *script = (struct feed_script){.name = xstrdup(name), .line = 1, .fd = -1};
    return script;
}

static void pop(struct feed *feed)
{
    struct feed_script *script = &feed->scripts[--feed->count];
    free(script->name);
    bytes_dispose(&script->text);
}

void feed_clear(struct feed *feed)
{
    while (feed->count)
        pop(feed);
}

void feed_dispose(struct feed *feed)
{
    feed_clear(feed);
    free(feed->scripts);
    *feed = (struct feed){0};
}

void feed_push_text(struct feed *feed, const char *name, const char *text)
{
    bytes_append_text(&push(feed, name)->text, text);
}

void feed_push_fd(struct feed *feed, const char *name, int fd)
{
    push(feed, name)->fd = fd;
}

static int read_all(int fd, struct bytes *out, const char *path, struct err *err)
{
    char piece[1 << 14];
    for (;;) {
        ssize_t got = read(fd, piece, sizeof piece);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set(err, -errno, "cannot read '%s': %s", path, strerror(errno));
        if (!got)
            break;
        if (memchr(piece, '\0', (size_t)got))
            return err_set(err, -EINVAL, "'%s' is no script: it holds binary data", path);
        bytes_append(out, piece, (size_t)got);
        if (out->len > SCRIPT_BYTES_MAX)
            return err_set(err, -EFBIG, "'%s' is no script: it is longer than 16 MiB", path);
    }
    return 0;
}

int feed_push_file(struct feed *feed, const char *path, struct err *err)
{
    if (feed->count >= FEED_DEPTH)
        return err_set(err, -ELOOP, "'%s': scripts call each other %d deep", path, FEED_DEPTH);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, -errno, "cannot read '%s': %s", path, strerror(errno));
    struct bytes text = {0};
    int code = read_all(fd, &text, path, err);
    close(fd);
    if (text.len >= 3 && !memcmp(text.data, "\xef\xbb\xbf", 3)) // an editor's mark of UTF-8
        bytes_consume(&text, 3);
    if (!code)
        push(feed, path)->text = text;
    else
        bytes_dispose(&text);
    return code;
}

// Whether the text is still open, so that the next line belongs to it.
static bool goes_on(const char *text)
{
    struct statements statements = {0};
    size_t bad_at;
    int code = grammar_parse(&statements, text, NULL, &bad_at, NULL);
    statements_dispose(&statements);
    return code == -EAGAIN;
}

enum feed_result feed_next(struct feed *feed, struct bytes *out, const char **name, unsigned *line)
{
    while (feed->count) {
        struct feed_script *script = &feed->scripts[feed->count - 1];
        bytes_clear(out);
        *name = script->name;
        *line = script->line;
        size_t at = script->at;
        unsigned lines = 0;
        bool whole = false, ended = script->fd < 0;
        while (at < script->text.len && !whole) {
            const char *from = script->text.data + at;
            const char *newline = memchr(from, '\n', script->text.len - at);
            if (!newline && !ended)
                break;
            size_t len = newline ? (size_t)(newline - from) : script->text.len - at;
            bytes_append(out, from, len);
            at += len + (newline != NULL);
            lines++;
            whole = !goes_on(bytes_text(out)) || (ended && at >= script->text.len);
            if (!whole)
                bytes_append_char(out, '\n');
        }
        if (whole) {
            script->at = at;
            script->line += lines;
            return FEED_LINE;
        }
        if (!ended)
            return FEED_WAIT;
        pop(feed);
    }
    return FEED_END;
}

int feed_fd(const struct feed *feed)
{
    return feed->count ? feed->scripts[feed->count - 1].fd : -1;
}

void feed_read(struct feed *feed)
{
    struct feed_script *script = &feed->scripts[feed->count - 1];
    char piece[1 << 12];
    ssize_t got = read(script->fd, piece, sizeof piece);
    if (got > 0)
        bytes_append(&script->text, piece, (size_t)got);
    else if (got == 0 || (errno != EINTR && errno != EAGAIN))
        script->fd = -1;
}
