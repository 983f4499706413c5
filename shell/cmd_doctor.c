// doctor: which collectors can run here, and what stands in the way of the others.
#include "collectors/collector.h"
#include "collectors/facts.h"
#include "collectors/tool.h"
#include "shell/session.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void put_reason(struct bytes *out, const char *message)
{
    for (const char *at = message; *at;) {
        size_t len = strcspn(at, "\n");
        bytes_append_text(out, "           ");
        term_text(out, at, len);
        bytes_append_char(out, '\n');
        at += len + (at[len] == '\n');
    }
}

// What programs that others wrote may use, and the version that has it.
static void put_bpftrace_features(struct bytes *out, const char *version)
{
    static const struct {
        unsigned minor;
        const char *what;
    } features[] = {{19, "args.FIELD (args->FIELD works)"},
                    {20, "config = { ... }"},
                    {21, "for ($kv : @map)"},
                    {22, "let and has_key()"}};
    unsigned major = 0, minor = 0;
    if (sscanf(version, "%u.%u", &major, &minor) != 2 || major)
        return;
    if (minor < 17)
        put_reason(out, "older than 0.17, the oldest whose output is understood\n"
                        "install a newer one: sudo apt install bpftrace");
    struct bytes text = {0};
    for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
        if (minor < features[i].minor)
            bytes_printf(&text, "%s%s from 0.%u",
                         text.len ? ", " : "not in this version: ", features[i].what,
                         features[i].minor);
    }
    if (text.len)
        put_reason(out, bytes_text(&text));
    bytes_dispose(&text);
}

static enum launcher_tool tool_of(const struct collector *collector)
{
    enum launcher_tool tool = 0;
    while (tool < LAUNCHER_TOOLS && strcmp(tool_name(tool), collector->name) != 0)
        tool++;
    return tool; // LAUNCHER_TOOLS: our own, which comes with flicker
}

static void put_collector(struct bytes *out, struct launcher *launcher,
                          const struct collector *collector)
{
    const struct collect_request whole_host = {.what = "cpu"};
    struct err why_not = {0}, why_less = {0};
    struct bytes version = {0};
    bool works = !collector->probe(launcher, NULL, &why_not);
    bool all = !collector->probe(launcher, &whole_host, &why_less);
    enum launcher_tool tool = tool_of(collector);
    if (tool < LAUNCHER_TOOLS)
        tool_put_version(&version, tool);
    bytes_printf(out, "%-9s  %s%s%s; measures %s: %s\n", collector->name, bytes_text(&version),
                 version.len ? ": " : "", collector->summary, collector->measures,
                 !works ? "cannot run here"
                 : all  ? "works here"
                        : "works here for your own processes");
    if (!works || !all)
        put_reason(out, works ? why_less.message : why_not.message);
    if (tool == LAUNCHER_BPFTRACE)
        put_bpftrace_features(out, bytes_text(&version));
    bytes_dispose(&version);
}

static void put_process(struct bytes *out, const char *who, pid_t pid)
{
    struct bytes rights = {0};
    if (facts_put_rights(&rights, pid))
        bytes_printf(out, "           %-9s %s\n", who, bytes_text(&rights));
    bytes_dispose(&rights);
}

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    (void)err;
    struct bytes *out = &run->out.text;
    for (size_t i = 0; collector_table[i]; i++)
        put_collector(out, session->launcher, collector_table[i]);
    facts_put_kernel(out);
    bytes_printf(out, "%-9s  %s\n", "power",
                 launcher_is_privileged(session->launcher)
                     ? "a launcher keeps root for the collectors; this process has none"
                     : "none: started without root (try 'sudo flicker')");
    put_process(out, "shell", getpid());
    if (launcher_is_privileged(session->launcher))
        put_process(out, "launcher", getppid());
    for (size_t i = 0; i < session->jobs.count; i++) {
        struct recording_status status;
        recording_status(session->jobs.items[i]->recording, &status);
        put_process(out, status.collector->name, status.pid);
        if (status.last_pid != status.pid)
            put_process(out, status.collector->name, status.last_pid);
    }
    return RUN_OK;
}

const struct command command_doctor = {
    .name = "doctor",
    .group = "collect",
    .usage = "doctor",
    .summary = "say which collectors can run here, and why not the others",
    .example = "doctor",
    .run = run,
};
