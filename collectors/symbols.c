// Names for user addresses of running processes.
//
// A process whose exec was not seen is looked at when its first address comes, and again when an
// address lies in no mapping that was known, at most every REFRESH_NS. What was once read stays
// after the process has gone.
#include "collectors/symbols.h"

#include "collectors/host.h"
#include "collectors/images.h"
#include "collectors/jit_symbols.h"
#include "proto/alloc.h"
#include "proto/bytes.h"
#include "proto/hash.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REFRESH_NS     INT64_C(200000000)
#define REFRESH_MAX_NS INT64_C(3200000000) // where looking again found nothing time after time
#define RECHECK_NS     INT64_C(1000000000)
#define KEEP_NS        INT64_C(1000000000) // how long an ended process is remembered
enum { MAX_PROCESSES = 16384 };

// Where an address lies: its image, NULL when there is none, and the link-time address.
struct place {
    const struct image *image;
    uint64_t address;
};

struct process {
    int32_t pid, parent;  // parent: of a fork that was seen; else 0
    uint64_t space;       // see symbols_space()
    uint64_t start_ticks; // since boot: tells a reused pid apart; 0: not known
    bool recorded;        // its exec was seen: records say all that it maps
    int64_t read_ns;      // when /proc was read; 0: not yet
    int64_t patience_ns;  // how long it is not read again
    int64_t checked_ns, jit_read_ns, exit_ns;
    struct address_map *map;
    struct jit_symbols jit;
};

struct symbols {
    struct launcher *launcher;
    struct images *images;
    struct process *processes;
    size_t process_count, process_capacity;
    struct idset by_pid;
    bool has_records; // start times need not be checked then
    uint64_t last_space;
    int64_t swept_ns, listed_ns;
};

struct symbols *symbols_new(struct launcher *launcher)
{
    struct symbols *symbols = xcalloc(1, sizeof *symbols);
    symbols->launcher = launcher;
    symbols->images = images_new(launcher);
    return symbols;
}

void symbols_set_inlines(struct symbols *symbols, struct inlines *inlines)
{
    images_set_inlines(symbols->images, inlines);
}

static void process_dispose(struct process *process)
{
    address_map_release(process->map);
    jit_symbols_dispose(&process->jit);
}

static void forget_processes(struct symbols *symbols)
{
    for (size_t i = 0; i < symbols->process_count; i++)
        process_dispose(&symbols->processes[i]);
    symbols->process_count = 0;
    idset_clear(&symbols->by_pid);
}

void symbols_free(struct symbols *symbols)
{
    if (!symbols)
        return;
    forget_processes(symbols);
    images_free(symbols->images);
    idset_dispose(&symbols->by_pid);
    free(symbols->processes);
    free(symbols);
}

static uint64_t hash_of_process(const void *owner, uint32_t id)
{
    return hash_pair(0, (uint64_t)((const struct symbols *)owner)->processes[id].pid, 0);
}

static void set_map(struct symbols *symbols, struct process *process, struct address_map *map)
{
    address_map_release(process->map);
    process->map = map;
    process->space = ++symbols->last_space;
}

// Field 22 of /proc/PID/stat, which anyone may read; 0 when the process has gone.
static uint64_t start_ticks_of(int32_t pid)
{
    char path[32], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    size_t len = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[len] = '\0';
    const char *at = strrchr(text, ')'); // the name may hold anything
    unsigned long long ticks = 0;
    if (!at || sscanf(at + 1,
                      " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
                      "%*d %*d %*d %llu",
                      &ticks) != 1)
        return 0;
    return ticks;
}

static struct address_map *read_maps(struct symbols *symbols, int32_t pid)
{
    int fd = launcher_open_maps(symbols->launcher, pid);
    if (fd < 0)
        return NULL;
    struct bytes text = {0};
    char chunk[16384];
    ssize_t got;
    while ((got = read(fd, chunk, sizeof chunk)) > 0)
        bytes_append(&text, chunk, (size_t)got);
    close(fd);
    // An ended process that was not yet reaped has an empty list.
    struct address_map *map = text.len ? address_map_parse(text.data, text.len) : NULL;
    bytes_dispose(&text);
    return map;
}

static struct process *find_process(struct symbols *symbols, int32_t pid)
{
    idset_reserve(&symbols->by_pid, hash_of_process, symbols);
    uint32_t slot = idset_first(&symbols->by_pid, hash_pair(0, (uint64_t)pid, 0)), id;
    while ((id = idset_at(&symbols->by_pid, slot)) != IDSET_NONE) {
        if (symbols->processes[id].pid == pid)
            return &symbols->processes[id];
        slot = idset_next(&symbols->by_pid, slot);
    }
    return NULL;
}

static void index_process(struct symbols *symbols, uint32_t id)
{
    idset_reserve(&symbols->by_pid, hash_of_process, symbols);
    uint32_t slot = idset_first(&symbols->by_pid, hash_of_process(symbols, id));
    while (idset_at(&symbols->by_pid, slot) != IDSET_NONE)
        slot = idset_next(&symbols->by_pid, slot);
    idset_put(&symbols->by_pid, slot, id);
}

// The process as a blank page, whether it was known or not.
static struct process *renew_process(struct symbols *symbols, int32_t pid)
{
    struct process *process = find_process(symbols, pid);
    if (!process) {
        if (symbols->process_count >= MAX_PROCESSES)
            forget_processes(symbols);
        array_reserve(&symbols->processes, &symbols->process_capacity, symbols->process_count + 1);
        process = &symbols->processes[symbols->process_count];
        *process = (struct process){.pid = pid};
        index_process(symbols, (uint32_t)symbols->process_count++);
    }
    process_dispose(process);
    *process = (struct process){.pid = pid, .patience_ns = REFRESH_NS};
    set_map(symbols, process, address_map_new());
    return process;
}

// Reads what it maps now; what was known stays when it has gone. A child that never called exec
// and was gone too soon has what its parent has.
static void look_at(struct symbols *symbols, struct process *process, int64_t now_ns)
{
    struct address_map *map = read_maps(symbols, process->pid);
    if (!map && !process->map->count && process->parent) {
        map = read_maps(symbols, process->parent);
        process->parent = 0;
    }
    process->patience_ns =
        process->patience_ns < REFRESH_MAX_NS / 2 ? 2 * process->patience_ns : REFRESH_MAX_NS;
    if (map && address_map_equal(map, process->map)) {
        address_map_release(map); // what was found in it holds
    } else if (map) {
        set_map(symbols, process, map);
        process->patience_ns = REFRESH_NS;
    }
    process->read_ns = now_ns;
}

// A pid that was given to another process must not lend its names.
static void recheck(struct symbols *symbols, struct process *process, int64_t now_ns)
{
    process->checked_ns = now_ns;
    uint64_t ticks = start_ticks_of(process->pid);
    if (!ticks || ticks == process->start_ticks)
        return;
    process = renew_process(symbols, process->pid);
    process->start_ticks = ticks;
    process->checked_ns = now_ns;
}

static struct process *process_of(struct symbols *symbols, int32_t pid)
{
    int64_t now_ns = host_now_ns();
    struct process *process = find_process(symbols, pid);
    if (!process) {
        process = renew_process(symbols, pid);
        process->start_ticks = symbols->has_records ? 0 : start_ticks_of(pid);
        process->checked_ns = now_ns;
    }
    if (!symbols->has_records && now_ns - process->checked_ns > RECHECK_NS)
        recheck(symbols, process, now_ns);
    if (!process->recorded && !process->read_ns)
        look_at(symbols, process, now_ns);
    return process;
}

// Reads what a JIT has added to its map, at most every REFRESH_NS. What had no name may have one
// then, and what had one may be another function: a JIT uses memory again.
static bool read_jit(struct symbols *symbols, struct process *process)
{
    int64_t now_ns = host_now_ns();
    if (process->jit_read_ns && now_ns - process->jit_read_ns < REFRESH_NS)
        return false;
    process->jit_read_ns = now_ns;
    int fd = launcher_open_jit(symbols->launcher, process->pid);
    if (fd < 0)
        return false;
    bool any = jit_symbols_read(&process->jit, fd);
    if (any)
        process->space = ++symbols->last_space;
    close(fd);
    return any;
}

uint64_t symbols_space(struct symbols *symbols, int32_t pid)
{
    struct process *process = process_of(symbols, pid);
    if (process->jit.count)
        read_jit(symbols, process);
    return process->space;
}

void symbols_expect_records(struct symbols *symbols)
{
    symbols->has_records = true;
}

void symbols_on_fork(struct symbols *symbols, int32_t parent, int32_t child)
{
    struct process *process = renew_process(symbols, child);
    const struct process *from = find_process(symbols, parent);
    process->parent = parent;
    if (!from || (!from->recorded && !from->read_ns))
        return;
    // The same mappings: names found for one hold for the other.
    address_map_release(process->map);
    process->map = address_map_share(from->map);
    process->space = from->space;
    process->recorded = from->recorded;
    process->read_ns = from->read_ns;
    process->patience_ns = from->patience_ns;
}

void symbols_on_exec(struct symbols *symbols, int32_t pid)
{
    renew_process(symbols, pid)->recorded = true;
}

void symbols_on_map(struct symbols *symbols, int32_t pid, const struct address_range *range)
{
    struct process *process = find_process(symbols, pid);
    if (!process || (!process->recorded && !process->read_ns))
        return; // the first look will see it
    process->map = address_map_add(process->map, range);
    process->space = ++symbols->last_space;
}

void symbols_on_exit(struct symbols *symbols, int32_t pid)
{
    struct process *process = find_process(symbols, pid);
    if (process)
        process->exit_ns = host_now_ns();
}

void symbols_sweep(struct symbols *symbols)
{
    int64_t now_ns = host_now_ns();
    if (now_ns - symbols->swept_ns < KEEP_NS)
        return;
    symbols->swept_ns = now_ns;
    size_t kept = 0;
    idset_clear(&symbols->by_pid);
    for (size_t i = 0; i < symbols->process_count; i++) {
        struct process *process = &symbols->processes[i];
        if (process->exit_ns && now_ns - process->exit_ns > KEEP_NS)
            process_dispose(process);
        else
            symbols->processes[kept++] = *process;
    }
    symbols->process_count = kept;
    for (size_t i = 0; i < kept; i++)
        index_process(symbols, (uint32_t)i);
}

static const char *jit_name(struct symbols *symbols, struct process *process, uint64_t address)
{
    const char *name = jit_symbols_name(&process->jit, address);
    if (!name && read_jit(symbols, process))
        name = jit_symbols_name(&process->jit, address);
    return name;
}

// "libfoo.so+0x1230": what has no name is called by where it is.
static uint32_t name_of_place(struct dict *dict, const char *path, uint64_t address)
{
    const char *slash = strrchr(path, '/');
    char name[300];
    snprintf(name, sizeof name, "%.255s+0x%" PRIx64, slash && slash[1] ? slash + 1 : path, address);
    return dict_string_z(dict, name);
}

// Fills name and address from an image and the place in it.
static uint64_t resolve_in(struct elf_symbols *elf, struct dict *dict, const char *path,
                           uint64_t file_offset, struct frame *frame)
{
    uint64_t address = file_offset;
    if (elf && !elf_symbols_address(elf, file_offset, &address))
        elf = NULL;
    const char *name = elf ? elf_symbols_name(elf, address) : NULL;
    if (name) {
        frame->name = dict_string_z(dict, name);
    } else if (elf) {
        frame->address = elf_symbols_start(elf, address);
        frame->name = name_of_place(dict, path, frame->address);
    } else {
        frame->address = address;
    }
    return address;
}

// Looks at every process of the host, at most every RECHECK_NS.
static bool list_processes(struct symbols *symbols)
{
    int64_t now_ns = host_now_ns();
    if (symbols->listed_ns && now_ns - symbols->listed_ns < RECHECK_NS)
        return false;
    symbols->listed_ns = now_ns;
    DIR *proc = opendir("/proc");
    const struct dirent *entry;
    while (proc && (entry = readdir(proc))) {
        int pid = atoi(entry->d_name);
        if (pid > 0 && symbols->process_count < MAX_PROCESSES)
            process_of(symbols, pid);
    }
    if (proc)
        closedir(proc);
    return true;
}

// Whichever process maps the address: under ASLR it is mostly one, and processes that one forked
// map the same file there. NULL when there is none, or when two differ.
static struct process *process_at(struct symbols *symbols, uint64_t address)
{
    struct process *found = NULL;
    const struct address_range *first = NULL;
    for (size_t i = 0; i < symbols->process_count; i++) {
        const struct address_range *range = address_map_find(symbols->processes[i].map, address);
        if (!range)
            continue;
        if (found && (range->inode != first->inode || range->device != first->device))
            return NULL;
        found = &symbols->processes[i];
        first = range;
    }
    return found;
}

static struct process *process_of_stack(struct symbols *symbols, int32_t pid, uint64_t address)
{
    if (pid > 0)
        return process_of(symbols, pid);
    struct process *process = process_at(symbols, address);
    return process || !list_processes(symbols) ? process : process_at(symbols, address);
}

// Looks again when the address lies in nothing that is known. Stacks walked without frame pointers
// are full of numbers that are no addresses: that is not done for each of them.
static const struct address_range *range_of(struct symbols *symbols, struct process *process,
                                            uint64_t address)
{
    const struct address_range *range = address_map_find(process->map, address);
    const int64_t now_ns = host_now_ns();
    if (range || process->recorded || now_ns - process->read_ns <= process->patience_ns)
        return range;
    look_at(symbols, process, now_ns);
    return address_map_find(process->map, address);
}

static void resolve_jit(struct symbols *symbols, struct dict *dict, struct process *process,
                        const struct address_range *range, uint64_t address, struct frame *frame)
{
    const char *name = range ? jit_name(symbols, process, address) : NULL;
    frame->kind = range ? FRAME_JIT : FRAME_USER;
    if (range)
        frame->module = dict_string_z(dict, "[jit]");
    if (name)
        frame->name = dict_string_z(dict, name);
    else
        frame->address = address;
}

static struct place resolve(struct symbols *symbols, struct dict *dict, int32_t pid,
                            uint64_t address, struct frame *frame)
{
    *frame = (struct frame){.kind = FRAME_USER};
    struct process *process = process_of_stack(symbols, pid, address);
    if (!process) {
        frame->address = address;
        return (struct place){0};
    }
    const struct address_range *range = range_of(symbols, process, address);
    struct place place = {0};
    if (range && range->path[0] == '/' && range->inode) {
        frame->module = dict_string_z(dict, range->path);
        place.image = images_find(symbols->images, process->pid, range);
        place.address = resolve_in(place.image ? place.image->elf : NULL, dict, range->path,
                                   address - range->start + range->file_offset, frame);
    } else if (range && !strcmp(range->path, "[vdso]")) {
        frame->module = dict_string_z(dict, range->path);
        resolve_in(images_vdso(symbols->images), dict, range->path, address - range->start, frame);
    } else {
        resolve_jit(symbols, dict, process, range, address, frame);
    }
    return place;
}

void symbols_resolve(void *symbols, struct dict *dict, int32_t pid, uint64_t address,
                     struct frame *frame)
{
    resolve(symbols, dict, pid, address, frame);
}

// Lines go to the frames that were found by name; what was inlined becomes more frames.
static size_t add_inlined(struct dict *dict, const struct debug_frame *found, size_t count,
                          struct frame *frames)
{
    for (size_t i = 0; i < count; i++) {
        struct frame *frame = &frames[i];
        if (i)
            *frame = (struct frame){.module = frames[0].module, .kind = FRAME_INLINED};
        // The symbol table's name stands: it tells clones and aliases apart.
        if (found[i].function && (i || frame_is_unresolved(frame))) {
            frame->name = dict_string_z(dict, found[i].function);
            frame->address = 0;
        }
        if (found[i].file)
            frame->file = dict_string_z(dict, found[i].file);
        frame->line = found[i].file ? found[i].line : 0;
    }
    return count > 1 ? count : 1;
}

size_t symbols_resolve_inlined(struct symbols *symbols, struct dict *dict, int32_t pid,
                               uint64_t address, struct frame frames[DEBUG_INFO_MAX_FRAMES],
                               bool *waiting)
{
    struct debug_frame found[DEBUG_INFO_MAX_FRAMES];
    struct place place = resolve(symbols, dict, pid, address, &frames[0]);
    *waiting = false;
    size_t count =
        place.image ? images_lines(symbols->images, place.image, place.address, found, waiting) : 0;
    return add_inlined(dict, found, count, frames);
}
