// Paths of cgroups by their ids. An id is the inode number of the cgroup's directory.
#include "collectors/native/cgroups.h"

#include "collectors/host.h"
#include "proto/alloc.h"

#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_CGROUPS = 65536 };
#define LOOK_AGAIN_NS INT64_C(1000000000)

struct cgroup {
    uint64_t id;
    char *path;
};

struct cgroups {
    char mount[PATH_MAX]; // "": there is none
    struct cgroup *items; // sorted by id
    size_t count, capacity;
    int64_t looked_ns;
};

// Where the hierarchy is mounted; beside those of v1 it often is /sys/fs/cgroup/unified.
static void find_mount(char mount[PATH_MAX])
{
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    const struct mntent *entry;
    *mount = '\0';
    while (mounts && !*mount && (entry = getmntent(mounts))) {
        if (!strcmp(entry->mnt_type, "cgroup2"))
            snprintf(mount, PATH_MAX, "%s", entry->mnt_dir);
    }
    if (mounts)
        endmntent(mounts);
}

struct cgroups *cgroups_new(void)
{
    struct cgroups *cgroups = xcalloc(1, sizeof *cgroups);
    find_mount(cgroups->mount);
    return cgroups;
}

static void clear(struct cgroups *cgroups)
{
    for (size_t i = 0; i < cgroups->count; i++)
        free(cgroups->items[i].path);
    cgroups->count = 0;
}

void cgroups_free(struct cgroups *cgroups)
{
    if (!cgroups)
        return;
    clear(cgroups);
    free(cgroups->items);
    free(cgroups);
}

static int by_id(const void *left, const void *right)
{
    const struct cgroup *a = left, *b = right;
    return a->id < b->id ? -1 : a->id > b->id;
}

static void look(struct cgroups *cgroups)
{
    char *roots[] = {cgroups->mount, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
    size_t skip = strlen(cgroups->mount);
    FTSENT *entry;
    clear(cgroups);
    while (tree && (entry = fts_read(tree)) && cgroups->count < MAX_CGROUPS) {
        if (entry->fts_info != FTS_D)
            continue;
        const char *path = entry->fts_path + skip;
        array_reserve(&cgroups->items, &cgroups->capacity, cgroups->count + 1);
        cgroups->items[cgroups->count++] =
            (struct cgroup){entry->fts_statp->st_ino, xstrdup(*path ? path : "/")};
    }
    if (tree)
        fts_close(tree);
    if (cgroups->count)
        qsort(cgroups->items, cgroups->count, sizeof *cgroups->items, by_id);
}

const char *cgroups_path(struct cgroups *cgroups, uint64_t id)
{
    const struct cgroup key = {.id = id};
    const struct cgroup *found = NULL;
    for (int i = 0; i < 2 && !found && id && *cgroups->mount; i++) {
        int64_t now_ns = host_now_ns();
        if (i && cgroups->looked_ns && now_ns - cgroups->looked_ns < LOOK_AGAIN_NS)
            return NULL;
        if (i) {
            look(cgroups);
            cgroups->looked_ns = now_ns;
        }
        if (cgroups->count)
            found = bsearch(&key, cgroups->items, cgroups->count, sizeof key, by_id);
    }
    return found ? found->path : NULL;
}

int cgroups_find(uint64_t *id, uint32_t *level, const char *path, struct err *err)
{
    char mount[PATH_MAX], full[2 * PATH_MAX];
    struct stat stat_buffer;
    find_mount(mount);
    if (!*mount)
        return err_set(err, -ENOENT, "no cgroup: the unified hierarchy (cgroup2) is not mounted");
    size_t len = strlen(mount);
    if (!strncmp(path, mount, len) && (path[len] == '/' || !path[len]))
        path += len;
    snprintf(full, sizeof full, "%s/%s", mount, path);
    if (strstr(path, "..") || stat(full, &stat_buffer) || !S_ISDIR(stat_buffer.st_mode))
        return err_set(err, -ENOENT, "no cgroup '%s' below %s", path, mount);
    *id = stat_buffer.st_ino;
    *level = 0;
    for (const char *at = path; *at; at += strcspn(at, "/")) {
        at += strspn(at, "/");
        *level += *at != '\0';
    }
    return 0;
}
