// What a recording of CPUs samples when no event is named.
#include "collectors/native/cpu_event.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char cycles[] = "ref-cycles";

void cpu_event_choose(struct native_options *options, const struct cpu_event_probe *probe,
                      struct err *note)
{
    *note = (struct err){0};
    if (options->kind != NATIVE_CPU || options->event || options->period)
        return;
    struct perf_event_attr attr = {
        .size = sizeof attr,
        .type = PERF_TYPE_HARDWARE,
        .config = PERF_COUNT_HW_REF_CPU_CYCLES,
        .sample_period = probe->cycles_hz / (uint64_t)options->hz,
    };
    int status = probe->try_event(probe->arg, &attr);
    const bool no_pmu = status == -ENOENT || status == -EOPNOTSUPP || status == -ENODEV;
    const bool no_rights = status == -EACCES || status == -EPERM; // the recording will say so
    if (!status && probe->cycles_hz) {
        options->event = cycles;
        options->period = (int64_t)attr.sample_period;
        options->sample_ns = 1000000000 / options->hz;
    } else if (!status) {
        err_set(note, -ENOTSUP, "cpu-clock is sampled: how fast '%s' pass is not known here",
                cycles);
    } else if (!no_pmu && !no_rights) {
        err_set(note, status, "cpu-clock is sampled: the PMU does not sample '%s' now: %s", cycles,
                strerror(-status));
    }
}

static int open_own(const struct perf_event_attr *attr)
{
    int fd = (int)syscall(SYS_perf_event_open, attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

// Opened it can be where it never counts, as in some virtual machines: this thread is counted.
static int try_event(void *arg, const struct perf_event_attr *attr)
{
    (void)arg;
    struct perf_event_attr own = *attr;
    if (!own.sample_period)
        own.sample_period = INT64_MAX;
    int fd = open_own(&own);
    if (fd < 0)
        return fd;
    uint64_t count = 0;
    for (volatile int i = 0; i < 10000; i++)
        continue;
    int status = read(fd, &count, sizeof count) == sizeof count && count ? 0 : -ENODEV;
    close(fd);
    return status;
}

// Reference cycles pass as fast as the time stamp counter; the page of any perf event tells how its
// ticks become ns (linux/perf_event.h, cap_user_time).
static uint64_t time_stamps_hz(void)
{
    struct perf_event_attr attr = {
        .size = sizeof attr, .type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_DUMMY};
    const size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
    int fd = open_own(&attr);
    uint64_t hz = 0;
    const struct perf_event_mmap_page *page =
        fd < 0 ? MAP_FAILED : mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (page != MAP_FAILED) {
        if (page->cap_user_time && page->time_mult && page->time_shift < 34)
            hz = (UINT64_C(1000000000) << page->time_shift) / page->time_mult;
        munmap((void *)page, bytes);
    }
    if (fd >= 0)
        close(fd);
    return hz;
}

struct cpu_event_probe cpu_event_host(void)
{
    return (struct cpu_event_probe){.try_event = try_event, .cycles_hz = time_stamps_hz()};
}
