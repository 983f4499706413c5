// Source lines and inlined functions of addresses, asked of a process that may die of it.
#include "collectors/inlines.h"

#include "collectors/host.h"
#include "collectors/inline_worker.h"
#include "proto/alloc.h"
#include "proto/dict.h"
#include "proto/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    MAX_ENTRIES = 1 << 18, // known addresses; then all are forgotten
    MAX_TEXT_BYTES = 64 << 20,
    MAX_TRIES = 2, // a file that kills the worker twice is not asked about again
    MAX_DEATHS = 8,
    NAMED_FILES = 3, // in the summary
};

struct file {
    struct debug_info_files files; // image -1: nothing to ask
    char *path;
    bool handed, given_up, one_too_many;
    unsigned deaths;
    uint64_t addresses;
};

enum state { STATE_NEW, STATE_ASKED, STATE_KNOWN };

struct entry {
    uint64_t address;
    uint32_t file;
    uint32_t at; // of lines
    uint8_t count, state;
};

struct line {
    uint32_t function, name, line; // strings
};

struct inlines {
    int64_t hang_ns, patience_until_ns;
    pid_t worker; // 0: none
    int socket_fd;
    unsigned deaths;
    int64_t progress_ns; // since when the first of the queue is waited for
    struct file *files;
    size_t file_count, file_capacity;
    uint32_t handed_over; // files with descriptors: numbers of the worker's
    uint32_t *worker_number;
    size_t number_capacity;
    struct entry *entries;
    size_t entry_count, entry_capacity;
    struct idset set;
    struct line *lines;
    size_t line_count, line_capacity;
    uint32_t *queue; // entries that were asked about, in order
    size_t queue_at, queue_count, queue_capacity;
    struct dict names; // its strings only
    uint64_t asked, answered, found;
    struct bytes complaint;
    char packet[INLINE_REPLY_BYTES];
};

struct inlines *inlines_new(int64_t hang_ns)
{
    struct inlines *inlines = xcalloc(1, sizeof *inlines);
    inlines->hang_ns = hang_ns;
    inlines->socket_fd = -1;
    dict_init(&inlines->names);
    return inlines;
}

static void end_worker(struct inlines *inlines, int *status)
{
    if (!inlines->worker)
        return;
    kill(inlines->worker, SIGKILL);
    while (waitpid(inlines->worker, status, 0) < 0 && errno == EINTR)
        continue;
    close(inlines->socket_fd);
    inlines->worker = 0;
    inlines->socket_fd = -1;
}

static void close_files(struct debug_info_files *files)
{
    const int fds[] = {files->image, files->separate, files->shared};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
    *files = (struct debug_info_files){-1, -1, -1};
}

void inlines_free(struct inlines *inlines)
{
    if (!inlines)
        return;
    int unused = 0;
    end_worker(inlines, &unused);
    for (size_t i = 0; i < inlines->file_count; i++) {
        close_files(&inlines->files[i].files);
        free(inlines->files[i].path);
    }
    free(inlines->files);
    free(inlines->worker_number);
    free(inlines->entries);
    free(inlines->lines);
    free(inlines->queue);
    idset_dispose(&inlines->set);
    dict_dispose(&inlines->names);
    bytes_dispose(&inlines->complaint);
    free(inlines);
}

uint32_t inlines_add(struct inlines *inlines, const struct debug_info_files *files,
                     const char *path)
{
    array_reserve(&inlines->files, &inlines->file_capacity, inlines->file_count + 1);
    array_reserve(&inlines->worker_number, &inlines->number_capacity, inlines->file_count + 1);
    struct file *file = &inlines->files[inlines->file_count];
    *file = (struct file){.files = *files, .path = xstrdup(path)};
    file->one_too_many = file->files.image >= 0 && inlines->handed_over == INLINE_MAX_MODULES;
    if (file->one_too_many)
        close_files(&file->files);
    if (file->files.image >= 0)
        inlines->worker_number[inlines->file_count] = inlines->handed_over++;
    return (uint32_t)inlines->file_count++;
}

static void complain(struct inlines *inlines, const char *what)
{
    bytes_printf(&inlines->complaint, "%s%s", inlines->complaint.len ? "\n" : "", what);
}

static void give_up(struct inlines *inlines, struct file *file, const char *why)
{
    file->given_up = true;
    close_files(&file->files);
    char *text = xasprintf("%s: %s: its names come from symbol tables", file->path, why);
    complain(inlines, text);
    free(text);
}

// The worker has gone, or is made to go. What it was asked and did not answer is new again; the
// file that it was at has the blame.
static void bury_worker(struct inlines *inlines, bool hung)
{
    int status = 0;
    end_worker(inlines, &status);
    inlines->deaths++;
    struct file *file =
        inlines->queue_at < inlines->queue_count
            ? &inlines->files[inlines->entries[inlines->queue[inlines->queue_at]].file]
            : NULL;
    for (size_t i = inlines->queue_at; i < inlines->queue_count; i++)
        inlines->entries[inlines->queue[i]].state = STATE_NEW;
    inlines->queue_at = inlines->queue_count = 0;
    for (size_t i = 0; i < inlines->file_count; i++)
        inlines->files[i].handed = false;
    if (inlines->deaths == MAX_DEATHS)
        complain(inlines, "no more lines: the reader of debug information died too often");
    if (!file || file->given_up)
        return;
    file->deaths++;
    bool slow = hung || (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU);
    if (slow || file->deaths >= MAX_TRIES)
        give_up(inlines, file,
                slow ? "its debug information takes too long to read"
                     : "its debug information cannot be read");
}

static bool ensure_worker(struct inlines *inlines)
{
    if (inlines->worker || inlines->deaths >= MAX_DEATHS)
        return inlines->worker != 0;
    if (!inline_worker_start(&inlines->worker, &inlines->socket_fd))
        return true;
    inlines->worker = 0;
    inlines->deaths = MAX_DEATHS;
    return false;
}

// One answer of the worker, which has to be to the first question of the queue.
static bool take_answer(struct inlines *inlines, size_t len)
{
    struct inline_reply reply;
    struct inline_reply_frame frames[DEBUG_INFO_MAX_FRAMES];
    const char *text = NULL;
    if (inlines->queue_at == inlines->queue_count ||
        !inline_worker_understand(inlines->packet, len, &reply, frames, &text))
        return false;
    struct entry *entry = &inlines->entries[inlines->queue[inlines->queue_at]];
    if (reply.address != entry->address || reply.module != inlines->worker_number[entry->file])
        return false;
    entry->state = STATE_KNOWN;
    entry->at = (uint32_t)inlines->line_count;
    entry->count = (uint8_t)reply.frame_count;
    array_reserve(&inlines->lines, &inlines->line_capacity,
                  inlines->line_count + reply.frame_count);
    for (uint32_t i = 0; i < reply.frame_count; i++) {
        struct line *line = &inlines->lines[inlines->line_count++];
        line->line = frames[i].line;
        line->function = dict_string(&inlines->names, text, frames[i].function_len);
        text += frames[i].function_len;
        line->name = dict_string(&inlines->names, text, frames[i].file_len);
        text += frames[i].file_len;
    }
    inlines->answered++;
    inlines->found += reply.frame_count != 0;
    if (++inlines->queue_at == inlines->queue_count)
        inlines->queue_at = inlines->queue_count = 0;
    inlines->progress_ns = host_now_ns();
    return true;
}

// Takes the answers that are there; waits for the first of them.
static void listen_to_worker(struct inlines *inlines, int64_t wait_ns)
{
    struct pollfd fd = {inlines->socket_fd, POLLIN, 0};
    int wait_ms = wait_ns > 0 ? (int)(wait_ns / 1000000) + 1 : 0;
    if (!inlines->worker || poll(&fd, 1, wait_ms) < 0)
        return;
    while (inlines->worker) {
        ssize_t got = recv(inlines->socket_fd, inlines->packet, sizeof inlines->packet, 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (got <= 0 || !take_answer(inlines, (size_t)got))
            bury_worker(inlines, false);
    }
    bool waits = inlines->queue_at < inlines->queue_count;
    if (inlines->worker && waits && host_now_ns() - inlines->progress_ns > inlines->hang_ns)
        bury_worker(inlines, true);
}

void inlines_be_patient(struct inlines *inlines, int64_t patience_ns)
{
    inlines->patience_until_ns = host_now_ns() + patience_ns;
    listen_to_worker(inlines, 0);
}

static void ask(struct inlines *inlines, uint32_t id)
{
    struct entry *entry = &inlines->entries[id];
    struct file *file = &inlines->files[entry->file];
    uint32_t number = inlines->worker_number[entry->file];
    if (file->given_up || !ensure_worker(inlines))
        return;
    int status = 0;
    if (!file->handed)
        status = inline_worker_hand(inlines->socket_fd, number, &file->files);
    file->handed = !status;
    if (!status)
        status = inline_worker_ask(inlines->socket_fd, number, entry->address);
    if (status) { // busy: later; gone: the next time that it is listened to
        if (status != -EAGAIN)
            bury_worker(inlines, false);
        return;
    }
    if (inlines->queue_at == inlines->queue_count)
        inlines->progress_ns = host_now_ns();
    array_reserve(&inlines->queue, &inlines->queue_capacity, inlines->queue_count + 1);
    inlines->queue[inlines->queue_count++] = id;
    entry->state = STATE_ASKED;
}

static uint64_t hash_of(uint32_t file, uint64_t address, uint64_t seed)
{
    return hash_pair(seed, address, file);
}

static uint64_t entry_hash(const void *owner, uint32_t id)
{
    const struct inlines *inlines = owner;
    const struct entry *entry = &inlines->entries[id];
    return hash_of(entry->file, entry->address, inlines->names.seed);
}

static void forget(struct inlines *inlines)
{
    inlines->entry_count = inlines->line_count = 0;
    idset_clear(&inlines->set);
    dict_dispose(&inlines->names);
    dict_init(&inlines->names);
}

static uint32_t entry_of(struct inlines *inlines, uint32_t file, uint64_t address)
{
    bool full = inlines->entry_count >= MAX_ENTRIES || inlines->names.text_len > MAX_TEXT_BYTES;
    if (full && inlines->queue_at == inlines->queue_count)
        forget(inlines);
    idset_reserve(&inlines->set, entry_hash, inlines);
    uint32_t slot = idset_first(&inlines->set, hash_of(file, address, inlines->names.seed)), id;
    while ((id = idset_at(&inlines->set, slot)) != IDSET_NONE) {
        if (inlines->entries[id].file == file && inlines->entries[id].address == address)
            return id;
        slot = idset_next(&inlines->set, slot);
    }
    array_reserve(&inlines->entries, &inlines->entry_capacity, inlines->entry_count + 1);
    id = (uint32_t)inlines->entry_count++;
    inlines->entries[id] = (struct entry){.address = address, .file = file};
    idset_put(&inlines->set, slot, id);
    inlines->files[file].addresses++;
    inlines->asked++;
    return id;
}

static const char *text_of(const struct inlines *inlines, uint32_t string)
{
    return string == DICT_EMPTY ? NULL : dict_text(&inlines->names, string);
}

size_t inlines_find(struct inlines *inlines, uint32_t file, uint64_t address,
                    struct debug_frame out[DEBUG_INFO_MAX_FRAMES], bool *waiting)
{
    uint32_t id = entry_of(inlines, file, address);
    *waiting = false;
    if (inlines->files[file].files.image < 0)
        return 0;
    for (;;) {
        const struct entry *entry = &inlines->entries[id];
        if (entry->state == STATE_NEW)
            ask(inlines, id);
        if (entry->state == STATE_KNOWN)
            break;
        if (inlines->files[file].given_up || inlines->deaths >= MAX_DEATHS)
            return 0;
        int64_t left_ns = inlines->patience_until_ns - host_now_ns();
        listen_to_worker(inlines, left_ns);
        if (left_ns <= 0 && entry->state != STATE_KNOWN) {
            *waiting = !inlines->files[file].given_up;
            return 0;
        }
    }
    const struct entry *entry = &inlines->entries[id];
    for (size_t i = 0; i < entry->count; i++) {
        const struct line *line = &inlines->lines[entry->at + i];
        out[i] = (struct debug_frame){text_of(inlines, line->function),
                                      text_of(inlines, line->name), line->line};
    }
    return entry->count;
}

bool inlines_complaint(struct inlines *inlines, struct bytes *out)
{
    if (!inlines->complaint.len)
        return false;
    bytes_append(out, inlines->complaint.data, inlines->complaint.len);
    bytes_clear(&inlines->complaint);
    return true;
}

void inlines_summary(const struct inlines *inlines, struct bytes *out)
{
    uint64_t nowhere = 0, beyond = 0;
    size_t without = 0;
    struct bytes names = {0};
    for (size_t i = 0; i < inlines->file_count; i++) {
        const struct file *file = &inlines->files[i];
        const char *slash = strrchr(file->path, '/');
        beyond += file->one_too_many ? file->addresses : 0;
        if (file->files.image >= 0 || file->given_up || file->one_too_many || !file->addresses)
            continue;
        nowhere += file->addresses;
        if (without++ < NAMED_FILES)
            bytes_printf(&names, "%s%s", names.len ? ", " : "", slash ? slash + 1 : file->path);
    }
    bytes_printf(out, "source lines of %" PRIu64 " of %" PRIu64 " addresses", inlines->found,
                 inlines->asked);
    if (without)
        bytes_printf(out, "; %" PRIu64 " lie in files without debug information (%s%s)", nowhere,
                     bytes_text(&names), without > NAMED_FILES ? ", ..." : "");
    if (beyond)
        bytes_printf(out, "; %" PRIu64 " in files after the first %d that have it", beyond,
                     INLINE_MAX_MODULES);
    uint64_t known = inlines->answered + nowhere + beyond;
    if (known < inlines->asked)
        bytes_printf(out, "; %" PRIu64 " were not known in time", inlines->asked - known);
    bytes_dispose(&names);
}
