// doctor: which collectors can run here, and what stands in the way of the others.
#include "collectors/collector.h"
#include "shell/session.h"

#include <string.h>

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

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    (void)err;
    struct bytes *out = &run->out.text;
    for (size_t i = 0; collector_table[i]; i++) {
        const struct collector *collector = collector_table[i];
        struct err why_not = {0};
        bool works = !collector->probe(session->launcher, &why_not);
        bytes_printf(out, "%-9s  %s; measures %s: %s\n", collector->name, collector->summary,
                     collector->measures, works ? "works here" : "cannot run here");
        if (!works)
            put_reason(out, why_not.message);
    }
    bytes_printf(out, "%-9s  %s\n", "power",
                 launcher_is_privileged(session->launcher)
                     ? "a launcher keeps root for the collectors; this process has none"
                     : "none: started without root (try 'sudo flicker')");
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
