// The native collector: flicker-collect, our own BPF programs (collectors/native/).
#include "collectors/collector.h"
#include "collectors/facts.h"
#include "collectors/native_options.h"
#include "collectors/recording_setup.h"
#include "collectors/tool.h"
#include "proto/alloc.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double default_hz = 99;

static int native_probe(struct launcher *launcher, const struct collect_request *request,
                        struct err *why_not)
{
    char path[PATH_MAX];
    if (tool_find(path, LAUNCHER_NATIVE, why_not))
        return err_set(why_not, -ENOENT,
                       "'flicker-collect' was not built\nit needs clang, bpftool and libbpf-dev");
    if (launcher_check_tracing(launcher, why_not))
        return why_not->code;
    if (access("/sys/kernel/btf/vmlinux", R_OK))
        return err_set(why_not, -ENOTSUP,
                       "this kernel has no /sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF)");
    return facts_check_process(request ? request->pid : 0, why_not);
}

static bool native_serves(const struct collect_request *request)
{
    const char *const words[] = {"flicker-collect", request->what};
    struct native_options options;
    struct err unused = {0};
    if (request->program || request->file || request->arg_count || !request->what)
        return false;
    // Of malloc alone it is said that a process is wanted; that comes with the start.
    return !strcmp(request->what, native_kind_name(NATIVE_MALLOC)) ||
           !native_options_parse(&options, 2, (char *const *)words, &unused);
}

static int native_heeds(const struct collect_request *request, const char *option, struct err *err)
{
    // What its value has to be is said when it starts: here only whether this kind has it.
    const char *word = !strcmp(option, "hz") ? "hz=99" : option;
    return native_options_allow(request->what, word, err);
}

// Of the clock or of an event by frequency; what is told one by one, or by period, has no rate.
static bool is_by_rate(const struct collect_request *request)
{
    bool by_rate = !strcmp(request->what, native_kind_name(NATIVE_CPU));
    for (size_t i = 0; i < request->option_count; i++) {
        by_rate &= strncmp(request->options[i], "period=", 7) != 0;
        by_rate &= strncmp(request->options[i], "event=", 6) != 0 || request->hz_given;
    }
    return by_rate;
}

static double native_rate(const struct collect_request *request)
{
    double hz = request->hz >= 1 ? request->hz : default_hz;
    if (!is_by_rate(request))
        return 0;
    return round(request->hz_most >= 1 && request->hz_most < hz ? request->hz_most : hz);
}

static enum stderr_meaning native_judge(void *arg, struct bytes *line, uint64_t *lost)
{
    (void)arg;
    (void)lost;
    static const char note[] = "note: ";
    if (strncmp(bytes_text(line), note, sizeof note - 1) != 0)
        return STDERR_ERROR; // else it speaks when it fails, and then only
    bytes_consume(line, sizeof note - 1);
    return STDERR_MESSAGE;
}

static int native_start(struct recording **out, struct launcher *launcher,
                        const struct collect_request *request, struct sink *sink,
                        const struct recording_events *events, struct err *err)
{
    const char **args = xcalloc(request->option_count + 6, sizeof *args);
    char hz_text[32], pid_text[32];
    size_t count = 0;
    args[count++] = collector_native.name;
    args[count++] = request->what;
    double hz = native_rate(request);
    snprintf(hz_text, sizeof hz_text, "hz=%ld", lround(hz > 0 ? hz : request->hz));
    snprintf(pid_text, sizeof pid_text, "pid=%d", request->pid);
    if (hz > 0 || request->hz_given)
        args[count++] = hz_text;
    if (request->pid)
        args[count++] = pid_text;
    if (request->inlines)
        args[count++] = "inlines=on";
    for (size_t i = 0; i < request->option_count; i++)
        args[count++] = request->options[i];
    struct native_options options;
    int status = native_options_parse(&options, (int)count, (char *const *)args, err);
    const struct recording_setup setup = {
        .collector = &collector_native,
        .tool = LAUNCHER_NATIVE,
        .args = args + 1,
        .format = "fks",
        .rate_hz = hz,
        .for_ns = request->for_ns,
        .dry_run = request->dry_run,
        .brings_hello = true,
        .comes_in_rounds = true,
        .judge = native_judge,
    };
    if (!status)
        status = recording_start(out, launcher, &setup, sink, events, err);
    free(args);
    return status;
}

const struct collector collector_native = {
    .name = "native",
    .summary = "our own BPF programs, the cheapest",
    .measures = "cpu, offcpu, wakeup, runq, faults, malloc, any tracepoint, uprobe, USDT or kprobe",
    .options =
        "hz pid tid comm cpu cgroup kernel user depth inlines min value event period live every",
    .probe = native_probe,
    .serves = native_serves,
    .heeds = native_heeds,
    .rate_hz = native_rate,
    .start = native_start,
};
