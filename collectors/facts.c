// What this kernel and these processes are, from /proc and /sys.
#include "collectors/facts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

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

// Of the host itself: a user namespace of its own lends rights over nothing else.
static bool is_initial_user_namespace(pid_t pid)
{
    char path[64], text[256];
    unsigned long inside = 1, outside = 1, count = 0;
    snprintf(path, sizeof path, "/proc/%d/uid_map", (int)pid);
    return !read_small(path, text, sizeof text) ||
           (sscanf(text, "%lu %lu %lu", &inside, &outside, &count) == 3 && !inside && !outside &&
            count == UINT32_MAX);
}

bool facts_may_trace(pid_t pid, const char **why)
{
    const uint64_t admin = UINT64_C(1) << CAP_SYS_ADMIN;
    const uint64_t both = UINT64_C(1) << CAP_BPF | UINT64_C(1) << CAP_PERFMON;
    const char *unused;
    char path[64], text[4096], capabilities[32];
    why = why ? why : &unused;
    *why = "root of a user namespace, not of this host";
    if (!is_initial_user_namespace(pid))
        return false;
    *why = "root without CAP_BPF and CAP_PERFMON, as in a container";
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    if (!read_small(path, text, sizeof text) ||
        !status_line(text, "\nCapEff:", capabilities, sizeof capabilities))
        return true; // not known
    uint64_t effective = strtoull(capabilities, NULL, 16);
    return effective & admin || (effective & both) == both;
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

static bool in_pid_namespace(void)
{
    static const char initial[] = "pid:[4026531836]"; // PROC_PID_INIT_INO, include/linux/proc_ns.h
    char name[64];
    ssize_t len = readlink("/proc/self/ns/pid", name, sizeof name - 1);
    name[len > 0 ? len : 0] = '\0';
    return len > 0 && strcmp(name, initial) != 0;
}

int facts_check_process(pid_t pid, struct err *err)
{
    if (!pid || !in_pid_namespace())
        return 0;
    return err_set(err, -ENOTSUP,
                   "process %d is numbered so by a container (a PID namespace): BPF programs see "
                   "the host's numbers\nrecord it from the host, or with perf, or all processes",
                   (int)pid);
}

bool facts_has_kprobes(void)
{
    return exists("/sys/bus/event_source/devices/kprobe");
}

static bool has_counters(void)
{
    return exists("/sys/bus/event_source/devices/cpu") ||
           exists("/sys/bus/event_source/devices/cpu_core") ||
           exists("/sys/bus/event_source/devices/armv8_pmuv3_0");
}

// From the kernel's own configuration: to try it takes rights that this process has not.
static bool has_option(const char *option)
{
    char line[256];
    bool found = false;
    gzFile file = gzopen("/proc/config.gz", "rb");
    while (file && !found && gzgets(file, line, sizeof line))
        found = !strncmp(line, option, strlen(option));
    if (file)
        gzclose(file);
    return found;
}

static void put_functions(struct bytes *out)
{
    if (!exists("/proc/config.gz"))
        bytes_append_text(out, "fentry     not known: this kernel has no /proc/config.gz\n");
    else
        put_fact(out, "fentry",
                 has_option("CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS=y") &&
                     has_option("CONFIG_DEBUG_INFO_BTF=y"),
                 "there, unless lockdown forbids it: kfunc: and fentry: of bpftrace",
                 "none: programs with kfunc: or fentry: cannot run\n"
                 "           a kernel with CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS=y has them");
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
                 level > 2   ? ": without root nothing can be sampled\n"
                               "           sudo sysctl kernel.perf_event_paranoid=2   (own "
                               "processes; 0: the whole host)"
                 : level > 0 ? ": without root own processes can be sampled, the whole host "
                               "cannot\n"
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
    put_fact(out, "kprobes", facts_has_kprobes(), "there: functions of the kernel can be probed",
             "none: programs with kprobe: cannot run, tracepoint: can\n"
             "           a kernel with CONFIG_KPROBE_EVENTS=y has them");
    put_fact(out, "uprobes", exists("/sys/bus/event_source/devices/uprobe"),
             "there: functions of programs can be probed",
             "none: programs with uprobe: and usdt: cannot run\n"
             "           a kernel with CONFIG_UPROBE_EVENTS=y has them");
    if (in_pid_namespace())
        bytes_append_text(out, "processes  numbered by a container (a PID namespace): pid= works "
                               "with perf only\n");
    put_functions(out);
    put_lockdown(out);
    put_paranoid(out);
}
