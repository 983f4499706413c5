// What processes did, in order.
//
// Layouts: linux/perf_event.h, enum perf_event_type; every record ends with the sample_id fields
// that attr.sample_type asks for, here the time alone.
#include "collectors/native/process_records.h"

#include "proto/alloc.h"
#include "proto/bytes.h"

#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { START_SLOTS = 1 << 14, FATE_SLOTS = 1 << 12, COMPACT_BYTES = 1 << 20 };

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

// What is known of a process while records are put in order. By pid; one that falls on another's
// place is not known, and followed.
struct fate {
    uint32_t round; // of the call of order() that it belongs to
    int32_t pid;
    enum { FATE_OPEN, FATE_WANTED, FATE_ENDED, FATE_LEFT_OUT } is;
};

struct process_records {
    struct thread_start *starts;
    struct fate *fates;
    uint32_t round;
    struct bytes bytes;
    size_t parsed; // of them
    struct record *records;
    size_t count, capacity;
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

struct process_records *process_records_new(void)
{
    struct process_records *records = xcalloc(1, sizeof *records);
    records->starts = xcalloc(START_SLOTS, sizeof *records->starts);
    records->fates = xcalloc(FATE_SLOTS, sizeof *records->fates);
    records->round = 1;
    return records;
}

void process_records_free(struct process_records *records)
{
    if (!records)
        return;
    bytes_dispose(&records->bytes);
    free(records->records);
    free(records->starts);
    free(records->fates);
    free(records);
}

// ---- adding ----

// The record lies at `at` of the collected bytes; its time is its last field.
static void keep(struct process_records *records, size_t at)
{
    const struct perf_event_header *header = (const void *)(records->bytes.data + at);
    int64_t time_ns = 0;
    if (header->size < sizeof *header + sizeof time_ns)
        return;
    memcpy(&time_ns, records->bytes.data + at + header->size - sizeof time_ns, sizeof time_ns);
    array_reserve(&records->records, &records->capacity, records->count + 1);
    records->records[records->count] =
        (struct record){time_ns, (uint32_t)at, (uint32_t)records->count};
    records->count++;
}

void process_records_add(struct process_records *records, const void *data, size_t len)
{
    bytes_append(&records->bytes, data, len);
}

static void parse(struct process_records *records)
{
    size_t at = records->parsed;
    while (at + sizeof(struct perf_event_header) <= records->bytes.len) {
        const struct perf_event_header *header = (const void *)(records->bytes.data + at);
        if (header->size < sizeof *header || at + header->size > records->bytes.len)
            break;
        keep(records, at);
        at += header->size;
    }
    records->parsed = records->bytes.len;
}

// ---- order ----

static int by_time(const void *left, const void *right)
{
    const struct record *a = left, *b = right;
    if (a->time_ns != b->time_ns)
        return a->time_ns < b->time_ns ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static const struct perf_event_header *header_of(const struct process_records *records,
                                                 const struct record *record)
{
    return (const void *)(records->bytes.data + record->at);
}

// NULL: not known.
static struct fate *fate_of(struct process_records *records, int32_t pid)
{
    struct fate *fate = &records->fates[(uint32_t)pid % FATE_SLOTS];
    if (fate->round != records->round)
        *fate = (struct fate){records->round, pid, FATE_OPEN};
    return fate->pid == pid ? fate : NULL;
}

void process_records_want(struct process_records *records, int32_t pid)
{
    struct fate *fate = fate_of(records, pid);
    if (fate)
        fate->is = FATE_WANTED;
}

// Of the last record first: whose end comes before its beginning is left out, unless it is wanted
// or one whom it forked is followed, who begins with what its parent has.
static void decide(struct process_records *records, const struct record *record, int64_t until_ns)
{
    const struct task_body *task = (const void *)header_of(records, record);
    if (task->header.size < sizeof *task)
        return;
    struct fate *fate = fate_of(records, (int32_t)task->pid);
    bool is_end = task->header.type == PERF_RECORD_EXIT && task->pid == task->tid;
    bool is_begin = task->header.type == PERF_RECORD_FORK && task->pid != task->parent_pid;
    if (is_end && record->time_ns < until_ns && fate && fate->is == FATE_OPEN)
        fate->is = FATE_ENDED;
    if (is_begin && fate && fate->is == FATE_ENDED)
        fate->is = FATE_LEFT_OUT;
    else if (is_begin)
        process_records_want(records, (int32_t)task->parent_pid);
}

static bool is_left_out(struct process_records *records, const struct perf_event_header *header)
{
    const struct comm_body *any = (const void *)header; // all begin with the pid
    bool of_process = header->type == PERF_RECORD_FORK || header->type == PERF_RECORD_EXIT ||
                      header->type == PERF_RECORD_COMM || header->type == PERF_RECORD_MMAP2;
    if (!of_process || header->size < sizeof *any)
        return true; // nothing that is handed on
    const struct fate *fate = fate_of(records, (int32_t)any->pid);
    return fate && fate->is == FATE_LEFT_OUT;
}

// Bytes of those that were handed on or left out are given back.
static void compact(struct process_records *records)
{
    struct bytes kept = {0};
    for (size_t i = 0; i < records->count; i++) {
        const struct perf_event_header *header = header_of(records, &records->records[i]);
        records->records[i].at = (uint32_t)kept.len;
        bytes_append(&kept, header, header->size);
    }
    bytes_dispose(&records->bytes);
    records->bytes = kept;
    records->parsed = kept.len;
}

size_t process_records_order(struct process_records *records, int64_t until_ns)
{
    const size_t before = records->count;
    for (size_t i = 0; i < before; i++)
        records->records[i].order = (uint32_t)i;
    parse(records);
    if (records->count > before)
        qsort(records->records, records->count, sizeof *records->records, by_time);
    for (size_t i = records->count; i-- > 0;)
        decide(records, &records->records[i], until_ns);
    size_t kept = 0;
    for (size_t i = 0; i < records->count; i++) {
        if (!is_left_out(records, header_of(records, &records->records[i])))
            records->records[kept++] = records->records[i];
    }
    records->count = kept;
    records->round++;
    if (records->bytes.len > COMPACT_BYTES)
        compact(records);
    return kept;
}

// ---- handing on ----

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

static void start_thread(struct process_records *records, const struct task_body *task)
{
    records->starts[task->tid % START_SLOTS] =
        (struct thread_start){(int32_t)task->tid, (int64_t)task->time_ns};
}

int64_t process_records_start_of(const struct process_records *records, int32_t tid)
{
    const struct thread_start *start = &records->starts[(uint32_t)tid % START_SLOTS];
    return start->tid == tid ? start->start_ns : 0;
}

static void apply(struct process_records *records, struct symbols *symbols,
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
            start_thread(records, task);
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

void process_records_apply(struct process_records *records, struct symbols *symbols,
                           int64_t until_ns)
{
    size_t done = 0;
    for (; done < records->count && records->records[done].time_ns <= until_ns; done++)
        apply(records, symbols, header_of(records, &records->records[done]));
    if (done == records->count) {
        records->count = 0;
        records->parsed = 0;
        bytes_clear(&records->bytes);
    } else if (done) {
        records->count -= done;
        memmove(records->records, records->records + done,
                records->count * sizeof *records->records);
    }
}

int64_t process_records_next_ns(const struct process_records *records)
{
    return records->count ? records->records[0].time_ns : INT64_MAX;
}
