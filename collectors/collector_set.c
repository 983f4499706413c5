// The collectors that run under one process, and how each tool's command line is made.
#include "collectors/collector_set.h"

#include "collectors/launcher_rules.h"
#include "collectors/tool.h"
#include "proto/alloc.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct collector_set_row {
    uint64_t id;
    struct pipeline pipeline;
    bool ended;
};

// Before and after the arguments that were asked for.
// Not -q, which keeps to itself why it cannot record.
static const char *const perf_record_head[] = {"record",          "--no-buffering", "-N", "-k",
                                               "CLOCK_MONOTONIC", "--sample-cpu",   NULL};
static const char *const perf_record_tail[] = {"-o", "-", NULL};
// Line by line (stdbuf), or samples would wait in perf's own buffer; names as the symbol tables
// have them, demangled later for all collectors alike.
static const char *const perf_script[] = {"script",
                                          "-i",
                                          "-",
                                          "--ns",
                                          "--no-inline",
                                          "--no-demangle",
                                          "--show-lost-events",
                                          "-F",
                                          "comm,pid,tid,cpu,time,event,ip,sym,dso,period",
                                          NULL};

// An argument array under construction; the strings are borrowed.
struct argv {
    const char *words[2 * LAUNCHER_MAX_ARGS];
    size_t count;
};

static void argv_add(struct argv *argv, const char *const *words)
{
    const size_t room = sizeof argv->words / sizeof *argv->words - 1;
    for (; *words && argv->count < room; words++)
        argv->words[argv->count++] = *words;
    argv->words[argv->count] = NULL;
}

static void argv_add_word(struct argv *argv, const char *word)
{
    argv_add(argv, (const char *const[]){word, NULL});
}

static struct pipeline_stage stage_of(const struct argv *argv)
{
    return (struct pipeline_stage){(char *const *)argv->words};
}

// A clean environment: neither the caller's locale nor its perf configuration changes what comes.
// Our own collector becomes the invoking user where it needs no rights, as the shell does.
static void make_environment(struct argv *environment, const char *const *asked, char *own[3])
{
    static const char *const names[3] = {"PATH", "SUDO_UID", "SUDO_GID"};
    for (int i = 0; i < 3; i++) {
        const char *value = getenv(names[i]);
        own[i] = value || i == 0 ? xasprintf("%s=%s", names[i], value ? value : "") : NULL;
        if (own[i])
            argv_add_word(environment, own[i]);
    }
    argv_add(environment, (const char *const[]){"HOME=/", "LC_ALL=C.UTF-8", "PERF_CONFIG=/dev/null",
                                                "PERF_PAGER=cat", NULL});
    if (asked)
        argv_add(environment, asked);
}

// What a tool is run as: one program, or two joined by a pipe.
struct commands {
    struct argv argv[PIPELINE_STAGES];
    size_t count;
    char path[PATH_MAX], stdbuf[PATH_MAX];
};

static int make_commands(struct commands *commands, enum launcher_tool tool,
                         const char *const *args, struct err *err)
{
    *commands = (struct commands){.count = 1};
    struct argv *first = &commands->argv[0], *second = &commands->argv[1];
    int status = tool_find(commands->path, tool, err);
    if (status)
        return status;
    argv_add_word(first, commands->path);
    if (tool != LAUNCHER_PERF_RECORD) {
        argv_add(first, args);
        return 0;
    }
    argv_add(first, perf_record_head);
    argv_add(first, args);
    argv_add(first, perf_record_tail);
    argv_add(second, (const char *const[]){commands->stdbuf, "-oL", commands->path, NULL});
    argv_add(second, perf_script);
    commands->count = 2;
    return tool_find_program(commands->stdbuf, "stdbuf", err);
}

static int start(struct pipeline *pipeline, enum launcher_tool tool,
                 const struct commands *commands, const struct argv *environment,
                 struct launched *out, struct err *err)
{
    struct pipeline_stage stages[PIPELINE_STAGES];
    for (size_t i = 0; i < commands->count; i++)
        stages[i] = stage_of(&commands->argv[i]);
    return pipeline_start(pipeline, stages, commands->count, (char *const *)environment->words,
                          tool == LAUNCHER_NATIVE, &out->stdout_fd, &out->stderr_fd, err);
}

int collector_set_start(struct collector_set *set, enum launcher_tool tool, const char *const *args,
                        const char *const *environment, struct launched *out, struct err *err)
{
    *out = (struct launched){.stdout_fd = -1, .stderr_fd = -1};
    struct commands commands;
    int status = launcher_check_args(tool, args, err);
    if (!status)
        status = launcher_check_environment(environment, err);
    if (!status)
        status = make_commands(&commands, tool, args, err);
    if (status)
        return status;
    char *own[3];
    struct argv full = {.count = 0};
    make_environment(&full, environment, own);
    struct pipeline pipeline;
    status = start(&pipeline, tool, &commands, &full, out, err);
    for (int i = 0; i < 3; i++)
        free(own[i]);
    if (status)
        return status;
    array_reserve(&set->rows, &set->capacity, set->count + 1);
    set->rows[set->count++] = (struct collector_set_row){++set->last_id, pipeline, false};
    out->id = set->last_id;
    out->pid = pipeline.first;
    out->last_pid = pipeline.pids[commands.count - 1];
    return 0;
}

static void put_words(struct bytes *out, const struct argv *argv)
{
    for (size_t i = 0; i < argv->count; i++) {
        bytes_append_text(out, i ? " " : "");
        bytes_append_quoted(out, argv->words[i]);
    }
}

int collector_set_describe(struct bytes *out, enum launcher_tool tool, const char *const *args,
                           const char *const *environment, struct err *err)
{
    struct commands commands;
    int status = launcher_check_args(tool, args, err);
    if (!status)
        status = launcher_check_environment(environment, err);
    if (!status)
        status = make_commands(&commands, tool, args, err);
    if (status)
        return status;
    char *own[3];
    struct argv full = {.count = 0};
    make_environment(&full, environment, own);
    for (size_t i = 0; i < commands.count; i++) {
        bytes_append_text(out, i ? " | env -i " : "env -i ");
        put_words(out, &full);
        bytes_append_char(out, ' ');
        put_words(out, &commands.argv[i]);
    }
    bytes_append_char(out, '\n');
    for (int i = 0; i < 3; i++)
        free(own[i]);
    return 0;
}

static struct collector_set_row *find(struct collector_set *set, uint64_t id)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->rows[i].id == id)
            return &set->rows[i];
    }
    return NULL;
}

int collector_set_signal(struct collector_set *set, uint64_t id, int signal)
{
    struct collector_set_row *row = find(set, id);
    if (signal != SIGINT && signal != SIGTERM && signal != SIGKILL)
        return -EINVAL;
    return row ? pipeline_signal(&row->pipeline, signal) : -ESRCH;
}

bool collector_set_ended(struct collector_set *set, uint64_t id, int *status)
{
    struct collector_set_row *row = find(set, id);
    *status = 0;
    if (!row)
        return true;
    if (!row->ended && !(row->ended = pipeline_reap(&row->pipeline)))
        return false;
    *status = pipeline_status(&row->pipeline);
    *row = set->rows[--set->count];
    return true;
}

void collector_set_reap(struct collector_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        if (!set->rows[i].ended)
            set->rows[i].ended = pipeline_reap(&set->rows[i].pipeline);
    }
}

void collector_set_end(struct collector_set *set, int patience_ms)
{
    struct pipeline **pipelines = xcalloc(set->count + 1, sizeof(struct pipeline *));
    for (size_t i = 0; i < set->count; i++)
        pipelines[i] = &set->rows[i].pipeline;
    pipeline_end(pipelines, set->count, patience_ms);
    free(pipelines);
    free(set->rows);
    *set = (struct collector_set){.last_id = set->last_id};
}
