// wait: until some time has passed, nothing records any more, or enough samples are there.
#include "proto/alloc.h"
#include "shell/session.h"
#include "shell/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct waiting {
    int64_t until_ns;       // 0: not for a time
    int64_t give_up_ns;     // INT64_MAX: never
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
    if (session->jobs.count && now_ns >= waiting->give_up_ns) {
        err_set(err, -ETIMEDOUT, "timed out: %s, and %llu %s there",
                session->jobs.count == 1 ? "a collector still records" : "collectors still record",
                (unsigned long long)held(session),
                held(session) == 1 ? "sample is" : "samples are");
        return RUN_ERROR;
    }
    if (session->jobs.count)
        return RUN_WAIT;
    if (waiting->above_samples != UINT64_MAX) {
        err_set(err, -ENODATA, "nothing records any more, and there %s %llu sample%s only",
                held(session) == 1 ? "is" : "are", (unsigned long long)held(session),
                units_s(held(session)));
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

// Takes "for=DURATION" off the end; false where it is no duration. *at is where the word begins.
static bool take_limit(char *text, int64_t *limit_ns, size_t *at)
{
    char *space = strrchr(text, ' ');
    char *word = space ? space + 1 : text;
    *limit_ns = INT64_MAX;
    *at = (size_t)(word - text);
    if (!space || strncmp(word, "for=", 4) != 0)
        return true;
    bool is_duration = units_parse_duration(word + 4, limit_ns);
    while (space >= text && *space == ' ')
        *space-- = '\0';
    return is_duration;
}

static enum run_result wait_for(struct session *session, struct invocation *run, char *text,
                                struct err *err)
{
    struct waiting waiting = {.above_samples = UINT64_MAX, .give_up_ns = INT64_MAX};
    int64_t for_ns = 0, limit_ns;
    size_t limit_at;
    if (!take_limit(text, &limit_ns, &limit_at))
        return invocation_usage(run, run->statement->expression_at + limit_at, err,
                                "'%s' is not a duration; expected one like for=10s",
                                text + limit_at + 4);
    if (limit_ns == INT64_MAX && units_parse_duration(text, &for_ns))
        waiting.until_ns = session_now_ns() + for_ns;
    else if (!*text)
        return invocation_usage(run, GRAMMAR_NOWHERE, err,
                                "what to wait for is expected\nusage: %s", run->command->usage);
    else if (strcmp(text, "stop") != 0 && !parse_samples(text, &waiting.above_samples))
        return invocation_usage(run, run->statement->expression_at, err,
                                "'%s' cannot be waited for; expected stop, a duration like 10s, or "
                                "samples > 1000",
                                text);
    if (limit_ns != INT64_MAX)
        waiting.give_up_ns = session_now_ns() + limit_ns;
    run->state = xmalloc(sizeof waiting);
    memcpy(run->state, &waiting, sizeof waiting);
    run->dispose = free;
    run->step = step;
    run->wake_ns = waiting.until_ns ? waiting.until_ns : waiting.give_up_ns;
    return step(session, run, session_now_ns(), err);
}

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    char *text = xstrdup(run->statement->expression);
    enum run_result result = wait_for(session, run, text, err);
    free(text);
    return result;
}

const struct command command_wait = {
    .name = "wait",
    .group = "automate",
    .usage = "wait DURATION | stop [for=DURATION] | samples > N [for=DURATION]",
    .summary = "wait until nothing records any more, for a time, or for samples",
    .details = "With for= it gives up after that time, in a script with exit code 124.\n"
               "Ctrl-C ends the wait, not the recording.",
    .example = "wait 10s",
    .words = {ARG_DURATION},
    .choices = "stop samples",
    .expression = true,
    .run = run,
};
