// Which functions of a process allocate, and the probes on them.
#include "collectors/native/allocator.h"

#include "collectors/native/malloc.skel.h"
#include "collectors/native/probe.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// glibc's MALLOC_ALIGNMENT, 2 * sizeof(size_t).
enum { GLIBC_ALIGNMENT = 16 };

void allocator_prepare(const struct native_object *object, const struct native_options *options)
{
    struct malloc_bpf__rodata *constants = object->malloc->rodata;
    struct err unused = {0};
    char path[PATH_MAX];
    // Although another library may serve the calls: it, too, may hand a realloc of nothing on.
    bool glibc = !probe_file(path, "libc", (int32_t)options->pid, &unused);
    constants->plain_alignment = glibc ? GLIBC_ALIGNMENT : 0;
    constants->every_bytes = options->every_bytes > 1 ? (uint64_t)options->every_bytes : 0;
    constants->want_live = options->live;
}

static struct bpf_link *attach(const struct bpf_program *program, const char *path,
                               const char *function, bool at_return, pid_t pid)
{
    LIBBPF_OPTS(bpf_uprobe_opts, opts, .retprobe = at_return, .func_name = function);
    return bpf_program__attach_uprobe_opts(program, pid, path, 0, &opts);
}

static int attach_one(struct attachments *attachments, const struct bpf_program *program,
                      const char *path, const char *function, bool at_return, pid_t pid)
{
    struct bpf_link *link = attach(program, path, function, at_return, pid);
    if (!link)
        return -errno;
    attach_keep(attachments, link);
    return 0;
}

// Where a function of a file lies; 0: nowhere. Two names of one function are one function.
static uint64_t address_of(Elf *elf, const char *name)
{
    Elf_Scn *section = NULL;
    while ((section = elf_nextscn(elf, section))) {
        GElf_Shdr header;
        GElf_Sym symbol;
        if (!gelf_getshdr(section, &header) ||
            (header.sh_type != SHT_DYNSYM && header.sh_type != SHT_SYMTAB))
            continue;
        Elf_Data *data = elf_getdata(section, NULL);
        for (int i = 0; data && gelf_getsym(data, i, &symbol); i++) {
            const char *own = elf_strptr(elf, header.sh_link, symbol.st_name);
            if (own && symbol.st_value && !strcmp(own, name))
                return symbol.st_value;
        }
    }
    return 0;
}

static bool is_alias(const char *path, const char *name, const char *other)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    elf_version(EV_CURRENT);
    Elf *elf = fd < 0 ? NULL : elf_begin(fd, ELF_C_READ, NULL);
    uint64_t address = elf ? address_of(elf, name) : 0;
    bool same = address && address == address_of(elf, other);
    elf_end(elf);
    if (fd >= 0)
        close(fd);
    return same;
}

// Those that a library lacks are not called either.
static int attach_file(struct attachments *attachments, const struct native_object *object,
                       const char *path, bool live, pid_t pid)
{
    const struct {
        const char *function;
        const struct bpf_program *program;
    } functions[] = {
        {"malloc", object->malloc->progs.on_malloc},
        {"calloc", object->malloc->progs.on_calloc},
        {"realloc", object->malloc->progs.on_realloc},
        {"memalign", object->malloc->progs.on_memalign},
        {"aligned_alloc", object->malloc->progs.on_memalign},
        {"posix_memalign", object->malloc->progs.on_posix_memalign},
    };
    int status =
        live ? attach_one(attachments, object->malloc->progs.on_free, path, "free", false, pid) : 0;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (!strcmp(functions[i].function, "aligned_alloc") &&
            is_alias(path, "aligned_alloc", "memalign"))
            continue;
        // The return first: an entry whose return is not seen would be left over.
        int one = live ? attach_one(attachments, object->malloc->progs.on_allocated, path,
                                    functions[i].function, true, pid)
                       : 0;
        if (!one)
            one = attach_one(attachments, functions[i].program, path, functions[i].function, false,
                             pid);
        status = i == 0 && !status ? one : status;
        if (status)
            break;
    }
    return status;
}

int allocator_attach(struct attachments *attachments, const struct native_object *object,
                     const struct native_options *options, struct err *err)
{
    static const char *const libraries[] = {"libjemalloc",    "libtcmalloc", "libtcmalloc_minimal",
                                            "libmimalloc",    "libc",        "ld-musl-x86_64",
                                            "ld-musl-aarch64"};
    const pid_t pid = (pid_t)options->pid;
    char path[PATH_MAX];
    int status = -ENOENT;
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    if (!attach_file(attachments, object, path, options->live, pid))
        return 0;
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        struct err unused = {0};
        if (probe_file(path, libraries[i], pid, &unused))
            continue;
        status = attach_file(attachments, object, path, options->live, pid);
        if (!status)
            return 0;
    }
    if (status == -ENOENT)
        return err_set(err, status, "process %d has no malloc in its program or a library of it",
                       pid);
    return err_set(err, status, "cannot probe malloc of process %d: %s", pid, strerror(-status));
}
