// group=...: frames by what they belong to, a level for each change of it; or one level only, that
// of who ran: threads by name, processes, threads, CPUs.
#include "analysis/transform.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
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
    else if (frame->kind == FRAME_JIT) // "/tmp/perf-4711.map" is another in every process
        bytes_append_text(out, "[jit]");
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

// The length of a Go package's path in front of a function's name, 0 when it is none:
// "github.com/x/y.(*T).M", "runtime.mcall". Without a slash it is one of the standard library's.
static size_t go_package_len(const char *name)
{
    static const char *const standard[] = {
        "bufio",   "bytes",   "context", "errors", "flag", "fmt",     "io",   "log",
        "main",    "math",    "net",     "os",     "path", "reflect", "sync", "regexp",
        "runtime", "strconv", "strings", "sort",   "time", "syscall"};
    size_t path = strcspn(name, "([ ");
    const char *slash = memrchr(name, '/', path);
    const char *dot = memchr(slash ? slash : name, '.', path - (size_t)(slash ? slash - name : 0));
    size_t len = dot ? (size_t)(dot - name) : 0;
    if (!len || strstr(name, "::"))
        return 0;
    if (slash && dot[1] == 'v' && isdigit((unsigned char)dot[2])) { // "gopkg.in/yaml.v2.Unmarshal"
        size_t version = 2 + strspn(dot + 2, "0123456789");
        return dot[version] == '.' ? len + version : len;
    }
    for (size_t i = 0; !slash && i < sizeof standard / sizeof *standard; i++) {
        if (strlen(standard[i]) == len && !memcmp(standard[i], name, len))
            return len;
    }
    return slash ? len : 0;
}

// What a package manager calls it: npm's and pip's names, Java's and Go's packages. Else the
// module.
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
    size_t go =
        frame->kind == FRAME_USER || frame->kind == FRAME_INLINED ? go_package_len(name) : 0;
    const char *method = strstr(name, "::");
    const char *dot = method ? memrchr(name, '.', (size_t)(method - name)) : NULL;
    if (go)
        bytes_append(out, name, go);
    else if (dot && strcspn(name, " <(:") == (size_t)(method - name)) // com.x.Y::m
        bytes_append(out, name, (size_t)(dot - name));
    else
        by_module(dict, frame, out);
}

// The function and where in it: "parse words.c:42".
static void by_line(const struct dict *dict, const struct frame *frame, struct bytes *out)
{
    if (frame->name != DICT_EMPTY)
        bytes_append(out, dict_text(dict, frame->name), dict_text_len(dict, frame->name));
    if (frame->file == DICT_EMPTY || !frame->line)
        return;
    bytes_append_char(out, ' ');
    append_last_part(out, dict_text(dict, frame->file));
    bytes_printf(out, ":%" PRIu32, frame->line);
}

static const struct {
    const char *name;
    group_fn *group; // NULL: who ran, which the fold's first level says
    enum query_first first;
} groups[] = {
    {.name = "line", .group = by_line},
    {.name = "module", .group = by_module},
    {.name = "package", .group = by_package},
    {.name = "file", .group = by_file},
    {.name = "comm", .first = QUERY_FIRST_COMM},
    {.name = "pid", .first = QUERY_FIRST_PID},
    {.name = "tid", .first = QUERY_FIRST_TID},
    {.name = "cpu", .first = QUERY_FIRST_CPU},
    {.name = "cgroup", .first = QUERY_FIRST_CGROUP},
};

enum { GROUPS = sizeof groups / sizeof *groups };

static size_t group_by_name(const char *name)
{
    size_t at = 0;
    while (at < GROUPS && strcmp(groups[at].name, name) != 0)
        at++;
    return at;
}

// What is asked for; GROUPS: nothing.
static size_t group_of(const struct transforms *transforms)
{
    size_t row = 0;
    while (transform_table[row] != &transform_group)
        row++;
    const char *argument = transforms->argument[row];
    return argument ? group_by_name(argument) : (size_t)GROUPS;
}

bool transforms_by_line(const struct transforms *transforms)
{
    size_t at = group_of(transforms);
    return at < GROUPS && groups[at].group == by_line;
}

void transforms_first(const struct transforms *transforms, enum query_first *first)
{
    size_t at = group_of(transforms);
    if (at < GROUPS && !groups[at].group)
        *first = groups[at].first;
}

static size_t group_frame(struct rewriting *rewriting, struct dict *own, uint32_t frame,
                          uint32_t *out)
{
    group_fn *group = groups[group_by_name(rewriting->argument)].group;
    struct frame row = own->frames[frame];
    if (!group) { // a row of `top` then, as functions are
        row.kind = FRAME_USER;
        out[0] = dict_frame(own, &row);
        return own->frames[frame].kind == FRAME_COMM;
    }
    if (row.kind == FRAME_COMM)
        return 1;
    bytes_clear(&rewriting->scratch);
    group(own, &row, &rewriting->scratch);
    if (group == by_line && !rewriting->scratch.len)
        return 1; // without a name it stays what it is
    struct frame level = {.kind = row.kind == FRAME_INLINED ? FRAME_USER : row.kind};
    if (group == by_line)
        level = row;
    out[0] = names_named_frame(own, &level, &rewriting->scratch);
    return 1;
}

static int check_group(const char *argument, struct err *err)
{
    if (group_by_name(argument) < GROUPS)
        return 0;
    return err_set(
        err, -EINVAL,
        "group '%s': expected line, module, package, file, comm, pid, tid, cpu or cgroup",
        argument);
}

const struct transform transform_group = {
    .name = "group",
    .summary = "levels are lines, modules, packages or files, not functions; or who ran, alone",
    .argument = "line|module|package|file|comm|pid|tid|cpu|cgroup",
    .rewrite = group_frame,
    .join = REWRITE_JOIN_ALL,
    .check = check_group,
};
