// The kernel's records of what processes do, read from perf's ring buffers.
//
// Layouts: linux/perf_event.h, enum perf_event_type; every record ends with the sample_id fields
// that attr.sample_type asks for, here the time alone.
#include "collectors/native/sideband.h"

#include "proto/alloc.h"
#include "proto/bytes.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { START_SLOTS = 1 << 14 };

enum { DATA_PAGES = 32 }; // a power of two; 128 KiB hold some 1000 records of mmap

struct stream {
    int fd;
    struct perf_event_mmap_page *page; // NULL: not mapped
};

// One record as it was, at an offset of `bytes`.
struct record {
    int64_t time_ns;
    uint32_t at, order; // order: of two at the same time the earlier read goes first
};

// By tid; one that falls on another's place takes it.
struct thread_start {
    int32_t tid;
    int64_t start_ns;
};

struct sideband {
    struct thread_start *starts;
    struct stream *streams;
    uint32_t count;
    size_t page_bytes;
    struct bytes bytes;
    struct record *records;
    size_t record_count, record_capacity;
    uint64_t lost;
};

struct mmap2_body {
    struct perf_event_header header;
    uint32_t pid, tid;
    uint64_t start, len, file_offset;
    uint32_t major, minor;
    uint64_t inode, inode_generation;
    uint32_t protection, flags;
    char path[];
};

struct task_body { // fork and exit
    struct perf_event_header header;
    uint32_t pid, parent_pid, tid, parent_tid;
    uint64_t time_ns;
};

struct comm_body {
    struct perf_event_header header;
    uint32_t pid, tid;
    char comm[];
};

struct lost_body {
    struct perf_event_header header;
    uint64_t id, lost;
};

static int open_stream(uint32_t cpu)
{
    struct perf_event_attr attr = {
        .size = sizeof attr,
        .type = PERF_TYPE_SOFTWARE,
        .config = PERF_COUNT_SW_DUMMY,
        .sample_type = PERF_SAMPLE_TIME,
        .sample_id_all = 1,
        .mmap = 1,
        .mmap2 = 1,
        .comm = 1,
        .comm_exec = 1,
        .task = 1,
        .use_clockid = 1,
        .clockid = CLOCK_MONOTONIC,
        .watermark = 1,
        .wakeup_watermark = UINT32_MAX, // nobody waits for it
    };
    long fd = syscall(SYS_perf_event_open, &attr, -1, (int)cpu, -1, PERF_FLAG_FD_CLOEXEC);
    return fd < 0 ? -errno : (int)fd;
}

int sideband_open(struct sideband **out, uint32_t cpus, struct err *err)
{
    struct sideband *sideband = xcalloc(1, sizeof *sideband);
    *out = sideband;
    sideband->streams = xcalloc(cpus, sizeof *sideband->streams);
    sideband->starts = xcalloc(START_SLOTS, sizeof *sideband->starts);
    sideband->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    for (uint32_t cpu = 0; cpu < cpus; cpu++) {
        int fd = open_stream(cpu);
        if (fd == -ENODEV || fd == -ENXIO)
            continue;
        if (fd < 0) {
            sideband_close(sideband);
            *out = NULL;
            return err_set(err, fd, "cannot watch processes on CPU %u: %s", cpu, strerror(-fd));
        }
        sideband->streams[sideband->count++].fd = fd;
    }
    return 0;
}

int sideband_map(struct sideband *sideband, struct err *err)
{
    size_t bytes = (1 + DATA_PAGES) * sideband->page_bytes;
    for (uint32_t i = 0; i < sideband->count; i++) {
        void *page =
            mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, sideband->streams[i].fd, 0);
        if (page == MAP_FAILED)
            return err_set(err, -errno, "cannot map the records of processes: %s", strerror(errno));
        sideband->streams[i].page = page;
    }
    return 0;
}

void sideband_close(struct sideband *sideband)
{
    if (!sideband)
        return;
    for (uint32_t i = 0; i < sideband->count; i++) {
        if (sideband->streams[i].page)
            munmap(sideband->streams[i].page, (1 + DATA_PAGES) * sideband->page_bytes);
        close(sideband->streams[i].fd);
    }
    bytes_dispose(&sideband->bytes);
    free(sideband->records);
    free(sideband->starts);
    free(sideband->streams);
    free(sideband);
}

// The record lies at `at` of the collected bytes; its time is its last field.
static void keep(struct sideband *sideband, size_t at)
{
    const struct perf_event_header *header = (const void *)(sideband->bytes.data + at);
    int64_t time_ns = 0;
    if (header->type == PERF_RECORD_LOST && header->size >= sizeof(struct lost_body))
        sideband->lost += ((const struct lost_body *)(const void *)header)->lost;
    if (header->size < sizeof *header + sizeof time_ns)
        return;
    memcpy(&time_ns, sideband->bytes.data + at + header->size - sizeof time_ns, sizeof time_ns);
    array_reserve(&sideband->records, &sideband->record_capacity, sideband->record_count + 1);
    sideband->records[sideband->record_count] =
        (struct record){time_ns, (uint32_t)at, (uint32_t)sideband->record_count};
    sideband->record_count++;
}

static void read_stream(struct sideband *sideband, struct stream *stream)
{
    struct perf_event_mmap_page *page = stream->page;
    const size_t size = DATA_PAGES * sideband->page_bytes;
    const char *data = (const char *)page + sideband->page_bytes;
    uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE), tail = page->data_tail;
    size_t at = sideband->bytes.len;
    while (tail < head) { // at most two pieces: the buffer is a ring
        size_t place = tail & (size - 1);
        size_t part = head - tail < size - place ? head - tail : size - place;
        bytes_append(&sideband->bytes, data + place, part);
        tail += part;
    }
    __atomic_store_n(&page->data_tail, tail, __ATOMIC_RELEASE);
    while (at + sizeof(struct perf_event_header) <= sideband->bytes.len) {
        const struct perf_event_header *header = (const void *)(sideband->bytes.data + at);
        if (header->size < sizeof *header || at + header->size > sideband->bytes.len)
            break;
        keep(sideband, at);
        at += header->size;
    }
}

static int by_time(const void *left, const void *right)
{
    const struct record *a = left, *b = right;
    if (a->time_ns != b->time_ns)
        return a->time_ns < b->time_ns ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

void sideband_read(struct sideband *sideband)
{
    size_t before = sideband->record_count;
    for (uint32_t i = 0; i < sideband->count; i++) {
        if (sideband->streams[i].page)
            read_stream(sideband, &sideband->streams[i]);
    }
    if (sideband->record_count > before)
        qsort(sideband->records, sideband->record_count, sizeof *sideband->records, by_time);
}

static void apply_mmap(struct symbols *symbols, const struct perf_event_header *header)
{
    const struct mmap2_body *body = (const void *)header;
    if (header->size < sizeof *body + 8 || !(body->protection & PROT_EXEC))
        return;
    size_t room = header->size - sizeof *body;
    const char *path = memchr(body->path, '\0', room) ? body->path : "";
    bool file = path[0] == '/' && strncmp(path, "//", 2) != 0;
    struct address_range range = {
        .start = body->start,
        .end = body->start + body->len,
        .file_offset = file ? body->file_offset : 0,
        .device = file ? (uint64_t)body->major << 32 | body->minor : 0,
        .inode = file ? body->inode : 0,
        .path = (char *)(file || path[0] == '[' ? path : ""), // only read
    };
    symbols_on_map(symbols, (int32_t)body->pid, &range);
}

static void start_thread(struct sideband *sideband, const struct task_body *task)
{
    sideband->starts[task->tid % START_SLOTS] =
        (struct thread_start){(int32_t)task->tid, (int64_t)task->time_ns};
}

int64_t sideband_thread_start(const struct sideband *sideband, int32_t tid)
{
    const struct thread_start *start = &sideband->starts[(uint32_t)tid % START_SLOTS];
    return start->tid == tid ? start->start_ns : 0;
}

static void apply(struct sideband *sideband, struct symbols *symbols,
                  const struct perf_event_header *header)
{
    const struct task_body *task = (const void *)header;
    const struct comm_body *comm = (const void *)header;
    bool is_task = header->size >= sizeof *task;
    switch (header->type) {
    case PERF_RECORD_MMAP2:
        apply_mmap(symbols, header);
        break;
    case PERF_RECORD_COMM:
        if ((header->misc & PERF_RECORD_MISC_COMM_EXEC) && header->size >= sizeof *comm)
            symbols_on_exec(symbols, (int32_t)comm->pid);
        break;
    case PERF_RECORD_FORK: // a new thread maps nothing of its own
        if (is_task)
            start_thread(sideband, task);
        if (is_task && task->pid != task->parent_pid)
            symbols_on_fork(symbols, (int32_t)task->parent_pid, (int32_t)task->pid);
        break;
    case PERF_RECORD_EXIT:
        if (is_task && task->pid == task->tid)
            symbols_on_exit(symbols, (int32_t)task->pid);
        break;
    default:
        break;
    }
}

void sideband_apply(struct sideband *sideband, struct symbols *symbols, int64_t until_ns)
{
    size_t done = 0;
    for (; done < sideband->record_count && sideband->records[done].time_ns <= until_ns; done++)
        apply(sideband, symbols, (const void *)(sideband->bytes.data + sideband->records[done].at));
    if (done == sideband->record_count) {
        sideband->record_count = 0;
        bytes_clear(&sideband->bytes);
    } else if (done) {
        sideband->record_count -= done;
        memmove(sideband->records, sideband->records + done,
                sideband->record_count * sizeof *sideband->records);
    }
}

uint64_t sideband_lost(const struct sideband *sideband)
{
    return sideband->lost;
}

int64_t sideband_next_ns(const struct sideband *sideband)
{
    return sideband->record_count ? sideband->records[0].time_ns : INT64_MAX;
}
