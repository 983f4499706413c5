// Facts of this host that every source's hello says.
#include "collectors/host.h"

#include <time.h>
#include <unistd.h>

static int64_t read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t host_now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

// Of several tries the one that was least interrupted counts.
int64_t host_wall_offset_ns(void)
{
    int64_t offset_ns = 0, best_ns = INT64_MAX;
    for (int i = 0; i < 5; i++) {
        int64_t before_ns = read_clock(CLOCK_MONOTONIC);
        int64_t wall_ns = read_clock(CLOCK_REALTIME);
        int64_t took_ns = read_clock(CLOCK_MONOTONIC) - before_ns;
        if (took_ns >= best_ns)
            continue;
        best_ns = took_ns;
        offset_ns = wall_ns - before_ns - took_ns / 2;
    }
    return offset_ns;
}

void host_hello(struct hello *hello, struct utsname *names)
{
    uname(names);
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    hello->host = names->nodename;
    hello->kernel = names->release;
    hello->cpus = cpus > 0 ? (uint32_t)cpus : 0;
    hello->clock = CLOCK_KIND_MONOTONIC;
    hello->wall_offset_ns = host_wall_offset_ns();
    hello->wall_known = true;
}
