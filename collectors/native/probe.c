// Probes of the user's.
#include "collectors/native/probe.h"

#include "collectors/address_map.h"
#include "collectors/native/probes.skel.h"
#include "collectors/native/tracepoint.h"
#include "proto/bytes.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// As in probes.bpf.h.
enum { VALUE_ONE, VALUE_FIELD, VALUE_ARGUMENT, VALUE_RETURNED, MAX_ARGUMENTS = 5 };

struct bpf_program *probe_program(const struct native_object *object,
                                  const struct native_options *options)
{
    return options->probe == PROBE_TRACEPOINT ? object->probes->progs.on_tracepoint
           : options->probe == PROBE_USDT     ? object->probes->progs.on_usdt
                                              : object->probes->progs.on_function;
}

static bool is_return(const struct native_options *options)
{
    return options->probe == PROBE_KRETPROBE || options->probe == PROBE_URETPROBE;
}

static int prepare_value(const struct native_object *object, const struct native_options *options,
                         struct err *err)
{
    struct probes_bpf__rodata *constants = object->probes->rodata;
    const char *value = options->value;
    constants->value_of = VALUE_ONE;
    constants->value_bytes = 8;
    constants->value_is_signed = true;
    if (!value)
        return 0;
    bool is_argument =
        !strncmp(value, "arg", 3) && value[3] >= '0' && !value[4] && value[3] < '0' + MAX_ARGUMENTS;
    if (is_argument && !is_return(options)) {
        constants->value_of = VALUE_ARGUMENT;
        constants->value_at = (uint32_t)(value[3] - '0');
        return 0;
    }
    if (!strcmp(value, "retval") && is_return(options)) {
        constants->value_of = VALUE_RETURNED;
        return 0;
    }
    return err_set(err, -EINVAL, "value: '%s' is not known at a %s; expected %s", value,
                   native_probe_name(options->probe),
                   is_return(options) ? "retval" : "arg0 to arg4");
}

int probe_prepare(const struct native_object *object, const struct native_options *options,
                  struct err *err)
{
    if (options->probe != PROBE_TRACEPOINT) {
        object->probes->rodata->at_entry =
            options->probe == PROBE_UPROBE && !strchr(options->target, '+');
        return prepare_value(object, options, err);
    }
    char system[64], name[64];
    struct tracepoint_field field = {.bytes = 8};
    int status = tracepoint_find(system, name, options->target, err);
    if (!status && options->value)
        status = tracepoint_field(&field, system, name, options->value, err);
    if (status)
        return status;
    object->probes->rodata->value_of = options->value ? VALUE_FIELD : VALUE_ONE;
    object->probes->rodata->value_at = field.offset;
    object->probes->rodata->value_bytes = field.bytes;
    object->probes->rodata->value_is_signed = field.is_signed;
    return 0;
}

static int keep(struct attachments *attachments, struct bpf_link *link, struct err *err,
                const char *what)
{
    if (link) {
        attach_keep(attachments, link);
        return 0;
    }
    return err_set(err, -errno, "cannot attach to '%s': %s", what, strerror(errno));
}

static int attach_tracepoint(struct attachments *attachments, const struct bpf_program *program,
                             const struct native_options *options, struct err *err)
{
    char system[64], name[64];
    int status = tracepoint_find(system, name, options->target, err);
    return status ? status
                  : keep(attachments, bpf_program__attach_tracepoint(program, system, name), err,
                         options->target);
}

static int attach_kprobe(struct attachments *attachments, const struct bpf_program *program,
                         const struct native_options *options, struct err *err)
{
    struct bpf_link *link =
        bpf_program__attach_kprobe(program, options->probe == PROBE_KRETPROBE, options->target);
    if (link)
        return keep(attachments, link, err, options->target);
    int status = -errno;
    if (access("/sys/bus/event_source/devices/kprobe", F_OK) &&
        access("/sys/kernel/tracing/kprobe_events", F_OK))
        return err_set(err, -ENOTSUP,
                       "this kernel has no kprobes (CONFIG_KPROBES)\n"
                       "a tracepoint may be near: tp=SYSTEM:NAME");
    if (status == -ENOENT || status == -EADDRNOTAVAIL || status == -EINVAL)
        return err_set(err, status, "no function '%s' that can be probed in this kernel",
                       options->target);
    return err_set(err, status, "cannot probe '%s': %s%s", options->target, strerror(-status),
                   status == -EPERM ? "\nlockdown may forbid it: cat /sys/kernel/security/lockdown"
                                    : "");
}

static bool is_library(const char *path, const char *name)
{
    const char *base = strrchr(path, '/');
    size_t len = strlen(name);
    if (!base || strncmp(base + 1, name, len) != 0)
        return false;
    char next = base[1 + len];
    return !next || next == '.' || (next == '-' && base[2 + len] >= '0' && base[2 + len] <= '9');
}

static struct address_map *maps_of(int32_t pid)
{
    char path[64], chunk[16384];
    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    FILE *file = fopen(path, "re");
    struct bytes text = {0};
    size_t got;
    while (file && (got = fread(chunk, 1, sizeof chunk, file)) > 0)
        bytes_append(&text, chunk, got);
    if (file)
        fclose(file);
    struct address_map *map = address_map_parse(text.len ? text.data : "", text.len);
    bytes_dispose(&text);
    return map;
}

int probe_file(char path[PATH_MAX], const char *name, int32_t pid, struct err *err)
{
    if (strchr(name, '/')) {
        snprintf(path, PATH_MAX, "/proc/%d/root%s", pid, name);
        if (!pid || *name != '/' || access(path, R_OK))
            snprintf(path, PATH_MAX, "%s", name);
        return access(path, R_OK)
                   ? err_set(err, -errno, "cannot read '%s': %s", name, strerror(errno))
                   : 0;
    }
    // Without a process, the library as our own process has it; else libbpf looks along the usual
    // paths.
    snprintf(path, PATH_MAX, "%s", name);
    struct address_map *map = maps_of(pid ? pid : getpid());
    bool found = false;
    for (size_t i = 0; i < map->count && !found; i++) {
        const char *there = map->ranges[i].path;
        found = is_library(there, name);
        if (found && pid)
            snprintf(path, PATH_MAX, "/proc/%d/root%s", pid, there);
        else if (found)
            snprintf(path, PATH_MAX, "%s", there);
    }
    address_map_release(map);
    return found || !pid ? 0 : err_set(err, -ENOENT, "process %d maps no file '%s'", pid, name);
}

// "FILE:REST"; FILE may hold colons if it is a path, REST does not begin with a slash.
static int split(char file[PATH_MAX], const char **rest, const struct native_options *options,
                 struct err *err)
{
    const char *slash = strrchr(options->target, '/');
    const char *colon = strchr(slash ? slash : options->target, ':');
    if (!colon || colon == options->target || !colon[1] || colon - options->target >= PATH_MAX)
        return err_set(err, -EINVAL, "%s: '%s' is not FILE:%s", native_probe_name(options->probe),
                       options->target,
                       options->probe == PROBE_USDT ? "PROVIDER:NAME" : "FUNCTION");
    char name[PATH_MAX];
    snprintf(name, sizeof name, "%.*s", (int)(colon - options->target), options->target);
    *rest = colon + 1;
    return probe_file(file, name, (int32_t)options->pid, err);
}

static int attach_uprobe(struct attachments *attachments, const struct bpf_program *program,
                         const struct native_options *options, struct err *err)
{
    char file[PATH_MAX], function[512];
    const char *rest = NULL;
    int status = split(file, &rest, options, err);
    if (status)
        return status;
    snprintf(function, sizeof function, "%.*s", (int)strcspn(rest, "+"), rest);
    const char *plus = strchr(rest, '+');
    LIBBPF_OPTS(bpf_uprobe_opts, opts, .retprobe = options->probe == PROBE_URETPROBE,
                .func_name = function);
    struct bpf_link *link =
        bpf_program__attach_uprobe_opts(program, options->pid ? (pid_t)options->pid : -1, file,
                                        plus ? strtoul(plus + 1, NULL, 0) : 0, &opts);
    if (!link && (errno == ENOENT || errno == ESRCH))
        return err_set(err, -ENOENT,
                       "no function '%s' in '%s'\nnm -D --defined-only shows those of a library",
                       function, file);
    return keep(attachments, link, err, options->target);
}

static int attach_usdt(struct attachments *attachments, const struct bpf_program *program,
                       const struct native_options *options, struct err *err)
{
    char file[PATH_MAX], provider[128];
    const char *rest = NULL;
    int status = split(file, &rest, options, err);
    const char *colon = status ? NULL : strchr(rest, ':');
    if (status)
        return status;
    if (!colon || !colon[1])
        return err_set(err, -EINVAL, "usdt: '%s' is not FILE:PROVIDER:NAME", options->target);
    snprintf(provider, sizeof provider, "%.*s", (int)(colon - rest), rest);
    struct bpf_link *link = bpf_program__attach_usdt(
        program, options->pid ? (pid_t)options->pid : -1, file, provider, colon + 1, NULL);
    if (!link && (errno == ENOENT || errno == ESRCH))
        return err_set(err, -ENOENT, "no USDT probe '%s' in '%s'\nreadelf -n shows those of a file",
                       rest, file);
    return keep(attachments, link, err, options->target);
}

int probe_attach(struct attachments *attachments, const struct native_object *object,
                 const struct native_options *options, struct err *err)
{
    const struct bpf_program *program = probe_program(object, options);
    switch (options->probe) {
    case PROBE_TRACEPOINT:
        return attach_tracepoint(attachments, program, options, err);
    case PROBE_KPROBE:
    case PROBE_KRETPROBE:
        return attach_kprobe(attachments, program, options, err);
    case PROBE_USDT:
        return attach_usdt(attachments, program, options, err);
    default:
        return attach_uprobe(attachments, program, options, err);
    }
}

static bool ends_in(const char *text, const char *end)
{
    size_t len = strlen(text), tail = strlen(end);
    return len >= tail && !strcmp(text + len - tail, end);
}

const char *probe_unit(const struct native_options *options)
{
    const char *value = options->value;
    if (!value)
        return "";
    if (ends_in(value, "_ns") || !strcmp(value, "runtime") || !strcmp(value, "delay"))
        return "ns";
    if (!strncmp(value, "bytes", 5) || !strcmp(value, "len") || !strcmp(value, "size"))
        return "bytes";
    return value;
}
