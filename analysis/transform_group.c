// group=...: frames by what they belong to, a level for each change of it.
#include "analysis/transform.h"

#include <errno.h>
#include <string.h>

// Appends the group's name, out of a function that is no thread's name.
typedef void group_fn(const struct dict *dict, const struct frame *frame, struct bytes *out);

static void append_last_part(struct bytes *out, const char *path)
{
    const char *slash = strrchr(path, '/');
    bytes_append_text(out, slash && slash[1] ? slash + 1 : path);
}

static void by_module(const struct dict *dict, const struct frame *frame, struct bytes *out)
{
    // Functions of scripts have their file and line there; see transform_node.c.
    bool script = frame->file != DICT_EMPTY && frame->kind != FRAME_USER;
    if (script && frame->kind != FRAME_KERNEL && frame->kind != FRAME_INLINED)
        bytes_append_text(out, dict_text(dict, frame->file));
    else if (frame->module != DICT_EMPTY)
        append_last_part(out, dict_text(dict, frame->module));
    else
        bytes_append_text(out, frame->kind == FRAME_KERNEL ? "[kernel]" : "[unknown]");
}

static void by_file(const struct dict *dict, const struct frame *frame, struct bytes *out)
{
    if (frame->file != DICT_EMPTY)
        bytes_append_text(out, dict_text(dict, frame->file));
    else
        by_module(dict, frame, out);
}

// The part of a path behind the last `folder`; NULL when there is none.
static const char *behind(const char *path, const char *folder)
{
    const char *found = NULL;
    for (const char *at = path; (at = strstr(at, folder)) != NULL;)
        found = at += strlen(folder);
    return found;
}

// What a package manager calls it: npm's and pip's names, Java's packages. Else the module.
static void by_package(const struct dict *dict, const struct frame *frame, struct bytes *out)
{
    const char *file = dict_text(dict, frame->file), *name = dict_text(dict, frame->name);
    const char *package = behind(file, "node_modules/");
    if (!package)
        package = behind(file, "site-packages/");
    if (!package)
        package = behind(file, "dist-packages/");
    if (package) {
        size_t len = strcspn(package, "/");
        if (*package == '@' && package[len])
            len += 1 + strcspn(package + len + 1, "/");
        bytes_append(out, package, len);
        return;
    }
    const char *method = strstr(name, "::");
    const char *dot = method ? memrchr(name, '.', (size_t)(method - name)) : NULL;
    if (dot && strcspn(name, " <(:") == (size_t)(method - name)) // com.x.Y::m
        bytes_append(out, name, (size_t)(dot - name));
    else
        by_module(dict, frame, out);
}

static const struct {
    const char *name;
    group_fn *group; // NULL: no frames below the thread's name
} groups[] = {
    {"module", by_module},
    {"package", by_package},
    {"file", by_file},
    {"comm", NULL},
};

enum { GROUPS = sizeof groups / sizeof *groups };

static size_t group_by_name(const char *name)
{
    size_t at = 0;
    while (at < GROUPS && strcmp(groups[at].name, name) != 0)
        at++;
    return at;
}

static size_t group_frame(struct rewriting *rewriting, struct dict *own, uint32_t frame,
                          uint32_t *out)
{
    group_fn *group = groups[group_by_name(rewriting->argument)].group;
    struct frame row = own->frames[frame];
    if (row.kind == FRAME_COMM)
        return 1;
    if (!group)
        return 0;
    bytes_clear(&rewriting->scratch);
    group(own, &row, &rewriting->scratch);
    struct frame level = {.kind = row.kind == FRAME_INLINED ? FRAME_USER : row.kind};
    out[0] = names_named_frame(own, &level, &rewriting->scratch);
    return 1;
}

static int check_group(const char *argument, struct err *err)
{
    if (group_by_name(argument) < GROUPS)
        return 0;
    return err_set(err, -EINVAL, "group '%s': expected module, package, file or comm", argument);
}

const struct transform transform_group = {
    .name = "group",
    .summary = "levels are modules, packages, files or threads' names, not functions",
    .argument = "module|package|file|comm",
    .rewrite = group_frame,
    .join = REWRITE_JOIN_ALL,
    .check = check_group,
};
