// The files that processes map: their symbol tables, each read once, and what tells source lines.
#include "collectors/images.h"

#include "proto/alloc.h"
#include "proto/hash.h"
#include "proto/idset.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { MAX_IMAGES = 4096 };

struct entry {
    uint64_t device, inode;
    struct image image;
    bool owns,
        trusted; // owns: the first of several that share it; trusted: only root could write it
};

struct images {
    struct launcher *launcher;
    struct inlines *inlines; // NULL: neither lines nor inlined functions
    struct entry *entries;
    size_t count, capacity;
    struct idset by_inode;
    struct elf_symbols *vdso;
    bool vdso_read;
};

struct images *images_new(struct launcher *launcher)
{
    struct images *images = xcalloc(1, sizeof *images);
    images->launcher = launcher;
    return images;
}

void images_set_inlines(struct images *images, struct inlines *inlines)
{
    images->inlines = inlines;
}

static void forget(struct images *images)
{
    for (size_t i = 0; i < images->count; i++)
        elf_symbols_free(images->entries[i].owns ? images->entries[i].image.elf : NULL);
    images->count = 0;
    idset_clear(&images->by_inode);
}

void images_free(struct images *images)
{
    if (!images)
        return;
    forget(images);
    elf_symbols_free(images->vdso);
    idset_dispose(&images->by_inode);
    free(images->entries);
    free(images);
}

static uint64_t hash_of_entry(const void *owner, uint32_t id)
{
    const struct entry *entry = &((const struct images *)owner)->entries[id];
    return hash_pair(0, entry->device, entry->inode);
}

// The file as it was mapped. The process may have gone by now: then the path will do, as long as it
// is still the same file.
static int open_mapped(const struct images *images, int32_t pid, const struct address_range *range)
{
    int fd = launcher_open_mapped(images->launcher, pid, range->start);
    if (fd >= 0)
        return fd;
    struct stat stat;
    fd = open(range->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    uint64_t device = 0;
    if (fd >= 0 && !fstat(fd, &stat))
        device = (uint64_t)major(stat.st_dev) << 32 | minor(stat.st_dev);
    if (fd >= 0 && S_ISREG(stat.st_mode) && device == range->device && stat.st_ino == range->inode)
        return fd;
    if (fd >= 0)
        close(fd);
    return -ENOENT;
}

// Another file with the same contents that was read already: of another container, say.
static const struct entry *same_as(const struct images *images, int fd)
{
    for (size_t i = 0; i < images->count; i++) {
        const struct entry *entry = &images->entries[i];
        if (entry->owns && entry->trusted && elf_symbols_is_same(entry->image.elf, fd))
            return entry;
    }
    return NULL;
}

static void add_lines(const struct images *images, struct image *image, const char *path, int fd)
{
    struct debug_info_files files;
    elf_symbols_debug_info(image->elf, fd, path, &files);
    image->lines = inlines_add(images->inlines, &files, path);
    image->has_lines = true;
}

static struct entry *read_image(struct images *images, const struct address_range *range, int fd)
{
    struct stat stat;
    bool trusted = !fstat(fd, &stat) && stat.st_uid == 0 && !(stat.st_mode & (S_IWGRP | S_IWOTH));
    const struct entry *same = trusted ? same_as(images, fd) : NULL;
    struct entry fresh = same ? *same : (struct entry){.trusted = trusted};
    fresh.owns = !same;
    fresh.device = range->device;
    fresh.inode = range->inode;
    if (!same)
        fresh.image.elf = elf_symbols_read(fd, range->path);
    if (images->inlines && !fresh.image.has_lines)
        add_lines(images, &fresh.image, range->path, fd);
    array_reserve(&images->entries, &images->capacity, images->count + 1);
    struct entry *entry = &images->entries[images->count++];
    *entry = fresh;
    return entry;
}

const struct image *images_find(struct images *images, int32_t pid,
                                const struct address_range *range)
{
    if (images->count >= MAX_IMAGES)
        forget(images);
    idset_reserve(&images->by_inode, hash_of_entry, images);
    uint32_t slot = idset_first(&images->by_inode, hash_pair(0, range->device, range->inode)), id;
    while ((id = idset_at(&images->by_inode, slot)) != IDSET_NONE) {
        struct entry *entry = &images->entries[id];
        if (entry->device == range->device && entry->inode == range->inode)
            return &entry->image;
        slot = idset_next(&images->by_inode, slot);
    }
    int fd = open_mapped(images, pid, range);
    if (fd < 0)
        return NULL; // not remembered: another process may open it
    struct entry *entry = read_image(images, range, fd);
    idset_put(&images->by_inode, slot, (uint32_t)(entry - images->entries));
    close(fd);
    return &entry->image;
}

size_t images_lines(struct images *images, const struct image *image, uint64_t address,
                    struct debug_frame out[DEBUG_INFO_MAX_FRAMES], bool *waiting)
{
    *waiting = false;
    return images->inlines && image->has_lines
               ? inlines_find(images->inlines, image->lines, address, out, waiting)
               : 0;
}

// One vdso serves all processes of this kernel, and ours is at hand.
struct elf_symbols *images_vdso(struct images *images)
{
    if (images->vdso_read)
        return images->vdso;
    images->vdso_read = true;
    uintptr_t image = getauxval(AT_SYSINFO_EHDR);
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    while (image && maps && fgets(line, sizeof line, maps)) {
        unsigned long start = 0, end = 0;
        if (sscanf(line, "%lx-%lx", &start, &end) == 2 && start == image)
            images->vdso = elf_symbols_read_memory((void *)image, end - start);
    }
    if (maps)
        fclose(maps);
    return images->vdso;
}
