// The native collector: flicker-collect, our own BPF programs (collectors/native/).
#include "collectors/collector.h"
#include "collectors/recording_setup.h"
#include "collectors/tool.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const double default_hz = 99;

static int native_probe(struct launcher *launcher, struct err *why_not)
{
    char path[PATH_MAX];
    if (tool_find(path, LAUNCHER_NATIVE, why_not))
        return err_set(why_not, -ENOENT,
                       "'flicker-collect' was not built\nit needs clang, bpftool and libbpf-dev");
    if (!launcher_is_privileged(launcher))
        return err_set(why_not, -EPERM, "not root\nstart flicker with sudo");
    if (access("/sys/kernel/btf/vmlinux", R_OK))
        return err_set(why_not, -ENOTSUP,
                       "this kernel has no /sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF)");
    return 0;
}

static bool native_serves(const struct collect_request *request)
{
    static const char *const measured[] = {"cpu", "offcpu", "faults"};
    if (request->program || request->file || request->arg_count || !request->what)
        return false;
    for (size_t i = 0; i < sizeof measured / sizeof *measured; i++) {
        if (!strcmp(request->what, measured[i]))
            return true;
    }
    return false;
}

static enum stderr_meaning native_judge(void *arg, struct bytes *line, uint64_t *lost)
{
    (void)arg;
    (void)line;
    (void)lost;
    return STDERR_ERROR; // it speaks when it fails, and then only
}

static int native_start(struct recording **out, struct launcher *launcher,
                        const struct collect_request *request, struct sink *sink,
                        const struct recording_events *events, struct err *err)
{
    double hz = request->hz >= 1 ? request->hz : default_hz;
    char hz_text[32], pid_text[16];
    snprintf(hz_text, sizeof hz_text, "%ld", lround(hz));
    snprintf(pid_text, sizeof pid_text, "%d", request->pid);
    const char *const args[] = {request->what, "--hz", hz_text, request->pid ? "--pid" : NULL,
                                pid_text,      NULL};
    const struct recording_setup setup = {
        .collector = &collector_native,
        .tool = LAUNCHER_NATIVE,
        .args = args,
        .format = "fks",
        .rate_hz = strcmp(request->what, "cpu") ? 0 : hz,
        .for_ns = request->for_ns,
        .brings_hello = true,
        .judge = native_judge,
    };
    return recording_start(out, launcher, &setup, sink, events, err);
}

const struct collector collector_native = {
    .name = "native",
    .summary = "our own BPF programs, the cheapest",
    .measures = "cpu, offcpu, faults",
    .probe = native_probe,
    .serves = native_serves,
    .start = native_start,
};
