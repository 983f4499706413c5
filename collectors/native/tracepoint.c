// What tracefs tells of a tracepoint (Documentation/trace/events.rst, "Event formats").
#include "collectors/native/tracepoint.h"

#include "proto/bytes.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// Where tracefs may be mounted; NULL: nowhere.
static const char *events_folder(void)
{
    static const char *const folders[] = {"/sys/kernel/tracing/events",
                                          "/sys/kernel/debug/tracing/events"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        if (!access(folders[i], R_OK))
            return folders[i];
    }
    return NULL;
}

int tracepoint_find(char system[64], char name[64], const char *target, struct err *err)
{
    const char *folder = events_folder();
    char path[PATH_MAX];
    if (!folder)
        return err_set(err, -ENOENT,
                       "tracefs is not mounted, or may not be read: no tracepoint can be found\n"
                       "mount -t tracefs tracefs /sys/kernel/tracing");
    if (sscanf(target, "%63[^:/]:%63[^:/]", system, name) != 2 || *system == '.' || *name == '.' ||
        strlen(target) != strlen(system) + strlen(name) + 1)
        return err_set(err, -EINVAL, "'%s' is no tracepoint; expected SYSTEM:NAME", target);
    snprintf(path, sizeof path, "%s/%s/%s/format", folder, system, name);
    if (!access(path, R_OK))
        return 0;
    snprintf(path, sizeof path, "%s/%s", folder, system);
    return err_set(err, -ENOENT, "this kernel has no tracepoint '%s'\nls %s", target,
                   access(path, R_OK) ? folder : path);
}

// A line of the format: "\tfield:unsigned long ret;\toffset:8;\tsize:8;\tsigned:0;"
static bool parse_field(const char *line, char name[64], struct tracepoint_field *field)
{
    char declaration[256];
    int is_signed = 0;
    if (sscanf(line, " field:%255[^;]; offset:%u; size:%u; signed:%d;", declaration, &field->offset,
               &field->bytes, &is_signed) != 4)
        return false;
    const char *last = strrchr(declaration, ' ');
    snprintf(name, 64, "%.63s", last ? last + 1 : declaration);
    field->is_signed = is_signed;
    return !strchr(name, '[') &&
           (field->bytes == 1 || field->bytes == 2 || field->bytes == 4 || field->bytes == 8);
}

int tracepoint_field(struct tracepoint_field *field, const char *system, const char *name,
                     const char *wanted, struct err *err)
{
    char path[PATH_MAX], line[512], one[64];
    snprintf(path, sizeof path, "%s/%s/%s/format", events_folder(), system, name);
    FILE *file = fopen(path, "re");
    struct bytes there = {0};
    bool found = false;
    while (file && !found && fgets(line, sizeof line, file)) {
        if (!parse_field(line, one, field))
            continue;
        found = !strcmp(one, wanted);
        if (strncmp(one, "common_", 7) != 0)
            bytes_printf(&there, "%s%s", there.len ? ", " : "", one);
    }
    if (file)
        fclose(file);
    int status = found ? 0
                       : err_set(err, -ENOENT, "'%s:%s' has no number '%s'; it has: %s", system,
                                 name, wanted, there.len ? bytes_text(&there) : "none");
    bytes_dispose(&there);
    return status;
}
