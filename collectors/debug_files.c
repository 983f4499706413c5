// Where the debug information of a file lies that was installed apart from it.
//
// The places are those that GDB looks in ("Debugging Information in Separate Files").
#include "collectors/debug_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <zlib.h>

#define DEBUG_ROOT "/usr/lib/debug"

enum { MAX_BUILD_ID_BYTES = 64, CHUNK_BYTES = 64 * 1024 };
// A larger file is not read through for its checksum.
#define MAX_CHECKED_BYTES (INT64_C(256) << 20)

static int open_regular(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); // a FIFO must not block us
    struct stat stat;
    if (fd < 0)
        return -errno;
    if (!fstat(fd, &stat) && S_ISREG(stat.st_mode))
        return fd;
    close(fd);
    return -EACCES;
}

static int open_by_build_id(const struct debug_wanted *wanted)
{
    char path[64 + 2 * MAX_BUILD_ID_BYTES] = DEBUG_ROOT "/.build-id/";
    size_t at = strlen(path);
    if (wanted->build_id_len < 2 || wanted->build_id_len > MAX_BUILD_ID_BYTES)
        return -ENOENT;
    for (size_t i = 0; i < wanted->build_id_len; i++)
        at += (size_t)snprintf(path + at, sizeof path - at, i == 0 ? "%02x/" : "%02x",
                               wanted->build_id[i]);
    snprintf(path + at, sizeof path - at, ".debug");
    return open_regular(path);
}

static int has_checksum(int fd, uint32_t wanted)
{
    static const unsigned char none[1];
    unsigned char chunk[CHUNK_BYTES];
    uint32_t sum = (uint32_t)crc32(0, none, 0);
    off_t at = 0;
    struct stat stat;
    if (fstat(fd, &stat) || stat.st_size > MAX_CHECKED_BYTES)
        return 0;
    for (ssize_t got; (got = pread(fd, chunk, sizeof chunk, at)) > 0; at += got)
        sum = (uint32_t)crc32(sum, chunk, (unsigned)got);
    return sum == wanted;
}

static int open_by_link(const struct debug_wanted *wanted)
{
    static const char *const places[] = {"%.*s/%s", "%.*s/.debug/%s", DEBUG_ROOT "%.*s/%s"};
    const char *slash = wanted->path ? strrchr(wanted->path, '/') : NULL;
    if (!slash || !wanted->link || !*wanted->link || strchr(wanted->link, '/'))
        return -ENOENT;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char path[PATH_MAX];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        int len = snprintf(path, sizeof path, places[i], (int)(slash - wanted->path), wanted->path,
                           wanted->link);
#pragma GCC diagnostic pop
        int fd = len < (int)sizeof path ? open_regular(path) : -ENAMETOOLONG;
        if (fd >= 0 && has_checksum(fd, wanted->link_crc))
            return fd;
        if (fd >= 0)
            close(fd);
    }
    return -ENOENT;
}

int debug_file_open(const struct debug_wanted *wanted)
{
    int fd = open_by_build_id(wanted);
    return fd >= 0 ? fd : open_by_link(wanted);
}

int debug_file_open_shared(const char *name)
{
    // "/usr/lib/debug/.dwz/x86_64-linux-gnu/pack.debug", or "../../.dwz/...": what follows is tried
    // below the root of debug files only, whatever it links to.
    const char *below = strstr(name, "/.dwz/");
    int root = open(DEBUG_ROOT, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (!below || root < 0) {
        if (root >= 0)
            close(root);
        return -ENOENT;
    }
    struct open_how how = {
        .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    struct stat stat;
    int fd = (int)syscall(SYS_openat2, root, below, &how, sizeof how);
    int status = fd < 0 ? -errno : 0;
    close(root);
    if (!status && (fstat(fd, &stat) || !S_ISREG(stat.st_mode)))
        status = -EACCES;
    if (!status)
        return fd;
    if (fd >= 0)
        close(fd);
    return status;
}
