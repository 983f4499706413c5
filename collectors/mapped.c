// Opens what symbolising needs of other processes, and nothing else.
#include "collectors/mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// One mapping of /proc/PID/maps.
struct mapping {
    uint64_t start, end;
    unsigned dev_major, dev_minor;
    uint64_t inode;
    char *path; // owned
};

static int open_proc(pid_t pid, const char *name, int flags)
{
    char path[128];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = pid > 0 ? open(path, flags | O_CLOEXEC) : -1;
    return fd >= 0 ? fd : pid > 0 ? -errno : -EINVAL;
}

int mapped_open_maps(pid_t pid)
{
    return open_proc(pid, "maps", O_RDONLY);
}

// Keeps a descriptor only of a regular file that passes; owner (uid_t)-1 matches any.
static int keep_regular(int fd, uid_t owner)
{
    struct stat stat;
    if (fd < 0)
        return fd;
    int status = fstat(fd, &stat) ? -errno : 0;
    if (!status && (!S_ISREG(stat.st_mode) || (owner != (uid_t)-1 && stat.st_uid != owner)))
        status = -EACCES;
    if (!status)
        return fd;
    close(fd);
    return status;
}

static int find_mapping(pid_t pid, uint64_t address, struct mapping *mapping)
{
    int fd = mapped_open_maps(pid);
    FILE *maps = fd < 0 ? NULL : fdopen(fd, "re");
    if (!maps) {
        if (fd >= 0)
            close(fd);
        return fd < 0 ? fd : -ENOMEM;
    }
    int status = -ENOENT;
    char *line = NULL;
    size_t capacity = 0;
    ssize_t len;
    while (status == -ENOENT && (len = getline(&line, &capacity, maps)) > 0) {
        char permissions[5];
        int path_at = 0;
        line[len - 1] = '\0';
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*x %x:%x %" SCNu64 " %n", &mapping->start,
                   &mapping->end, permissions, &mapping->dev_major, &mapping->dev_minor,
                   &mapping->inode, &path_at) != 6 ||
            address < mapping->start || address >= mapping->end)
            continue;
        status = permissions[2] == 'x' && line[path_at] == '/' ? 0 : -EACCES;
        mapping->path = status ? NULL : strdup(line + path_at);
    }
    free(line);
    fclose(maps);
    return status;
}

// Symbolic links are resolved inside the process' root, so that a container cannot point at a file
// of the host.
static int open_in_root(pid_t pid, const char *path, uint64_t resolve)
{
    int root = open_proc(pid, "root", O_PATH | O_DIRECTORY);
    if (root < 0)
        return root;
    struct open_how how = {
        .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, // a FIFO must not block us
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve,
    };
    int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    int status = fd < 0 ? -errno : fd;
    close(root);
    return status;
}

int mapped_open_file(pid_t pid, uint64_t address)
{
    struct mapping mapping = {0};
    int fd = find_mapping(pid, address, &mapping);
    if (fd)
        return fd;
    // map_files is the mapped file itself: deleted, replaced or in another namespace, it is the one
    // that runs. It needs more rights than the path does.
    char name[64];
    snprintf(name, sizeof name, "map_files/%" PRIx64 "-%" PRIx64, mapping.start, mapping.end);
    fd = keep_regular(open_proc(pid, name, O_RDONLY | O_NONBLOCK), (uid_t)-1);
    if (fd < 0 && mapping.path)
        fd = keep_regular(open_in_root(pid, mapping.path, 0), (uid_t)-1);
    free(mapping.path);
    return fd;
}

// The innermost pid of the process and its real uid.
static bool identity(pid_t pid, int *inner_pid, uid_t *uid)
{
    int fd = open_proc(pid, "status", O_RDONLY);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "re");
    if (!file) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    char line[512];
    bool has_uid = false;
    *inner_pid = pid;
    while (fgets(line, sizeof line, file)) {
        if (!strncmp(line, "Uid:", 4))
            has_uid = sscanf(line + 4, "%u", uid) == 1;
        if (!strncmp(line, "NSpid:", 6)) {
            const char *last = strrchr(line, '\t');
            *inner_pid = last ? atoi(last) : pid;
        }
    }
    fclose(file);
    return has_uid;
}

int mapped_open_jit(pid_t pid)
{
    int inner_pid = 0;
    uid_t uid = 0;
    if (!identity(pid, &inner_pid, &uid))
        return -ESRCH;
    char path[64];
    snprintf(path, sizeof path, "/tmp/perf-%d.map", inner_pid);
    return keep_regular(open_in_root(pid, path, RESOLVE_NO_SYMLINKS), uid);
}
