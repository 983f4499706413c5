// What this kernel and these processes are, from /proc and /sys.
#include "collectors/facts.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

// The start of a small file, NUL-terminated; false when it cannot be read.
static bool read_small(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, size - 1);
    if (fd >= 0)
        close(fd);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

// Of the process's own clock: the ticks of /proc/PID/stat are too coarse for what costs so little.
static int64_t process_cpu_ns(pid_t pid)
{
    clockid_t clock;
    struct timespec used;
    if (pid <= 0 || clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &used))
        return 0;
    return used.tv_sec * INT64_C(1000000000) + used.tv_nsec;
}

int64_t facts_cpu_ns(pid_t pid)
{
    char path[64], children[1024];
    int64_t sum_ns = process_cpu_ns(pid);
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    if (pid <= 0 || !read_small(path, children, sizeof children))
        return sum_ns;
    char *at = children, *end;
    for (long child; child = strtol(at, &end, 10), end != at; at = end)
        sum_ns += process_cpu_ns((pid_t)child);
    return sum_ns;
}

// The value of a line "Name:\tVALUE..." of /proc/PID/status, up to a blank.
static bool status_line(const char *text, const char *name, char *value, size_t size)
{
    const char *at = strstr(text, name);
    if (!at)
        return false;
    at += strlen(name);
    at += strspn(at, " \t");
    snprintf(value, size, "%.*s", (int)strcspn(at, " \t\n"), at);
    return true;
}

bool facts_put_rights(struct bytes *out, pid_t pid)
{
    char path[64], text[4096], uid[32], capabilities[32];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    if (!read_small(path, text, sizeof text) || !status_line(text, "\nUid:", uid, sizeof uid) ||
        !status_line(text, "\nCapEff:", capabilities, sizeof capabilities))
        return false;
    bytes_printf(out, "pid %d, uid %s, CapEff %s", (int)pid, uid, capabilities);
    return true;
}

static void put_fact(struct bytes *out, const char *name, bool good, const char *there,
                     const char *missing)
{
    bytes_printf(out, "%-9s  %s\n", name, good ? there : missing);
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool facts_has_tracefs(void)
{
    static const char *const places[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};
    struct statfs found;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (!statfs(places[i], &found) && found.f_type == TRACEFS_MAGIC)
            return true;
    }
    return false;
}

static bool has_counters(void)
{
    return exists("/sys/bus/event_source/devices/cpu") ||
           exists("/sys/bus/event_source/devices/cpu_core") ||
           exists("/sys/bus/event_source/devices/armv8_pmuv3_0");
}

static void put_lockdown(struct bytes *out)
{
    char text[128];
    if (!read_small("/sys/kernel/security/lockdown", text, sizeof text)) {
        bytes_append_text(out, "lockdown   not known: securityfs is not mounted\n"
                               "           sudo mount -t securityfs nodev "
                               "/sys/kernel/security\n");
        return;
    }
    bool off = strstr(text, "[none]") != NULL;
    const char *open = strchr(text, '[');
    bytes_printf(out, "lockdown   %.*s%s\n", (int)strcspn(open ? open + 1 : text, "]\n"),
                 open ? open + 1 : text,
                 off ? ""
                     : ": kprobes and reading the kernel's memory may be refused; boot with "
                       "lockdown=none");
}

static void put_paranoid(struct bytes *out)
{
    char text[32];
    if (!read_small("/proc/sys/kernel/perf_event_paranoid", text, sizeof text))
        return;
    int level = atoi(text);
    bytes_printf(out, "paranoid   kernel.perf_event_paranoid is %d%s\n", level,
                 level > 0 ? ": without root the whole host cannot be sampled\n"
                             "           sudo sysctl kernel.perf_event_paranoid=0"
                           : "");
}

void facts_put_kernel(struct bytes *out)
{
    put_fact(out, "tracefs", facts_has_tracefs(), "mounted: tracepoints can be recorded",
             "not mounted: bpftrace finds no tracepoints, so most programs cannot run\n"
             "           sudo mount -t tracefs nodev /sys/kernel/tracing");
    put_fact(out, "BTF", exists("/sys/kernel/btf/vmlinux"), "there: our own BPF programs can run",
             "missing: our own BPF programs cannot run, perf is used\n"
             "           a kernel with CONFIG_DEBUG_INFO_BTF=y has it");
    put_fact(out, "PMU", has_counters(), "there: cycles and cache misses can be counted",
             "none, as in many virtual machines: cpu-clock is sampled instead of ref-cycles\n"
             "           a machine with counters, or a VM that is given them, has it");
    put_fact(out, "kprobes", exists("/sys/bus/event_source/devices/kprobe"),
             "there: functions of the kernel can be probed",
             "none: programs with kprobe: cannot run, tracepoint: can\n"
             "           a kernel with CONFIG_KPROBE_EVENTS=y has them");
    put_fact(out, "uprobes", exists("/sys/bus/event_source/devices/uprobe"),
             "there: functions of programs can be probed",
             "none: programs with uprobe: and usdt: cannot run\n"
             "           a kernel with CONFIG_UPROBE_EVENTS=y has them");
    put_lockdown(out);
    put_paranoid(out);
}
