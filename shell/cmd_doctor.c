// doctor: which collectors can run here, and what stands in the way of the others.
#include "collectors/collector.h"
#include "collectors/facts.h"
#include "shell/session.h"

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
    for (size_t i = 0; collector_table[i]; i++) {
        const struct collector *collector = collector_table[i];
        struct err why_not = {0};
        bool works = !collector->probe(session->launcher, NULL, &why_not);
        bytes_printf(out, "%-9s  %s; measures %s: %s\n", collector->name, collector->summary,
                     collector->measures, works ? "works here" : "cannot run here");
        if (!works)
            put_reason(out, why_not.message);
    }
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
