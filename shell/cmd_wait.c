// wait: until some time has passed, nothing records any more, or enough samples are there.
#include "proto/alloc.h"
#include "shell/session.h"
#include "shell/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct waiting {
    int64_t until_ns;       // 0: not for a time
    uint64_t above_samples; // UINT64_MAX: not for samples
};

static uint64_t held(struct session *session)
{
    struct buffer_stats stats;
    buffer_stats(session->buffer, &stats);
    return stats.samples + stats.evicted_samples;
}

static enum run_result step(struct session *session, struct invocation *run, int64_t now_ns,
                            struct err *err)
{
    const struct waiting *waiting = run->state;
    if (atomic_load(&session->signals.interrupted)) {
        err_set(err, -ECANCELED, "not waited for; what records goes on");
        return RUN_ERROR;
    }
    if (waiting->until_ns)
        return now_ns >= waiting->until_ns ? RUN_OK : RUN_WAIT;
    if (waiting->above_samples != UINT64_MAX && held(session) > waiting->above_samples)
        return RUN_OK;
    if (session->jobs.count)
        return RUN_WAIT;
    if (waiting->above_samples != UINT64_MAX) {
        err_set(err, -ENODATA, "nothing records any more, and there are %llu samples only",
                (unsigned long long)held(session));
        return RUN_ERROR;
    }
    if (session->jobs.failed) {
        session->jobs.failed = false;
        err_set(err, -EIO, "a collector failed");
        return RUN_ERROR;
    }
    return RUN_OK;
}

// "samples > N"
static bool parse_samples(const char *text, uint64_t *above)
{
    if (strncmp(text, "samples", 7) != 0)
        return false;
    text += 7 + strspn(text + 7, " \t");
    if (*text++ != '>')
        return false;
    return units_parse_count(text + strspn(text, " \t"), above);
}

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    const char *text = run->statement->expression;
    struct waiting waiting = {.above_samples = UINT64_MAX};
    int64_t for_ns = 0;
    if (units_parse_duration(text, &for_ns))
        waiting.until_ns = session_now_ns() + for_ns;
    else if (strcmp(text, "stop") != 0 && !parse_samples(text, &waiting.above_samples))
        return invocation_usage(run, run->statement->expression_at, err,
                                "'%s' cannot be waited for; expected stop, a duration like 10s, or "
                                "samples > 1000",
                                text);
    run->state = xmalloc(sizeof waiting);
    memcpy(run->state, &waiting, sizeof waiting);
    run->dispose = free;
    run->step = step;
    run->wake_ns = waiting.until_ns ? waiting.until_ns : INT64_MAX;
    return step(session, run, session_now_ns(), err);
}

const struct command command_wait = {
    .name = "wait",
    .group = "automate",
    .usage = "wait stop | DURATION | samples > N",
    .summary = "wait until nothing records any more, for a time, or for samples",
    .details = "Ctrl-C ends the wait, not the recording.",
    .example = "wait 10s",
    .words = {ARG_DURATION},
    .choices = "stop samples",
    .expression = true,
    .run = run,
};
