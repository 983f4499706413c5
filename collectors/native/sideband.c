// The kernel's records of what processes do, read from perf's ring buffers.
#include "collectors/native/sideband.h"

#include "proto/alloc.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { DATA_PAGES = 32 }; // a power of two; 128 KiB hold some 1000 records of mmap

struct stream {
    int fd;
    struct perf_event_mmap_page *page; // NULL: not mapped
};

struct sideband {
    struct stream *streams;
    uint32_t count;
    size_t page_bytes;
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
    free(sideband->streams);
    free(sideband);
}

static void read_stream(const struct sideband *sideband, const struct stream *stream,
                        struct process_records *records)
{
    struct perf_event_mmap_page *page = stream->page;
    const size_t size = DATA_PAGES * sideband->page_bytes;
    const char *data = (const char *)page + sideband->page_bytes;
    uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE), tail = page->data_tail;
    while (tail < head) { // at most two pieces: the buffer is a ring
        size_t place = tail & (size - 1);
        size_t part = head - tail < size - place ? head - tail : size - place;
        process_records_add(records, data + place, part);
        tail += part;
    }
    __atomic_store_n(&page->data_tail, tail, __ATOMIC_RELEASE);
}

void sideband_read(const struct sideband *sideband, struct process_records *records)
{
    for (uint32_t i = 0; i < sideband->count; i++) {
        if (sideband->streams[i].page)
            read_stream(sideband, &sideband->streams[i], records);
    }
}
