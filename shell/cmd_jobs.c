// jobs: what is recording.
#include "shell/session.h"
#include "shell/units.h"

#include <string.h>

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    (void)err;
    struct bytes *out = &run->out.text;
    int64_t now_ns = session_now_ns();
    if (!session->jobs.count)
        session_say(session, "nothing is recording; 'record' starts a collector");
    for (size_t i = 0; i < session->jobs.count; i++) {
        const struct job *job = session->jobs.items[i];
        struct recording_status status;
        recording_status(job->recording, &status);
        bytes_printf(out, "[%u] %s %s ", job->number, recording_state_name(status.state),
                     status.collector->name);
        units_put_duration(out, status.started_ns ? now_ns - status.started_ns : 0);
        bytes_append_text(out, ", ");
        units_put_things(out, status.report ? status.report->samples : 0, "sample");
        bytes_append_text(out, ", ");
        units_put_count(out, status.report ? status.report->lost : 0);
        bytes_printf(out, " lost, pid %d\n    ", (int)status.pid);
        term_text(out, status.command, strlen(status.command));
        bytes_append_char(out, '\n');
    }
    return RUN_OK;
}

const struct command command_jobs = {
    .name = "jobs",
    .group = "collect",
    .usage = "jobs",
    .summary = "list the collectors that are recording",
    .example = "jobs",
    .run = run,
};
